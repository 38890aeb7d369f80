//go:build unix

package crashtest_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// scenario is how hard one store is tried.
type scenario struct {
	places int           // worker processes
	faults time.Duration // how long they are troubled
	share  time.Duration // of the time that the environment sets, one in so many
	rate   int           // runs started per second
	lease  time.Duration
	midway func(context.Context) error // happens once, in the middle of the troubles
}

func TestPostgresSurvivesKills(t *testing.T) {
	t.Parallel()
	crash(t, newPostgres, scenario{places: 4, faults: 15 * time.Second, share: 1, rate: 12, lease: 1500 * time.Millisecond})
}

// The server dies with all its processes and its standby takes over, while workers are killed, too.
func TestPostgresSurvivesFailover(t *testing.T) {
	t.Parallel()
	s, failOver := newPair(t)
	crash(t, func(*testing.T) store { return s }, scenario{
		places: 4, faults: 15 * time.Second, share: 1, rate: 12, lease: 1500 * time.Millisecond, midway: failOver,
	})
}

func TestSQLiteSurvivesKills(t *testing.T) {
	t.Parallel()
	crash(t, newSQLite, scenario{places: 3, faults: 10 * time.Second, share: 2, rate: 12, lease: 1500 * time.Millisecond})
}

// ownWork is more than a run of the load takes by itself.
const ownWork = 10 * time.Second

func crash(t *testing.T, makeStore func(*testing.T) store, sc scenario) {
	if testing.Short() {
		t.Skip("starts processes and kills them for seconds")
	}
	sc.faults = duration(t, sc.faults, sc.share)
	seed := seed(t)
	t.Logf("OPENWORKFLOW_CRASH_SEED=%d", seed)
	s := makeStore(t)
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), sc.faults+3*time.Minute)
	defer cancel()

	db, err := s.open(ctx) // migrates, once, before the workers come
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	client, err := openworkflow.New(db)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()

	fleet := newFleet(t, orders{Store: s, Dir: dir, Lease: sc.lease, Concurrency: 10}, sc.places)
	e, sampler := &evidence{lease: sc.lease}, &sampler{client: client, ended: map[string]string{}}
	storm(ctx, t, sc, seed, fleet, client, e, sampler)
	fleet.stopAll()
	gather(ctx, t, e, client, fleet, dir)
	report := append(check(e), sampler.changed...)
	for i, finding := range report {
		if i == 40 {
			t.Errorf("and %d more", len(report)-i)
			break
		}
		t.Error(finding)
	}
	summarize(t, e, fleet, sampler)
}

// storm lets the load and the troubles go on side by side, and then waits until all runs have ended.
func storm(ctx context.Context, t *testing.T, sc scenario, seed uint64, fleet *fleet, client *openworkflow.Client, e *evidence, sampler *sampler) {
	l := newLoad(t, client)
	sampling, stop := context.WithCancel(ctx)
	sampled, loaded, raged := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() { defer close(sampled); _ = sampler.watch(sampling) }()
	go func() {
		defer close(loaded)
		l.drive(ctx, int(sc.faults.Seconds()*float64(sc.rate)), sc.faults, rand.New(rand.NewPCG(seed, 2)))
	}()
	go func() {
		defer close(raged)
		raging, calm := context.WithTimeout(ctx, sc.faults)
		defer calm()
		var midway sync.WaitGroup
		if sc.midway != nil {
			midway.Go(func() {
				pause(ctx, sc.faults/2)
				began := time.Now()
				if err := sc.midway(ctx); err != nil {
					t.Errorf("midway: %v", err)
				}
				t.Logf("midway took %v", time.Since(began).Round(time.Millisecond))
			})
		}
		fleet.rage(raging, rand.New(rand.NewPCG(seed, 3)))
		midway.Wait()
	}()
	<-raged
	calm := time.Now()
	bound := 2*sc.lease + 5*time.Second + ownWork + backoff(ctx, t, client)
	ended := drained(ctx, client, loaded, calm.Add(bound))
	if !ended {
		runs, _ := allRuns(ctx, client)
		for _, r := range runs {
			if !r.Status.Terminal() {
				t.Errorf("L1: %v after the faults run %s of %s has not ended: %+v", bound, r.ID, r.WorkflowName, r)
			}
		}
		t.FailNow()
	}
	t.Logf("all runs ended %v after the faults (bound %v)", time.Since(calm).Round(time.Millisecond), bound)
	<-loaded
	stop()
	<-sampled
	e.created, e.signals, e.news, e.canceled, e.results = l.created, l.signals, l.news, l.canceled, l.results
}

