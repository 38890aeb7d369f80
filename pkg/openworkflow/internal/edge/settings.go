package edge

import (
	"context"
	"log/slog"

	"github.com/openworkflowdev/openworkflow-go/internal/engine"
)

// Settings are what a client's options mean to the step calls of the runs that its workers execute.
type Settings struct {
	MaxPayload int
	Logger     *slog.Logger
}

type settingsKey struct{}

// SettingsKey is the key under which a workflow's context carries its *Settings.
func SettingsKey() any { return settingsKey{} }

// RunOf returns the scope and settings that a workflow's context carries; ok is false if it is none, also
// when it is a struct of the user's around a Context that is nil.
func RunOf(ctx context.Context) (scope *engine.Scope, settings *Settings, ok bool) {
	if ctx == nil {
		return nil, nil, false
	}
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	scope = engine.ScopeFrom(ctx)
	settings, _ = ctx.Value(settingsKey{}).(*Settings)
	return scope, settings, scope != nil && settings != nil
}

// RunLogger is the logger of a run's code: with the run's attributes, and silent while the run says so.
func RunLogger(base *slog.Logger, s *engine.Scope) *slog.Logger {
	attrs := []slog.Attr{slog.String("workflow", s.WorkflowName()), slog.String("run", s.RunID())}
	if v := s.Version(); v != "" {
		attrs = append(attrs, slog.String("version", v))
	}
	return slog.New(silenced{base.Handler().WithAttrs(attrs), s.Silent})
}

// silenced drops records while silent says so.
type silenced struct {
	slog.Handler
	silent func() bool
}

func (h silenced) Enabled(ctx context.Context, l slog.Level) bool {
	return !h.silent() && h.Handler.Enabled(ctx, l)
}

func (h silenced) Handle(ctx context.Context, r slog.Record) error {
	if h.silent() {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h silenced) WithAttrs(attrs []slog.Attr) slog.Handler {
	return silenced{h.Handler.WithAttrs(attrs), h.silent}
}

func (h silenced) WithGroup(name string) slog.Handler {
	return silenced{h.Handler.WithGroup(name), h.silent}
}
