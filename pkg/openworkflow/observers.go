package openworkflow

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// observers are the observers of a client, as the engine and the client's verbs see them; nil if there are none.
type observers struct {
	list []Observer
	log  *zap.Logger
}

var _ engine.Observer = (*observers)(nil)

// forEngine is what a worker on the backend tells. Where histories are only replayed nothing happens.
func (o *observers) forEngine(b Backend) engine.Observer {
	if _, replaying := b.(ports.Recording); o == nil || replaying {
		return nil
	}
	return o
}

// guard calls an observer: what it does must not change what it observes.
func (o *observers) guard(call func()) {
	defer func() {
		if v := recover(); v != nil {
			o.log.Error("an observer panicked", zap.Any("panic", v), zap.StackSkip("stack", 2))
		}
	}()
	call()
}

// each calls every observer.
func (o *observers) each(call func(*Observer)) {
	for i := range o.list {
		o.guard(func() { call(&o.list[i]) })
	}
}

// through hands a context from one observer to the next; call returns nil for those that do not ask for it.
func (o *observers) through(ctx context.Context, call func(context.Context, *Observer) context.Context) context.Context {
	o.each(func(observer *Observer) {
		if next := call(ctx, observer); next != nil {
			ctx = next
		}
	})
	return ctx
}

// carry is the run context of a run that is started in ctx, on top of the one that it has otherwise.
func (o *observers) carry(ctx context.Context, run json.RawMessage) json.RawMessage {
	carrier := make(map[string]string)
	o.each(func(observer *Observer) {
		if observer.Carrier != nil {
			maps.Copy(carrier, observer.Carrier(ctx))
		}
	})
	return domain.WithCarrier(run, carrier)
}

// observedCall is a client's call under way; nil where nobody observes.
type observedCall struct {
	ObservedCall
	observers *observers
	ctx       context.Context
	start     time.Time
}

// observe begins a call.
func (o *observers) observe(ctx context.Context, call ObservedCall) (context.Context, *observedCall) {
	if o == nil {
		return ctx, nil
	}
	c := &observedCall{ObservedCall: call, observers: o, start: time.Now()}
	c.ctx = o.through(ctx, func(ctx context.Context, observer *Observer) context.Context {
		if observer.CallStarted == nil {
			return nil
		}
		return observer.CallStarted(ctx, call)
	})
	return c.ctx, c
}

// startCall is the start of so many runs of a workflow, as observers see it.
func (c *Client) startCall(id *identityOf, runs int) ObservedCall {
	if c.config.observers == nil {
		return ObservedCall{}
	}
	return ObservedCall{Verb: CallStart, NamespaceID: c.backend.Namespace(), WorkflowName: id.name, Version: id.version, Runs: runs}
}

// started ends a call that starts runs, the first of them with the id.
func (c *observedCall) started(first string, err error, made ...string) {
	if c == nil {
		return
	}
	end := ObservedCallEnd{Err: err}
	if err == nil {
		end.RunIDs = slices.Clone(made) // theirs
		end.Existing = len(made) > 0 && made[0] != first
	}
	c.end(end)
}

// carry is the run context of a run that the call starts, on top of the one that it has otherwise.
func (c *observedCall) carry(run json.RawMessage) json.RawMessage {
	if c == nil {
		return run
	}
	return c.observers.carry(c.ctx, run)
}

func (c *observedCall) end(e ObservedCallEnd) {
	if c == nil {
		return
	}
	e.Duration = time.Since(c.start)
	c.observers.each(func(observer *Observer) {
		if observer.CallEnded != nil {
			observer.CallEnded(c.ctx, c.ObservedCall, e)
		}
	})
}

func (o *observers) workerStarted(w *Worker) {
	if o != nil {
		o.each(func(observer *Observer) {
			if observer.WorkerStarted != nil {
				observer.WorkerStarted(w)
			}
		})
	}
}

func (o *observers) workerStopped(w *Worker) {
	if o != nil {
		o.each(func(observer *Observer) {
			if observer.WorkerStopped != nil {
				observer.WorkerStopped(w)
			}
		})
	}
}
