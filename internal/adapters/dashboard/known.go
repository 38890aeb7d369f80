package dashboard

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// known remembers for a while which workflows there are, for suggestions: those of the options, those that workers
// registered, and those that ran lately.
type known struct {
	ow    *openworkflow.Client
	given []Workflow

	mu    sync.Mutex
	at    time.Time
	found []Workflow
	// Of workers: what they registered; whether there are any that register nothing; whether the store tells.
	registered map[Workflow]bool
	silent     bool
	told       bool
}

const remembered = 30 * time.Second

func newKnown(ow *openworkflow.Client, given []Workflow) *known { return &known{ow: ow, given: given} }

// workflows lists them by name and version. What the database does not tell is missing: they are suggestions only.
func (k *known) workflows(ctx context.Context) []Workflow {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refresh(ctx)
	return k.found
}

// refresh asks the database, if what is known is old.
func (k *known) refresh(ctx context.Context) {
	if time.Since(k.at) < remembered {
		return
	}
	all := slices.Clone(k.given)
	workers, err := k.ow.ListWorkers(ctx)
	k.registered, k.silent, k.told = map[Workflow]bool{}, false, err == nil
	for i := range workers {
		k.silent = k.silent || len(workers[i].Workflows) == 0
		for _, w := range workers[i].Workflows {
			k.registered[Workflow(w)] = true
			all = append(all, Workflow(w))
		}
	}
	if stats, err := k.ow.WorkflowStats(ctx, openworkflow.StatsOptions{Window: time.Hour, Buckets: 1}); err == nil {
		for i := range stats {
			all = append(all, Workflow{stats[i].Name, stats[i].Version})
		}
	}
	slices.SortFunc(all, func(a, b Workflow) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Version, b.Version)
	})
	k.found = slices.Compact(all)
	if ctx.Err() == nil {
		k.at = time.Now()
	}
}

// service says whether a live worker has a workflow registered.
type service int

const (
	unknown service = iota
	served
	unserved
)

func (k *known) served(ctx context.Context, w Workflow) service {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refresh(ctx)
	switch {
	case k.registered[w]:
		return served
	case !k.told || k.silent:
		return unknown
	}
	return unserved
}

func (k *known) names(ctx context.Context) []string {
	var out []string
	for _, w := range k.workflows(ctx) {
		out = append(out, w.Name)
	}
	return slices.Compact(out)
}
