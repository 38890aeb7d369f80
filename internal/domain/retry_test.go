package domain_test

import (
	"math"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

func TestRetryPolicyDelay(t *testing.T) {
	t.Parallel()
	defaults := domain.RetryPolicy{}.WithDefaults(domain.DefaultStepAttempts)
	slow := domain.RetryPolicy{InitialInterval: time.Hour, BackoffCoefficient: 10, MaximumInterval: time.Minute}
	flat := domain.RetryPolicy{InitialInterval: 3 * time.Second, BackoffCoefficient: 1, MaximumInterval: time.Hour}
	half := domain.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 1.5, MaximumInterval: time.Hour}
	for _, c := range []struct {
		name     string
		policy   domain.RetryPolicy
		failures int
		want     time.Duration
	}{
		{"first", defaults, 1, time.Second},
		{"second", defaults, 2, 2 * time.Second},
		{"seventh", defaults, 7, 64 * time.Second},
		{"eighth is capped", defaults, 8, 100 * time.Second},
		{"no failure counts as the first", defaults, 0, time.Second},
		{"beyond a float64", defaults, 5000, 100 * time.Second},
		{"the largest int", defaults, math.MaxInt, 100 * time.Second},
		{"initial above the maximum", slow, 1, time.Minute},
		{"coefficient one", flat, 40, 3 * time.Second},
		{"fraction", half, 3, 2250 * time.Millisecond},
	} {
		if got := c.policy.Delay(c.failures); got != c.want {
			t.Errorf("%s: delay after %d failures is %v, want %v", c.name, c.failures, got, c.want)
		}
	}
}

func TestRetryPolicyWithDefaults(t *testing.T) {
	t.Parallel()
	got := domain.RetryPolicy{}.WithDefaults(7)
	want := domain.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 100 * time.Second, MaximumAttempts: 7}
	if got != want {
		t.Errorf("defaults are %+v, want %+v", got, want)
	}
	own := domain.RetryPolicy{InitialInterval: 1, BackoffCoefficient: 3, MaximumInterval: 2, MaximumAttempts: domain.Unlimited}
	if got := own.WithDefaults(7); got != own {
		t.Errorf("%+v became %+v", own, got)
	}
}

func TestRetryPolicyValidate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		policy domain.RetryPolicy
		ok     bool
	}{
		{"zero", domain.RetryPolicy{}, true},
		{"unlimited", domain.RetryPolicy{MaximumAttempts: domain.Unlimited}, true},
		{"coefficient one", domain.RetryPolicy{BackoffCoefficient: 1}, true},
		{"negative initial", domain.RetryPolicy{InitialInterval: -1}, false},
		{"negative maximum", domain.RetryPolicy{MaximumInterval: -1}, false},
		{"attempts below unlimited", domain.RetryPolicy{MaximumAttempts: -2}, false},
		{"shrinking", domain.RetryPolicy{BackoffCoefficient: 0.5}, false},
		{"negative coefficient", domain.RetryPolicy{BackoffCoefficient: -2}, false},
		{"NaN", domain.RetryPolicy{BackoffCoefficient: math.NaN()}, false},
		{"infinite", domain.RetryPolicy{BackoffCoefficient: math.Inf(1)}, false},
	} {
		if err := c.policy.Validate(); (err == nil) != c.ok {
			t.Errorf("%s: got %v, want ok %v", c.name, err, c.ok)
		}
	}
}

func TestRetryPolicyDecide(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	three := domain.RetryPolicy{MaximumAttempts: 3}.WithDefaults(1)
	endless := domain.RetryPolicy{MaximumAttempts: domain.Unlimited}.WithDefaults(1)
	for _, c := range []struct {
		name     string
		policy   domain.RetryPolicy
		failure  domain.Failure
		failures int
		deadline time.Time
		want     domain.Decision
	}{
		{"first", three, domain.Failure{}, 1, time.Time{}, domain.Decision{RetryAt: now.Add(time.Second)}},
		{"second", three, domain.Failure{}, 2, time.Time{}, domain.Decision{RetryAt: now.Add(2 * time.Second)}},
		{"exhausted", three, domain.Failure{}, 3, time.Time{}, domain.Decision{Final: true}},
		{"beyond exhausted", three, domain.Failure{}, 9, time.Time{}, domain.Decision{Final: true}},
		{"unlimited", endless, domain.Failure{}, 999, time.Time{}, domain.Decision{RetryAt: now.Add(100 * time.Second)}},
		{"non-retryable", endless, domain.Failure{NonRetryable: true}, 1, time.Time{}, domain.Decision{Final: true}},
		{"non-retryable beats retry-after", endless, domain.Failure{NonRetryable: true, RetryAfter: 1}, 1, time.Time{}, domain.Decision{Final: true}},
		{"retry-after", three, domain.Failure{RetryAfter: time.Hour}, 1, time.Time{}, domain.Decision{RetryAt: now.Add(time.Hour)}},
		{"retry-after does not add attempts", three, domain.Failure{RetryAfter: time.Hour}, 3, time.Time{}, domain.Decision{Final: true}},
		{"rounded up to the millisecond", three, domain.Failure{RetryAfter: 1500 * time.Microsecond}, 1, time.Time{}, domain.Decision{RetryAt: now.Add(2 * time.Millisecond)}},
		{"before the deadline", three, domain.Failure{}, 1, now.Add(time.Second + 1), domain.Decision{RetryAt: now.Add(time.Second)}},
		{"at the deadline", three, domain.Failure{}, 1, now.Add(time.Second), domain.Decision{Final: true}},
		{"after the deadline", three, domain.Failure{}, 1, now, domain.Decision{Final: true}},
		{"retry-after beyond the deadline", three, domain.Failure{RetryAfter: time.Hour}, 1, now.Add(time.Minute), domain.Decision{Final: true}},
	} {
		if got := c.policy.Decide(c.failure, c.failures, now, c.deadline); got.Final != c.want.Final || !got.RetryAt.Equal(c.want.RetryAt) {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestRecoveryDelay(t *testing.T) {
	t.Parallel()
	for recoveries, want := range map[int]time.Duration{
		-1: 0, 0: 0, 1: 2 * time.Second, 2: 4 * time.Second, 8: 256 * time.Second, 9: domain.MaxRecoveryDelay, 70: domain.MaxRecoveryDelay,
	} {
		if got := domain.RecoveryDelay(recoveries); got != want {
			t.Errorf("after %d recoveries: %v, want %v", recoveries, got, want)
		}
	}
}
