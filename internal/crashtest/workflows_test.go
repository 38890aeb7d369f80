//go:build unix

package crashtest_test

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// order is the input of every workflow.
type order struct {
	Seed   uint64 `json:"seed"`
	Signal string `json:"signal,omitempty"`
}

// report is the result of every workflow: the outcomes of its steps by their resolved names.
type report = map[string]string

// The workflows. Between them they have every kind of step, in sequence and side by side.
var (
	chainWF    = openworkflow.Declare[order, report]("chain")
	familyWF   = openworkflow.Declare[order, report]("family")
	childWF    = openworkflow.Declare[order, report]("child")
	badChildWF = openworkflow.Declare[order, report]("bad-child")
	senderWF   = openworkflow.Declare[order, report]("sender")
	receiverWF = openworkflow.Declare[order, report]("receiver")
	inboxWF    = openworkflow.Declare[order, report]("inbox")
	newsWF     = openworkflow.Declare[order, report]("news")
	fanWF      = openworkflow.Declare[order, report]("fan")
	doomedWF   = openworkflow.Declare[order, report]("doomed")
	stubbornWF = openworkflow.Declare[order, report]("stubborn")
	endlessWF  = openworkflow.Declare[order, report]("endless")
)

const (
	doomedBudget   = 6 // attempts of the step that always fails
	badChildBudget = 3
	stubbornTries  = 3 // workflow attempts
	bufferFor      = time.Hour
	newsSignal     = "news"
	noteSignal     = "note"
)

var quickRetries = openworkflow.RetryPolicy{InitialInterval: 50 * time.Millisecond, MaximumInterval: 400 * time.Millisecond, MaximumAttempts: 60}

// budgets are the attempts that failing steps have, by workflow and step.
var budgets = map[[2]string]int{
	{"chain", "flaky"}: quickRetries.MaximumAttempts, {"doomed", "fails"}: doomedBudget, {"bad-child", "fails"}: badChildBudget,
}

func (r *recorder) workflows() []openworkflow.AnyWorkflow {
	tries := openworkflow.RetryPolicy{InitialInterval: 100 * time.Millisecond, MaximumAttempts: stubbornTries}
	return openworkflow.Workflows(
		chainWF.Implement(r.chain), familyWF.Implement(r.family), childWF.Implement(r.child), badChildWF.Implement(r.badChild),
		senderWF.Implement(r.sender), receiverWF.Implement(r.receiver), inboxWF.Implement(r.inbox), newsWF.Implement(r.news),
		fanWF.Implement(r.fan), doomedWF.Implement(r.doomed), endlessWF.Implement(r.endless),
		stubbornWF.Implement(r.stubborn, openworkflow.WithRetryPolicy(tries)),
	)
}

// inOrder runs the calls one after the other and returns what they saw.
func (t *trail) inOrder(calls ...func() error) (report, error) {
	for _, call := range calls {
		if err := call(); err != nil {
			return nil, err
		}
	}
	return t.outcome(), nil
}

func (r *recorder) chain(ctx openworkflow.Context, in order) (report, error) {
	t := r.begin(ctx, in)
	return t.inOrder(
		func() error { return t.do(ctx, "", "one", brief) },
		func() error { return t.sleep(ctx, "", "nap", t.between(100*time.Millisecond, 2*time.Second)) },
		func() error { return t.do(ctx, "", "flaky", flaky, step.WithRetryPolicy(quickRetries)) },
		func() error { return t.do(ctx, "", "again", brief) },
		func() error { return t.repeat(ctx, "again:1", "again", deaf) },
		func() error { return t.repeat(ctx, "again:2", "again", brief) },
		func() error { return t.sleepUntil(ctx, "until", ctx.CreatedAt().Add(1500*time.Millisecond)) },
		func() error { return t.do(ctx, "", "last", brief) },
	)
}

func (r *recorder) family(ctx openworkflow.Context, in order) (report, error) {
	t := r.begin(ctx, in)
	return t.inOrder(
		func() error { return t.do(ctx, "", "before", brief) },
		func() error {
			out, err := step.RunWorkflow(ctx, childWF, in, step.WithName("good"))
			return t.saw("good", fmt.Sprint(out), err)
		},
		func() error {
			_, err := step.RunWorkflow(ctx, badChildWF, in, step.WithName("bad"))
			err = t.saw("bad", "no error", err)
			if errors.Is(err, errPlanned) {
				return nil
			}
			return fmt.Errorf("the failing child's error has lost its identity: %w", err)
		},
		func() error { return t.do(ctx, "", "after", brief) },
	)
}

func (r *recorder) child(ctx openworkflow.Context, in order) (report, error) {
	t := r.begin(ctx, in)
	return t.inOrder(
		func() error { return t.do(ctx, "", "first", brief) },
		func() error { return t.sleep(ctx, "", "nap", t.between(100*time.Millisecond, 600*time.Millisecond)) },
		func() error { return t.do(ctx, "", "second", brief) },
	)
}

func (r *recorder) badChild(ctx openworkflow.Context, in order) (report, error) {
	t := r.begin(ctx, in)
	policy := openworkflow.RetryPolicy{InitialInterval: 50 * time.Millisecond, MaximumAttempts: badChildBudget}
	return nil, t.do(ctx, "", "fails", failing, step.WithRetryPolicy(policy))
}

