package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// The simulation runs random workflows on workers whose store fails at random, before and after taking
// effect, and of which some are cut off for a long time, while clients cancel and signal, in virtual time. A
// log outside the store shows whether the invariants held.

var (
	simulations = flag.Int("simulations", 40, "how many seeds TestSimulation tries")
	firstSeed   = flag.Int("seed", 0, "the first seed of TestSimulation")
)

func TestSimulation(t *testing.T) {
	t.Parallel()
	for i := range *simulations {
		seed := *firstSeed + i
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { newSimulation(t, uint64(seed)).run() })
		})
	}
}

const (
	simSlots = 3
	simLease = 10 * time.Second
)

type simulation struct {
	*house
	effects  *sideEffects
	programs *rand.Rand
	dice     func(n int) int
	calm     atomic.Bool
	crew     []member
	apart    []member // cut off
	ids      []string
	canceled map[string]bool
	ended    map[string]domain.Run // as first seen
	total    time.Duration
	meeting  atomic.Int32
	auditor  *auditor // nil in half of the simulations
	ends     sync.Mutex
}

type member struct {
	w   *engine.Worker
	way *unreliable
}

func newSimulation(t *testing.T, seed uint64) *simulation {
	r := rand.New(rand.NewPCG(seed, 2))
	var luck sync.Mutex
	sim := &simulation{
		effects: newSideEffects(t), programs: rand.New(rand.NewPCG(seed, 1)), canceled: map[string]bool{}, ended: map[string]domain.Run{},
		dice: func(n int) int { luck.Lock(); defer luck.Unlock(); return r.IntN(n) },
	}
	sim.house = newHouse(t,
		engine.Definition{Name: "random", Run: sim.effects.simulated, RetryPolicy: domain.RetryPolicy{MaximumAttempts: workflowBudget}},
		workflow("meet", sim.meet))
	sim.conf = func(c *engine.WorkerConfig) { c.Concurrency, c.LeaseDuration = simSlots, simLease }
	if seed%2 == 0 {
		sim.audit(newAuditor(t))
	}
	return sim
}

func (sim *simulation) run() {
	sim.crew = []member{sim.join(), sim.join()}
	for range 12 {
		sim.begin()
		sim.pass(2000)
	}
	for range 6 {
		for range 5 {
			sim.pass(3000)
			sim.disturb()
			sim.look()
		}
		sim.change()
	}
	sim.calm.Store(true)
	for _, m := range sim.apart {
		m.way.cut.Store(false)
	}
	sim.crew, sim.apart = append(sim.crew, sim.apart...), nil
	sim.stopInCalm()
	sim.finish()
	sim.check()
	sim.fillAllSlots()
	for _, m := range sim.crew {
		sim.stop(m.w)
	}
	if sim.auditor != nil {
		sim.auditor.closed()
	}
}

// audit has an observer told of everything.
func (sim *simulation) audit(a *auditor) {
	sim.auditor = a
	conf := sim.conf
	sim.conf = func(c *engine.WorkerConfig) {
		conf(c)
		c.Observer = a
	}
}

func (sim *simulation) pass(milliseconds int) {
	time.Sleep(time.Duration(sim.dice(milliseconds)) * time.Millisecond)
}

func (sim *simulation) join() member {
	way := &unreliable{Store: sim.store, t: sim.t, ends: &sim.ends, calm: &sim.calm, rand: sim.dice}
	for {
		w := sim.worker(way)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := w.Start(ctx)
		cancel()
		if err == nil {
			return member{w, way}
		}
		time.Sleep(time.Second)
	}
}

func (sim *simulation) begin() {
	ops := program(sim.programs, 0)
	sim.total += longest(ops) * workflowBudget
	in, _ := json.Marshal(ops)
	run := domain.NewRun{WorkflowName: "random", Input: in}
	if sim.dice(5) == 0 {
		run.DeadlineAt = time.Now().Add(time.Duration(sim.dice(60_000)) * time.Millisecond)
	}
	sim.ids = append(sim.ids, sim.create(run))
}

// disturb is what a client may do at any time: cancel, and send signals to waits that are there or not.
func (sim *simulation) disturb() {
	id := sim.ids[sim.dice(len(sim.ids))]
	if sim.dice(12) == 0 {
		if run, err := sim.store.CancelRun(context.Background(), id); err == nil {
			sim.canceled[id] = true
			sim.ended[id] = run
		}
		return
	}
	s := domain.Signal{ID: domain.NewID(), Name: fmt.Sprint(id, "/", sim.dice(5)), Key: domain.NewID(), Buffer: time.Minute}
	s.Data, _ = json.Marshal(s.ID)
	if sim.dice(2) == 0 {
		s.RunID = id
	}
	for range 1 + sim.dice(2) { // a repeated one is the same one
		if _, err := sim.store.SendSignals(context.Background(), []domain.Signal{s}); err != nil {
			sim.t.Error(err)
		}
	}
}

// change cuts a worker off or stops it, in time or not, and lets another one join.
func (sim *simulation) change() {
	i := sim.dice(len(sim.crew))
	if m := sim.crew[i]; sim.dice(2) == 0 {
		m.way.cut.Store(true)
		sim.apart = append(sim.apart, m)
	} else {
		sim.stopWithin(m, time.Duration(sim.dice(10))*time.Second)
	}
	sim.crew[i] = sim.join()
}

func (sim *simulation) stopWithin(m member, d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	begin := time.Now()
	if err := m.w.Stop(ctx); err != nil {
		sim.t.Errorf("stop within %v (calm: %v): %v after %v", d, sim.calm.Load(), err, time.Since(begin))
	}
	if took := time.Since(begin); took > d+time.Minute {
		sim.t.Errorf("stop took %v of %v", took, d)
	}
}

