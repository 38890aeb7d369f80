package domain

import (
	"crypto/rand"
	"sync"

	"github.com/oklog/ulid/v2"
)

var entropy = struct {
	sync.Mutex
	*ulid.MonotonicEntropy
}{MonotonicEntropy: ulid.Monotonic(rand.Reader, 0)}

// NewID makes the id of a run, an attempt, a signal or a worker: a ULID of the present time. Ids made in
// one process within one millisecond sort in the order in which they were made.
func NewID() string {
	entropy.Lock()
	defer entropy.Unlock()
	return ulid.MustNew(ulid.Now(), entropy.MonotonicEntropy).String()
}
