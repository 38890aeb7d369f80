package openworkflow_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// lockedBuffer is a buffer that several goroutines write to.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) lines(t *testing.T) (out []map[string]any) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range strings.Split(strings.TrimSpace(b.buf.String()), "\n") {
		var m map[string]any
		if err := json.Unmarshal([]byte(l), &m); err != nil {
			t.Fatalf("%q: %v", l, err)
		}
		if strings.Count(l, `"level"`) != 1 || strings.Count(l, `"msg"`) != 1 || strings.Count(l, `"time"`) != 1 {
			t.Errorf("doubled: %s", l)
		}
		out = append(out, m)
	}
	return out
}

var chatty = openworkflow.Define("chatty", func(ctx openworkflow.Context, secret string) (string, error) {
	ctx.Logger().Info("before", "n", 1)
	if err := step.Do(ctx, "one", func(context.Context) error { return nil }); err != nil {
		return "", err
	}
	b := step.Branch(ctx, "b")
	b.Logger().Warn("between", slog.Group("g", "n", 2))
	if err := step.Sleep(b, "nap", time.Hour); err != nil {
		return "", err
	}
	ctx.Logger().WithGroup("h").With("m", 3).Info("after", "n", 4)
	if ctx.Attempt() == 1 {
		return "", errors.New("once more") // replay all of it
	}
	return secret, nil
}, openworkflow.WithVersion("3"), openworkflow.WithRetryPolicy(openworkflow.RetryPolicy{MaximumAttempts: 2}))

func TestWithSlog(t *testing.T) {
	t.Parallel()
	out := new(lockedBuffer)
	logger := slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var id string
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		stop := startWorker(t, c, chatty)
		defer stop()
		h, err := chatty.Run(t.Context(), c, "hush")
		if err != nil {
			t.Fatal(err)
		}
		id = h.ID()
		if out, err := h.Result(t.Context(), openworkflow.WithResultTimeout(10*time.Hour)); err != nil || out != "hush" {
			t.Error(out, err)
		}
	}, openworkflow.WithSlog(logger))
	count := map[string]int{}
	for _, l := range out.lines(t) {
		count[l["msg"].(string)]++
		if strings.Contains(toJSON(t, l), "hush") {
			t.Errorf("a payload is in the log: %v", l)
		}
		switch l["msg"] {
		case "before", "between", "after":
			if l["run"] != id || l["workflow"] != "chatty" || l["version"] != "3" {
				t.Errorf("%v", l)
			}
		case "run completed":
			if l["run"] != id || l["level"] != "INFO" {
				t.Errorf("%v", l)
			}
		case "step attempt":
			if l["level"] != "DEBUG" {
				t.Errorf("%v", l)
			}
		}
	}
	// Each line of the workflow's own is written once for what is new: the second attempt replays until its end.
	if count["before"] != 1 || count["between"] != 1 || count["after"] != 2 || count["workflow run created"] != 1 || count["run completed"] != 1 {
		t.Errorf("%v", count)
	}
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestWithLogger(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.InfoLevel)
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		stop := startWorker(t, c, chatty)
		defer stop()
		if _, err := result(t, c, chatty, "hush"); err != nil {
			t.Error(err)
		}
	}, openworkflow.WithLogger(zap.New(core)))
	between := logs.FilterMessage("between").All()
	if len(between) != 1 || between[0].Level != zapcore.WarnLevel || between[0].Stack != "" {
		t.Fatalf("%v", logs.All())
	}
	fields := between[0].ContextMap()
	if fields["workflow"] != "chatty" || fields["g"].(map[string]any)["n"] != int64(2) {
		t.Errorf("%v", fields)
	}
	if logs.FilterLevelExact(zapcore.DebugLevel).Len() != 0 || logs.FilterMessage("run completed").Len() != 1 {
		t.Errorf("%v", logs.All())
	}
}
