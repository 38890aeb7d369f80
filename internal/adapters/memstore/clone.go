package memstore

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// Callers and the store never share a byte: rows are copied on their way in and out.

func clone(raw json.RawMessage) json.RawMessage { return slices.Clone(raw) }

func cloneFailure(f *domain.Failure) *domain.Failure {
	if f == nil {
		return nil
	}
	return domain.ParseFailure(f.JSON())
}

func cloneRun(r *domain.Run) domain.Run {
	out := *r
	out.Config, out.Context, out.Input, out.Output = clone(r.Config), clone(r.Context), clone(r.Input), clone(r.Output)
	out.Error = copyOf(r.Error)
	return out
}

func cloneAttempt(a *domain.StepAttempt) domain.StepAttempt {
	out := *a
	out.Config, out.Context, out.Output = clone(a.Config), clone(a.Context), clone(a.Output)
	out.Error = cloneFailure(a.Error)
	out.RetryAt, out.StartedAt, out.FinishedAt = plain(a.RetryAt), plain(a.StartedAt), plain(a.FinishedAt)
	return out
}

func copyOf[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// plain is the time as a database gives it back: UTC, no monotonic reading.
func plain(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Round(0).UTC()
}
