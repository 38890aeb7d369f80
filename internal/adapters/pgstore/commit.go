package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// Commit is ports.Backend's. A batch of more than 8 MiB is cut into several transactions, the steps of a run
// never after the run's own transition.
func (s *Store) Commit(ctx context.Context, ts []domain.Transition) ([]domain.Verdict, error) {
	if err := domain.CheckBatch(ts); err != nil {
		return nil, err
	}
	verdicts := make([]domain.Verdict, len(ts))
	for part := range cut(inOrder(ts, verdicts), size) {
		if err := s.commit(ctx, part); err != nil {
			return nil, err
		}
	}
	return verdicts, nil
}

// proposal is a transition and the place for its answer.
type proposal struct {
	*domain.Transition
	verdict *domain.Verdict
}

func size(p *proposal) int {
	n := 512 + len(p.Output) + len(p.Attempt.Output) + len(p.Attempt.Context) + len(p.Attempt.Config)
	for _, f := range []*domain.Failure{p.Error, p.Attempt.Error} {
		if f != nil {
			n += len(f.Message) + len(f.Stack)
		}
	}
	if p.Child != nil {
		n += len(p.Child.Input) + len(p.Child.Context)
	}
	return n
}

// inOrder puts steps before runs, and answers at once what names nothing that could be done.
func inOrder(ts []domain.Transition, verdicts []domain.Verdict) []proposal {
	out := make([]proposal, 0, len(ts))
	for _, steps := range []bool{true, false} {
		for i := range ts {
			switch {
			case ts[i].Kind.AboutStep() != steps:
			case ts[i].Kind == domain.StartChild && ts[i].Child == nil:
				verdicts[i].Err = fmt.Errorf("%w: the step names no child", domain.ErrRejected)
			default:
				out = append(out, proposal{&ts[i], &verdicts[i]})
			}
		}
	}
	return out
}

// commit commits proposals in one transaction; a batch that commitPlain has written in part is finished by a second.
func (s *Store) commit(ctx context.Context, ps []proposal) error {
	if written, err := s.commitPlain(ctx, ps); written || err != nil {
		return err
	}
	return s.commitAny(ctx, ps)
}

// commitAny commits proposals of all kinds; those that the server refuses are found by halving.
func (s *Store) commitAny(ctx context.Context, ps []proposal) error {
	err := s.flush(ctx, ps)
	if err == nil || !poison(err) {
		return err
	}
	if len(ps) == 1 {
		*ps[0].verdict = domain.Verdict{Err: rejected(err)}
		return nil
	}
	half := len(ps) / 2
	if err := s.commitAny(ctx, ps[:half]); err != nil {
		return err
	}
	return s.commitAny(ctx, ps[half:])
}

func (s *Store) flush(ctx context.Context, ps []proposal) error {
	f := newFlush(&s.client, ps)
	if err := s.runner.run(ctx, planOnce, f.build); err != nil {
		return err
	}
	d := f.doubts()
	if err := d.resolve(ctx, s); err != nil {
		return err
	}
	if err := f.answer(d); err != nil {
		return err
	}
	s.lookAgain(ctx, f)
	s.publish(ctx, f.news())
	return nil
}

// lookAgain wakes the runs that parked while a TypeScript writer, which takes an owned run for awake, gave
// them what they wait for. The commit stands whatever comes of it: the sweep looks once more.
func (s *Store) lookAgain(ctx context.Context, f *flush) {
	waiting := f.waiting()
	if len(waiting) == 0 {
		return
	}
	woken, err := s.wakeSatisfied(ctx, waiting)
	if err != nil {
		return
	}
	f.wokenAfterwards(woken)
}

func setOf(ids []string) map[string]struct{} {
	out := make(map[string]struct{}, len(ids))
	for _, id := range ids {
		out[id] = struct{}{}
	}
	return out
}

// sortedUnique sorts ids bytewise, the order in which everybody locks.
func sortedUnique(ids []string) []string {
	slices.Sort(ids)
	return slices.Compact(ids)
}

func sortedLeases(leases []domain.Lease) []domain.Lease {
	out := slices.Clone(leases)
	slices.SortFunc(out, func(a, b domain.Lease) int { return strings.Compare(a.RunID, b.RunID) })
	return out
}

// errDisagree: the SQL did not write what package domain says it must have written.
var errDisagree = errors.New("openworkflow: the database did not apply a transition that it had to apply")
