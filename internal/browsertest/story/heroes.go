package story

import (
	"fmt"
	"time"
)

// scene is a run whose attempts are told one after the other.
type scene struct {
	t   *teller
	run Run
}

func (t *teller) scene(run Run) *scene {
	if run.ID == "" {
		run.ID = t.ids.at(run.Created)
	}
	return &scene{t, run}
}

func (s *scene) end() string {
	s.t.runs = append(s.t.runs, s.run)
	return s.run.ID
}

// step tells an attempt that began so long after the run's creation, and took so long; 0 is still under way.
func (s *scene) step(name, kind string, after, took time.Duration, change func(*Attempt)) string {
	a := Attempt{RunID: s.run.ID, Step: name, Kind: kind, Status: "running", Started: s.run.Created.Add(after)}
	a.ID = s.t.ids.at(a.Started)
	if took > 0 {
		a.Status, a.Finished = "completed", a.Started.Add(took)
	}
	if change != nil {
		change(&a)
	}
	s.t.attempts = append(s.t.attempts, a)
	return a.ID
}

func output(v any) func(*Attempt) { return func(a *Attempt) { a.Output = v } }

func failed(message string, retry time.Duration) func(*Attempt) {
	return func(a *Attempt) {
		a.Status, a.Error = "failed", map[string]any{"name": "*stripe.Error", "message": message, "code": "card-network-unavailable"}
		a.RetryAt = a.Finished.Add(retry)
	}
}

func waits(kind string, more map[string]any) func(*Attempt) {
	return func(a *Attempt) {
		a.Context = map[string]any{"kind": kind}
		for k, v := range more {
			a.Context[k] = v
		}
	}
}

func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

const ms = time.Millisecond

func (t *teller) heroes(told *Told) {
	t.order(told)
	t.expense(told)
	t.digest(told)
	t.importing(told)
	t.payout(told)
	t.others(told)
	t.long(told)
}

// order is a run that has one of everything, and completed.
func (t *teller) order(told *Told) {
	s := t.scene(Run{
		Workflow: "process-order", Version: "2", Status: "completed", Key: "order-48213", Attempts: 4,
		Created: t.ago(3 * time.Hour), Started: t.ago(3*time.Hour - 180*ms), Finished: t.ago(12 * time.Minute), Deadline: t.now.Add(21 * time.Hour),
		Input: map[string]any{"orderId": 48213, "customer": map[string]any{"name": "Ann Vogel", "email": "ann@example.com", "country": "AT"},
			"lines": []any{map[string]any{"sku": "TEAPOT-02", "quantity": 1, "price": "49.50"}, map[string]any{"sku": "CUP-SET-6", "quantity": 2, "price": "18.00"}}, "express": false},
		Output:  map[string]any{"chargeId": "ch_1001", "parcel": "PRC-55902", "invoice": "INV-2048", "approvedBy": "marta"},
		Context: map[string]any{"traceContext": map[string]any{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}},
	})
	s.step("reserve-stock", "function", 190*ms, 420*ms, output(map[string]any{"reservation": "rsv_77", "warehouse": "VIE-1"}))
	s.step("charge-card", "function", 640*ms, 850*ms, failed("card network unavailable (attempt at acquirer 2)", 1000*ms))
	s.step("charge-card", "function", 2510*ms, 790*ms, failed("card network unavailable (attempt at acquirer 1)", 2000*ms))
	s.step("charge-card", "function", 5330*ms, 610*ms, output(map[string]any{"chargeId": "ch_1001", "amount": "85.50", "currency": "EUR"}))
	s.step("fraud-check/score", "function", 620*ms, 1400*ms, output(0.12))
	s.step("fraud-check/address", "function", 630*ms, 2900*ms, output(map[string]any{"match": true}))
	s.step("approval", "signal-wait", 5980*ms, 52*time.Minute, func(a *Attempt) {
		waits("signal-wait", map[string]any{"signal": "order-48213-approved", "timeoutAt": iso(a.Started.AddDate(0, 0, 3))})(a)
		a.Output = map[string]any{"data": map[string]any{"by": "marta", "note": "known customer"}}
	})
	packed := 5980*ms + 52*time.Minute
	s.step("pack", "function", packed+40*ms, 2600*ms, output("box M"))
	s.step("label", "function", packed+45*ms, 1150*ms, output(map[string]any{"carrier": "Post", "tracking": "AT-991-220"}))
	shipping := packed + 2700*ms
	parent := s.step("ship-parcel", "workflow", shipping, 46*time.Minute, waits("workflow", map[string]any{"timeoutAt": iso(t.now.AddDate(1, 0, 0))}))
	told.Shipment = t.shipment(s.run.Created.Add(shipping+35*ms), parent)
	t.attempts[len(t.attempts)-1].Output = nil
	for i := range t.attempts {
		if t.attempts[i].ID == parent {
			t.attempts[i].Child, t.attempts[i].Output = told.Shipment, map[string]any{"parcel": "PRC-55902"}
		}
	}
	cooling := shipping + 46*time.Minute + 80*ms
	s.step("cool-off", "sleep", cooling, time.Hour, waits("sleep", map[string]any{"resumeAt": iso(s.run.Created.Add(cooling + time.Hour))}))
	s.step("invoice", "function", cooling+time.Hour+60*ms, 1900*ms, output(map[string]any{"invoice": "INV-2048"}))
	s.step("tell-warehouse", "signal-send", cooling+time.Hour+2100*ms, 30*ms, output(map[string]any{"workflowRunIds": []any{}}))
	s.step("send-receipt", "function", cooling+time.Hour+2160*ms, 700*ms, output(map[string]any{"messageId": "<0a1b@mail.example.com>"}))
	s.run.Finished = s.run.Created.Add(cooling + time.Hour + 2900*ms)
	told.Order = s.end()
}

