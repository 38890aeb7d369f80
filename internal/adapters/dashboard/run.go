package dashboard

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard/timeline"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// runView is the page of a run.
type runView struct {
	Run       openworkflow.Run
	State     string
	Ended     bool
	Began     time.Time // when it was first claimed, or created
	Parent    *parentView
	RerunOf   string // the run that it repeats, and the step that it went on at
	RerunFrom string
	Waits     []waitView
	Children  []childView
	Chart     *timeline.Chart
	Rows      []stepRow
	Attempts  int
	Linear    bool
	First     bool   // the chart begins with the run's first attempt
	More      string // the page with the attempts that follow
	Scale     string // the page with the other scale
	Input     payloadView
	Output    payloadView
	Context   payloadView
}

// parentView is the step that started a child workflow.
type parentView struct{ RunID, Step, Namespace string }

// childView is a run that one of the steps started.
type childView struct{ RunID, Step, Namespace string }

// runQuery is what the address of a run's page says about its timeline.
type runQuery struct {
	id     string
	linear bool
	steps  string // the cursor after which the attempts begin
}

func parseRunQuery(r *http.Request) runQuery {
	q := r.URL.Query()
	return runQuery{id: r.PathValue("id"), linear: q.Get("scale") == "linear", steps: q.Get("steps")}
}

func (q runQuery) values() url.Values {
	v := url.Values{}
	if q.linear {
		v.Set("scale", "linear")
	}
	if q.steps != "" {
		v.Set("steps", q.steps)
	}
	return v
}

func (q runQuery) href() string {
	if v := q.values().Encode(); v != "" {
		return runPath(q.id) + "?" + v
	}
	return runPath(q.id)
}

func (d *Dashboard) showRun(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := d.query(r)
	defer cancel()
	q := parseRunQuery(r)
	v, err := d.runView(ctx, q, &history{})
	if err != nil {
		return err
	}
	p := d.page(r, "run", v.Run.WorkflowName, v)
	if !v.Ended {
		p.Live = "live/" + runPath(q.id) + "?" + q.values().Encode()
	}
	return d.send(w, http.StatusOK, p)
}

// liveRun streams what changes on a run's page, until the run has ended.
func (d *Dashboard) liveRun(w http.ResponseWriter, r *http.Request) error {
	q := parseRunQuery(r)
	past := &history{} // of one feed, and so used by one goroutine
	return d.stream(w, r, q.href(), func(ctx context.Context) (snapshot, error) {
		v, err := d.runView(ctx, q, past)
		if err != nil {
			return snapshot{}, err
		}
		s, err := d.snapshot("run", "../", v, "head", "actions", "facts", "news", "timeline", "output")
		s.final = v.Ended
		return s, err
	})
}

func (d *Dashboard) runView(ctx context.Context, q runQuery, past *history) (*runView, error) {
	run, err := d.ow.GetRun(ctx, q.id)
	if err != nil {
		return nil, err
	}
	d.redactRun(run)
	attempts, next, err := past.read(ctx, d.ow, q)
	if err != nil {
		return nil, err
	}
	now := d.now()
	v := &runView{
		Run: *run, State: state(run, now), Ended: run.Status.Terminal(), Began: run.StartedAt,
		Attempts: len(attempts), Linear: q.linear, First: q.steps == "",
	}
	if v.Began.IsZero() {
		v.Began = run.CreatedAt
	}
	v.Chart = timeline.Draw(run, attempts, timeline.Options{Now: now, Linear: q.linear})
	v.Rows = stepRows(run, v.Chart, now)
	v.Waits = d.waits(ctx, v, now)
	for i := range attempts {
		if a := &attempts[i]; a.ChildRunID != "" {
			v.Children = append(v.Children, childView{a.ChildRunID, a.StepName, foreign(a.ChildNamespaceID, run)})
		}
	}
	v.RerunOf, v.RerunFrom = run.RerunOf()
	if next != "" {
		v.More = runQuery{q.id, q.linear, next}.href()
	}
	v.Scale = runQuery{q.id, !q.linear, q.steps}.href()
	if v.Parent, err = d.parent(ctx, run); err != nil {
		return nil, err
	}
	file := func(what string) string { return runPath(run.ID) + "/payload/" + what }
	v.Input = newPayload("Input", "input", file("input"), "It was started without input.", run.Input)
	v.Output = newPayload("Output", "output", file("output"), missingOutput(run), run.Output)
	v.Context = newPayload("Context", "context", file("context"), "", run.Context)
	return v, nil
}

// errorNote says what the error of a run that has not failed is.
func errorNote(v *runView) string {
	if v.Ended {
		return ""
	}
	return "of its last attempt"
}

func missingOutput(r *openworkflow.Run) string {
	switch r.Status {
	case openworkflow.RunCompleted:
		return "It completed without a result."
	case openworkflow.RunFailed:
		return "It failed before it had a result."
	case openworkflow.RunCanceled:
		return "It was canceled before it had a result."
	}
	return "It has no result yet."
}

// foreign is a namespace if it is not the run's own: what is there cannot be linked to.
func foreign(namespace string, r *openworkflow.Run) string {
	if namespace == r.NamespaceID {
		return ""
	}
	return namespace
}

// parent finds the run whose step started this one.
func (d *Dashboard) parent(ctx context.Context, r *openworkflow.Run) (*parentView, error) {
	if r.ParentAttemptID == "" {
		return nil, nil
	}
	p := &parentView{Namespace: foreign(r.ParentNamespaceID, r)}
	a, err := d.ow.GetStepAttempt(ctx, r.ParentAttemptID)
	switch {
	case err == nil:
		p.RunID, p.Step, p.Namespace = a.RunID, a.StepName, ""
	case errors.Is(err, openworkflow.ErrStepAttemptNotFound), errors.Is(err, openworkflow.ErrUnsupported):
	default:
		return nil, err
	}
	return p, nil
}
