package dashboard

import (
	"bytes"
	"encoding/json"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard/format"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// withheld stands in the place of an error that the redaction hook hides.
const withheld = "(withheld)"

// redact asks the hook what of a payload may be seen. Nothing is shown if the hook panics: a fault in it must not
// uncover what it is there to hide.
func (d *Dashboard) redact(f Field, raw json.RawMessage) (out json.RawMessage) {
	if d.o.Redact == nil || len(raw) == 0 {
		return raw
	}
	defer func() {
		if v := recover(); v != nil {
			d.o.Logger.Error("dashboard: the redaction hook panicked", "kind", f.Kind, "run", f.RunID)
			out = nil
		}
	}()
	return d.o.Redact(f, bytes.Clone(raw))
}

// redactError shows the hook an error as the JSON that it is stored as.
func (d *Dashboard) redactError(f Field, e *openworkflow.RunError) *openworkflow.RunError {
	if d.o.Redact == nil || e == nil {
		return e
	}
	raw, err := json.Marshal(e)
	if err != nil { // four strings always marshal
		return &openworkflow.RunError{Message: withheld}
	}
	var out openworkflow.RunError
	if json.Unmarshal(d.redact(f, raw), &out) != nil {
		return &openworkflow.RunError{Message: withheld}
	}
	return &out
}

// redactRun hides what must not be seen of a run. It is done once, where a run enters the dashboard.
func (d *Dashboard) redactRun(r *openworkflow.Run) {
	if d.o.Redact == nil {
		return
	}
	f := Field{Workflow: r.WorkflowName, Version: r.Version, RunID: r.ID}
	of := func(kind string) Field { f.Kind = kind; return f }
	r.Input = d.redact(of(KindInput), r.Input)
	r.Output = d.redact(of(KindOutput), r.Output)
	r.Context = d.redact(of(KindContext), r.Context)
	r.Error = d.redactError(of(KindError), r.Error)
}

// redactAttempt is redactRun for a step attempt.
func (d *Dashboard) redactAttempt(r *openworkflow.Run, a *openworkflow.StepAttempt) {
	if d.o.Redact == nil {
		return
	}
	f := Field{Workflow: r.WorkflowName, Version: r.Version, RunID: r.ID, Step: a.StepName}
	of := func(kind string) Field { f.Kind = kind; return f }
	a.Output = d.redact(of(KindStepOutput), a.Output)
	a.Error = d.redactError(of(KindStepError), a.Error)
}

// payloadView is a payload as a page shows it.
type payloadView struct {
	Label   string
	ID      string // of the element, unique on the page
	Missing string // what is said when there is nothing to show
	Href    string // the whole of it, as a file, seen from the first page
	Root    string // the way there
	Body    *format.Payload
}

func newPayload(label, id, href, missing string, raw json.RawMessage) payloadView {
	v := payloadView{Label: label, ID: id, Href: href, Missing: missing}
	if len(raw) > 0 {
		body := format.JSON(raw)
		v.Body = &body
	}
	return v
}
