package pgstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// parcel is a signal and the place for its answer.
type parcel struct {
	*domain.Signal
	answer *ports.SignalResult
}

// SendSignals is ports.ClientBackend's. A batch of more than 8 MiB is cut into several transactions.
func (c *client) SendSignals(ctx context.Context, signals []domain.Signal) ([]ports.SignalResult, error) {
	answers := make([]ports.SignalResult, len(signals))
	parcels := make([]parcel, len(signals))
	for i := range signals {
		parcels[i] = parcel{&signals[i], &answers[i]}
	}
	for part := range cut(parcels, func(p *parcel) int { return 256 + len(p.Data) }) {
		if err := c.send(ctx, part); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// send sends signals in one transaction; those that the server refuses are found by halving.
func (c *client) send(ctx context.Context, ps []parcel) error {
	d := &delivery{client: c, parcels: ps}
	err := c.runner.run(ctx, planOnce, d.build)
	switch {
	case err == nil:
		d.answer()
		c.publish(ctx, d.news())
		return nil
	case !poison(err):
		return err
	case len(ps) == 1:
		*ps[0].answer = ports.SignalResult{Err: rejected(err)}
		return nil
	}
	half := len(ps) / 2
	if err := c.send(ctx, ps[:half]); err != nil {
		return err
	}
	return c.send(ctx, ps[half:])
}

// delivery is one transaction of SendSignals.
type delivery struct {
	*client
	parcels []parcel

	got     [][]dbsqlc.DeliverSignalsRow
	gotOwn  [][]dbsqlc.DeliverSignalsToRunsRow
	answers []dbsqlc.GetSignalAnswersRow
}

// build queues the statements. The names are locked first, so that no wait for them opens meanwhile; then
// the runs that wait.
func (d *delivery) build(p *pipeline) {
	keys := column(d.parcels, func(s *parcel) string { return d.key("signal", s.Name) })
	exec(p, (*dbsqlc.Queries).LockKeys, sortedUnique(keys))
	d.lock(p)
	rounds := parcelRounds(d.parcels)
	d.got = make([][]dbsqlc.DeliverSignalsRow, len(rounds))
	d.gotOwn = make([][]dbsqlc.DeliverSignalsToRunsRow, len(rounds))
	for i, round := range rounds {
		d.round(p, i, round)
	}
	rows(p, (*dbsqlc.Queries).GetSignalAnswers, d.answerParams(), &d.answers)
}

func (d *delivery) lock(p *pipeline) {
	names, runs := []string{}, []string{}
	for i := range d.parcels {
		if s := &d.parcels[i]; s.RunID != "" {
			runs = append(runs, s.RunID)
		} else {
			names = append(names, s.Name)
		}
	}
	var locked []dbsqlc.LockSignalRunsRow
	rows(p, (*dbsqlc.Queries).LockSignalRuns, dbsqlc.LockSignalRunsParams{
		NamespaceID: d.namespace, Ids: runs, Signals: sortedUnique(names),
	}, &locked)
}

func (d *delivery) round(p *pipeline, i int, round []parcel) {
	var all, own []parcel
	for _, s := range round {
		if s.RunID == "" {
			all = append(all, s)
		} else {
			own = append(own, s)
		}
	}
	if len(all) > 0 {
		rows(p, (*dbsqlc.Queries).DeliverSignals, dbsqlc.DeliverSignalsParams{
			NamespaceID: d.namespace, Signals: column(all, nameOf), Keys: column(all, keyOf), Datas: column(all, dataOf),
		}, &d.got[i])
	}
	if len(own) > 0 {
		rows(p, (*dbsqlc.Queries).DeliverSignalsToRuns, dbsqlc.DeliverSignalsToRunsParams{
			NamespaceID: d.namespace, Signals: column(own, nameOf), Keys: column(own, keyOf), Datas: column(own, dataOf),
			RunIds: column(own, addressOf),
		}, &d.gotOwn[i])
	}
	kept := slices.DeleteFunc(slices.Clone(round), func(s parcel) bool { return s.RunID == "" && s.Buffer <= 0 })
	if len(kept) > 0 {
		exec(p, (*dbsqlc.Queries).BufferSignals, dbsqlc.BufferSignalsParams{
			NamespaceID: d.namespace,
			Ids:         column(kept, func(s *parcel) string { return s.ID }),
			Signals:     column(kept, nameOf), Keys: column(kept, keyOf), Datas: column(kept, dataOf),
			RunIds: column(kept, addressOf),
			Ttls:   column(kept, func(s *parcel) int64 { return micros(s.Buffer) }),
		})
	}
}

func nameOf(s *parcel) string    { return s.Name }
func keyOf(s *parcel) string     { return s.Key }
func dataOf(s *parcel) string    { return orNull(s.Data) }
func addressOf(s *parcel) string { return s.RunID }

func (d *delivery) answerParams() dbsqlc.GetSignalAnswersParams {
	ords := make([]int32, len(d.parcels))
	for i := range ords {
		ords[i] = int32(i)
	}
	return dbsqlc.GetSignalAnswersParams{
		NamespaceID: d.namespace, Ords: ords,
		Signals: column(d.parcels, nameOf), Keys: column(d.parcels, keyOf), RunIds: column(d.parcels, addressOf),
	}
}

func (d *delivery) answer() {
	for _, a := range d.answers {
		s := &d.parcels[a.Ord]
		status := domain.ParseRunStatus(a.RunStatus)
		switch {
		case len(a.RunIds) > 0:
			s.answer.RunIDs = sortedUnique(a.RunIds)
		case a.Buffered || s.RunID == "":
		case a.RunStatus == "":
			s.answer.Err = fmt.Errorf("%w: %s", domain.ErrRunNotFound, s.RunID)
		case status.Terminal():
			s.answer.Err = fmt.Errorf("%w: %s is %s", domain.ErrRunFinished, s.RunID, status)
		}
	}
}

func (d *delivery) news() ports.Event {
	var n bulletin
	for _, round := range d.got {
		for _, r := range round {
			n.delivered(r.ID, r.Woken)
		}
	}
	for _, round := range d.gotOwn {
		for _, r := range round {
			n.delivered(r.ID, r.Woken)
		}
	}
	return n.Event
}

// parcelRounds spreads signals over statements so that each finds what the ones before it left: signals of
// one name share a statement only if they go to different runs.
func parcelRounds(parcels []parcel) (rounds [][]parcel) {
	type to struct{ name, run string }
	type from struct{ name, key string }
	anyOf, allOf := make(map[string]int), make(map[string]int) // the first round after those of the name
	ofRun, ofKey := make(map[to]int), make(map[from]int)
	for _, s := range parcels {
		t, f := to{s.Name, s.RunID}, from{s.Name, s.Key}
		round := max(allOf[s.Name], ofRun[t], ofKey[f])
		if s.RunID == "" {
			round = anyOf[s.Name]
			allOf[s.Name] = round + 1
		}
		anyOf[s.Name] = max(anyOf[s.Name], round+1)
		ofRun[t], ofKey[f] = round+1, round+1
		for len(rounds) <= round {
			rounds = append(rounds, nil)
		}
		rounds[round] = append(rounds[round], s)
	}
	return rounds
}
