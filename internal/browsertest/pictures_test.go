package browsertest_test

import (
	"os"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/dashboard"
)

// TestPictures takes the pictures of the documentation: make dashboard-pictures.
func TestPictures(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("OPENWORKFLOW_TEST_PICTURES")
	if dir == "" {
		t.Skip("only on demand: make dashboard-pictures")
	}
	need(t, browser.missing)
	w := create(t, t.TempDir()+"/story.db", dashboard.Options{})
	for _, p := range []struct {
		name, path    string
		width, height int64
		scheme        string
		click         string
	}{
		{"dashboard-runs", "/", 1280, 800, "light", ""},
		{"dashboard-run", "/runs/" + w.told.Order, 1280, 900, "light", ""},
		{"dashboard-run-dark", "/runs/" + w.told.Import, 1280, 760, "dark", ""},
		{"dashboard-failure", "/runs/" + w.told.Payout, 1280, 860, "light", "#timeline .tl-step:nth-of-type(2) > summary"},
		{"dashboard-signal", "/runs/" + w.told.Expense, 1280, 760, "dark", "#news [data-sheet]"},
		{"dashboard-workflows", "/workflows", 1280, 860, "light", ""},
		{"dashboard-workers", "/workers", 1280, 620, "dark", ""},
		{"dashboard-phone", "/runs/" + w.told.Order, 360, 740, "light", ""},
	} {
		b := w.tab(t, p.width, p.height, p.scheme)
		b.open(p.path)
		if p.click != "" {
			b.click(p.click)
			b.until(`document.getElementById("sheet").open || document.querySelector(".tl-step[open] .attempts")`)
		}
		b.shotTo(dir, p.name, false)
	}
}
