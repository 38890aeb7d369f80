package engine

import (
	"sync"
	"time"
)

// clock estimates the database's clock from the answers that carry it. Whoever sets a time to wait for
// asks for the latest that it can be, whoever checks one asks for the earliest: no wait ends early.
type clock struct {
	mu             sync.Mutex
	now            time.Time // the database's
	sent, received time.Time // ours, around it
}

func (c *clock) observe(sent time.Time, now time.Time) {
	if now.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.sent, c.received = now, sent, time.Now()
}

// latest is not before the database's present time.
func (c *clock) latest() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now.IsZero() {
		return time.Now()
	}
	return c.now.Add(elapsed(c.sent))
}

// earliest is not after the database's present time.
func (c *clock) earliest() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now.IsZero() {
		return time.Now()
	}
	now := time.Now()
	return c.now.Add(min(now.Sub(c.received), wall(now, c.received)))
}

// elapsed counts by the larger of wall and monotonic time: a suspended machine's monotonic clock stands still.
func elapsed(since time.Time) time.Duration {
	now := time.Now()
	return max(now.Sub(since), wall(now, since))
}

func wall(now, since time.Time) time.Duration { return now.Round(0).Sub(since.Round(0)) }