func (r *recorder) doomed(ctx openworkflow.Context, in order) (report, error) {
	t := r.begin(ctx, in)
	policy := openworkflow.RetryPolicy{InitialInterval: 100 * time.Millisecond, MaximumAttempts: doomedBudget}
	return t.inOrder(
		func() error { return t.do(ctx, "", "one", brief) },
		func() error { return t.do(ctx, "", "fails", failing, step.WithRetryPolicy(policy)) },
	)
}

// sender sends one signal to its receiver, which waits already or will.
func (r *recorder) sender(ctx openworkflow.Context, in order) (report, error) {
	t := r.begin(ctx, in)
	return t.inOrder(
		func() error { return t.sleep(ctx, "", "nap", t.between(1, 800*time.Millisecond)) },
		func() error { return t.do(ctx, "", "one", brief) },
		func() error {
			ids, err := step.SendSignal(ctx, in.Signal, in.Signal, step.WithName("send"), step.WithBuffer(bufferFor))
			return t.saw("send", fmt.Sprint(ids), err)
		},
		func() error { return t.do(ctx, "", "two", brief) },
	)
}

// receiver gets its signal once: the second wait for it finds nothing.
func (r *recorder) receiver(ctx openworkflow.Context, in order) (report, error) {
	t := r.begin(ctx, in)
	return t.inOrder(
		func() error { return t.do(ctx, "", "one", brief) },
		func() error { return t.wait(ctx, "receive", in.Signal, step.WithName("receive")) },
		func() error {
			return t.wait(ctx, "twice", in.Signal, step.WithName("twice"), step.WithTimeout(300*time.Millisecond))
		},
		func() error { return t.do(ctx, "", "two", brief) },
	)
}

// inbox gets the two signals that the client addresses to it.
func (r *recorder) inbox(ctx openworkflow.Context, in order) (report, error) {
	t := r.begin(ctx, in)
	return t.inOrder(
		func() error { return t.wait(ctx, noteSignal, noteSignal) },
		func() error { return t.do(ctx, "", "one", deaf) },
		func() error { return t.wait(ctx, noteSignal+":1", noteSignal) },
		func() error { return t.do(ctx, "", "two", brief) },
	)
}

// news gets what the client sends to all, or nothing.
func (r *recorder) news(ctx openworkflow.Context, in order) (report, error) {
	t := r.begin(ctx, in)
	return t.inOrder(
		func() error { return t.wait(ctx, newsSignal, newsSignal, step.WithTimeout(500*time.Millisecond)) },
		func() error { return t.do(ctx, "", "one", brief) },
		func() error { return t.wait(ctx, newsSignal+":1", newsSignal, step.WithTimeout(200*time.Millisecond)) },
	)
}

// fan has steps of one name beside branches that work and sleep.
func (r *recorder) fan(ctx openworkflow.Context, in order) (report, error) {
	t := r.begin(ctx, in)
	futures := make([]*step.Future[string], 3)
	for i := range futures {
		futures[i] = step.Go(ctx, "go", t.body(deaf))
	}
	g, gctx := errgroup.WithContext(ctx)
	wf := openworkflow.WithContext(ctx, gctx)
	for i := range 3 {
		name := fmt.Sprintf("branch-%d", i)
		b, nap := step.Branch(wf, name), t.between(100*time.Millisecond, time.Second)
		g.Go(func() error {
			_, err := t.inOrder(
				func() error { return t.do(b, name+"/", "x", brief) },
				func() error { return t.sleep(b, name+"/", "nap", nap) },
				func() error { return t.do(b, name+"/", "y", brief) },
			)
			return err
		})
	}
	err := g.Wait()
	for i, f := range futures {
		name := "go"
		if i > 0 {
			name = fmt.Sprintf("go:%d", i)
		}
		out, ferr := f.Wait()
		err = errors.Join(err, t.saw(name, out, ferr))
	}
	if err != nil {
		return nil, err
	}
	return t.inOrder(func() error { return t.do(ctx, "", "last", brief) })
}

// stubborn fails outside its steps until its last attempt.
func (r *recorder) stubborn(ctx openworkflow.Context, in order) (report, error) {
	t := r.begin(ctx, in)
	return t.inOrder(
		func() error { return t.do(ctx, "", "one", brief) },
		func() error { return t.sleep(ctx, "", "nap", t.between(50*time.Millisecond, 300*time.Millisecond)) },
		func() error {
			if ctx.Attempt() < stubbornTries {
				return errPlanned
			}
			return nil
		},
		func() error { return t.do(ctx, "", "two", brief) },
	)
}

// endless goes on until it is canceled.
func (r *recorder) endless(ctx openworkflow.Context, in order) (report, error) {
	t := r.begin(ctx, in)
	for i := range 150 {
		b := step.Branch(ctx, fmt.Sprintf("round-%d", i))
		prefix := fmt.Sprintf("round-%d/", i)
		if _, err := t.inOrder(
			func() error { return t.do(b, prefix, "tick", brief) },
			func() error { return t.sleep(b, prefix, "nap", 150*time.Millisecond) },
		); err != nil {
			return nil, err
		}
	}
	return t.outcome(), nil
}
