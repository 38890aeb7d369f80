package memstore

import (
	"container/heap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// queue holds the runs of one workflow key that have not ended, ranked by when they may be claimed. The
// ended ones are not in it, so they cost a claim nothing.
type queue struct{ runs []*run }

func (q *queue) Len() int { return len(q.runs) }

func (q *queue) Less(i, j int) bool {
	a, b := q.runs[i], q.runs[j]
	if c := a.due.Compare(b.due); c != 0 {
		return c < 0
	}
	return a.seq < b.seq
}

func (q *queue) Swap(i, j int) {
	q.runs[i], q.runs[j] = q.runs[j], q.runs[i]
	q.runs[i].pos, q.runs[j].pos = i, j
}

// Push adds a run; it is for package heap.
func (q *queue) Push(x any) {
	r := x.(*run)
	r.queue, r.pos = q, len(q.runs)
	q.runs = append(q.runs, r)
}

// Pop takes the last run off; it is for package heap.
func (q *queue) Pop() any {
	last := len(q.runs) - 1
	r := q.runs[last]
	q.runs[last] = nil
	q.runs = q.runs[:last]
	r.queue = nil
	return r
}

// head is the run that may be claimed first; nil of an empty or nil queue.
func (q *queue) head() *run {
	if q == nil || len(q.runs) == 0 {
		return nil
	}
	return q.runs[0]
}

// requeue gives the run its place after its row has changed.
func (sp *space) requeue(r *run) {
	if r.Status.Terminal() || r.AvailableAt.IsZero() {
		dequeue(r)
		return
	}
	r.due = domain.DueAt(&r.Run)
	if r.queue != nil {
		heap.Fix(r.queue, r.pos)
		return
	}
	key := domain.WorkflowKey{Name: r.WorkflowName, Version: r.Version}
	q, ok := sp.queues[key]
	if !ok {
		q = &queue{}
		sp.queues[key] = q
	}
	heap.Push(q, r)
}

func dequeue(r *run) {
	if r.queue != nil {
		heap.Remove(r.queue, r.pos)
	}
}

// deadlines holds runs ranked by their deadline.
type deadlines struct{ runs []*run }

func (d *deadlines) Len() int           { return len(d.runs) }
func (d *deadlines) Less(i, j int) bool { return d.runs[i].DeadlineAt.Before(d.runs[j].DeadlineAt) }
func (d *deadlines) Swap(i, j int)      { d.runs[i], d.runs[j] = d.runs[j], d.runs[i] }

// Push adds a run; it is for package heap.
func (d *deadlines) Push(x any) { d.runs = append(d.runs, x.(*run)) }

// Pop takes the last run off; it is for package heap.
func (d *deadlines) Pop() any {
	last := len(d.runs) - 1
	r := d.runs[last]
	d.runs[last] = nil
	d.runs = d.runs[:last]
	return r
}

func (d *deadlines) add(r *run) { heap.Push(d, r) }

// head is the run whose deadline comes first, the ended ones dropped on the way; nil if there is none.
func (d *deadlines) head() *run {
	for len(d.runs) > 0 {
		if !d.runs[0].Status.Terminal() {
			return d.runs[0]
		}
		heap.Pop(d)
	}
	return nil
}
