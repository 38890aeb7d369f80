package dashboard

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// filters are what the runs page is asked to show, as its form says it.
type filters struct {
	Status, Workflow, Version, Key, Worker string
	Since                                  string // "1h", "24h", …: a time before now
	From, To                               string // as the browser's input writes them, in UTC
	After, Before                          string // cursors

	Problems map[string]string // by field
}

// statuses are those of runs, in the order in which a run has them.
var statuses = []openworkflow.RunStatus{
	openworkflow.RunPending, openworkflow.RunRunning, openworkflow.RunCompleted, openworkflow.RunFailed, openworkflow.RunCanceled,
}

// span is a choice of how far back to look.
type span struct {
	Value, Label string
	lasts        time.Duration
}

var spans = []span{
	{"15m", "last 15 minutes", 15 * time.Minute},
	{"1h", "last hour", time.Hour},
	{"24h", "last 24 hours", 24 * time.Hour},
	{"7d", "last 7 days", 7 * 24 * time.Hour},
	{"30d", "last 30 days", 30 * 24 * time.Hour},
}

// parseFilters reads the query of an address, or a form. What cannot be understood is a problem and selects nothing: a
// filter that is passed over would show, or cancel, more than was meant.
func parseFilters(q url.Values) filters {
	get := func(name string) string { return strings.TrimSpace(q.Get(name)) }
	f := filters{
		Status: get("status"), Workflow: get("workflow"), Version: get("version"), Key: get("key"), Worker: get("worker"),
		Since: get("since"), From: get("from"), To: get("to"), After: get("after"), Before: get("before"),
		Problems: map[string]string{},
	}
	if f.Status != "" && !slices.Contains(statuses, openworkflow.RunStatus(f.Status)) {
		f.Problems["status"] = "There is no such status."
	}
	if f.Since != "" && !slices.ContainsFunc(spans, func(s span) bool { return s.Value == f.Since }) {
		f.Problems["since"] = "There is no such span of time."
	}
	for name, value := range map[string]string{"from": f.From, "to": f.To} {
		if _, ok := parseTime(value); !ok {
			f.Problems[name] = "Write a date and a time, like 2026-01-31T18:00."
		}
	}
	for name, value := range map[string]string{"workflow": f.Workflow, "version": f.Version, "key": f.Key, "worker": f.Worker} {
		if !storableText(value) {
			f.Problems[name] = "No name in the database looks like this."
		}
	}
	if f.After != "" && f.Before != "" {
		f.Problems["after"] = "A page is after a place or before it, not both."
	}
	return f
}

// timeLayouts are what browsers send for a local date and time, and what people paste.
var timeLayouts = []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02", time.RFC3339}

func parseTime(s string) (time.Time, bool) {
	if s == "" {
		return time.Time{}, true
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1 && t.Year() <= 9999 {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

const exactly = "2006-01-02T15:04:05.000"

const maxText = 1024 // bytes, the longest name or key that is stored

func storableText(s string) bool {
	return len(s) <= maxText && !strings.ContainsRune(s, 0) && strings.ToValidUTF8(s, "") == s
}

// run makes the filter that the client takes. Now is what Since counts from.
func (f *filters) run(now time.Time, limit int) openworkflow.RunFilter {
	out := openworkflow.RunFilter{
		Status: openworkflow.RunStatus(f.Status), WorkflowName: f.Workflow, Version: f.Version,
		IdempotencyKey: f.Key, WorkerID: f.Worker, WithoutPayloads: true,
		PageOptions: openworkflow.PageOptions{Limit: limit, After: f.After, Before: f.Before},
	}
	out.CreatedAfter, _ = parseTime(f.From) // parseFilters has checked them
	out.CreatedBefore, _ = parseTime(f.To)
	for _, s := range spans {
		if s.Value == f.Since {
			if from := now.Add(-s.lasts); from.After(out.CreatedAfter) {
				out.CreatedAfter = from
			}
		}
	}
	return out
}

// fixed turns Since into a time, for what is to be the same when the form comes back.
func (f *filters) fixed(now time.Time) filters {
	out := *f
	r := f.run(now, 0)
	out.Since, out.After, out.Before = "", "", ""
	if !r.CreatedAfter.IsZero() {
		out.From = r.CreatedAfter.UTC().Format(exactly)
	}
	if r.CreatedBefore.IsZero() {
		r.CreatedBefore = now.Add(time.Millisecond) // From is rounded down, this up: tables have milliseconds
	}
	out.To = r.CreatedBefore.UTC().Format(exactly)
	return out
}

// values are the filters as the query of an address, without the place in the list.
func (f *filters) values() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"status": f.Status, "workflow": f.Workflow, "version": f.Version, "key": f.Key, "worker": f.Worker,
		"since": f.Since, "from": f.From, "to": f.To,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// query is values with changes: pairs of a name and a value, "" to leave it away.
func (f *filters) query(pairs ...string) string {
	q := f.values()
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Del(pairs[i])
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return "./"
	}
	return "./?" + q.Encode()
}

// Any reports whether anything is filtered by but the status.
func (f *filters) Any() bool {
	return f.Workflow != "" || f.Version != "" || f.Key != "" || f.Worker != "" || f.Since != "" || f.From != "" || f.To != ""
}

// More reports whether one of the fields is in use that are folded away otherwise.
func (f *filters) More() bool {
	return f.Key != "" || f.Worker != "" || f.From != "" || f.To != "" ||
		f.Problems["key"] != "" || f.Problems["worker"] != "" || f.Problems["from"] != "" || f.Problems["to"] != ""
}
