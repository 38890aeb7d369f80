package domain_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// Virtual time begins in the year 2000: to NewID, that is a clock that was set back.
func TestIDsAreInOrder(t *testing.T) {
	t.Parallel()
	var made []string
	for range 100 {
		made = append(made, domain.NewID(), domain.NewID())
		synctest.Test(t, func(*testing.T) { made = append(made, domain.NewID()) })
	}
	if !slices.IsSorted(made) || len(slices.Compact(made)) != 300 {
		t.Errorf("made %v", made)
	}
}
