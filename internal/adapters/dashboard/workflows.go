package dashboard

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard/format"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// workflowsView is the workflows page.
type workflowsView struct {
	Windows []window
	Window  window
	Rows    []workflowRow
	Sampled bool
}

// window is how far the page looks back.
type window struct {
	Value, Label, Bucket string
	lasts                time.Duration
	buckets              int
}

var windows = []window{
	{"1h", "1 hour", "2 minutes", time.Hour, 30},
	{"24h", "24 hours", "30 minutes", 24 * time.Hour, 48},
	{"7d", "7 days", "4 hours", 7 * 24 * time.Hour, 42},
	{"30d", "30 days", "day", 30 * 24 * time.Hour, 30},
}

// workflowRow is a workflow in one version.
type workflowRow struct {
	openworkflow.WorkflowStats

	By       []statusCount
	Started  int64
	Ended    int64 // completed or failed in the window
	Failures int64
	Rate     string // of failure
	Failing  bool
	Lag      time.Duration
	Unserved bool // runs are due, and no live worker has it registered
	Spark    spark
}

func windowOf(r *http.Request) window {
	value := r.URL.Query().Get("window")
	for _, w := range windows {
		if w.Value == value {
			return w
		}
	}
	return windows[1]
}

func (d *Dashboard) showWorkflows(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := d.query(r)
	defer cancel()
	win := windowOf(r)
	v, err := d.workflowsView(ctx, win)
	if err != nil {
		return err
	}
	p := d.page(r, "workflows", "Workflows", v)
	p.Live = "live/workflows?window=" + win.Value
	return d.send(w, http.StatusOK, p)
}

func (d *Dashboard) liveWorkflows(w http.ResponseWriter, r *http.Request) error {
	win := windowOf(r)
	return d.stream(w, r, "workflows?"+win.Value, func(ctx context.Context) (snapshot, error) {
		v, err := d.workflowsView(ctx, win)
		if err != nil {
			return snapshot{}, err
		}
		return d.snapshot("workflows", "./", v, "workflows")
	})
}

func (d *Dashboard) workflowsView(ctx context.Context, win window) (*workflowsView, error) {
	stats, err := d.ow.WorkflowStats(ctx, openworkflow.StatsOptions{Window: win.lasts, Buckets: win.buckets})
	if err != nil {
		return nil, err
	}
	v := &workflowsView{Windows: windows, Window: win}
	for i := range stats {
		v.Sampled = v.Sampled || stats[i].Sampled
		v.Rows = append(v.Rows, d.workflowRow(ctx, &stats[i]))
	}
	return v, nil
}

func (d *Dashboard) workflowRow(ctx context.Context, s *openworkflow.WorkflowStats) workflowRow {
	row := workflowRow{WorkflowStats: *s}
	for _, b := range s.Buckets {
		row.Started += b.Started
		row.Failures += b.Failed
		row.Ended += b.Completed + b.Failed
	}
	row.Rate = format.Percent(row.Failures, row.Ended)
	row.Failing = row.Ended > 0 && float64(row.Failures)/float64(row.Ended) >= 0.05
	q := url.Values{"workflow": {s.Name}}
	if s.Version != "" {
		q.Set("version", s.Version)
	}
	for _, status := range statuses {
		c := statusCount{Status: status, Text: format.Count(s.Counts.Of(status))}
		if s.Counts.Capped(status) {
			c.Text += "+"
		}
		q.Set("status", string(status))
		c.Href = "./?" + q.Encode()
		c.Active = s.Counts.Of(status) > 0
		row.By = append(row.By, c)
	}
	if !s.OldestDue.IsZero() {
		row.Lag = max(0, d.now().Sub(s.OldestDue))
		row.Unserved = d.known.served(ctx, Workflow{s.Name, s.Version}) == unserved
	}
	row.Spark = newSpark(s.Buckets)
	return row
}

// spark is a small chart: a bar for each bucket, what failed at its foot.
type spark struct {
	Bars []bar
	Says string // in words
	Peak int64
}

// bar is a part of the window. Places are in the chart's own units, 100 wide and 32 high.
type bar struct {
	X, W         float64
	OkY, OkH     float64
	FailY, FailH float64
	IdleY        float64
	Title        string
}

const sparkHeight = 32.0

// newSpark draws what ended in each bucket.
func newSpark(buckets []openworkflow.StatsBucket) spark {
	var s spark
	total := func(b openworkflow.StatsBucket) int64 { return b.Completed + b.Failed }
	if len(buckets) == 0 {
		return s
	}
	s.Peak = total(slices.MaxFunc(buckets, func(a, b openworkflow.StatsBucket) int { return int(total(a) - total(b)) }))
	w := 100 / float64(len(buckets))
	var started, failed int64
	for i, b := range buckets {
		started += b.Started
		failed += b.Failed
		v := bar{X: float64(i)*w + w*0.12, W: w * 0.76, OkY: sparkHeight, FailY: sparkHeight, IdleY: sparkHeight - 1}
		if s.Peak > 0 {
			unit := (sparkHeight - 2) / float64(s.Peak)
			v.FailH = tall(float64(b.Failed)*unit, b.Failed)
			v.OkH = tall(float64(b.Completed)*unit, b.Completed)
			v.FailY = sparkHeight - v.FailH
			v.OkY = v.FailY - v.OkH
		}
		v.Title = format.Time(b.Start)[:16] + " UTC: " + format.Count(b.Started) + " started, " + format.Count(b.Completed) + " completed, " + format.Count(b.Failed) + " failed"
		s.Bars = append(s.Bars, v)
	}
	s.Says = format.Count(started) + " started, " + format.Count(failed) + " failed, at most " + format.Count(s.Peak) + " in a bar"
	return s
}

// tall is a bar's height: what is there can be seen.
func tall(h float64, n int64) float64 {
	if n > 0 {
		return max(h, 1.2)
	}
	return 0
}
