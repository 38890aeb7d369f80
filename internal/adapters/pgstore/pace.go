package pgstore

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

const (
	// pollHeard is how long an idle worker goes without looking, at most, where every writer tells of what it writes.
	// What it finds then was written by a process that died before it told.
	pollHeard = 40 * time.Second
	// pollUnheard bounds how long a run that a TypeScript service started, or made due, may go unnoticed: it tells
	// nobody. It is the interval too where notifications do not arrive.
	pollUnheard = 5 * time.Second
	// foreignPause is how long one look for such writers serves, foreignMemory how long a run of theirs that a worker met.
	foreignPause  = 20 * time.Second
	foreignMemory = 10 * time.Minute
)

// pace is what is known of a namespace's load and of its silent writers.
type pace struct {
	busy atomic.Bool // the last claim got all it asked for

	mu     sync.Mutex
	looked time.Time
	until  time.Time // they are taken for present until then
}

func (c *core) paceOf(namespace string) *pace {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paces[namespace] == nil {
		c.paces[namespace] = &pace{}
	}
	return c.paces[namespace]
}

// IdleInterval is ports.Paced's: seldom where every writer is heard, often where one may not be.
func (s *Store) IdleInterval(lease time.Duration) time.Duration {
	switch {
	case s.core.poll > 0:
		return s.core.poll
	case !s.core.news.hearing.Load() || s.pace.foreign():
		return pollUnheard
	}
	return min(pollHeard, max(lease*3/2, time.Second))
}

func (p *pace) foreign() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Before(p.until)
}

// wantsLook reports whether it is time to look for silent writers.
func (p *pace) wantsLook() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.looked) >= foreignPause
}

// saw notes the answer of a look.
func (p *pace) saw(foreign bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looked = time.Now()
	if foreign {
		p.until = p.looked.Add(foreignMemory)
	}
}

// met notes the runs that were claimed: TypeScript's have UUIDs.
func (p *pace) met(runs []domain.Run) {
	for i := range runs {
		if len(runs[i].ID) == len("00000000-0000-0000-0000-000000000000") {
			p.saw(true)
			return
		}
	}
}
