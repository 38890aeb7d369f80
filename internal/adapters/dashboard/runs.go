package dashboard

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard/format"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// pageSize is how many runs a page of the list has.
const pageSize = 50

// runsView is the runs page.
type runsView struct {
	Filters filters
	Spans   []span
	Names   []string // of workflows, for the filter's suggestions
	Counts  []statusCount
	All     statusCount
	Rows    []runRow
	Newer   string
	Older   string
	First   bool   // no page lies in front of this one
	Partial bool   // the database stopped looking before the page was full
	Missing string // what was searched for, and not found
	Cancel  string // the pages that ask about all that match
	Rerun   string
	Empty   bool // there is no run at all
}

// statusCount is the number of runs of one status.
type statusCount struct {
	Status openworkflow.RunStatus
	Text   string // "12", "10 000+", "–" if the store cannot tell
	Href   string
	Active bool
}

// runRow is a run in the list.
type runRow struct {
	ID, Name, Version string
	Status            openworkflow.RunStatus
	State             string // Status, or "waiting", "scheduled", "retrying"
	Created           time.Time
	From, To          time.Time // To is zero while it is under way
	Error             string
	Until             time.Time // when a waiting run wakes, a scheduled one starts, a retrying one tries again
	Ended             bool
}

func (d *Dashboard) toRuns(w http.ResponseWriter, r *http.Request) error {
	to := root(r.Context())
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusMovedPermanently)
	return nil
}

func (d *Dashboard) showRuns(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := d.query(r)
	defer cancel()
	f := parseFilters(r.URL.Query())
	v, err := d.runsView(ctx, f)
	status := http.StatusOK
	switch {
	case errors.Is(err, openworkflow.ErrInvalidArgument): // a cursor that is none
		v.Filters.Problems["after"] = "That place in the list does not exist."
		status = http.StatusBadRequest
	case err != nil:
		return err
	case len(f.Problems) > 0:
		status = http.StatusBadRequest
	}
	v.Missing = format.Shorten(r.URL.Query().Get("missing"), 100)
	v.Names = d.known.names(ctx)
	p := d.page(r, "runs", "Runs", v)
	if status == http.StatusOK {
		p.Live = "live/runs?" + liveQuery(&f)
	}
	return d.send(w, status, p)
}

func liveQuery(f *filters) string {
	q := f.values()
	if f.After != "" {
		q.Set("after", f.After)
	}
	if f.Before != "" {
		q.Set("before", f.Before)
	}
	return q.Encode()
}

// liveRuns streams the counts and the list.
func (d *Dashboard) liveRuns(w http.ResponseWriter, r *http.Request) error {
	f := parseFilters(r.URL.Query())
	if len(f.Problems) > 0 {
		return errForm
	}
	return d.stream(w, r, "runs?"+liveQuery(&f), func(ctx context.Context) (snapshot, error) {
		v, err := d.runsView(ctx, f)
		if err != nil {
			return snapshot{}, err
		}
		return d.snapshot("runs", "./", v, "counts", "list")
	})
}

// snapshot renders parts of a page.
func (d *Dashboard) snapshot(name, root string, data any, names ...string) (snapshot, error) {
	p := &page{Brand: d.o.Title, Name: name, Root: root, ReadOnly: d.o.ReadOnly, Now: d.now(), Data: data}
	s := snapshot{parts: parts{}}
	for _, part := range names {
		html, err := d.pages.execute(name, part, p)
		if err != nil {
			return s, err
		}
		s.parts[part] = string(html)
	}
	return s, nil
}

func (d *Dashboard) runsView(ctx context.Context, f filters) (*runsView, error) {
	v := &runsView{Filters: f, Spans: spans}
	v.Cancel, v.Rerun = "bulk/cancel?"+f.values().Encode(), "bulk/rerun?"+f.values().Encode()
	if len(f.Problems) > 0 {
		v.Counts, v.All = counted(&f, nil)
		return v, nil
	}
	filter := f.run(d.now(), pageSize)
	tally, err := d.ow.TallyRuns(ctx, filter, 0)
	switch {
	case err == nil:
		v.Counts, v.All = counted(&f, &tally)
		v.Empty = !f.Any() && tally.RunCounts == openworkflow.RunCounts{}
	case errors.Is(err, openworkflow.ErrUnsupported):
		v.Counts, v.All = counted(&f, nil)
	default:
		return v, err
	}
	list, err := d.ow.ListRuns(ctx, filter)
	if err != nil {
		return v, err
	}
	for i := range list.Items {
		d.redactRun(&list.Items[i])
		v.Rows = append(v.Rows, rowOf(&list.Items[i], d.now()))
	}
	v.First, v.Partial = list.Prev == "", list.Partial
	if list.Prev != "" {
		v.Newer = f.query("before", list.Prev)
	}
	if list.Next != "" {
		v.Older = f.query("after", list.Next)
	}
	return v, nil
}

// counted lists the counts; without a tally it says that they are not known.
func counted(f *filters, t *openworkflow.RunTally) (by []statusCount, all statusCount) {
	var sum int64
	capped := false
	for _, s := range statuses {
		c := statusCount{Status: s, Text: "–", Href: f.query("status", string(s)), Active: f.Status == string(s)}
		if t != nil {
			n := t.Of(s)
			c.Text = format.Count(n)
			if t.Capped(s) {
				c.Text += "+"
				capped = true
			}
			sum += n
		}
		by = append(by, c)
	}
	all = statusCount{Text: "–", Href: f.query("status", ""), Active: f.Status == ""}
	if t != nil {
		all.Text = format.Count(sum)
		if capped {
			all.Text += "+"
		}
	}
	return by, all
}

func rowOf(r *openworkflow.Run, now time.Time) runRow {
	row := runRow{
		ID: r.ID, Name: r.WorkflowName, Version: r.Version, Status: r.Status, State: state(r, now),
		Created: r.CreatedAt, From: r.StartedAt, To: r.FinishedAt, Ended: r.Status.Terminal(),
	}
	if row.From.IsZero() {
		row.From = r.CreatedAt
	}
	if r.Error != nil {
		row.Error = r.Error.Message
	}
	if !row.Ended && row.State != string(r.Status) {
		row.Until = r.AvailableAt
	}
	return row
}

// state is a run's status, in a word that says more where there is more to say.
func state(r *openworkflow.Run, now time.Time) string {
	switch {
	case r.Status == openworkflow.RunRunning && r.WorkerID == "":
		return "waiting"
	case r.Status == openworkflow.RunPending && r.AvailableAt.After(now) && (r.Error != nil || r.Failures > 0):
		return "retrying"
	case r.Status == openworkflow.RunPending && r.AvailableAt.After(now):
		return "scheduled"
	}
	return string(r.Status)
}
