package browsertest_test

import (
	"strings"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/browsertest/story"
)

// places are the pages, by the names of their pictures.
func places(told *story.Told) map[string]string {
	return map[string]string{
		"runs": "/", "runs-failed": "/?status=failed", "runs-filters": "/?workflow=process-order&key=order-48213", "runs-none": "/?workflow=nothing",
		"runs-wrong": "/?from=yesterday", "run-order": "/runs/" + told.Order, "run-order-to-scale": "/runs/" + told.Order + "?scale=linear",
		"run-expense": "/runs/" + told.Expense, "run-digest": "/runs/" + told.Digest, "run-import": "/runs/" + told.Import, "run-payout": "/runs/" + told.Payout,
		"run-retrying": "/runs/" + told.Retrying, "run-due": "/runs/" + told.Due, "run-later": "/runs/" + told.Later, "run-canceled": "/runs/" + told.Canceled,
		"run-long": "/runs/" + told.Long, "run-rerun": "/runs/" + told.Rerun, "run-child": "/runs/" + told.Shipment,
		"cancel": "/runs/" + told.Import + "/cancel", "rerun": "/runs/" + told.Payout + "/rerun", "signal": "/runs/" + told.Expense + "/signal",
		"bulk": "/bulk/cancel?workflow=process-order", "workflows": "/workflows", "workflows-hour": "/workflows?window=1h", "workers": "/workers",
		"start": "/start", "start-like": "/start?like=" + told.Order, "missing": "/nothing",
	}
}

// TestEveryPage opens every page, light and dark, wide and narrow, and asks axe-core about it.
func TestEveryPage(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		for i, look := range []struct {
			name          string
			width, height int64
			scheme        string
		}{{"light", 1280, 860, "light"}, {"dark", 1280, 860, "dark"}, {"narrow-light", 360, 740, "light"}, {"narrow-dark", 360, 740, "dark"}} {
			if strings.HasSuffix(t.Name(), "/postgres") && i%3 != 0 { // the pages are the same: two looks show it
				continue
			}
			t.Run(look.name, func(t *testing.T) {
				t.Parallel()
				b := w.tab(t, look.width, look.height, look.scheme)
				b.expected = []string{"404 (Not Found)", "400 (Bad Request)", `"yesterday" does not conform`} // of the pages that are about that
				for name, path := range places(w.told) {
					b.open(path)
					b.fits()
					// axe takes its time: it sees each page in two of the looks.
					if wide := look.width > 1000; wide == (len(name)%2 == 0) || !wide && strings.HasPrefix(name, "run") {
						b.accessible()
					}
					b.shot(strings.Join([]string{strings.ReplaceAll(t.Name(), "/", "-"), name}, "-"), false)
				}
			})
		}
	})
}

// TestUnfoldedPages looks at what is hidden at first.
func TestUnfoldedPages(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		b := w.tab(t, 1280, 860, "light")
		b.open("/runs/" + w.told.Order)
		b.click("#timeline .tl-step:nth-of-type(4) > summary")
		b.says("#timeline .tl-step[open] .attempts", "card network unavailable (attempt at acquirer 1)")
		b.says("#timeline .tl-step[open] .attempts", "Attempt 3")
		b.accessible()
		b.open("/runs/" + w.told.Payout)
		b.click(".failure .fold > summary")
		b.until(`document.querySelector(".failure .stack").checkVisibility()`)
		b.accessible()
		b.open("/runs/" + w.told.Expense)
		b.click("[data-sheet]")
		b.until(`document.getElementById("sheet").open && document.activeElement.name === "name"`)
		b.accessible()
		b.shot(strings.ReplaceAll(t.Name(), "/", "-")+"-signal", false)
		b.keys("\x1b")
		b.until(`!document.getElementById("sheet").open`)
		b.keys("?")
		b.until(`document.getElementById("help").open`)
		b.accessible()
	})
}
