package dashboard

import (
	"net/http"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard/format"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// startView is the form that starts a run.
type startView struct {
	Form      form
	Workflows []Workflow // suggestions
	Names     []string
	Versions  []string
}

func (d *Dashboard) askStart(w http.ResponseWriter, r *http.Request) error {
	if d.o.ReadOnly {
		return errReadOnly
	}
	f := newForm()
	q := r.URL.Query()
	f.Values.Set("workflow", q.Get("workflow"))
	f.Values.Set("version", q.Get("version"))
	if like := q.Get("like"); like != "" {
		if err := d.startLike(r, like, f); err != nil {
			return err
		}
	}
	return d.startForm(w, r, f, http.StatusOK)
}

// startLike fills the form with another run's values, as far as they may be seen.
func (d *Dashboard) startLike(r *http.Request, id string, f form) error {
	ctx, cancel := d.query(r)
	defer cancel()
	run, err := d.ow.GetRun(ctx, id)
	if err != nil {
		return err
	}
	d.redactRun(run)
	f.Values.Set("workflow", run.WorkflowName)
	f.Values.Set("version", run.Version)
	f.Values.Set("input", format.Indented(run.Input))
	return nil
}

func (d *Dashboard) startForm(w http.ResponseWriter, r *http.Request, f form, status int) error {
	ctx, cancel := d.query(r)
	defer cancel()
	v := &startView{Form: f, Workflows: d.known.workflows(ctx), Names: d.known.names(ctx)}
	seen := map[string]bool{"": true}
	for _, known := range v.Workflows {
		if !seen[known.Version] {
			seen[known.Version] = true
			v.Versions = append(v.Versions, known.Version)
		}
	}
	return d.renderStatus(w, r, status, "start", "Start a run", v)
}

func (d *Dashboard) doStart(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	input, opts := f.json("input"), d.startOptions(f)
	if f.Get("workflow") == "" {
		f.refuse("workflow", "Write the name of a workflow.")
	}
	if !f.ok() {
		return d.startForm(w, r, f, http.StatusUnprocessableEntity)
	}
	ctx, cancel := d.query(r)
	defer cancel()
	h, err := d.ow.StartRun(ctx, f.Get("workflow"), f.Get("version"), input, opts...)
	if text, refused := refusal(err); refused {
		f.refuse("", text)
		return d.startForm(w, r, f, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	d.did(r, "started a run", h.ID())
	return redirect(w, r, runPath(h.ID())+"?notice=started")
}

// startOptions reads the fields that are folded away.
func (d *Dashboard) startOptions(f form) []openworkflow.RunOption {
	var opts []openworkflow.RunOption
	if key := f.Get("key"); key != "" {
		opts = append(opts, openworkflow.WithIdempotencyKey(key))
	}
	at := f.time("at")
	if !at.IsZero() {
		opts = append(opts, openworkflow.WithStartAt(at))
	}
	deadline := f.time("deadline")
	switch {
	case deadline.IsZero():
	case !deadline.After(d.now()):
		f.refuse("deadline", "This has passed already.")
	case deadline.Before(at):
		f.refuse("deadline", "It would be over before it starts.")
	default:
		opts = append(opts, openworkflow.WithDeadline(deadline))
	}
	return opts
}

// time reads a field that holds a date and a time in UTC; an empty one is the zero time.
func (f form) time(name string) time.Time {
	t, ok := parseTime(f.Get(name))
	if !ok {
		f.refuse(name, "Write a date and a time, like 2026-01-31T18:00.")
	}
	return t
}

// Folded reports whether the less common fields are empty and in order.
func (v *startView) Folded() bool {
	for _, name := range []string{"key", "at", "deadline"} {
		if v.Form.Get(name) != "" || v.Form.Problem(name) != "" {
			return false
		}
	}
	return true
}
