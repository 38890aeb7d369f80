package openworkflow

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// None is the In of a workflow without input and the Out of one without result: pass and return nil. It is
// stored as null.
type None = *struct{}

// identityOf is what a declaration says about a workflow.
type identityOf struct {
	name    string
	version string
	place   string // where it was declared, for messages
	err     error  // what is wrong with it
}

// definition is what an implementation adds to a declaration.
type definition struct {
	identityOf
	policy domain.RetryPolicy
}

func (id *identityOf) String() string {
	if id.version == "" {
		return fmt.Sprintf("workflow %q", id.name)
	}
	return fmt.Sprintf("workflow %q (version %q)", id.name, id.version)
}

func (id *identityOf) refuse(err error) {
	if err != nil {
		id.err = errors.Join(id.err, fmt.Errorf("%s, declared at %s: %w", id, id.place, err))
	}
}

// check checks the identity and the types that the workflow takes and returns.
func (id *identityOf) check(in, out reflect.Type) {
	id.refuse(edge.CheckName("workflow name", id.name))
	id.refuse(edge.CheckText("workflow version", id.version, edge.MaxName))
	id.refuse(edge.CheckType(in))
	id.refuse(edge.CheckType(out))
}

// caller is where the function that called the exported function is.
func caller() string {
	_, file, line, ok := runtime.Caller(2)
	if !ok {
		return "an unknown place"
	}
	dir, base := filepath.Split(file)
	return fmt.Sprintf("%s:%d", filepath.Join(filepath.Base(dir), base), line)
}

// Spec is a declared workflow: its name, version and types, without the code. It is enough to start runs, to
// wait for them, and to run it as a child. Services share it; the one that executes it implements it.
type Spec[In, Out any] struct{ id identityOf }

// Declare names a workflow and its types. Options: WithVersion.
//
// Declare contracts once, as package variables, and implement them as methods, so that what the code
// depends on comes from its receiver and not from globals:
//
//	var SignUp = openworkflow.Declare[SignUpInput, SignUpOutput]("sign-up")
//
//	type Accounts struct{ db *sql.DB; mail Mailer }
//
//	func (a *Accounts) signUp(ctx openworkflow.Context, in SignUpInput) (SignUpOutput, error) { … }
//
//	func (a *Accounts) Workflows() []openworkflow.AnyWorkflow {
//		return openworkflow.Workflows(SignUp.Implement(a.signUp))
//	}
//
// In and Out are stored as JSON (encoding/json). The name has 1 to 512 bytes. Declare does not panic: what is
// wrong is returned by Run, NewWorker and Err.
func Declare[In, Out any](name string, opts ...DeclareOption) *Spec[In, Out] {
	s := &Spec[In, Out]{identityOf{name: name, place: caller()}}
	for _, o := range opts {
		if o != nil {
			o.declare(&s.id)
		}
	}
	s.id.check(reflect.TypeFor[In](), reflect.TypeFor[Out]())
	return s
}

// Implement gives the workflow its code. Options: WithRetryPolicy. See Declare for the pattern, and Context for
// what the code has to heed. The Workflow goes into WorkerOptions.Workflows.
func (s *Spec[In, Out]) Implement(fn func(Context, In) (Out, error), opts ...ImplementOption) *Workflow[In, Out] {
	w := &Workflow[In, Out]{spec: s, fn: fn, def: definition{identityOf: identityOf{place: caller()}}}
	if s == nil {
		w.spec = new(Spec[In, Out])
		w.def.refuse(edge.Invalid("Implement: the Spec is nil"))
	} else {
		w.def.name, w.def.version, w.def.err = s.id.name, s.id.version, s.id.err
	}
	for _, o := range opts {
		if o != nil {
			o.implement(&w.def)
		}
	}
	w.check()
	return w
}

// Name is the workflow's name.
func (s *Spec[In, Out]) Name() string {
	if s == nil {
		return ""
	}
	return s.id.name
}

// Version is the workflow's version, "" if it has none.
func (s *Spec[In, Out]) Version() string {
	if s == nil {
		return ""
	}
	return s.id.version
}

