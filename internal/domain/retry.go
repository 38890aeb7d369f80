package domain

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Unlimited, as MaximumAttempts, retries until success.
const Unlimited = -1

// RetryPolicy says when a failed step or workflow is tried again.
type RetryPolicy struct {
	InitialInterval    time.Duration
	BackoffCoefficient float64
	MaximumInterval    time.Duration
	MaximumAttempts    int
}

// The budgets where a policy names none.
const (
	DefaultStepAttempts     = 10
	DefaultWorkflowAttempts = 1
)

// Validate refuses a policy that means nothing.
func (p RetryPolicy) Validate() error {
	switch {
	case p.InitialInterval < 0:
		return fmt.Errorf("retry policy: InitialInterval is %v; it must not be negative", p.InitialInterval)
	case p.MaximumInterval < 0:
		return fmt.Errorf("retry policy: MaximumInterval is %v; it must not be negative", p.MaximumInterval)
	case p.MaximumAttempts < Unlimited:
		return fmt.Errorf("retry policy: MaximumAttempts is %d; use Unlimited (-1), 0 for the default, or a positive number", p.MaximumAttempts)
	case math.IsNaN(p.BackoffCoefficient) || math.IsInf(p.BackoffCoefficient, 0):
		return errors.New("retry policy: BackoffCoefficient is not a number")
	case p.BackoffCoefficient != 0 && p.BackoffCoefficient < 1:
		return fmt.Errorf("retry policy: BackoffCoefficient is %v; it must be at least 1", p.BackoffCoefficient)
	}
	return nil
}

// WithDefaults fills the zero fields: 1 s, ×2, at most 100 s, and the given number of attempts.
func (p RetryPolicy) WithDefaults(attempts int) RetryPolicy {
	if p.InitialInterval == 0 {
		p.InitialInterval = time.Second
	}
	if p.BackoffCoefficient == 0 {
		p.BackoffCoefficient = 2
	}
	if p.MaximumInterval == 0 {
		p.MaximumInterval = 100 * time.Second
	}
	if p.MaximumAttempts == 0 {
		p.MaximumAttempts = attempts
	}
	return p
}

// Delay is the wait after so many failures (1 for the first).
func (p RetryPolicy) Delay(failures int) time.Duration {
	d := float64(p.InitialInterval) * math.Pow(p.BackoffCoefficient, float64(max(0, failures-1)))
	if d >= float64(p.MaximumInterval) { // also +Inf
		return p.MaximumInterval
	}
	return time.Duration(d)
}

// Exhausted reports whether so many failures use the budget up. The policy's defaults must be filled in.
func (p RetryPolicy) Exhausted(failures int) bool {
	return p.MaximumAttempts != Unlimited && failures >= p.MaximumAttempts
}

// Decision is what follows a failure.
type Decision struct {
	Final   bool
	RetryAt time.Time
}

// Decide says whether and when to try again after the given number of failures, this one included. A
// retry that would start at or after the deadline is not made. The policy's defaults must be filled in.
func (p RetryPolicy) Decide(f Failure, failures int, now, deadline time.Time) Decision {
	if f.NonRetryable || p.Exhausted(failures) {
		return Decision{Final: true}
	}
	delay := p.Delay(failures)
	if f.RetryAfter > 0 {
		delay = f.RetryAfter
	}
	at := CeilMillis(now.Add(delay))
	if !deadline.IsZero() && !at.Before(deadline) {
		return Decision{Final: true}
	}
	return Decision{RetryAt: at}
}
