package openworkflow

import (
	"errors"
	"log/slog"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// Unlimited, as RetryPolicy.MaximumAttempts, tries until it succeeds.
const Unlimited = domain.Unlimited

// RetryPolicy says when a step or workflow that failed is tried again. The wait after the first failure is
// InitialInterval, after each further one BackoffCoefficient times the one before, and never more than
// MaximumInterval. Zero fields have the defaults of the TypeScript OpenWorkflow.
//
// Only failures count: sleeps, waits for signals and children, crashes, restarts and lost database
// connections never use up an attempt. A retry that would start at or after the run's deadline is not made.
type RetryPolicy struct {
	// InitialInterval is the wait after the first failure; 0 is 1 s.
	InitialInterval time.Duration
	// BackoffCoefficient is the factor from one wait to the next, at least 1; 0 is 2.
	BackoffCoefficient float64
	// MaximumInterval is the longest wait; 0 is 100 s.
	MaximumInterval time.Duration
	// MaximumAttempts is the number of attempts, the first included; 0 is 10 for a step and 1, which is no
	// retry, for a workflow. Unlimited is without end.
	MaximumAttempts int
}

// An option is accepted by the verbs whose interface it implements; giving it to another does not compile.
type (
	// DefineOption is an option of Define.
	DefineOption interface{ define(*definition) }
	// DeclareOption is an option of Declare.
	DeclareOption interface{ declare(*identityOf) }
	// ImplementOption is an option of Spec.Implement.
	ImplementOption interface{ implement(*definition) }
	// RunOption is an option of Spec.Run and Workflow.Run.
	RunOption interface{ run(*runConfig) }
	// ResultOption is an option of RunHandle.Result.
	ResultOption interface{ result(*resultConfig) }
	// SignalOption is an option of Client.SendSignal and RunHandle.Signal.
	SignalOption interface{ signal(*signalConfig) }
	// ClientOption is an option of New.
	ClientOption interface{ client(*clientConfig) }

	// VersionOption is an option of Define and Declare.
	VersionOption interface {
		DefineOption
		DeclareOption
	}
	// RetryPolicyOption is an option of Define and Spec.Implement.
	RetryPolicyOption interface {
		DefineOption
		ImplementOption
	}
	// IdempotencyKeyOption is an option of Run and SendSignal.
	IdempotencyKeyOption interface {
		RunOption
		SignalOption
	}
)

// WithVersion gives a workflow a version, at most 512 bytes. A version is part of the identity: a worker
// executes only the versions it has registered, several side by side if need be, and "" is unversioned. Give
// changed code a new version while runs of the old one are under way.
func WithVersion(version string) VersionOption { return versionOption(version) }

type versionOption string

func (o versionOption) define(d *definition)   { d.version = string(o) }
func (o versionOption) declare(id *identityOf) { id.version = string(o) }

// WithRetryPolicy says when the workflow is tried again after it returned an error of its own. It does not
// apply to steps (see step.WithRetryPolicy), and a step that has failed for good fails the run (see
// StepError). Without it a workflow is not retried.
func WithRetryPolicy(p RetryPolicy) RetryPolicyOption { return retryPolicyOption(p) }

type retryPolicyOption RetryPolicy

func (o retryPolicyOption) define(d *definition)    { d.policy = domain.RetryPolicy(o) }
func (o retryPolicyOption) implement(d *definition) { d.policy = domain.RetryPolicy(o) }

// WithIdempotencyKey makes a call safe to repeat. Run returns the run of the same workflow that was created
// with the same key within the last 24 hours (WithIdempotencyWindow) instead of creating another, whatever
// its version and input. SendSignal delivers nothing the second time and returns the first answer.
//
// The key has at most 1024 bytes. Keys that start with "__workflow:" or "__signal:" are OpenWorkflow's own.
func WithIdempotencyKey(key string) IdempotencyKeyOption { return keyOption(key) }

type keyOption string

func (o keyOption) run(c *runConfig)       { c.key, c.keyed = string(o), true }
func (o keyOption) signal(c *signalConfig) { c.key, c.keyed = string(o), true }

// WithDeadline fails the run with ErrDeadlineExceeded if it has not ended by then; a step that is under way has
// its context cancelled. The zero time is no deadline.
func WithDeadline(t time.Time) RunOption {
	return runOption(func(c *runConfig) { c.deadline = t })
}

// WithStartAt keeps the run pending until then. The zero time, and any time past, is at once. The last of
// WithStartAt and WithStartAfter counts.
func WithStartAt(t time.Time) RunOption {
	return runOption(func(c *runConfig) { c.startAt, c.startAfter = t, 0 })
}

// WithStartAfter keeps the run pending for so long, by the database's clock. It must not be negative. The
// last of WithStartAt and WithStartAfter counts.
func WithStartAfter(d time.Duration) RunOption {
	return runOption(func(c *runConfig) { c.startAt, c.startAfter = time.Time{}, d })
}

type runOption func(*runConfig)

func (o runOption) run(c *runConfig) { o(c) }

// WithResultTimeout bounds how long Result waits; the default is 5 minutes, as in TypeScript. 0 looks once and
// does not wait. The context that Result is called with may end the wait sooner.
func WithResultTimeout(d time.Duration) ResultOption { return resultTimeout(d) }

type resultTimeout time.Duration

func (o resultTimeout) result(c *resultConfig) { c.timeout = time.Duration(o) }

// WithBuffer keeps a signal that no run waits for, for so long: the next run that waits for it gets it, one
// signal to one wait, oldest first. Without it, or with 0, such a signal is dropped, as in TypeScript. It
// has no effect on RunHandle.Signal, whose signals are always kept for their run.
func WithBuffer(ttl time.Duration) SignalOption {
	return signalOption(func(c *signalConfig) { c.buffer = ttl })
}

type signalOption func(*signalConfig)

func (o signalOption) signal(c *signalConfig) { o(c) }

// WithLogger writes the log of the client and of its workers to a zap logger: a line per change of a run's
// state at level info, steps at debug, never payloads. The default logs nothing. The last of WithLogger and
// WithSlog counts.
func WithLogger(l *zap.Logger) ClientOption {
	return clientOption(func(c *clientConfig) {
		if l == nil {
			c.refuse(errors.New("WithLogger: the logger is nil; leave the option away to log nothing"))
			return
		}
		c.zap, c.slog = l, slogOf(l)
	})
}

// WithSlog is WithLogger for a *slog.Logger.
func WithSlog(l *slog.Logger) ClientOption {
	return clientOption(func(c *clientConfig) {
		if l == nil {
			c.refuse(errors.New("WithSlog: the logger is nil; leave the option away to log nothing"))
			return
		}
		c.zap, c.slog = zapOf(l), l
	})
}

// WithMaxPayload limits the JSON of each input, result and signal, in bytes; the default is 1 MiB. What is
// larger is refused with ErrPayloadTooLarge before anything is written.
func WithMaxPayload(bytes int) ClientOption {
	return clientOption(func(c *clientConfig) {
		if bytes <= 0 {
			c.refuse(edge.Invalid("WithMaxPayload: the limit is %d bytes; it must be positive", bytes))
		}
		c.maxPayload = bytes
	})
}

// WithIdempotencyWindow says for how long after a run's creation its idempotency key binds; the default is 24
// hours, which is TypeScript's.
func WithIdempotencyWindow(d time.Duration) ClientOption {
	return clientOption(func(c *clientConfig) {
		if d <= 0 {
			c.refuse(edge.Invalid("WithIdempotencyWindow: the window is %v; it must be positive", d))
		}
		c.window = d
	})
}

type clientOption func(*clientConfig)

func (o clientOption) client(c *clientConfig) { o(c) }
