package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// workers are the workers of this process, as they are when metrics are collected. Several are added up: a worker's
// id would be a label that changes at each start.
type workers struct {
	mu  sync.Mutex
	all map[*openworkflow.Worker]struct{}
}

var (
	workerCount    = gauge("workers", "Workers of the process.", "state")
	workerSlots    = gauge("worker_slots", "Runs that the process executes at once at most.")
	workerInUse    = gauge("worker_slots_in_use", "Runs that execute, and those just being claimed.")
	workerHeld     = gauge("worker_held_runs", "Runs whose lease the process holds.")
	workerResident = gauge("worker_resident_runs", "Parked runs whose goroutines are kept, to go on without replay.")
	workerQueued   = gauge("worker_queued_writes", "Calls that wait for their results to be written.")
	workerFailing  = gauge("worker_claims_failing", "Workers whose last call for due runs failed.")
)

var workerGauges = []*prometheus.Desc{
	workerCount, workerSlots, workerInUse, workerHeld, workerResident, workerQueued, workerFailing,
}

func (w *workers) add(worker *openworkflow.Worker) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = make(map[*openworkflow.Worker]struct{})
	}
	w.all[worker] = struct{}{}
}

func (w *workers) remove(worker *openworkflow.Worker) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, worker)
}

// statuses are those of the workers that have not stopped.
func (w *workers) statuses() []openworkflow.WorkerStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []openworkflow.WorkerStatus
	for worker := range w.all {
		s := worker.Status()
		if s.State == openworkflow.WorkerStopped { // before it was added
			delete(w.all, worker)
			continue
		}
		all = append(all, s)
	}
	return all
}

func (w *workers) describe(to chan<- *prometheus.Desc) {
	for _, d := range workerGauges {
		to <- d
	}
}

func (w *workers) collect(to chan<- prometheus.Metric) {
	states := map[openworkflow.WorkerState]int{openworkflow.WorkerClaiming: 0, openworkflow.WorkerStopping: 0}
	var sum openworkflow.WorkerStatus
	failing := 0
	for _, s := range w.statuses() {
		states[s.State]++
		sum.Concurrency += s.Concurrency
		sum.Executing += s.Executing
		sum.Holding += s.Holding
		sum.Resident += s.Resident
		sum.QueuedWrites += s.QueuedWrites
		if s.ClaimError != nil {
			failing++
		}
	}
	for state, n := range states {
		to <- prometheus.MustNewConstMetric(workerCount, prometheus.GaugeValue, float64(n), string(state))
	}
	for d, n := range map[*prometheus.Desc]int{
		workerSlots: sum.Concurrency, workerInUse: sum.Executing, workerHeld: sum.Holding,
		workerResident: sum.Resident, workerQueued: sum.QueuedWrites, workerFailing: failing,
	} {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n))
	}
}
