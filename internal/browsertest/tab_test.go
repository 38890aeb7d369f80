package browsertest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// patience is how long a test waits for a page to become what it should be.
const patience = 20 * time.Second

// tab is a page of the browser's, with storage of its own.
type tab struct {
	t      *testing.T
	ctx    context.Context
	origin string

	mu       sync.Mutex
	problems []string // what the console complained about
	expected []string // complaints that are meant
}

func (w *world) tab(t *testing.T, width, height int64, scheme string) *tab {
	t.Helper()
	need(t, browser.missing)
	ctx, cancel := chromedp.NewContext(browser.ctx, chromedp.WithTargetID(fresh(t)))
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx, origin: w.origin}
	chromedp.ListenTarget(ctx, b.hear)
	if err := chromedp.Run(ctx); err != nil { // attaches for as long as this context lives: not one of do's, which end
		t.Fatal(err)
	}
	b.do(log.Enable(), page.Enable(),
		chromedp.EmulateViewport(width, height),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}))
	t.Cleanup(b.quietly)
	return b
}

// fresh opens a window with a storage of its own.
func fresh(t *testing.T) (id target.ID) {
	t.Helper()
	err := chromedp.Run(browser.ctx, chromedp.ActionFunc(func(ctx context.Context) error {
		ctx = cdp.WithExecutor(ctx, chromedp.FromContext(ctx).Browser)
		own, err := target.CreateBrowserContext().WithDisposeOnDetach(true).Do(ctx)
		if err != nil {
			return err
		}
		id, err = target.CreateTarget("about:blank").WithBrowserContextID(own).WithNewWindow(true).Do(ctx)
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// hear notes what a developer would see in the console: errors, broken policies, failed requests, dialogs.
func (b *tab) hear(event any) {
	text := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning {
			text = e.Entry.Text + " " + e.Entry.URL
		}
	case *runtime.EventExceptionThrown:
		text = e.ExceptionDetails.Error()
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			for _, a := range e.Args {
				text += string(a.Value) + a.Description
			}
		}
	case *page.EventJavascriptDialogOpening:
		text = "a dialog opened: " + e.Message
		go func() { _ = chromedp.Run(b.ctx, page.HandleJavaScriptDialog(true)) }()
	}
	if text != "" {
		b.mu.Lock()
		b.problems = append(b.problems, text)
		b.mu.Unlock()
	}
}

// quietly fails the test if the console complained.
func (b *tab) quietly() {
	b.mu.Lock()
	defer b.mu.Unlock()
next:
	for _, p := range b.problems {
		for _, e := range b.expected {
			if strings.Contains(p, e) {
				continue next
			}
		}
		b.t.Errorf("the console says: %s", p)
	}
}

func (b *tab) do(actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.t.Fatalf("%v\n%s", err, b.state())
	}
}

// state is what the page looks like, for messages.
func (b *tab) state() string {
	var text string
	ctx, cancel := context.WithTimeout(b.ctx, 2*time.Second)
	defer cancel()
	_ = chromedp.Run(ctx, chromedp.Evaluate(`location.href + "\n" + document.body.innerText.slice(0, 1500)`, &text))
	return text
}

func (b *tab) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.origin+path), chromedp.WaitReady("main"))
}

// click clicks like a person, on what can be seen.
func (b *tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(selector, chromedp.ByQuery, chromedp.NodeVisible))
}

func (b *tab) write(selector, text string) {
	b.t.Helper()
	b.do(script(fmt.Sprintf(`document.querySelector(%q).value = ""`, selector)), chromedp.SendKeys(selector, text, chromedp.ByQuery))
}

func (b *tab) keys(text string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(text))
}

// until waits until a script's condition holds, over as many pages as that takes.
func (b *tab) until(condition string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		holds := false
		// A page that is just being left cannot answer: the next one will.
		_ = chromedp.Run(ctx, chromedp.Evaluate("(() => { try { return !!("+condition+") } catch { return false } })()", &holds))
		if holds {
			return
		}
		select {
		case <-time.After(30 * time.Millisecond): // pages have no events that a test could wait for
		case <-ctx.Done():
			b.t.Fatalf("it never was so: %s\n%s", condition, b.state())
		}
	}
}

// says waits until the element has the text.
func (b *tab) says(selector, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.querySelector(%q).textContent.includes(%q)", selector, text))
}

// at waits for another page.
func (b *tab) at(part string) {
	b.t.Helper()
	b.until(fmt.Sprintf("location.href.includes(%q) && document.readyState === 'complete'", part))
}

func get[T any](b *tab, script string) (v T) {
	b.t.Helper()
	b.do(chromedp.Evaluate(script, &v))
	return v
}

// fits fails the test if the page is wider than the screen.
func (b *tab) fits() {
	b.t.Helper()
	wide := get[string](b, `(() => {
		const w = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth <= w) return "";
		const out = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > w + 1 && !e.closest("pre"));
		return "of " + document.documentElement.scrollWidth + " pixels; for one " + (out[0] ? out[0].outerHTML.slice(0, 120) : "?");
	})()`)
	if wide != "" {
		b.t.Errorf("%s is wider than the screen: %s", get[string](b, "location.pathname"), wide)
	}
}

// accessible asks axe-core, and fails the test for what is serious or critical.
func (b *tab) accessible() {
	b.t.Helper()
	need(b.t, browser.noAxe)
	b.do(chromedp.Evaluate(browser.axe+";0", nil))
	var raw string
	b.do(chromedp.Evaluate(`axe.run({ resultTypes: ["violations"] }).then((r) => JSON.stringify(r.violations.map((v) => ({ id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + " — " + n.failureSummary) }))))`,
		&raw, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	var found []struct {
		ID, Impact, Help string
		Nodes            []string
	}
	if err := json.Unmarshal([]byte(raw), &found); err != nil {
		b.t.Fatal(err)
	}
	for _, v := range found {
		text := fmt.Sprintf("axe on %s: %s, %s: %s\n\t%s", get[string](b, "location.pathname"), v.ID, v.Impact, v.Help, strings.Join(v.Nodes, "\n\t"))
		if v.Impact == "serious" || v.Impact == "critical" {
			b.t.Error(text)
		} else {
			b.t.Log(text)
		}
	}
}

// shot keeps a picture of the page, for people to look at.
func (b *tab) shot(name string, whole bool) {
	b.t.Helper()
	b.shotTo("screenshots", name, whole)
}

func (b *tab) shotTo(dir, name string, whole bool) {
	b.t.Helper()
	var png []byte
	if whole {
		b.do(chromedp.FullScreenshot(&png, 100))
	} else {
		b.do(chromedp.CaptureScreenshot(&png))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
