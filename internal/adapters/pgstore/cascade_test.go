package pgstore_test

import (
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// Nothing but the runs has to be deleted to be rid of them.
func TestDeletedRunsTakeTheirAttemptsAlong(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	gone, kept := st.owned("gone"), st.owned("kept")
	st.ok(finished(gone), finished(kept), waitFor(gone, "never"))
	st.ok(complete(gone))
	attempts := func(l domain.Lease) int64 {
		return scalar[int64](t, st.conn, `select count(*) from "`+st.schema+`".step_attempts where workflow_run_id = '`+l.RunID+`'`)
	}
	if n := attempts(gone); n != 2 {
		t.Fatalf("%d attempts before", n)
	}
	execute(t, st.conn, `delete from "`+st.schema+`".workflow_runs where id = $1`, gone.RunID)
	if n := attempts(gone); n != 0 {
		t.Errorf("%d attempts are left of a run that was deleted", n)
	}
	if n := attempts(kept); n != 1 {
		t.Errorf("%d attempts of the run that stays, want 1", n)
	}
	execute(t, st.conn, `delete from "`+st.schema+`".workflow_runs`)
	if n := attempts(kept); n != 0 {
		t.Errorf("%d attempts are left of all runs", n)
	}
}