func (t *teller) shipment(created time.Time, parent string) string {
	s := t.scene(Run{Workflow: "ship-parcel", Status: "completed", Parent: parent, Attempts: 2, Created: created, Started: created.Add(20 * ms), Finished: created.Add(45 * time.Minute),
		Input: map[string]any{"orderId": 48213, "parcels": 1}, Output: map[string]any{"parcel": "PRC-55902"}})
	s.step("book-pickup", "function", 30*ms, 900*ms, output("slot 14:00"))
	s.step("picked-up", "signal-wait", 950*ms, 44*time.Minute, func(a *Attempt) {
		waits("signal-wait", map[string]any{"signal": "pickup-55902", "timeoutAt": iso(a.Started.AddDate(0, 0, 1))})(a)
		a.Output = map[string]any{"data": "scanned"}
	})
	s.step("notify", "function", 44*time.Minute+980*ms, 400*ms, nil)
	return s.end()
}

func (t *teller) expense(told *Told) {
	s := t.scene(Run{Workflow: "approve-expense", Status: "running", Attempts: 1, Key: "expense-771", Created: t.ago(26 * time.Hour), Started: t.ago(26*time.Hour - 90*ms), Due: t.now.Add(46 * time.Hour),
		Input: map[string]any{"ID": "771", "Amount": 1840, "Currency": "EUR", "By": "jonas@example.com", "Purpose": "GopherCon EU, travel"}})
	s.step("ask", "function", 100*ms, 640*ms, output(nil))
	s.step("remind", "sleep", 760*ms, 24*time.Hour, waits("sleep", map[string]any{"resumeAt": iso(t.ago(2 * time.Hour))}))
	s.step("ask-again", "function", 24*time.Hour+800*ms, 580*ms, nil)
	s.step("decision", "signal-wait", 24*time.Hour+1400*ms, 0, waits("signal-wait", map[string]any{"signal": "expense-771-decided", "timeoutAt": iso(t.now.Add(46 * time.Hour))}))
	told.Expense = s.end()
}

func (t *teller) digest(told *Told) {
	wake := t.now.Add(4*24*time.Hour + 3*time.Hour)
	s := t.scene(Run{Workflow: "weekly-digest", Status: "running", Attempts: 1, Created: t.ago(71 * time.Hour), Started: t.ago(71*time.Hour - 15*ms), Due: wake, Input: map[string]any{"list": "customers"}})
	s.step("collect", "function", 20*ms, 3*time.Second, output(map[string]any{"articles": 7}))
	s.step("until-monday", "sleep", 3100*ms, 0, waits("sleep", map[string]any{"resumeAt": iso(wake)}))
	told.Digest = s.end()
}

func (t *teller) importing(told *Told) {
	s := t.scene(Run{Workflow: "import-catalogue", Status: "running", Attempts: 1, Worker: importer, Created: t.ago(95 * time.Second), Started: t.ago(94 * time.Second), Due: t.now.Add(10 * time.Minute),
		Input: map[string]any{"source": "s3://catalogue/2026-06.csv", "rows": 182_000}})
	s.step("download", "function", 1100*ms, 14*time.Second, output(map[string]any{"bytes": 48_210_002}))
	s.step("validate", "function", 15200*ms, 22*time.Second, output(map[string]any{"rows": 182000, "bad": 3}))
	for i := range 4 {
		name := fmt.Sprintf("load/part-%d", i+1)
		took := time.Duration(18+7*i) * time.Second
		if i >= 2 {
			took = 0
		}
		s.step(name, "function", 37500*ms+time.Duration(i)*20*ms, took, output(nil))
	}
	told.Import = s.end()
}

const stack = `goroutine 4182 [running]:
runtime/debug.Stack()
	/usr/local/go/src/runtime/debug/stack.go:26 +0x64
example.com/shop/payouts.(*Ledger).Close(0x0, {0xa1b2c0, 0xc0004a2150})
	/srv/shop/payouts/ledger.go:148 +0x1c
example.com/shop/payouts.(*Service).payOut(0xc000112000, {0xa1b2c0, 0xc0004a2150}, {0x2f3a, {0xc00041e0f0, 0x8}})
	/srv/shop/payouts/payout.go:77 +0x3a5
created by example.com/shop/payouts.(*Service).Start in goroutine 1
	/srv/shop/payouts/service.go:51 +0x9f`

