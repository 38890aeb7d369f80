package openworkflow_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

func TestRunBatch(t *testing.T) {
	t.Parallel()
	double := openworkflow.Define("double", func(_ openworkflow.Context, n int) (int, error) { return 2 * n, nil })
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		stop := startWorker(t, c, double)
		defer stop()
		ins := make([]int, 500)
		for i := range ins {
			ins[i] = i
		}
		begin := time.Now()
		handles, err := double.RunBatch(t.Context(), c, ins, openworkflow.WithStartAfter(time.Hour))
		if err != nil || len(handles) != len(ins) {
			t.Fatal(len(handles), err)
		}
		for i, h := range handles {
			if out, err := h.Result(t.Context(), openworkflow.WithResultTimeout(2*time.Hour)); err != nil || out != 2*i {
				t.Fatalf("run %d: %d, %v", i, out, err)
			}
		}
		if passed := time.Since(begin); passed < time.Hour {
			t.Errorf("they started after %v", passed)
		}
		if handles, err := double.RunBatch(t.Context(), c, nil); err != nil || handles != nil {
			t.Errorf("no inputs: %v, %v", handles, err)
		}
	})
}

func TestRunBatchRefusesAllOrNothing(t *testing.T) {
	t.Parallel()
	echo := openworkflow.Define("echo", func(_ openworkflow.Context, s string) (string, error) { return s, nil })
	c := newClient(t)
	if _, err := echo.RunBatch(t.Context(), c, []string{"fine", "\xff"}); !errors.Is(err, openworkflow.ErrInvalidPayload) || !strings.Contains(err.Error(), "input 1") {
		t.Errorf("invalid UTF-8: %v", err)
	}
	if _, err := echo.RunBatch(t.Context(), c, []string{"fine"}, openworkflow.WithIdempotencyKey("k")); !errors.Is(err, openworkflow.ErrInvalidArgument) {
		t.Errorf("a key: %v", err)
	}
	counts, err := c.CountRuns(context.Background())
	if err != nil || counts.Pending != 0 {
		t.Errorf("%+v, %v", counts, err)
	}
}
