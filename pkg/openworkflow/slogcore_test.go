package openworkflow

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// The bridge is not exported, so it is tested from inside.
func TestZapOverSlog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	handler := slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && len(groups) == 0 {
			return slog.Attr{}
		}
		return a
	}})
	l := zapOf(slog.New(handler)).Named("engine").With(zap.String("worker", "w1"), zap.Namespace("run"), zap.Int("n", 1))
	l.Debug("not this")
	l.Info("this", zap.Duration("took", time.Second), zap.Skip(), zap.Namespace("inner"), zap.Error(errors.New("boom")), zap.Strings("names", []string{"a", "b"}))
	l.Warn("warned")
	l.Error("failed")
	want := `level=INFO msg=this worker=w1 run.n=1 run.logger=engine run.took=1s run.inner.error=boom run.inner.names="[a b]"
level=WARN msg=warned worker=w1 run.n=1 run.logger=engine
level=ERROR msg=failed worker=w1 run.n=1 run.logger=engine
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	if ce := l.Check(zapcore.DebugLevel, "x"); ce != nil {
		t.Error("a level that is off is on")
	}
	if err := l.Sync(); err != nil {
		t.Error(err)
	}
}
