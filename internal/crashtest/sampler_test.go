//go:build unix

package crashtest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// sampler reads the rows again and again and notices if one that has ended changes.
type sampler struct {
	client  *openworkflow.Client
	ended   map[string]string // by run: its row as it was first seen to have ended
	changed []string
	deepest int // most recoveries of a run
	samples int
}

// watch samples until ctx ends.
func (s *sampler) watch(ctx context.Context) error {
	for {
		select {
		case <-time.After(400 * time.Millisecond):
			if runs, err := allRuns(ctx, s.client); err == nil {
				s.compare(runs)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *sampler) compare(runs []openworkflow.Run) {
	s.samples++
	seen := 0
	for i := range runs {
		r := &runs[i]
		s.deepest = max(s.deepest, r.Recoveries)
		before, known := s.ended[r.ID]
		if known {
			seen++
		}
		if !known && !r.Status.Terminal() {
			continue
		}
		raw, _ := json.Marshal(r)
		if !known {
			s.ended[r.ID] = string(raw)
			seen++
		} else if before != string(raw) {
			s.changed = append(s.changed, fmt.Sprintf("S2: run %s had ended and changed from %s to %s", r.ID, before, raw))
			s.ended[r.ID] = string(raw)
		}
	}
	if seen != len(s.ended) {
		s.changed = append(s.changed, fmt.Sprintf("S1: of %d runs that had ended only %d are left", len(s.ended), seen))
	}
}

func allRuns(ctx context.Context, c *openworkflow.Client) ([]openworkflow.Run, error) {
	var all []openworkflow.Run
	filter := openworkflow.RunFilter{PageOptions: openworkflow.PageOptions{Limit: openworkflow.MaxPageLimit}}
	for {
		page, err := c.ListRuns(ctx, filter)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			return all, nil
		}
		filter.After = page.Next
	}
}

func allAttempts(ctx context.Context, c *openworkflow.Client, run string) ([]openworkflow.StepAttempt, error) {
	var all []openworkflow.StepAttempt
	opts := openworkflow.PageOptions{Limit: openworkflow.MaxPageLimit}
	for {
		page, err := c.ListStepAttempts(ctx, run, opts)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			return all, nil
		}
		opts.After = page.Next
	}
}
