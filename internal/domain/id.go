package domain

import (
	"crypto/rand"
	"sync"

	"github.com/oklog/ulid/v2"
)

var idSource = struct {
	sync.Mutex
	entropy *ulid.MonotonicEntropy
	last    uint64 // the latest time of an id, in milliseconds
}{entropy: ulid.Monotonic(rand.Reader, 0)}

// NewID makes the id of a run, an attempt, a signal or a worker: a ULID of the present time, or of the latest time
// that the process has seen, if the clock was set back. Ids made in one process sort in the order in which they were
// made.
func NewID() string {
	idSource.Lock()
	defer idSource.Unlock()
	idSource.last = max(idSource.last, ulid.Now())
	return ulid.MustNew(idSource.last, idSource.entropy).String()
}