// Err is what is wrong with the declaration, nil if nothing is: the error that Run and NewWorker return.
func (s *Spec[In, Out]) Err() error {
	switch {
	case s == nil:
		return edge.Invalid("the workflow is nil")
	case s.id.place == "":
		return edge.Invalid("the workflow was not made with Declare or Define")
	}
	return s.id.err
}

// Run starts a run and returns its handle; a worker that has the workflow registered executes it. Once Run has
// returned without error the run survives any crash. Options: WithIdempotencyKey, WithDeadline, WithStartAt,
// WithStartAfter.
//
// Errors: what Err says, ErrInvalidArgument, ErrInvalidPayload, ErrPayloadTooLarge, ErrClientClosed, or the
// backend's. After an error of the backend's the run may exist all the same: call again with an idempotency key
// if that matters.
func (s *Spec[In, Out]) Run(ctx context.Context, c *Client, in In, opts ...RunOption) (*RunHandle[Out], error) {
	if err := s.Err(); err != nil {
		return nil, err
	}
	return start[In, Out](ctx, c, &s.id, &in, opts)
}

// Handle is the handle of a run that was started before, here or elsewhere. It does not look whether the run
// exists: the handle's methods do.
func (s *Spec[In, Out]) Handle(c *Client, runID string) *RunHandle[Out] {
	return &RunHandle[Out]{client: c, id: runID, workflow: s.Name()}
}

func (*Spec[In, Out]) runnable(In, Out) {}

// Workflow is a workflow with its code: a worker can execute it. It has all that a Spec has.
type Workflow[In, Out any] struct {
	spec *Spec[In, Out]
	fn   func(Context, In) (Out, error)
	def  definition
}

// Define is Declare and Implement in one, for workflows that are started where they are executed. Options:
// WithVersion, WithRetryPolicy. It does not panic: what is wrong is returned by Run, NewWorker and Err.
//
// fn is called from its top each time the run is resumed; its steps (package step) are what is remembered. Its
// error fails the run, or has it tried again if there is a retry policy; NonRetryable and RetryAfter have a say.
func Define[In, Out any](name string, fn func(Context, In) (Out, error), opts ...DefineOption) *Workflow[In, Out] {
	w := &Workflow[In, Out]{fn: fn, def: definition{identityOf: identityOf{name: name, place: caller()}}}
	for _, o := range opts {
		if o != nil {
			o.define(&w.def)
		}
	}
	w.def.identityOf.check(reflect.TypeFor[In](), reflect.TypeFor[Out]())
	w.spec = &Spec[In, Out]{w.def.identityOf}
	w.check()
	return w
}

// check checks what the implementation adds.
func (w *Workflow[In, Out]) check() {
	if w.fn == nil {
		w.def.refuse(edge.Invalid("the workflow function is nil"))
	}
	if err := w.def.policy.Validate(); err != nil {
		w.def.refuse(fmt.Errorf("%w: %w", ErrInvalidArgument, err))
	}
}

// Name is the workflow's name.
func (w *Workflow[In, Out]) Name() string {
	if w == nil {
		return ""
	}
	return w.spec.Name()
}

// Version is the workflow's version, "" if it has none.
func (w *Workflow[In, Out]) Version() string {
	if w == nil {
		return ""
	}
	return w.spec.Version()
}

// Err is what is wrong with the definition, nil if nothing is: the error that Run and NewWorker return.
func (w *Workflow[In, Out]) Err() error {
	switch {
	case w == nil:
		return edge.Invalid("the workflow is nil")
	case w.def.place == "":
		return edge.Invalid("the workflow was not made with Define or Implement")
	}
	return w.def.err
}

// Run starts a run and returns its handle; see Spec.Run.
func (w *Workflow[In, Out]) Run(ctx context.Context, c *Client, in In, opts ...RunOption) (*RunHandle[Out], error) {
	if err := w.Err(); err != nil {
		return nil, err
	}
	return start[In, Out](ctx, c, &w.spec.id, &in, opts)
}

// Handle is the handle of a run that was started before, here or elsewhere; see Spec.Handle.
func (w *Workflow[In, Out]) Handle(c *Client, runID string) *RunHandle[Out] {
	return &RunHandle[Out]{client: c, id: runID, workflow: w.Name()}
}

func (*Workflow[In, Out]) runnable(In, Out) {}
