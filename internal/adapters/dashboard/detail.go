package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard/format"
	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard/timeline"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// stepView is a step with its attempts.
type stepView struct {
	Run      openworkflow.Run
	Ended    bool
	Step     string
	Kind     openworkflow.StepKind
	Skipped  int // earlier attempts that are not shown
	Attempts []attemptView
}

// attemptView is a step attempt in full.
type attemptView struct {
	openworkflow.StepAttempt

	Number   int // 0 if it is not known
	Open     bool
	Waits    timeline.WaitsFor
	Foreign  string // the child's namespace, if it is another
	Payload  payloadView
	StackTag string
}

// showStep shows a step's attempts: the one that the address names last, and those named beside it before.
func (d *Dashboard) showStep(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := d.query(r)
	defer cancel()
	q := r.URL.Query()
	skipped, err := strconv.Atoi(q.Get("skipped"))
	if err != nil || skipped < 0 {
		skipped = 0
	}
	with := q["with"]
	if len(with) >= mostTries {
		with = with[len(with)-mostTries+1:]
	}
	v, err := d.stepView(ctx, append(with, r.PathValue("id")), skipped)
	if err != nil {
		return err
	}
	return d.detail(w, r, v)
}

// showAttempt shows one attempt.
func (d *Dashboard) showAttempt(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := d.query(r)
	defer cancel()
	v, err := d.stepView(ctx, []string{r.PathValue("id")}, -1)
	if err != nil {
		return err
	}
	return d.detail(w, r, v)
}

// detail sends a page, or, into a row of the timeline, its content alone.
func (d *Dashboard) detail(w http.ResponseWriter, r *http.Request, v *stepView) error {
	p := d.page(r, "step", v.Step, v)
	if r.Header.Get("HX-Request") == "" {
		return d.send(w, http.StatusOK, p)
	}
	html, err := d.pages.execute("step", "attempts", p)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(html) //nolint:gosec // html/template made it; the reader has gone: nobody is left to be told
	return nil
}

// stepView reads the attempts; the last id must exist, and the others count only if they are of the same step. A negative
// skipped leaves their numbers away.
func (d *Dashboard) stepView(ctx context.Context, ids []string, skipped int) (*stepView, error) {
	last, err := d.ow.GetStepAttempt(ctx, ids[len(ids)-1])
	if err != nil {
		return nil, err
	}
	run, err := d.ow.GetRun(ctx, last.RunID)
	if err != nil {
		return nil, err
	}
	v := &stepView{Run: *run, Ended: run.Status.Terminal(), Step: last.StepName, Kind: last.Kind, Skipped: max(0, skipped)}
	for _, id := range ids[:len(ids)-1] {
		a, err := d.ow.GetStepAttempt(ctx, id)
		if errors.Is(err, openworkflow.ErrStepAttemptNotFound) || err == nil && (a.RunID != last.RunID || a.StepName != last.StepName) {
			continue
		}
		if err != nil {
			return nil, err
		}
		v.Attempts = append(v.Attempts, d.attemptView(run, a))
	}
	v.Attempts = append(v.Attempts, d.attemptView(run, last))
	if skipped >= 0 {
		for i := range v.Attempts {
			v.Attempts[i].Number = skipped + i + 1
		}
	}
	return v, nil
}

func (d *Dashboard) attemptView(run *openworkflow.Run, a *openworkflow.StepAttempt) attemptView {
	waits := timeline.Waits(a)
	d.redactAttempt(run, a)
	v := attemptView{
		StepAttempt: *a, Open: a.Status == openworkflow.StepRunning && !run.Status.Terminal(),
		Waits: waits, Foreign: foreign(a.ChildNamespaceID, run),
	}
	missing := ""
	if a.Status == openworkflow.StepCompleted {
		missing = "It completed without a result."
	}
	v.Payload = newPayload("Output", "output-"+anchor(a.ID), attemptPath(a.ID)+"/payload/output", missing, a.Output)
	return v
}

// anchor makes an element's id of a record's: whatever it is made of, letters and digits come out.
func anchor(id string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, id)
}

// runPayload sends one of a run's payloads as a file.
func (d *Dashboard) runPayload(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := d.query(r)
	defer cancel()
	run, err := d.ow.GetRun(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	d.redactRun(run)
	what := r.PathValue("what")
	switch what {
	case "input":
		return file(w, run.ID, what, run.Input)
	case "output":
		return file(w, run.ID, what, run.Output)
	case "context":
		return file(w, run.ID, what, run.Context)
	}
	return errNoPage
}

// attemptPayload sends a step attempt's output as a file.
func (d *Dashboard) attemptPayload(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := d.query(r)
	defer cancel()
	a, err := d.ow.GetStepAttempt(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	run, err := d.ow.GetRun(ctx, a.RunID)
	if err != nil {
		return err
	}
	d.redactAttempt(run, a)
	if what := r.PathValue("what"); what == "output" {
		return file(w, a.ID, what, a.Output)
	}
	return errNoPage
}

// file sends JSON to be saved: a browser that showed it might find a page in it.
func file(w http.ResponseWriter, id, what string, raw json.RawMessage) error {
	if len(raw) == 0 {
		return errNoPage
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="`+anchor(id)+"-"+what+`.json"`)
	_, _ = w.Write([]byte(format.Indented(raw))) //nolint:gosec // JSON, as an attachment, that is not sniffed; the reader has gone: nobody is left to be told
	return nil
}
