package memstore

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// run is a stored run with what hangs on it. Stored payloads are never written into: a change replaces them.
type run struct {
	domain.Run
	seq      int64
	attempts []*attempt
	unsorted bool                // attempts are not in the order of lists
	open     map[string]*attempt // the running attempts, by id
	inbox    []*buffered         // signals addressed to the run that no wait has got yet
	queue    *queue              // where it waits for a claim; nil when nowhere
	pos      int                 // its place in queue
	due      time.Time           // its rank in queue
}

// attempt is a stored step attempt.
type attempt struct {
	domain.StepAttempt
	run       *run
	waitsFor  string // the signal that an open signal-wait waits for
	delivered bool
	signal    json.RawMessage
}

func (a *attempt) open() bool { return a.Status == domain.StepRunning }

// ordered returns the run's attempts as lists have them: oldest first by (created_at, id).
func (r *run) ordered() []*attempt {
	if r.unsorted {
		slices.SortFunc(r.attempts, func(a, b *attempt) int {
			return compareKeys(a.CreatedAt, a.ID, b.CreatedAt, b.ID)
		})
		r.unsorted = false
	}
	return r.attempts
}

func compareKeys(at time.Time, id string, bt time.Time, bid string) int {
	if c := at.Compare(bt); c != 0 {
		return c
	}
	return strings.Compare(id, bid)
}

// workflowKey is an idempotency key's scope: all versions of a workflow.
type workflowKey struct{ workflow, key string }

// space is the data of one namespace.
type space struct {
	namespace string
	runs      map[string]*run
	list      []*run // by (created_at, id) unless unsorted
	unsorted  bool
	keyed     map[workflowKey][]*run         // in creation order
	children  map[string][]*run              // by parent attempt, in creation order; the parent may be in any namespace
	attempts  map[string]*attempt            // by id
	queues    map[domain.WorkflowKey]*queue  // runs that can be claimed, now or later
	deadlines deadlines                      // runs with a deadline, the ended ones not yet dropped
	waits     map[string]map[string]*attempt // open signal-waits by signal and id
	linked    map[string]*attempt            // open workflow steps with a child, by id
	signals   mailbox
	workers   map[string]*domain.WorkerRecord // that registered, by id
}

func newSpace(namespace string) *space {
	return &space{
		namespace: namespace,
		runs:      make(map[string]*run),
		keyed:     make(map[workflowKey][]*run),
		children:  make(map[string][]*run),
		attempts:  make(map[string]*attempt),
		queues:    make(map[domain.WorkflowKey]*queue),
		waits:     make(map[string]map[string]*attempt),
		linked:    make(map[string]*attempt),
		signals:   newMailbox(),
		workers:   make(map[string]*domain.WorkerRecord),
	}
}

// ordered returns all runs, oldest first by (created_at, id).
func (sp *space) ordered() []*run {
	if sp.unsorted {
		slices.SortFunc(sp.list, func(a, b *run) int {
			return compareKeys(a.CreatedAt, a.ID, b.CreatedAt, b.ID)
		})
		sp.unsorted = false
	}
	return sp.list
}

// parentKey is what children are found by.
func parentKey(namespace, attemptID string) string { return namespace + "\x00" + attemptID }

func (sp *space) insertRun(r *run) {
	sp.runs[r.ID] = r
	sp.list, sp.unsorted = append(sp.list, r), true
	if r.IdempotencyKey != "" {
		k := workflowKey{r.WorkflowName, r.IdempotencyKey}
		sp.keyed[k] = append(sp.keyed[k], r)
	}
	if r.ParentAttemptID != "" {
		k := parentKey(r.ParentNamespaceID, r.ParentAttemptID)
		sp.children[k] = append(sp.children[k], r)
	}
	if !r.DeadlineAt.IsZero() {
		sp.deadlines.add(r)
	}
	sp.requeue(r)
}

// storeAttempt inserts or replaces an attempt, and keeps the indexes of open ones.
func (sp *space) storeAttempt(r *run, row *domain.StepAttempt) *attempt {
	a, exists := sp.attempts[row.ID]
	if !exists {
		a = &attempt{run: r}
		sp.attempts[row.ID] = a
		r.attempts, r.unsorted = append(r.attempts, a), true
	}
	a.StepAttempt = *row
	sp.indexAttempt(a)
	return a
}

func (sp *space) indexAttempt(a *attempt) {
	if !a.open() {
		delete(a.run.open, a.ID)
		delete(sp.linked, a.ID)
		if a.waitsFor != "" {
			delete(sp.waits[a.waitsFor], a.ID)
			if len(sp.waits[a.waitsFor]) == 0 {
				delete(sp.waits, a.waitsFor)
			}
			a.waitsFor = ""
		}
		return
	}
	if a.run.open == nil {
		a.run.open = make(map[string]*attempt)
	}
	a.run.open[a.ID] = a
	if a.Kind == domain.KindWorkflow && a.ChildRunID != "" {
		sp.linked[a.ID] = a
	}
	if a.Kind != domain.KindSignalWait {
		return
	}
	if w, err := a.Wait(); err == nil { // an unreadable wait waits for nothing that can be sent
		a.waitsFor = w.Signal
		if sp.waits[w.Signal] == nil {
			sp.waits[w.Signal] = make(map[string]*attempt)
		}
		sp.waits[w.Signal][a.ID] = a
	}
}
