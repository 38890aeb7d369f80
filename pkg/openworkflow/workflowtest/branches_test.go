package workflowtest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/workflowtest"
)

func TestChildren(t *testing.T) {
	t.Parallel()
	child := openworkflow.Define("child", func(ctx openworkflow.Context, n int) (int, error) {
		return n * n, step.Sleep(ctx, "nap", time.Duration(n)*time.Hour)
	})
	parent := openworkflow.Define("parent", func(ctx openworkflow.Context, n int) (int, error) {
		squares := make([]int, n)
		g, gctx := errgroup.WithContext(ctx)
		gwf := openworkflow.WithContext(ctx, gctx)
		for i := range n {
			g.Go(func() (err error) {
				squares[i], err = step.RunWorkflow(gwf, child, i, step.WithName(fmt.Sprint("child/", i)))
				return err
			})
		}
		err := g.Wait()
		sum := 0
		for _, s := range squares {
			sum += s
		}
		return sum, err
	})
	env := workflowtest.New(t, parent, child)
	h := run(t, env, parent, 5)
	env.Advance(4 * time.Hour)
	wantResult(t, h, 0+1+4+9+16)
}

func TestBranches(t *testing.T) {
	t.Parallel()
	var done diary
	w := openworkflow.Define("branches", func(ctx openworkflow.Context, _ openworkflow.None) (string, error) {
		quick := step.Go(ctx, "quick", func(context.Context) (string, error) { done.note("quick"); return "quick", nil })
		g, gctx := errgroup.WithContext(ctx)
		gwf := openworkflow.WithContext(ctx, gctx)
		for _, name := range []string{"a", "b"} {
			b := step.Branch(gwf, name)
			g.Go(func() error {
				if err := step.Sleep(b, "sleep", map[string]time.Duration{"a": 2 * time.Hour, "b": time.Hour}[name]); err != nil {
					return err
				}
				return step.Do(b, "work", done.noting(name))
			})
		}
		if err := g.Wait(); err != nil {
			return "", err
		}
		return quick.Wait()
	})
	env := workflowtest.New(t, w)
	h := run(t, env, w, nil)
	env.Settle()
	done.want(t, "quick")
	env.Advance(time.Hour)
	done.want(t, "quick", "b")
	env.Advance(time.Hour)
	done.want(t, "quick", "b", "a")
	wantResult(t, h, "quick")
}

var errOutOfStock = openworkflow.ErrorCode("out-of-stock")

// A branch that fails cancels the others, some of which have then never begun: which ones, the history does
// not say, and the replay must not take them for nondeterminism.
func TestFailingBranches(t *testing.T) {
	t.Parallel()
	w := openworkflow.Define("failing", func(ctx openworkflow.Context, n int) (openworkflow.None, error) {
		g, gctx := errgroup.WithContext(ctx)
		gwf := openworkflow.WithContext(ctx, gctx)
		for i := range n {
			g.Go(func() error {
				return step.Do(gwf, fmt.Sprint("reserve/", i), func(ctx context.Context) error {
					if i == n/2 {
						return openworkflow.NonRetryable(errOutOfStock)
					}
					<-ctx.Done()
					return ctx.Err()
				})
			})
		}
		return nil, g.Wait()
	})
	env := workflowtest.New(t, w)
	if _, err := run(t, env, w, 8).Result(t.Context()); !errors.Is(err, errOutOfStock) {
		t.Fatalf("the run gives %v", err)
	}
}

// A step that nobody waits for may still be under way when its run ends.
func TestUnfinishedBranches(t *testing.T) {
	t.Parallel()
	w := openworkflow.Define("first-wins", func(ctx openworkflow.Context, _ openworkflow.None) (string, error) {
		lost := step.Branch(ctx, "lost")
		go func() { _ = step.Sleep(lost, "for ever", 1000*time.Hour) }()
		if err := step.Sleep(ctx, "shortly", time.Minute); err != nil {
			return "", err
		}
		return "won", nil
	})
	env := workflowtest.New(t, w)
	h := run(t, env, w, nil)
	env.Advance(time.Hour)
	wantResult(t, h, "won")
}
