package engine

import (
	"container/list"
	"errors"
	"sync"
)

// maxResidents bounds the parked executions that keep their goroutines; the least recently parked go first.
const maxResidents = 10_000

var errTooMany = errors.New("too many parked runs are resident")

// residents are the parked executions, oldest first.
type residents struct {
	mu    sync.Mutex
	order *list.List // of *execution
	limit int
}

func newResidents(limit int) *residents {
	return &residents{order: list.New(), limit: limit}
}

// add makes x the newest; executions over the limit are evicted.
func (r *residents) add(x *execution) {
	r.mu.Lock()
	if x.place != nil {
		r.order.MoveToBack(x.place)
	} else {
		x.place = r.order.PushBack(x)
	}
	var over []*execution
	for r.order.Len() > r.limit {
		oldest := r.order.Remove(r.order.Front()).(*execution)
		oldest.place = nil
		over = append(over, oldest)
	}
	r.mu.Unlock()
	for _, x := range over {
		x.evict(errTooMany)
	}
}

func (r *residents) remove(x *execution) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x.place != nil {
		r.order.Remove(x.place)
		x.place = nil
	}
}

func (r *residents) all() []*execution {
	r.mu.Lock()
	defer r.mu.Unlock()
	xs := make([]*execution, 0, r.order.Len())
	for e := r.order.Front(); e != nil; e = e.Next() {
		xs = append(xs, e.Value.(*execution))
	}
	return xs
}
