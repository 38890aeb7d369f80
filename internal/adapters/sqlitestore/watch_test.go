package sqlitestore_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

func subscribe(t *testing.T, s *sqlitestore.Store) <-chan ports.Event {
	t.Helper()
	news, err := s.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return news
}

// missed waits for the word that somebody else has committed.
func missed(t *testing.T, news <-chan ports.Event) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case e := <-news:
			if e.Missed {
				return
			}
		case <-deadline:
			t.Fatal("no news of another connection's commit")
		}
	}
}

func TestNewsOfOthers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	mine, other := openAt(t, path, sqlitestore.Options{}), openAt(t, path, sqlitestore.Options{})
	news := subscribe(t, mine)
	claimed(t, mine, 1) // its own news come at once, and the writer has looked at the file by then
	e := <-news
	if !slices.Equal(e.Due, []string{"bench"}) || e.Missed {
		t.Errorf("own news: %+v", e)
	}
	create(t, other, domain.NewRun{ID: "r1", WorkflowName: "w"})
	missed(t, news)
	tx := begin(t, handle(t, path))
	create(t, mine.WithTx(tx), domain.NewRun{ID: "r2", WorkflowName: "w"})
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	missed(t, news)
}

// A store's own commits are told as what they are, and never as those of others: that would wake everybody
// for everything.
func TestOwnCommitsAreNotMissed(t *testing.T) {
	t.Parallel()
	s := open(t, "x.db", sqlitestore.Options{})
	news := subscribe(t, s)
	until := time.Now().Add(3 * 100 * time.Millisecond) // three looks at the file
	told := 0
	for n := 0; time.Now().Before(until); n++ {
		create(t, s, domain.NewRun{ID: domain.NewID(), WorkflowName: "w"})
		if e := <-news; e.Missed || !slices.Equal(e.Due, []string{"w"}) {
			t.Fatalf("after %d commits: %+v", n, e)
		}
		told++
	}
	if told == 0 {
		t.Fatal("nothing was committed")
	}
}

func TestNewsOnTheCallersHandle(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	db := handle(t, path)
	s := fromDB(t, db, sqlitestore.Options{})
	news := subscribe(t, s)
	missed(t, news) // what came before the first look at the file is not known
	claimed(t, s, 1)
	if e := <-news; !slices.Equal(e.Due, []string{"bench"}) {
		t.Errorf("own news: %+v", e)
	}
	tx := begin(t, db)
	create(t, s.WithTx(tx), domain.NewRun{ID: "r", WorkflowName: "w"})
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	missed(t, news)
}

// The watch lives as long as somebody listens.
func TestSubscriptionsEnd(t *testing.T) {
	t.Parallel()
	s := open(t, "x.db", sqlitestore.Options{})
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		first, err := s.Subscribe(ctx)
		if err != nil {
			t.Fatal(err)
		}
		second, err := s.WithNamespace("other").Subscribe(ctx)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		for _, news := range []<-chan ports.Event{first, second} {
			for range news { // until it is closed
			}
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Subscribe(ended); err == nil {
		t.Error("subscribed with a context that had ended")
	}
}
