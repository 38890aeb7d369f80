package openworkflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// BulkOptions bound a verb over many runs. The zero value does it to all that the filter selects.
type BulkOptions struct {
	// DryRun counts the runs and does nothing to them.
	DryRun bool
	// Limit is the most runs that are looked for, the newest first; 0 is no limit.
	Limit int
	// Progress is called after each run, and in a dry run after each page, with the numbers so far. It may be nil.
	Progress func(done BulkResult)
}

// BulkResult tells what a verb over many runs has done.
type BulkResult struct {
	Matched int           `json:"matched"` // runs that the filter selected
	Done    int           `json:"done"`    // of these, those it was done to
	Skipped int           `json:"skipped"` // those that had ended or been deleted meanwhile
	Failed  []BulkFailure `json:"failed,omitempty"`
}

// BulkFailure is a run that the verb could not be done to.
type BulkFailure struct {
	RunID string
	Err   error
}

// Error names the run and says what was wrong.
func (f BulkFailure) Error() string { return fmt.Sprintf("run %s: %v", f.RunID, f.Err) }

// Unwrap is Err.
func (f BulkFailure) Unwrap() error { return f.Err }

// MarshalJSON writes the error as its text.
func (f BulkFailure) MarshalJSON() ([]byte, error) {
	out := struct {
		RunID string `json:"runId"`
		Error string `json:"error"`
	}{RunID: f.RunID}
	if f.Err != nil {
		out.Error = f.Err.Error()
	}
	return json.Marshal(out)
}

// CancelRuns cancels the runs that filter selects and that have not ended, the newest first, one by one (see
// CancelRun); the filter's After and Before count for nothing and its Limit is the size of the pages that are
// read. A Status that has ended is refused.
//
// What was done stays done: it ends early, with the numbers so far and an error, when ctx ends, when the runs
// cannot be listed, or when ten runs in a row fail; single failures are in the result.
func (c *Client) CancelRuns(ctx context.Context, filter RunFilter, o BulkOptions) (BulkResult, error) {
	if filter.Status.Terminal() {
		return BulkResult{}, edge.Invalid("runs that are %s cannot be canceled: leave RunFilter.Status empty, or use pending or running", filter.Status)
	}
	filter.WithoutPayloads = true
	return c.bulk(ctx, filter, o, filter.Status == "", func(ctx context.Context, run *domain.Run) (made string, err error) {
		_, err = c.backend.CancelRun(ctx, run.ID)
		return "", err
	})
}

// RerunRuns starts a new run for each run that filter selects, the newest first, as Rerun without options does.
// Runs that it makes are not selected. See CancelRuns for the filter's page and for when it ends early; it is not
// safe to repeat: whoever calls it again reruns again what the filter still selects.
func (c *Client) RerunRuns(ctx context.Context, filter RunFilter, o BulkOptions) (BulkResult, error) {
	filter.WithoutPayloads = o.DryRun
	return c.bulk(ctx, filter, o, false, func(ctx context.Context, run *domain.Run) (made string, err error) {
		h, err := c.rerun(ctx, run, "")
		if err != nil {
			return "", err
		}
		return h.ID(), nil
	})
}

// deed is what is done to a run; made is the run that it made, if it made one.
type deed func(context.Context, *domain.Run) (made string, err error)

// giveUpAfter is how many failures in a row end a verb over many runs: the database does not answer.
const giveUpAfter = 10

func (c *Client) bulk(ctx context.Context, filter RunFilter, o BulkOptions, live bool, do deed) (BulkResult, error) {
	if err := c.ready(); err != nil {
		return BulkResult{}, err
	}
	if o.Limit < 0 {
		return BulkResult{}, edge.Invalid("BulkOptions.Limit is %d; it must not be negative", o.Limit)
	}
	filter.After, filter.Before = "", ""
	page, err := filter.request()
	if err != nil {
		return BulkResult{}, err
	}
	f, err := filter.filter()
	if err != nil {
		return BulkResult{}, err
	}
	f.Live = live
	b := bulk{options: o, do: do, made: make(map[string]struct{})}
	for more := true; more && b.err == nil; {
		var found ports.Page[domain.Run]
		if found, b.err = c.backend.ListRuns(ctx, f, page); b.err != nil {
			break
		}
		b.all(ctx, found.Items)
		more = found.HasNext && !b.full()
		page.After = endOf(&found)
	}
	return b.result, b.err
}

// endOf is where the page after this one begins.
func endOf(p *ports.Page[domain.Run]) *domain.Cursor {
	if p.Stopped != nil || len(p.Items) == 0 {
		return p.Stopped
	}
	at := p.Items[len(p.Items)-1].Place()
	return &at
}

// bulk is a verb over many runs at work.
type bulk struct {
	options BulkOptions
	do      deed
	made    map[string]struct{} // which may be listed after older runs: of the same millisecond, or of the caller's transaction
	result  BulkResult
	row     int // failures in a row
	err     error
}

func (b *bulk) full() bool { return b.options.Limit > 0 && b.result.Matched >= b.options.Limit }

// all does it to the runs of a page.
func (b *bulk) all(ctx context.Context, runs []domain.Run) {
	for i := range runs {
		if b.full() || b.err != nil {
			return
		}
		if _, own := b.made[runs[i].ID]; own {
			continue
		}
		b.result.Matched++
		if b.options.DryRun {
			continue
		}
		b.one(ctx, &runs[i])
		b.progress()
	}
	if b.options.DryRun {
		b.progress()
	}
}

func (b *bulk) one(ctx context.Context, run *domain.Run) {
	made, err := b.do(ctx, run)
	switch {
	case err == nil:
		b.result.Done++
		if made != "" {
			b.made[made] = struct{}{}
		}
	case errors.Is(err, ErrRunFinished) || errors.Is(err, ErrRunNotFound):
		b.result.Skipped++
	case ctx.Err() != nil:
		b.result.Matched-- // nothing is known of it
		b.err = context.Cause(ctx)
		return
	default:
		b.result.Failed = append(b.result.Failed, BulkFailure{run.ID, err})
		if b.row++; b.row == giveUpAfter {
			b.err = fmt.Errorf("openworkflow: gave up after %d failures in a row, the last of %w", b.row, b.result.Failed[len(b.result.Failed)-1])
		}
		return
	}
	b.row = 0
}

func (b *bulk) progress() {
	if b.options.Progress != nil {
		b.options.Progress(b.result)
	}
}