// backoff is the longest that a run whose owners died may have to wait for the next one.
func backoff(ctx context.Context, t *testing.T, client *openworkflow.Client) time.Duration {
	runs, err := allRuns(ctx, client)
	if err != nil {
		t.Fatal(err)
	}
	deepest := 0
	for i := range runs {
		if !runs[i].Status.Terminal() {
			deepest = max(deepest, runs[i].Recoveries)
		}
	}
	return domain.RecoveryDelay(deepest + 1)
}

// drained waits until the load is through and all runs have ended.
func drained(ctx context.Context, client *openworkflow.Client, loaded <-chan struct{}, until time.Time) bool {
	for time.Now().Before(until) && ctx.Err() == nil {
		pause(ctx, 100*time.Millisecond)
		select {
		case <-loaded:
		default:
			continue
		}
		if n, err := client.CountRuns(ctx); err == nil && n.Pending+n.Running == 0 {
			return true
		}
	}
	return false
}

func gather(ctx context.Context, t *testing.T, e *evidence, client *openworkflow.Client, fleet *fleet, dir string) {
	t.Helper()
	var err error
	if e.runs, err = allRuns(ctx, client); err != nil {
		t.Fatal(err)
	}
	for i := range e.runs {
		rows, err := allAttempts(ctx, client, e.runs[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		e.attempts = append(e.attempts, rows...)
	}
	if e.effects, err = readEffects(dir); err != nil {
		t.Fatal(err)
	}
	e.fates = fleet.fates
}

func summarize(t *testing.T, e *evidence, fleet *fleet, s *sampler) {
	begins, takeovers := 0, 0
	last := make(map[string]int)
	for _, x := range e.effects {
		if x.Mark != markBegin {
			continue
		}
		begins++
		if w, again := last[x.Run]; again && w != x.Worker && e.fates[w] != nil && !e.fates[w].stopped {
			takeovers++
		}
		last[x.Run] = x.Worker
	}
	n := fleet.faults
	t.Logf("%d kills, %d freezes, %d stops, %d held and %d cut connections; %d runs, %d steps, %d attempts, %d executions, %d replays, "+
		"%d recoveries from troubled workers (%d in a row at most), %d step functions interrupted, %d starts excused after a freeze, %d samples",
		n.kills, n.freezes, n.stops, n.holds, n.cuts, len(e.runs), len(e.rowsOf), len(e.attempts), begins, begins-len(e.runs),
		takeovers, s.deepest, e.interrupted, e.excused, s.samples)
	if n.kills == 0 || takeovers == 0 || len(e.canceled) == 0 || len(e.signals) == 0 {
		t.Error("nothing was tried: no kills, recoveries, cancels or signals")
	}
}

// duration is how long workers are troubled, if the environment says.
func duration(t *testing.T, otherwise, share time.Duration) time.Duration {
	t.Helper()
	if s := os.Getenv("OPENWORKFLOW_CRASH_SECONDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			t.Fatalf("OPENWORKFLOW_CRASH_SECONDS is %q", s)
		}
		return max(time.Second, time.Duration(n)*time.Second/share)
	}
	if s := os.Getenv("OPENWORKFLOW_SOAK"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil || d < time.Second {
			t.Fatalf("OPENWORKFLOW_SOAK is %q", s)
		}
		return d / share
	}
	return otherwise
}

func seed(t *testing.T) uint64 {
	t.Helper()
	s := os.Getenv("OPENWORKFLOW_CRASH_SEED")
	if s == "" {
		return rand.Uint64()
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("OPENWORKFLOW_CRASH_SEED is %q", s)
	}
	return n
}
