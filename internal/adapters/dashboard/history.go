package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

const (
	mostAttempts = 500 // of a run, on one page
	chunk        = 100
	settles      = time.Minute // after its end, nothing changes about an attempt, and none is inserted before it
)

// history reads a run's attempts for its timeline, and remembers what cannot change any more: an open page then
// reads the end of a long history over and over, and not all of it.
type history struct {
	settled []openworkflow.StepAttempt
	cursor  string // after settled
}

// read returns the attempts after q.steps, and the cursor of what follows if that is too many. Their payloads are dropped:
// the page shows them when they are asked for.
func (h *history) read(ctx context.Context, ow *openworkflow.Client, q runQuery) (out []openworkflow.StepAttempt, next string, err error) {
	if h.cursor == "" {
		h.cursor = q.steps
	}
	out = append(out, h.settled...)
	cursor, settling := h.cursor, true
	for len(out) < mostAttempts {
		page, err := ow.ListStepAttempts(ctx, q.id, openworkflow.PageOptions{Limit: chunk, After: cursor})
		if err != nil {
			return nil, "", err
		}
		for i := range page.Items {
			lighten(&page.Items[i])
		}
		out = append(out, page.Items...)
		cursor = page.Next
		if settling = settling && cursor != "" && settledAll(page.Items); settling {
			h.settled, h.cursor = append(h.settled, page.Items...), cursor
		}
		if cursor == "" {
			break
		}
	}
	return out, cursor, nil
}

func settledAll(attempts []openworkflow.StepAttempt) bool {
	for i := range attempts {
		if a := &attempts[i]; a.Status == openworkflow.StepRunning || a.FinishedAt.IsZero() || time.Since(a.FinishedAt) < settles {
			return false
		}
	}
	return true
}

var something = json.RawMessage("true")

// lighten drops an attempt's payload, but for whether there is one, and its error but for the fact.
func lighten(a *openworkflow.StepAttempt) {
	if out := bytes.TrimSpace(a.Output); len(out) == 0 || bytes.Equal(out, []byte("null")) {
		a.Output = nil
	} else {
		a.Output = something
	}
	a.Error, a.Config = nil, nil
}
