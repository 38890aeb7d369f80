package browsertest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/browsertest/story"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/dashboard"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// world is a database with the story in it, a worker, and the dashboard, mounted where a user's service would mount it.
type world struct {
	ow     *openworkflow.Client
	told   *story.Told
	origin string // of the dashboard's first page, without its slash
}

// everywhere runs a test on each database.
func everywhere(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	need(t, browser.missing)
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, create(t, filepath.Join(t.TempDir(), "story.db"), dashboard.Options{}))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, create(t, server(t), dashboard.Options{}))
	})
}

func server(t *testing.T) string {
	t.Helper()
	url := os.Getenv("OPENWORKFLOW_TEST_POSTGRES_URL")
	if url == "" {
		t.Skip("OPENWORKFLOW_TEST_POSTGRES_URL is not set: use make test-browser")
	}
	return url
}

// prefix is where the dashboard is mounted.
const prefix = "/admin/workflows"

func create(t *testing.T, where string, o dashboard.Options) *world {
	t.Helper()
	b, told, err := story.Open(t.Context(), where, fmt.Sprintf("browser_%d", time.Now().UnixNano()), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	ow, err := openworkflow.New(b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ow.Close() })
	if o.Refresh == 0 {
		o.Refresh = 200 * time.Millisecond
	}
	h, err := dashboard.Handler(ow, o)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(prefix+"/", http.StripPrefix(prefix, h))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return &world{ow, told, srv.URL + prefix}
}

// Interview asks questions and waits for the answers.
var Interview = openworkflow.Define("interview", func(ctx openworkflow.Context, who string) (string, error) {
	if _, err := step.Run(ctx, "greet", func(context.Context) (string, error) { return "hello " + who, nil }); err != nil {
		return "", err
	}
	answer, _, err := step.WaitForSignal[string](ctx, "answer")
	if err != nil {
		return "", err
	}
	return step.Run(ctx, "note", func(context.Context) (string, error) { return who + " says " + answer, nil })
})

// employ starts a worker for the interview.
func (w *world) employ(t *testing.T) {
	t.Helper()
	worker, err := w.ow.NewWorker(openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(Interview)})
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = worker.Stop(context.WithoutCancel(t.Context())) })
}

func (w *world) interview(t *testing.T, who string) string {
	t.Helper()
	h, err := Interview.Run(t.Context(), w.ow, who)
	if err != nil {
		t.Fatal(err)
	}
	return h.ID()
}

func (w *world) status(t *testing.T, id string) openworkflow.RunStatus {
	t.Helper()
	run, err := w.ow.GetRun(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return run.Status
}
