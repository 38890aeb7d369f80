package pgstore

import (
	"encoding/json"

	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// maxPayload is less than what NOTIFY takes: 8000 bytes.
const maxPayload = 7900

// news is an event as it is sent.
type news struct {
	Sender    string   `json:"by,omitempty"`
	Namespace string   `json:"ns"`
	Due       []string `json:"due,omitempty"`
	Finished  []string `json:"finished,omitempty"`
	Touched   []string `json:"touched,omitempty"`
	Missed    bool     `json:"missed,omitempty"`
}

// encodeNews makes the payloads of an event, as many as its size asks for. A name that no payload can
// hold becomes the word that news were lost.
func encodeNews(sender, namespace string, e *ports.Event) []string {
	w := newsWriter{current: news{Sender: sender, Namespace: namespace, Missed: e.Missed}}
	w.empty = w.length(w.current)
	if w.empty > maxPayload {
		return nil
	}
	for _, s := range e.Due {
		w.add(s, func(n *news) { n.Due = append(n.Due, s) })
	}
	for _, s := range e.Finished {
		w.add(s, func(n *news) { n.Finished = append(n.Finished, s) })
	}
	for _, s := range e.Touched {
		w.add(s, func(n *news) { n.Touched = append(n.Touched, s) })
	}
	return w.finish()
}

type newsWriter struct {
	current news
	empty   int // bytes of a payload without names
	used    int
	out     []string
}

// room is for the keys and brackets of the lists.
const room = 64

func (w *newsWriter) length(n news) int {
	raw, _ := json.Marshal(n) // strings always marshal
	return len(raw) + room
}

func (w *newsWriter) add(s string, put func(*news)) {
	raw, _ := json.Marshal(s)
	size := len(raw) + 1
	switch {
	case w.empty+size > maxPayload:
		w.current.Missed = true
		return
	case w.empty+w.used+size > maxPayload:
		w.flush()
	}
	put(&w.current)
	w.used += size
}

func (w *newsWriter) flush() {
	raw, _ := json.Marshal(w.current)
	w.out = append(w.out, string(raw))
	w.current = news{Sender: w.current.Sender, Namespace: w.current.Namespace}
	w.used = 0
}

func (w *newsWriter) finish() []string {
	if w.used > 0 || w.current.Missed {
		w.flush()
	}
	return w.out
}

func decodeNews(payload string) (sender, namespace string, e ports.Event, ok bool) {
	var n news
	if err := json.Unmarshal([]byte(payload), &n); err != nil {
		return "", "", ports.Event{}, false
	}
	return n.Sender, n.Namespace, ports.Event{Due: n.Due, Finished: n.Finished, Touched: n.Touched, Missed: n.Missed}, true
}
