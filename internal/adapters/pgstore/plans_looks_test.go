package pgstore_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// looks asks all that people and monitoring ask.
func looks(t *testing.T, s *pgstore.Store) {
	t.Helper()
	ctx := testContext(t)
	cursor := &domain.Cursor{CreatedAt: time.Now(), ID: "x"}
	for _, f := range []ports.RunFilter{
		{}, {Status: domain.RunCompleted}, {Status: domain.RunFailed}, {Status: domain.RunRunning}, {Live: true}, {WorkflowName: "w1", Version: "v"},
		{IdempotencyKey: "k"}, {WorkerID: "w"}, {Status: domain.RunCanceled, WorkflowName: "w1"}, {CreatedAfter: time.Now().Add(-time.Hour), WorkflowName: "w1"},
	} {
		for _, p := range []ports.PageRequest{{Limit: 10}, {Limit: 10, After: cursor}, {Limit: 10, Before: cursor}} {
			if _, err := s.ListRuns(ctx, f, p); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.TallyRuns(ctx, f, 1000); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.WorkflowStats(ctx, ports.StatsRequest{Window: time.Hour, Buckets: 2, WorkflowName: "w1", Limit: 10}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ListWorkers(ctx, time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GetStepAttempts(ctx, []string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
}

// walkedBy are the indexes that the queries that look at so many rows walk in order.
var walkedBy = map[string]string{
	"GetListEnd": "listing|unsuccessful", "GetListEndBackwards": "listing|unsuccessful",
	"CountLiveRuns": "due", "GetHeldRuns": "due", "CountLeases": "due", "GetRunsByKey": "idempotency",
	"TallyNewest": "listing|unsuccessful", "TallyFirstDue": "due", "TallyLastDue": "due",
	"GetStatsCells": "listing", "GetStatsOfLive": "due", "GetStatsOfUnsuccessful": "unsuccessful", "GetLiveWorkflows": "claim",
	"GetStepAttempts": "step_attempts_pkey",
}

// What looks at a limited number of rows looks at no more: it walks its index and neither sorts nor scans, on new
// tables without statistics, after they grew, and with statistics.
func TestPlansOfLooks(t *testing.T) {
	t.Parallel()
	schema := newSchema(t)
	openIn(t, schema, "default")
	conn := connect(t)
	log := planLog{plans: make(map[string][]string)}
	s, err := pgstore.FromPool(testContext(t), tracedPool(t, &log), pgstore.Config{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	pgstore.LimitScans(s, 100)

	check := func(when string) {
		t.Run(when, func(t *testing.T) {
			log.mu.Lock()
			log.plans = make(map[string][]string)
			log.mu.Unlock()
			looks(t, s)
			log.mu.Lock()
			defer log.mu.Unlock()
			for query, index := range walkedBy {
				if when == "new" && len(log.plans[query]) == 0 {
					continue // the newest runs are all there are
				}
				checkWalk(t, query, regexp.MustCompile(`Index (Only )?Scan (Backward )?using (workflow_runs_)?(`+index+`)(_idx)? `), log.plans[query])
			}
		})
	}
	check("new")
	grow(t, conn, schema, 200_000)
	check("grown")
	execute(t, conn, `analyze "`+schema+`".workflow_runs, "`+schema+`".step_attempts`)
	check("grown and known")
}

func checkWalk(t *testing.T, query string, walk *regexp.Regexp, plans []string) {
	t.Helper()
	if len(plans) == 0 {
		t.Errorf("no plan of %s was seen", query)
	}
	for _, plan := range plans {
		if !walk.MatchString(plan) || strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Sort") || strings.Contains(plan, "Bitmap") {
			t.Errorf("%s does not walk its index:\n%s", query, plan)
		}
	}
}
