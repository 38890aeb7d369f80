package memstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// senderKey is what a repeated signal is known by.
type senderKey struct{ signal, key string }

// buffered is a signal that no wait has got yet.
type buffered struct {
	seq       int64
	key       senderKey
	data      json.RawMessage
	expiresAt time.Time // zero is never
}

func (b *buffered) expired(now time.Time) bool {
	return !b.expiresAt.IsZero() && !b.expiresAt.After(now)
}

// sent is what a signal left behind: the runs that got it, none while it is only buffered.
type sent struct{ runIDs []string }

// mailbox is a namespace's memory of signals.
type mailbox struct {
	sent   map[senderKey]*sent
	buffer map[string][]*buffered // unaddressed ones by name, oldest first
}

func newMailbox() mailbox {
	return mailbox{sent: make(map[senderKey]*sent), buffer: make(map[string][]*buffered)}
}

func (m *mailbox) of(key senderKey) *sent {
	s, ok := m.sent[key]
	if !ok {
		s = &sent{}
		m.sent[key] = s
	}
	return s
}

// forget drops the trace of a buffered signal that nobody will get.
func (m *mailbox) forget(b *buffered) {
	if s, ok := m.sent[b.key]; ok && len(s.runIDs) == 0 {
		delete(m.sent, b.key)
	}
}

// expire drops up to limit unaddressed signals whose time is up.
func (m *mailbox) expire(now time.Time, limit int) (deleted int) {
	for name, list := range m.buffer {
		kept := list[:0]
		for _, b := range list {
			if deleted < limit && b.expired(now) {
				m.forget(b)
				deleted++
				continue
			}
			kept = append(kept, b)
		}
		clear(list[len(kept):])
		if m.buffer[name] = kept; len(kept) == 0 {
			delete(m.buffer, name)
		}
	}
	return deleted
}

// SendSignals is ports.ClientBackend's.
func (s *Store) SendSignals(ctx context.Context, signals []domain.Signal) ([]ports.SignalResult, error) {
	out := make([]ports.SignalResult, len(signals))
	err := s.do(ctx, func(x *tx) error {
		for i := range signals {
			out[i] = x.send(&signals[i])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (x *tx) send(sig *domain.Signal) ports.SignalResult {
	if err := sig.CheckStorable(); err != nil {
		return ports.SignalResult{Err: err}
	}
	if before, ok := x.sp.signals.sent[senderKey{sig.Name, sig.Key}]; ok {
		return ports.SignalResult{RunIDs: slices.Clone(before.runIDs)}
	}
	if sig.RunID != "" {
		return x.sendTo(sig)
	}
	waits := x.waiting(sig.Name, nil)
	for _, a := range waits {
		x.deliver(a, senderKey{sig.Name, sig.Key}, clone(sig.Data))
		x.wake(x.sp, a.run)
	}
	if len(waits) == 0 {
		if sig.Buffer > 0 {
			b := x.buffer(sig, x.now.Add(sig.Buffer))
			x.sp.signals.buffer[sig.Name] = append(x.sp.signals.buffer[sig.Name], b)
		}
		return ports.SignalResult{}
	}
	return ports.SignalResult{RunIDs: slices.Clone(x.sp.signals.of(senderKey{sig.Name, sig.Key}).runIDs)}
}

func (x *tx) sendTo(sig *domain.Signal) ports.SignalResult {
	r, ok := x.sp.runs[sig.RunID]
	if !ok {
		return ports.SignalResult{Err: fmt.Errorf("%w: %s", domain.ErrRunNotFound, sig.RunID)}
	}
	if r.Status.Terminal() {
		return ports.SignalResult{Err: fmt.Errorf("%w: %s is %s", domain.ErrRunFinished, sig.RunID, r.Status)}
	}
	if waits := x.waiting(sig.Name, r); len(waits) > 0 {
		x.deliver(waits[0], senderKey{sig.Name, sig.Key}, clone(sig.Data))
		x.wake(x.sp, r)
		return ports.SignalResult{RunIDs: []string{r.ID}}
	}
	r.inbox = append(r.inbox, x.buffer(sig, time.Time{}))
	return ports.SignalResult{}
}

func (x *tx) buffer(sig *domain.Signal, expiresAt time.Time) *buffered {
	key := senderKey{sig.Name, sig.Key}
	x.sp.signals.of(key) // remembered from now on
	return &buffered{seq: x.data.nextSeq(), key: key, data: clone(sig.Data), expiresAt: expiresAt}
}

// waiting lists the open waits for a signal that have none yet, oldest first; of one run if only is set.
func (x *tx) waiting(signal string, only *run) []*attempt {
	from := x.sp.waits[signal]
	if only != nil {
		from = only.open
	}
	var out []*attempt
	for _, a := range from {
		if a.waitsFor == signal && !a.delivered && !a.run.Status.Terminal() {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b *attempt) int { return compareKeys(a.CreatedAt, a.ID, b.CreatedAt, b.ID) })
	return out
}

// deliver gives the signal to the wait; waking its run is the caller's.
func (x *tx) deliver(a *attempt, key senderKey, data json.RawMessage) {
	a.delivered, a.signal = true, data
	s := x.sp.signals.of(key)
	if i, found := slices.BinarySearch(s.runIDs, a.run.ID); !found {
		s.runIDs = slices.Insert(s.runIDs, i, a.run.ID)
	}
}

// takeBuffered gives a wait that has just opened the oldest signal that was kept for it.
func (x *tx) takeBuffered(a *attempt) bool {
	common, own := x.sp.signals.buffer[a.waitsFor], a.run.inbox
	i := slices.IndexFunc(common, func(b *buffered) bool { return !b.expired(x.now) })
	j := slices.IndexFunc(own, func(b *buffered) bool { return b.key.signal == a.waitsFor })
	var b *buffered
	switch {
	case i < 0 && j < 0:
		return false
	case j < 0 || (i >= 0 && common[i].seq < own[j].seq):
		b = common[i]
		if x.sp.signals.buffer[a.waitsFor] = slices.Delete(common, i, i+1); len(common) == 1 {
			delete(x.sp.signals.buffer, a.waitsFor)
		}
	default:
		b = own[j]
		a.run.inbox = slices.Delete(own, j, j+1)
	}
	x.deliver(a, b.key, b.data)
	return true
}
