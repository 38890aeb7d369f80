package main

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/workflowtest"
)

func TestProgram(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), &out, filepath.Join(t.TempDir(), "album.db")); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	want := "published: small-sea.jpg, small-hills.jpg, small-city.jpg, small-cat.jpg\nbroken: broken.jpg\n"
	if !strings.HasSuffix(out.String(), want) {
		t.Errorf("it printed\n%s\nwant at the end\n%s", out.String(), want)
	}
	// One picture is tried twice, because the resizer was busy; which one, nobody can say.
	if n := strings.Count(out.String(), "resizing "); n != 5 && n != 6 {
		t.Errorf("the resizer was asked %d times:\n%s", n, out.String())
	}
}

// slowResizer takes a day, which is more than publish waits for.
type slowResizer struct{}

func (slowResizer) Resize(ctx context.Context, _ string) (string, error) {
	select {
	case <-time.After(25 * time.Hour):
		return "late", nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func TestSlowChild(t *testing.T) {
	t.Parallel()
	env := workflowtest.New(t, (&Gallery{Resizer: slowResizer{}}).Workflows()...)
	h, err := PublishAlbum.Run(t.Context(), env.Client(), Album{Pictures: []string{"sea.jpg"}})
	if err != nil {
		t.Fatal(err)
	}
	env.Advance(24 * time.Hour)
	if _, err := h.Result(t.Context()); !errors.Is(err, openworkflow.ErrStepTimeout) {
		t.Errorf("the result is %v", err)
	}
	env.Advance(time.Hour) // the child goes on by itself
	if n, err := env.Client().CountRuns(t.Context()); err != nil || n.Completed != 1 || n.Failed != 1 {
		t.Errorf("the runs stand at %+v, %v", n, err)
	}
}
