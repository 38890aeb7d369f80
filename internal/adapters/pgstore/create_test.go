package pgstore_test

import (
	"context"
	"slices"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// Each attempt to make the new ones of a batch may meet more that others have made meanwhile.
func TestCreateWhatOthersMakeMeanwhile(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	second := connect(t)
	insert := `insert into "` + st.schema + `".workflow_runs (namespace_id, id, workflow_name, status, config, attempts, created_at, updated_at)
		values ('default', $1, 'w', 'pending', '{}', 0, now(), now())`
	st.begin()
	execute(t, st.conn, insert, "a")
	execute(t, second, "begin")
	execute(t, second, insert, "b")
	created := later(st, func(ctx context.Context) ([]string, error) {
		return st.s.CreateRuns(ctx, []domain.NewRun{{ID: "a", WorkflowName: "w"}, {ID: "b", WorkflowName: "w"}, {ID: "c", WorkflowName: "w"}})
	})
	st.queued(1)
	st.end()
	st.pid = int(second.PgConn().PID())
	st.queued(1)
	execute(t, second, "commit")
	if ids := created(); !slices.Equal(ids, []string{"a", "b", "c"}) {
		t.Errorf("created %v", ids)
	}
	if found, err := st.s.GetRuns(testContext(t), []string{"a", "b", "c"}); err != nil || len(found) != 3 {
		t.Errorf("found %d, %v", len(found), err)
	}
}

// A run that is gone by the time it is looked for is made.
func TestCreateWhatIsDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	run := []domain.NewRun{{ID: "a", WorkflowName: "w"}, {ID: "b", WorkflowName: "w"}}
	if _, err := st.s.CreateRuns(testContext(t), run[:1]); err != nil {
		t.Fatal(err)
	}
	st.begin()
	execute(t, st.conn, `delete from "`+st.schema+`".workflow_runs where id = 'a'`)
	created := later(st, func(ctx context.Context) ([]string, error) { return st.s.CreateRuns(ctx, run) })
	st.queued(1)
	st.end()
	if ids := created(); !slices.Equal(ids, []string{"a", "b"}) {
		t.Errorf("created %v", ids)
	}
	if found, err := st.s.GetRuns(testContext(t), []string{"a", "b"}); err != nil || len(found) != 2 {
		t.Errorf("found %d, %v", len(found), err)
	}
}
