package story

import (
	"fmt"
	"math"
	"time"
)

// kind is a workflow of the crowd.
type kind struct {
	name, version string
	perHour       float64
	fails         float64
	takes         time.Duration
	steps         []string
	message       string
}

var kinds = []kind{
	{"process-order", "2", 14, 0.02, 4 * time.Second, []string{"reserve-stock", "charge-card", "ship/pack", "ship/label", "send-receipt"}, "card_declined: the issuer refused the charge"},
	{"process-order", "1", 1.2, 0.01, 6 * time.Second, []string{"reserve-stock", "charge-card", "ship", "send-receipt"}, "context deadline exceeded"},
	{"send-invoice", "", 9, 0.01, 900 * time.Millisecond, []string{"render-pdf", "upload", "send-mail"}, "smtp: 451 4.3.0 mailbox temporarily unavailable"},
	{"sync-inventory", "", 6, 0.12, 21 * time.Second, []string{"fetch-feed", "diff", "apply"}, `supplier feed: unexpected status 502 Bad Gateway from "feeds.example.com"`},
	{"onboard-customer", "3", 3, 0.03, 70 * time.Second, []string{"create-account", "verify-email", "seed-workspace", "send-welcome"}, "the workspace quota is exhausted"},
	{"nightly-report", "", 1, 0, 95 * time.Second, []string{"collect", "aggregate", "publish"}, ""},
}

// crowd is a day of runs that ended, more of them by day than by night.
func (t *teller) crowd() {
	for _, k := range kinds {
		for at := 24 * time.Hour; at > 3*time.Minute; {
			hour := math.Mod(24+14-at.Hours(), 24) // as if now were two in the afternoon
			busy := 0.35 + 0.65*math.Pow(math.Sin(math.Pi*math.Max(0, math.Min(1, (hour-4)/18))), 2)
			wait := time.Duration(t.rng.ExpFloat64() / (k.perHour * busy) * float64(time.Hour))
			if at -= wait; at <= 3*time.Minute {
				break
			}
			t.extra(k, t.ago(at).Truncate(time.Millisecond))
		}
	}
}

func (t *teller) extra(k kind, created time.Time) {
	run := Run{
		ID: t.ids.at(created), Workflow: k.name, Version: k.version, Created: created, Attempts: 1, Status: "completed",
		Input:   map[string]any{"id": 10000 + t.rng.IntN(90000)},
		Started: created.Add(time.Duration(4+t.rng.IntN(40)) * time.Millisecond),
	}
	run.Output = map[string]any{"ok": true}
	failing := -1
	if t.rng.Float64() < k.fails {
		failing = t.rng.IntN(len(k.steps))
		run.Status, run.Output = "failed", nil
		run.Error = map[string]any{"name": "Error", "message": fmt.Sprintf("step %q failed after 3 attempts: %s", k.steps[failing], k.message)}
	}
	at := run.Started
	for i, step := range k.steps {
		took := time.Duration((0.3 + t.rng.ExpFloat64()) * float64(k.takes) / float64(len(k.steps)))
		a := Attempt{ID: t.ids.at(at), RunID: run.ID, Step: step, Kind: "function", Status: "completed", Started: at, Finished: at.Add(took), Output: map[string]any{"step": i}}
		if i == failing {
			a.Status, a.Output, a.Final = "failed", nil, true
			a.Error = map[string]any{"name": "Error", "message": k.message}
		}
		t.attempts = append(t.attempts, a)
		at = a.Finished.Add(3 * time.Millisecond)
		if i == failing {
			break
		}
	}
	run.Finished = at
	t.runs = append(t.runs, run)
}

func (t *teller) crew() {
	all := func(names ...string) (out []map[string]string) {
		for _, n := range names {
			version := map[string]string{"process-order": "2", "onboard-customer": "3"}[n]
			out = append(out, map[string]string{"name": n, "version": version})
		}
		return out
	}
	orders := append(all("process-order", "ship-parcel", "send-invoice"), map[string]string{"name": "process-order", "version": "1"})
	t.workers = []Worker{
		{t.ids.at(t.ago(50 * time.Hour)), "orders-7d9c5b-x2k8p", 1, 50, orders, t.ago(50 * time.Hour), t.ago(12 * time.Second)},
		{t.ids.at(t.ago(49 * time.Hour)), "orders-7d9c5b-q9w4t", 1, 50, orders, t.ago(49 * time.Hour), t.ago(41 * time.Second)},
		{importer, "batch-02.internal", 4127, 10, all("sync-inventory", "nightly-report", "import-catalogue"), t.ago(9 * time.Hour), t.ago(26 * time.Second)},
		{t.ids.at(t.ago(20 * time.Minute)), "people-1.internal", 881, 20, all("onboard-customer", "approve-expense", "weekly-digest", "pay-out"), t.ago(20 * time.Minute), t.ago(2 * time.Minute)},
	}
}

// importer is the worker that holds the run that is under way.
const importer = "01JQ4T7W3M8Y2D5K9C6B1X0ZPA"
