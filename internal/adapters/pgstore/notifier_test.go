package pgstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

func subscribe(t *testing.T, s *pgstore.Store) <-chan ports.Event {
	t.Helper()
	events, err := s.Subscribe(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// hear reads events until one is as wanted.
func hear(t *testing.T, events <-chan ports.Event, what string, wanted func(ports.Event) bool) {
	t.Helper()
	ctx := testContext(t)
	for {
		select {
		case e, ok := <-events:
			if !ok {
				t.Fatalf("the subscription ended before %s", what)
			}
			if wanted(e) {
				return
			}
		case <-ctx.Done():
			t.Fatalf("never heard of %s", what)
		}
	}
}

func due(name string) func(ports.Event) bool {
	return func(e ports.Event) bool { return slices.Contains(e.Due, name) }
}

func create(t *testing.T, b ports.ClientBackend, workflow string) string {
	t.Helper()
	id := domain.NewID()
	if _, err := b.CreateRuns(testContext(t), []domain.NewRun{{ID: id, WorkflowName: workflow}}); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestNewsBetweenProcesses(t *testing.T) {
	t.Parallel()
	here, schema := open(t)
	there := openIn(t, schema, "default") // a store of its own has connections and a nonce of its own
	elsewhere := openIn(t, schema, "elsewhere")
	near, far, deaf := subscribe(t, here), subscribe(t, there), subscribe(t, elsewhere)
	id := create(t, here, "one")
	hear(t, near, "one, near", due("one"))
	hear(t, far, "one, far", due("one"))
	if _, err := here.CancelRun(testContext(t), id); err != nil {
		t.Fatal(err)
	}
	hear(t, far, "the end", func(e ports.Event) bool { return slices.Contains(e.Finished, id) })
	create(t, here, "last")
	create(t, here.WithNamespace("elsewhere"), "other")
	count := 0
	hear(t, near, "last, near", func(e ports.Event) bool {
		if slices.Contains(e.Due, "one") {
			count++
		}
		return slices.Contains(e.Due, "last")
	})
	if count != 0 {
		t.Errorf("the process that spread the news heard them %d times more", count)
	}
	hear(t, deaf, "the other namespace's", func(e ports.Event) bool {
		if slices.Contains(e.Due, "one") || slices.Contains(e.Due, "last") {
			t.Errorf("another namespace heard %+v", e)
		}
		return slices.Contains(e.Due, "other")
	})
}

// In the caller's transaction, news are spread when it commits, to this process too.
func TestNewsOfCallersTransaction(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	events := subscribe(t, st.s)
	for i, commits := range []bool{false, true} {
		tx, err := st.conn.Begin(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		create(t, st.s.WithTx(tx), fmt.Sprint("w", i))
		if commits {
			err = tx.Commit(testContext(t))
		} else {
			err = tx.Rollback(testContext(t))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	hear(t, events, "the run that was committed", func(e ports.Event) bool {
		if slices.Contains(e.Due, "w0") {
			t.Error("heard of a run that was rolled back")
		}
		return slices.Contains(e.Due, "w1")
	})
}

// A listener that loses its connection comes back, and says that news were lost.
func TestListenerComesBack(t *testing.T) {
	t.Parallel()
	here, schema := open(t)
	there := openIn(t, schema, "default")
	events := subscribe(t, there)
	create(t, here, "before")
	hear(t, events, "before", due("before"))
	killed := scalar[int](t, connect(t), `select count(pg_terminate_backend(pid)) from pg_stat_activity where query = $1`, `listen "openworkflow:`+schema+`"`)
	if killed == 0 {
		t.Fatal("nobody listens")
	}
	hear(t, events, "the loss", func(e ports.Event) bool { return e.Missed })
	hear(t, events, "the return", func(e ports.Event) bool { return e.Missed })
	create(t, here, "after")
	hear(t, events, "after", due("after"))
}

// Where LISTEN is accepted and nothing arrives, as behind a pooler, the news of this process do.
func TestDeafListener(t *testing.T) {
	t.Parallel()
	conn, schema := connect(t), newSchema(t)
	name := "openworkflow_deaf_" + strings.ToLower(domain.NewID())
	execute(t, conn, `create database `+name)
	t.Cleanup(func() { _, _ = conn.Exec(context.Background(), `drop database `+name+` with (force)`) })
	s, err := pgstore.Open(testContext(t), databaseURL(t), pgstore.Config{Schema: schema, ListenDSN: otherDatabase(t, name)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	events := subscribe(t, s)
	create(t, s, "w")
	hear(t, events, "w", due("w"))
}

// News of any size arrive, in as many notifications as they need.
func TestManyNews(t *testing.T) {
	t.Parallel()
	here, schema := open(t)
	there := openIn(t, schema, "default")
	events := subscribe(t, there)
	leases := ownedMany(t, here, 900)
	want := make(map[string]bool, len(leases))
	ts := make([]domain.Transition, len(leases))
	for i, l := range leases {
		want[l.RunID], ts[i] = true, complete(l)
	}
	if _, err := here.Commit(testContext(t), ts); err != nil {
		t.Fatal(err)
	}
	hear(t, events, "the end of all", func(e ports.Event) bool {
		for _, id := range e.Finished {
			delete(want, id)
		}
		return len(want) == 0
	})
}

func TestSubscriptionEnds(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	ctx, cancel := context.WithCancel(testContext(t))
	one, err := s.Subscribe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	two := subscribe(t, s)
	cancel()
	drained(one)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	drained(two)
}

// drained returns when the channel is closed.
func drained(events <-chan ports.Event) {
	for range events {
		continue
	}
}

// A process that starts a run and ends at once has told of it all the same: idle workers elsewhere look seldom.
func TestCloseSendsTheNews(t *testing.T) {
	t.Parallel()
	_, schema := open(t)
	there := subscribe(t, openIn(t, schema, "default"))
	here, err := pgstore.Open(testContext(t), databaseURL(t), pgstore.Config{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	create(t, here, "first")
	create(t, here, "last") // waits for the first to be told
	_ = here.Close()
	hear(t, there, "last", due("last"))
}

// Nobody is told of a run that existed.
func TestNoNewsOfKnownRuns(t *testing.T) {
	t.Parallel()
	s := openIn(t, newSchema(t), "default")
	known := domain.NewRun{ID: domain.NewID(), WorkflowName: "known"}
	keyed := domain.NewRun{ID: domain.NewID(), WorkflowName: "known", IdempotencyKey: "k"}
	again := keyed
	again.ID = domain.NewID()
	create := func(runs ...domain.NewRun) {
		t.Helper()
		if _, err := s.CreateRuns(testContext(t), runs); err != nil {
			t.Fatal(err)
		}
	}
	create(known, keyed)
	events, err := s.Subscribe(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	create(known)
	create(again)
	create(known, again, domain.NewRun{ID: domain.NewID(), WorkflowName: "new"})
	for e := range events {
		if slices.Contains(e.Due, "known") {
			t.Fatalf("got %+v", e)
		}
		if slices.Contains(e.Due, "new") {
			return
		}
	}
}
