package browsertest_test

import (
	"strings"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/dashboard"
)

func TestStartSignalAndRerun(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.employ(t)
		b := w.tab(t, 1280, 860, "light")
		b.expected = []string{"422 (Unprocessable Entity)"}
		b.open("/start")
		b.write("#n-workflow", "interview")
		b.write("#n-input", `{"who": ann}`)
		b.click("#n-version") // leaves the field
		b.says("#n-input-note", "This is not JSON")
		b.write("#n-input", `"ann"`)
		b.click("form.card .button.primary")
		b.at("/runs/")
		id := strings.SplitN(get[string](b, "location.pathname"), "/runs/", 2)[1]
		b.says("main", "The run was started.")
		b.says("#news", "waits for the signal") // the worker has come to it: nobody has loaded the page again

		b.click("#news [data-sheet]")
		b.until(`document.querySelector("#sheet [name=name]").value === "answer"`)
		b.write("#s-data", `nonsense`)
		b.do(evaluate(`document.querySelector("#sheet form").noValidate = true`))
		b.click("#sheet .button.primary")
		b.says("#s-data-problem", "(line 1, column 2)")
		b.write("#s-data", `"yes"`)
		b.click("#sheet .button.primary")
		b.at("/runs/" + id)
		b.says("#head", "completed")
		b.says("#output", "ann says yes")
		if w.status(t, id) != openworkflow.RunCompleted {
			t.Error("the page says what is not so")
		}

		b.click("#actions [data-sheet]")
		b.until(`document.querySelector("#sheet select")`)
		b.do(evaluate(`document.querySelector("#sheet select").value = "answer"`))
		b.click("#sheet .button.primary")
		b.until(`location.pathname.includes("/runs/") && !location.pathname.endsWith("` + id + `")`)
		b.says("#facts", "Rerun of")
		b.says("#news", "waits for the signal")
	})
}

func evaluate(text string) action { return script(text) }

func TestCancel(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		b := w.tab(t, 1280, 860, "dark")
		b.open("/runs/" + w.told.Expense)
		b.click("#actions .danger")
		b.until(`document.getElementById("sheet").open`)
		b.says("#sheet h1", "Cancel this run?")
		b.click("#sheet [data-close]")
		b.until(`!document.getElementById("sheet").open`)
		if w.status(t, w.told.Expense) != openworkflow.RunRunning {
			t.Fatal("it was canceled although nobody said so")
		}
		b.click("#actions .danger")
		b.click("#sheet .strong")
		b.says("#head", "canceled")
		b.says("main", "The run was canceled.")
		if w.status(t, w.told.Expense) != openworkflow.RunCanceled {
			t.Error("it was not canceled")
		}
	})
}

func TestBulk(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		b := w.tab(t, 1280, 860, "light")
		b.open("/?status=pending")
		n := get[int](b, `document.querySelectorAll("#list input[name=id]").length`)
		if get[bool](b, `document.getElementById("bulk").checkVisibility()`) {
			t.Error("the buttons are there before anything is ticked")
		}
		b.click("#list tr.run:nth-child(1) input[name=id]")
		b.click("#list tr.run:nth-child(2) input[name=id]")
		b.says("#bulk-text", "2 runs are ticked")
		b.click("#bulk .danger")
		b.says("#sheet h1", "Cancel 2 runs?")
		b.click("#sheet [name=sure]")
		b.click("#sheet .strong")
		b.says("#sheet h1", "Canceled: 2")
		b.click("#sheet .primary")
		b.at("/")
		b.says("#counts", "canceled3")

		b.open("/?status=pending")
		b.click(".pager-bulk a")
		b.says("#sheet h1", "Cancel "+itoa(n-2)+" runs?")
		b.click("#sheet [name=sure]")
		b.click("#sheet .strong")
		b.says("#sheet h1", "Canceled: "+itoa(n-2))
		counts, err := w.ow.CountRuns(t.Context())
		if err != nil || counts.Pending != 0 {
			t.Errorf("%d are still pending: %v", counts.Pending, err)
		}
	})
}