// stopInCalm stops a worker that is in the middle of it: no lease is left behind.
func (sim *simulation) stopInCalm() {
	time.Sleep(2 * simLease) // claims whose answer was lost have expired
	i := sim.dice(len(sim.crew))
	m := sim.crew[i]
	sim.stopWithin(m, time.Duration(sim.dice(3))*time.Second)
	for _, run := range sim.all() {
		holds := run.Status == domain.RunRunning && run.WorkerID != "" && run.WorkerID == m.way.worker.Load()
		if holds && run.AvailableAt.After(time.Now()) { // else it has expired, and waits for its recovery
			sim.t.Errorf("at %v the stopped worker holds run %s, attempts %d, until %v", time.Now(), run.ID, run.Attempts, run.AvailableAt)
		}
	}
	sim.crew[i] = sim.join()
}

// all is every run, children included.
func (sim *simulation) all() []domain.Run {
	page, err := sim.store.ListRuns(context.Background(), ports.RunFilter{}, ports.PageRequest{Limit: 10_000})
	if err != nil || page.HasNext {
		sim.t.Fatal(err, page.HasNext)
	}
	return page.Items
}

// look compares what has ended with how it was when it was first seen so, and looks for lost wakes.
func (sim *simulation) look() (open int) {
	synctest.Wait()
	for _, run := range sim.all() {
		if !run.Status.Terminal() {
			open++
			sim.noLostWake(&run)
			continue
		}
		if first, known := sim.ended[run.ID]; known && !reflect.DeepEqual(first, run) {
			sim.t.Errorf("S2: a run that had ended as %+v is now %+v", first, run)
		}
		sim.ended[run.ID] = run
	}
	return open
}

func (sim *simulation) noLostWake(run *domain.Run) {
	if !run.Parked() || !run.AvailableAt.After(time.Now()) {
		return
	}
	res, err := sim.store.LoadHistories(context.Background(), ports.HistoryRequest{RunIDs: []string{run.ID}, OpenOnly: true})
	if err != nil || len(res.Histories) != 1 {
		sim.t.Fatal(err)
	}
	if h := res.Histories[0]; len(h.Signals)+len(h.Children) > 0 {
		sim.t.Errorf("S7: parked until %v, but there is something for %v %v", run.AvailableAt, h.Signals, h.Children)
	}
}

// finish lets time pass until every run has ended.
func (sim *simulation) finish() {
	bound := sim.total + 10*time.Minute
	for begin := time.Now(); sim.look() > 0; time.Sleep(time.Second) {
		if time.Since(begin) > bound {
			for _, run := range sim.all() {
				if !run.Status.Terminal() {
					sim.t.Errorf("L1: %v after the faults stopped: %+v", bound, run)
				}
			}
			return
		}
	}
}

func (sim *simulation) check() {
	for _, run := range sim.all() {
		sim.checkEnd(&run)
		completed := map[string]int{}
		for _, a := range sim.attempts(run.ID) {
			if a.Status == domain.StepCompleted {
				completed[a.StepName]++
			}
			if a.Status == domain.StepRunning && run.Status.Terminal() {
				sim.t.Errorf("attempt %s of %s is still open", a.StepName, run.ID)
			}
		}
		for name, n := range completed {
			if n > 1 {
				sim.t.Errorf("S4: step %s of %s completed %d times", name, run.ID, n)
			}
		}
	}
	for key, n := range sim.effects.running {
		if n != 0 {
			sim.t.Errorf("%s still runs", key)
		}
	}
}

// checkEnd accepts failures that the program, a client or a deadline caused, and no others.
func (sim *simulation) checkEnd(run *domain.Run) {
	if returned := sim.effects.returned[run.ID]; run.Failures > returned || run.Failures >= workflowBudget {
		sim.t.Errorf("S5: run %s counts %d failures; its function returned %d", run.ID, run.Failures, returned)
	}
	switch run.Status {
	case domain.RunCompleted:
	case domain.RunCanceled:
		if !sim.canceled[run.ID] {
			sim.t.Errorf("run %s was canceled by nobody", run.ID)
		}
	case domain.RunFailed:
		code := run.Error.Code
		late := code == domain.CodeOf(domain.ErrDeadlineExceeded) || code == string(errUnlucky) // a retry would have been too late
		if code == string(errWorkflow) || (late && !run.DeadlineAt.IsZero()) {
			return
		}
		sim.t.Errorf("run %s failed: %+v", run.ID, run.Error)
	}
	if sim.canceled[run.ID] && run.Status != domain.RunCanceled {
		sim.t.Errorf("S2: run %s was canceled and is %s", run.ID, run.Status)
	}
}

// fillAllSlots runs as many runs at once as there are slots: none has been lost.
func (sim *simulation) fillAllSlots() {
	var ids []string
	for range simSlots * len(sim.crew) {
		ids = append(ids, sim.create(domain.NewRun{WorkflowName: "meet"}))
	}
	for _, id := range ids {
		if run := sim.await(id); run.Status != domain.RunCompleted || !strings.Contains(string(run.Output), "met") {
			sim.t.Errorf("a slot is lost: %s %s %+v", run.Status, run.Output, run.Error)
		}
	}
}

// meet waits until as many as there are slots have come.
func (sim *simulation) meet(s *engine.Scope) (string, error) {
	return stepWith(s, engine.StepCall{Name: "meet", Retry: domain.RetryPolicy{MaximumAttempts: 1}}, func(ctx context.Context) (string, error) {
		sim.meeting.Add(1)
		for range 60 {
			if int(sim.meeting.Load()) >= simSlots*len(sim.crew) {
				return "met", nil
			}
			pauseFor(ctx, time.Second)
		}
		return "", errors.New("nobody came")
	})
}
