package dashboard

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// workersView is the workers page.
type workersView struct {
	Rows    []workerRow
	Holding int64
	Slots   int
}

// workerRow is a worker.
type workerRow struct {
	openworkflow.WorkerInfo

	Stale bool // it has not been heard of for longer than it should be silent
	Href  string
	Busy  float64 // percent of its slots; of parked runs it holds no lease
}

// silence is how long a worker that registers every minute may be unheard of before the page doubts it.
const silence = 90 * time.Second

func (d *Dashboard) showWorkers(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := d.query(r)
	defer cancel()
	v, err := d.workersView(ctx)
	if err != nil {
		return err
	}
	p := d.page(r, "workers", "Workers", v)
	p.Live = "live/workers"
	return d.send(w, http.StatusOK, p)
}

func (d *Dashboard) liveWorkers(w http.ResponseWriter, r *http.Request) error {
	return d.stream(w, r, "workers", func(ctx context.Context) (snapshot, error) {
		v, err := d.workersView(ctx)
		if err != nil {
			return snapshot{}, err
		}
		return d.snapshot("workers", "./", v, "workers")
	})
}

func (d *Dashboard) workersView(ctx context.Context) (*workersView, error) {
	workers, err := d.ow.ListWorkers(ctx)
	if err != nil {
		return nil, err
	}
	v := &workersView{}
	for _, w := range workers {
		row := workerRow{WorkerInfo: w, Href: "./?" + url.Values{"worker": {w.ID}, "status": {"running"}}.Encode()}
		row.Stale = !w.SeenAt.IsZero() && d.now().Sub(w.SeenAt) > silence
		if w.Concurrency > 0 {
			row.Busy = min(100, 100*float64(w.Holding)/float64(w.Concurrency))
		}
		v.Holding += w.Holding
		v.Slots += w.Concurrency
		v.Rows = append(v.Rows, row)
	}
	return v, nil
}
