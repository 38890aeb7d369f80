package browsertest_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/dashboard"
)

// action is a script that is run for what it does.
type action = chromedp.Action

func itoa(n int) string { return strconv.Itoa(n) }

func script(text string) chromedp.Action { return chromedp.Evaluate(text+";0", nil) }

func withoutScripts() chromedp.Action { return emulation.SetScriptExecutionDisabled(true) }

func visible(selector string) chromedp.Action {
	return chromedp.WaitVisible(selector, chromedp.ByQuery)
}

// TestLiveList: new runs appear by themselves, and who reads is not disturbed: what is ticked, focused, unfolded and scrolled to
// stays so.
func TestLiveList(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		b := w.tab(t, 1280, 600, "light")
		b.open("/")
		b.until(`document.getElementById("live").dataset.state === "live"`)
		b.do(script(`window.mark = 1; document.getElementById("more-filters").open = true; document.getElementById("f-key").value = "half written"; document.getElementById("f-key").focus()`))
		b.click("#list tr.run:nth-child(4) input[name=id]")
		ticked := get[string](b, `document.querySelector("#list input:checked").value`)
		b.do(script(`document.querySelectorAll(".row-link")[6].focus({ preventScroll: true }); window.scrollTo(0, 400)`))
		focused := get[string](b, `document.activeElement.href`)
		id := w.interview(t, "ann")
		b.until(`!!document.getElementById("row-` + id + `")`)
		b.until(`document.querySelector("#counts .s-pending .stat-n").textContent === "6"`)
		if got := get[string](b, `document.querySelector("#list input:checked").value`); got != ticked {
			t.Errorf("%s was ticked, now it is %s", ticked, got)
		}
		if got := get[string](b, `document.activeElement.href`); got != focused {
			t.Errorf("the focus went from %s to %s", focused, got)
		}
		if !get[bool](b, `window.mark === 1 && document.getElementById("more-filters").open && document.getElementById("f-key").value === "half written" && window.scrollY >= 390`) {
			t.Error("the page was loaded again, folded, emptied or scrolled")
		}
		w.employ(t)
		b.says("#row-"+id, "waiting")
	})
}

// TestLiveRun: an open run's timeline grows, and what was unfolded stays so.
func TestLiveRun(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		b := w.tab(t, 1280, 860, "light")
		id := w.interview(t, "ben")
		b.open("/runs/" + id)
		b.says("#head", "pending")
		b.says("#timeline", "No step has begun yet")
		b.do(script(`window.mark = 1`))
		w.employ(t)
		b.says("#timeline", "greet")
		b.says("#news", "waits for the signal")
		b.click(".tl-step:nth-of-type(1) > summary")
		b.says(".tl-step[open] .attempts", "hello ben")
		if err := Interview.Handle(w.ow, id).Signal(t.Context(), "answer", "no"); err != nil {
			t.Fatal(err)
		}
		b.says("#head", "completed")
		b.says("#output", "ben says no")
		b.says("#live-text", "Ended")
		if !get[bool](b, `window.mark === 1 && document.querySelector(".tl-step").open && document.querySelector(".tl-step .attempts").textContent.includes("hello ben")`) {
			t.Error("the page was loaded again, or what was unfolded was folded")
		}
		if n := get[int](b, `document.querySelectorAll(".tl-step").length`); n != 3 {
			t.Errorf("%d steps", n)
		}
	})
}

// TestLiveWithoutStreams: a page that cannot have a stream asks again now and then.
func TestLiveWithoutStreams(t *testing.T) {
	t.Parallel()
	need(t, browser.missing)
	w := create(t, t.TempDir()+"/story.db", dashboard.Options{})
	b := w.tab(t, 1280, 860, "light")
	b.do(chromedp.ActionFunc(addScript(`delete window.EventSource`)))
	b.open("/")
	b.until(`document.getElementById("live").dataset.state === "live"`)
	id := w.interview(t, "eve")
	b.until(`!!document.getElementById("row-` + id + `")`)
}

// TestHostileStrings: what is stored is shown, and nothing of it becomes part of a page.
func TestHostileStrings(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		const evil = `<img src=x onerror=alert(1)>"'</script><script>alert(2)</script>` + "\u202e"
		h, err := w.ow.StartRun(t.Context(), evil, evil, []byte(`{"<img src=x onerror=alert(3)>":"</pre><script>alert(4)</script>"}`))
		if err != nil {
			t.Fatal(err)
		}
		b := w.tab(t, 1280, 860, "light")
		for _, path := range []string{"/", "/runs/" + h.ID(), "/workflows", "/runs/" + h.ID() + "/signal", "/runs/" + h.ID() + "/rerun", "/start?like=" + h.ID(), "/?missing=%3Cimg%20src%3Dx%20onerror%3Dalert(5)%3E"} {
			b.open(path)
			b.until(`document.querySelectorAll("img, body script").length === 0`)
			b.says("main", "<img src=x")
			b.fits()
		}
	})
}

// addScript runs a script before those of every page.
func addScript(text string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(text).Do(ctx)
		return err
	}
}
