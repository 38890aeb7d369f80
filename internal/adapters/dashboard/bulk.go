package dashboard

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard/format"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

const (
	bulkLimit = 1000 // runs that one press of a button acts on
	bulkTime  = 60 * time.Second
)

// bulkView asks whether many runs should be acted on, and tells what was done.
type bulkView struct {
	Verb    string // cancel or rerun
	Filters filters
	Hidden  url.Values // what says which runs, for the form
	IDs     []string   // the runs that were ticked; none: those that the filters select
	Matched int        // how many there are, at least
	More    bool       // there are more than one press acts on
	Limit   int
	Done    *openworkflow.BulkResult
	Failed  []bulkFailure
	Stopped string // why it ended early
	Form    form
}

type bulkFailure struct{ RunID, Text string }

// bulkVerb is the verb of the address.
func (d *Dashboard) bulkVerb(r *http.Request) (string, error) {
	verb := r.PathValue("verb")
	switch {
	case verb != "cancel" && verb != "rerun":
		return "", errNoPage
	case d.o.ReadOnly:
		return "", errReadOnly
	}
	return verb, nil
}

func title(verb string) string {
	if verb == "rerun" {
		return "Rerun many runs"
	}
	return "Cancel many runs"
}

// askBulk counts what would be acted on, and asks.
func (d *Dashboard) askBulk(w http.ResponseWriter, r *http.Request) error {
	verb, err := d.bulkVerb(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	v := &bulkView{Verb: verb, IDs: ticked(q), Limit: bulkLimit, Form: newForm()}
	return d.ask(w, r, v, q, http.StatusOK)
}

// ticked are the runs that were chosen one by one, at most as many as a page of the list has.
func ticked(q url.Values) []string {
	ids := q["id"]
	return ids[:min(len(ids), pageSize)]
}

func (d *Dashboard) ask(w http.ResponseWriter, r *http.Request, v *bulkView, q url.Values, status int) error {
	f := parseFilters(q)
	if len(f.Problems) > 0 {
		return errForm
	}
	v.Hidden = url.Values{"id": v.IDs}
	v.Matched = len(v.IDs)
	v.Filters = f
	if len(v.IDs) == 0 {
		v.Filters = f.fixed(d.now()) // what is created while somebody reads the question was not meant
		v.Hidden = v.Filters.values()
		if err := d.countBulk(r.Context(), v); err != nil {
			return err
		}
	}
	return d.renderStatus(w, r, status, "bulk", title(v.Verb), v)
}

func (d *Dashboard) countBulk(ctx context.Context, v *bulkView) error {
	ctx, cancel := context.WithTimeout(ctx, d.o.QueryTimeout)
	defer cancel()
	result, err := d.bulk(ctx, v, openworkflow.BulkOptions{DryRun: true, Limit: bulkLimit + 1})
	if errors.Is(err, openworkflow.ErrInvalidArgument) {
		v.Form.refuse("", "Runs that have ended cannot be canceled.")
		return nil
	}
	if err != nil {
		return err
	}
	v.More = result.Matched > bulkLimit
	v.Matched = min(result.Matched, bulkLimit)
	return nil
}

// bulk does the verb to what the filters select.
func (d *Dashboard) bulk(ctx context.Context, v *bulkView, o openworkflow.BulkOptions) (openworkflow.BulkResult, error) {
	filter := v.Filters.run(d.now(), openworkflow.MaxPageLimit)
	if v.Verb == "rerun" {
		return d.ow.RerunRuns(ctx, filter, o)
	}
	return d.ow.CancelRuns(ctx, filter, o)
}

// doBulk acts, and tells what was done.
func (d *Dashboard) doBulk(w http.ResponseWriter, r *http.Request) error {
	verb, err := d.bulkVerb(r)
	if err != nil {
		return err
	}
	form, err := readForm(r)
	if err != nil {
		return err
	}
	v := &bulkView{Verb: verb, IDs: ticked(form.Values), Limit: bulkLimit, Filters: parseFilters(form.Values), Form: newForm()}
	if len(v.Filters.Problems) > 0 {
		return errForm
	}
	if form.Get("sure") == "" {
		v.Form.refuse("sure", "Tick this box if you are sure.")
		return d.ask(w, r, v, form.Values, http.StatusUnprocessableEntity)
	}
	ctx, cancel := context.WithTimeout(r.Context(), bulkTime)
	defer cancel()
	var result openworkflow.BulkResult
	if len(v.IDs) > 0 {
		result, err = d.each(ctx, v)
	} else {
		v.Hidden = v.Filters.values()
		result, err = d.bulk(ctx, v, openworkflow.BulkOptions{Limit: bulkLimit})
	}
	d.o.Logger.InfoContext(ctx, "dashboard: acted on many runs", "verb", verb, "done", result.Done, "failed", len(result.Failed), "remote", r.RemoteAddr)
	if err != nil && asProblem(err) != nil {
		return err
	}
	d.tell(r, v, &result, err)
	return d.render(w, r, "bulk", title(verb), v)
}

// tell notes what was done.
func (d *Dashboard) tell(r *http.Request, v *bulkView, result *openworkflow.BulkResult, err error) {
	v.Done = result
	v.More = err == nil && len(v.IDs) == 0 && v.Verb == "cancel" && result.Matched == bulkLimit
	for _, failure := range result.Failed {
		text := "the database did not answer"
		if p := asProblem(failure.Err); p != nil {
			text = format.Shorten(p.title, 200)
		}
		v.Failed = append(v.Failed, bulkFailure{failure.RunID, text})
	}
	if err != nil {
		v.Stopped = d.conceal(r, err).text
	}
}

// each does the verb to the runs that were ticked.
func (d *Dashboard) each(ctx context.Context, v *bulkView) (openworkflow.BulkResult, error) {
	var result openworkflow.BulkResult
	for _, id := range v.IDs {
		result.Matched++
		var err error
		if v.Verb == "rerun" {
			_, err = d.ow.Rerun(ctx, id)
		} else {
			err = d.ow.CancelRun(ctx, id)
		}
		switch {
		case err == nil:
			result.Done++
		case errors.Is(err, openworkflow.ErrRunFinished), errors.Is(err, openworkflow.ErrRunNotFound):
			result.Skipped++
		case ctx.Err() != nil:
			return result, err
		default:
			result.Failed = append(result.Failed, openworkflow.BulkFailure{RunID: id, Err: err})
		}
	}
	return result, nil
}