func TestFiltersSearchAndPages(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		b := w.tab(t, 1280, 860, "light")
		b.open("/")
		b.do(evaluate(`window.mark = "the same page"`))
		b.write("#f-workflow", "pay-out")
		b.keys("\t")
		b.at("?workflow=pay-out")
		b.until(`document.querySelectorAll("#list tr.run").length === 2 && document.activeElement.id === "f-version"`)
		b.click(".stat.s-failed")
		b.until(`document.querySelectorAll("#list tr.run").length === 1`)
		b.open("/")
		first := get[string](b, `document.querySelector("#list tr.run").id`)
		b.click(".pager [rel=next]")
		b.at("after=")
		b.until(`document.querySelector("#list tr.run").id !== "` + first + `"`)
		b.click(".pager [rel=prev]")
		b.at("before=")
		b.until(`document.querySelector("#list tr.run").id === "` + first + `"`)

		b.write("#q", "order-48213\r")
		b.at("?key=order-48213")
		b.says("#list", w.told.Order)
		b.write("#q", w.told.Payout+"\r")
		b.at("/runs/" + w.told.Payout)
		b.write("#q", "nothing like it\r")
		b.says("main", "Nothing is known as")
		if get[bool](b, `document.getElementById("more-filters").open`) {
			t.Error("filters that are not in use are unfolded")
		}
	})
}

func TestKeyboard(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		b := w.tab(t, 1280, 860, "light")
		b.open("/")
		b.keys("\t")
		b.until(`document.activeElement.classList.contains("skip")`)
		b.keys("/")
		b.until(`document.activeElement.id === "q"`)
		b.do(evaluate(`document.activeElement.blur()`))
		b.keys("g")
		b.keys("w")
		b.at("/workflows")
		b.keys("g")
		b.keys("k")
		b.at("/workers")
		b.keys("n")
		b.at("/start")
		b.do(evaluate(`document.activeElement.blur()`))
		b.keys("g")
		b.keys("r")
		b.until(`document.querySelector("#list tr.run") && document.readyState === "complete"`)
		b.keys("j")
		b.keys("j")
		b.until(`document.activeElement === document.querySelectorAll(".row-link")[1]`)
		b.keys("k")
		b.keys("\r")
		b.at("/runs/")
		b.open("/")
		b.keys("t")
		b.until(`document.documentElement.dataset.theme === "light"`)
		b.keys("t")
		b.until(`document.documentElement.dataset.theme === "dark" && getComputedStyle(document.body).backgroundColor === "rgb(12, 15, 21)"`)
		b.open("/workers")
		b.until(`document.documentElement.dataset.theme === "dark"`) // it was remembered
		b.keys("?")
		b.click("#keys-on")
		b.keys("\x1b")
		b.keys("g")
		b.keys("w")
		b.until(`location.pathname.endsWith("/workers")`)
	})
}

// TestWithoutScripts: every page can be read, and every form sent, in a browser that runs no scripts.
func TestWithoutScripts(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		b := w.tab(t, 1280, 860, "light")
		b.do(withoutScripts())
		b.open("/runs/" + w.told.Import)
		b.click("#actions .danger")
		b.click(".ask .strong")
		b.do(visible(".notice"))
		if w.status(t, w.told.Import) != openworkflow.RunCanceled {
			t.Error("it was not canceled")
		}
		b.open("/start")
		b.write("#n-workflow", "pay-out")
		b.click("form.card .button.primary")
		b.do(visible(".run-title"))
		b.open("/?status=failed")
		b.click("#list tr.run:nth-child(1) input[name=id]")
		b.click("#bulk .button:not(.danger)")
		b.click("[name=sure]")
		b.click(".ask .primary")
		b.do(visible(".ask .primary"))
	})
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	need(t, browser.missing)
	w := create(t, t.TempDir()+"/story.db", dashboard.Options{ReadOnly: true})
	b := w.tab(t, 1280, 860, "light")
	for _, path := range []string{"/", "/runs/" + w.told.Import, "/workflows", "/workers"} {
		b.open(path)
		b.says(".tools", "Read-only")
		if get[bool](b, `!!document.querySelector("[data-sheet], a[href$=start], form:not([role=search]):not([method=dialog])")`) {
			t.Errorf("%s offers to change something", path)
		}
	}
	b.accessible()
}
