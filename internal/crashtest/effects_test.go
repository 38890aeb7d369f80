//go:build unix

package crashtest_test

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// mark says what a line of the log of side effects notes.
type mark string

const (
	markBegin mark = "begin" // the workflow function was entered
	markCall  mark = "call"  // it calls a sleep, which may end at Due or later
	markStart mark = "start" // a step function was entered
	markEnd   mark = "end"   // a step function returns Value, or an error
	markAck   mark = "ack"   // the workflow function has seen the outcome of a step: it is acknowledged
)

// effect is a line of the log of side effects.
type effect struct {
	At      int64  `json:"t"` // nanoseconds
	Worker  int    `json:"w"` // the number of the process
	Mark    mark   `json:"m"`
	Run     string `json:"r"`
	Step    string `json:"s,omitempty"`
	Attempt string `json:"a,omitempty"`
	Value   string `json:"v,omitempty"`
	Failed  bool   `json:"f,omitempty"`
	Due     int64  `json:"d,omitempty"`
}

// journal is the log of side effects of one process. Each line is one write, so what was noted before a kill is
// there after it; only the process is killed, never the machine.
type journal struct {
	file   *os.File
	worker int
}

func openJournal(dir string, worker int) (*journal, error) {
	name := filepath.Join(dir, fmt.Sprintf("effects-%05d.log", worker))
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	return &journal{f, worker}, err
}

// note writes a line. A log that cannot be written makes the test worthless, so it ends the process.
func (j *journal) note(e effect) {
	e.At, e.Worker = time.Now().UnixNano(), j.worker
	raw, err := json.Marshal(e)
	if err == nil {
		_, err = j.file.Write(append(raw, '\n'))
	}
	if err != nil {
		panic(err)
	}
}

// readEffects reads the logs of all processes, by time. The last line of a killed process may be cut.
func readEffects(dir string) ([]effect, error) {
	names, err := filepath.Glob(filepath.Join(dir, "effects-*.log"))
	if err != nil {
		return nil, err
	}
	var all []effect
	for _, name := range names {
		es, err := readJournal(name)
		if err != nil {
			return nil, err
		}
		all = append(all, es...)
	}
	slices.SortStableFunc(all, func(a, b effect) int { return cmp.Compare(a.At, b.At) })
	return all, nil
}

func readJournal(name string) ([]effect, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var es []effect
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var e effect
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			if lines.Scan() {
				return nil, fmt.Errorf("%s: a line in the middle cannot be read: %w", name, err)
			}
			break
		}
		es = append(es, e)
	}
	return es, lines.Err()
}
