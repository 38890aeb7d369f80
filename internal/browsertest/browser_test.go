package browsertest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
)

// browser is the one process that all tests have tabs in.
var browser struct {
	ctx     context.Context
	missing string // why there is none
	axe     string // axe-core's script
	noAxe   string // why there is none
}

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	axe, err := os.ReadFile("axe/node_modules/axe-core/axe.min.js")
	if err != nil {
		browser.noAxe = "axe-core is not here: npm ci --prefix internal/browsertest/axe"
	}
	browser.axe = string(axe)
	path := chromium()
	if path == "" {
		browser.missing = "no Chromium: install it, or name one in OPENWORKFLOW_TEST_CHROMIUM, or use make test-browser"
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "openworkflow-chromium")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("hide-scrollbars", true), chromedp.Flag("lang", "en-GB"),
	)
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	defer stop()
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithErrorf(quiet))
	defer cancel()
	if err := chromedp.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "Chromium does not start:", err)
		return 1
	}
	browser.ctx = ctx
	return m.Run()
}

// quiet drops what the driver says about events that are newer than it.
func quiet(string, ...any) {}

func chromium() string {
	if path := os.Getenv("OPENWORKFLOW_TEST_CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// need skips the test, or in CI fails it, if there is no browser.
func need(t *testing.T, missing string) {
	t.Helper()
	switch {
	case missing == "":
	case os.Getenv("CI") != "" && os.Getenv("OPENWORKFLOW_TEST_NO_BROWSER") == "":
		t.Fatal(missing)
	default:
		t.Skip(missing)
	}
}
