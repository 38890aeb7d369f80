package sqlitestore_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// What is kept for a run goes with its plain end, and stays if the lease was lost.
func TestPlainEndDropsSignals(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	s := openAt(t, path, sqlitestore.Options{})
	var ends []domain.Transition
	for _, l := range claimed(t, s, 3) {
		signal := domain.Signal{ID: domain.NewID(), Name: "s", Key: domain.NewID(), RunID: l.RunID}
		if _, err := s.SendSignals(t.Context(), []domain.Signal{signal}); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, domain.Transition{Kind: domain.CompleteRun, Plain: true, Lease: l})
	}
	ends[1].Lease.Epoch--
	vs, err := s.Commit(t.Context(), ends)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range vs {
		if lost := i == 1; errors.Is(v.Err, domain.ErrLeaseLost) != lost || (!lost && v.Err != nil) {
			t.Errorf("end %d: %v", i, v.Err)
		}
	}
	left := queryText(t, handle(t, path), "SELECT group_concat(workflow_run_id, ' ') FROM workflow_signal_buffer")
	if left != ends[1].Lease.RunID {
		t.Errorf("signals are kept for %q, want %q", left, ends[1].Lease.RunID)
	}
}