func (t *teller) payout(told *Told) {
	failure := map[string]any{"name": "runtime.boundsError", "message": "panic in step \"close-ledger\": runtime error: invalid memory address or nil pointer dereference", "stack": stack}
	s := t.scene(Run{Workflow: "pay-out", Status: "failed", Attempts: 1, Created: t.ago(7 * time.Minute), Started: t.ago(7*time.Minute - 40*ms), Finished: t.ago(7*time.Minute - 9200*ms),
		Input: map[string]any{"merchant": 12090, "period": "2026-05"}, Error: failure})
	s.step("collect-sales", "function", 50*ms, 2400*ms, output(map[string]any{"sales": 412, "gross": "18204.20"}))
	for i, after := range []time.Duration{2500 * ms, 4600 * ms, 8800 * ms} {
		s.step("close-ledger", "function", after, 300*ms, func(a *Attempt) {
			a.Status, a.Error, a.Final = "failed", failure, i == 2
			if i < 2 {
				a.RetryAt = a.Finished.Add(time.Duration(i+1) * 2 * time.Second)
			}
		})
	}
	told.Payout = s.end()
	again := t.scene(Run{Workflow: "pay-out", Status: "completed", Attempts: 1, Config: map[string]any{"rerunOf": told.Payout, "fromStep": "close-ledger"},
		Created: t.ago(4 * time.Minute), Started: t.ago(4*time.Minute - 30*ms), Finished: t.ago(4*time.Minute - 1900*ms),
		Input: map[string]any{"merchant": 12090, "period": "2026-05"}, Output: map[string]any{"paid": "17811.07"}})
	again.step("close-ledger", "function", 40*ms, 800*ms, output(true))
	again.step("transfer", "function", 850*ms, 1000*ms, output(map[string]any{"reference": "SEPA-20-1"}))
	told.Rerun = again.end()
}

func (t *teller) others(told *Told) {
	s := t.scene(Run{Workflow: "process-order", Version: "2", Status: "running", Attempts: 2, Key: "order-48377", Created: t.ago(100 * time.Second), Started: t.ago(100*time.Second - 12*ms), Due: t.now.Add(42 * time.Second), Input: map[string]any{"orderId": 48377}})
	s.step("reserve-stock", "function", 20*ms, 380*ms, output("rsv_91"))
	s.step("charge-card", "function", 450*ms, 700*ms, failed("card network unavailable", 2*time.Second))
	s.step("charge-card", "function", 3200*ms, 700*ms, func(a *Attempt) {
		failed("card network unavailable", 0)(a)
		a.RetryAt = t.now.Add(42 * time.Second)
	})
	told.Retrying = s.end()
	told.Due = t.scene(Run{Workflow: "legacy-export", Version: "0.9", Status: "pending", Created: t.ago(11 * time.Minute), Due: t.ago(11 * time.Minute), Input: map[string]any{"table": "orders"}}).end()
	told.Later = t.scene(Run{Workflow: "nightly-report", Status: "pending", Created: t.ago(40 * time.Minute), Due: t.now.Add(10 * time.Hour), Input: map[string]any{"day": "2026-06-30"}}).end()
	c := t.scene(Run{Workflow: "sync-inventory", Status: "canceled", Attempts: 1, Created: t.ago(48 * time.Minute), Started: t.ago(48*time.Minute - 20*ms), Finished: t.ago(47 * time.Minute), Input: map[string]any{"supplier": "northwind"}})
	c.step("fetch-feed", "function", 30*ms, 9*time.Second, output("4.1 MB"))
	c.step("diff", "function", 9100*ms, 0, nil)
	told.Canceled = c.end()
	for i := range 3 {
		t.scene(Run{Workflow: "process-order", Version: "2", Status: "pending", Created: t.ago(time.Duration(9-3*i) * time.Second), Due: t.ago(time.Duration(9-3*i) * time.Second), Input: map[string]any{"orderId": 48390 + i}}).end()
	}
}

// long is a run with more steps than fit on a page.
func (t *teller) long(told *Told) {
	s := t.scene(Run{Workflow: "sync-inventory", Status: "completed", Attempts: 1, Created: t.ago(30 * time.Minute), Started: t.ago(30*time.Minute - 10*ms), Input: map[string]any{"supplier": "all"}, Output: map[string]any{"items": 700}})
	for i := range 700 {
		s.step(fmt.Sprintf("item-%03d", i+1), "function", time.Duration(20+i*40)*ms, 35*ms, output(i))
	}
	s.run.Finished = s.run.Created.Add(29 * time.Second)
	told.Long = s.end()
}
