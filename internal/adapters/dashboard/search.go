package dashboard

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// search finds what a text names: a run's id, a step attempt's, an idempotency key, a workflow, a worker.
func (d *Dashboard) search(w http.ResponseWriter, r *http.Request) error {
	text := strings.TrimSpace(r.URL.Query().Get("q"))
	if text == "" {
		return see(w, r, "")
	}
	ctx, cancel := d.query(r)
	defer cancel()
	to, err := d.find(ctx, text)
	if err != nil {
		return err
	}
	return see(w, r, to)
}

// see sends the browser from a GET to another page, relative to this one.
func see(w http.ResponseWriter, r *http.Request, to string) error {
	w.Header().Set("Location", root(r.Context())+to)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

func (d *Dashboard) find(ctx context.Context, text string) (string, error) {
	missing := "?" + url.Values{"missing": {text}}.Encode()
	if !storableText(text) {
		return missing, nil
	}
	run, err := d.ow.GetRun(ctx, text)
	switch {
	case err == nil:
		return runPath(run.ID), nil
	case !errors.Is(err, openworkflow.ErrRunNotFound):
		return "", err
	}
	attempt, err := d.ow.GetStepAttempt(ctx, text)
	switch {
	case err == nil:
		return runPath(attempt.RunID), nil
	case !errors.Is(err, openworkflow.ErrStepAttemptNotFound) && !errors.Is(err, openworkflow.ErrUnsupported):
		return "", err
	}
	return d.findRuns(ctx, text, missing)
}

// findRuns finds the field by which runs are known under this text.
func (d *Dashboard) findRuns(ctx context.Context, text, missing string) (string, error) {
	for _, try := range []struct {
		field  string
		filter openworkflow.RunFilter
	}{
		{"workflow", openworkflow.RunFilter{WorkflowName: text}},
		{"worker", openworkflow.RunFilter{WorkerID: text}},
		{"key", openworkflow.RunFilter{IdempotencyKey: text}},
	} {
		try.filter.Limit, try.filter.WithoutPayloads = 1, true
		found, err := d.ow.ListRuns(ctx, try.filter)
		if err != nil {
			return "", err
		}
		if len(found.Items) > 0 || found.Partial { // the list goes on looking where this stopped
			return "?" + url.Values{try.field: {text}}.Encode(), nil
		}
	}
	return missing, nil
}
