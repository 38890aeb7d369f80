package openworkflow

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"
)

// slogOf is a slog logger that writes to a zap logger.
func slogOf(l *zap.Logger) *slog.Logger {
	const never = slog.Level(1 << 20)
	return slog.New(zapslog.NewHandler(l.Core(), zapslog.WithName(l.Name()), zapslog.AddStacktraceAt(never)))
}

// zapOf is a zap logger that writes to a slog logger.
func zapOf(l *slog.Logger) *zap.Logger { return zap.New(slogCore{l.Handler()}) }

// slogCore is a zap core over a slog handler.
type slogCore struct{ handler slog.Handler }

func (c slogCore) Enabled(l zapcore.Level) bool {
	return c.handler.Enabled(context.Background(), slogLevel(l))
}

func slogLevel(l zapcore.Level) slog.Level {
	switch {
	case l >= zapcore.ErrorLevel:
		return slog.LevelError
	case l == zapcore.WarnLevel:
		return slog.LevelWarn
	case l == zapcore.InfoLevel:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

func (c slogCore) With(fields []zapcore.Field) zapcore.Core {
	h := c.handler
	for len(fields) > 0 {
		attrs, group, rest := attrsOf(fields)
		if len(attrs) > 0 {
			h = h.WithAttrs(attrs)
		}
		if group != "" {
			h = h.WithGroup(group)
		}
		fields = rest
	}
	return slogCore{h}
}

func (c slogCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

func (c slogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	r := slog.NewRecord(e.Time, slogLevel(e.Level), e.Message, e.Caller.PC)
	if e.LoggerName != "" {
		r.AddAttrs(slog.String("logger", e.LoggerName))
	}
	r.AddAttrs(nested(fields)...)
	if e.Stack != "" {
		r.AddAttrs(slog.String("stack", e.Stack))
	}
	return c.handler.Handle(context.Background(), r)
}

func (slogCore) Sync() error { return nil }

// nested makes attributes of fields; those after a namespace are a group.
func nested(fields []zapcore.Field) []slog.Attr {
	attrs, group, rest := attrsOf(fields)
	if group != "" {
		attrs = append(attrs, slog.Attr{Key: group, Value: slog.GroupValue(nested(rest)...)})
	}
	return attrs
}

// attrsOf makes attributes of the fields up to the first namespace, which it names.
func attrsOf(fields []zapcore.Field) (attrs []slog.Attr, group string, rest []zapcore.Field) {
	for i, f := range fields {
		switch f.Type {
		case zapcore.SkipType:
		case zapcore.NamespaceType:
			return attrs, f.Key, fields[i+1:]
		case zapcore.StringType:
			attrs = append(attrs, slog.String(f.Key, f.String))
		default:
			enc := zapcore.NewMapObjectEncoder()
			f.AddTo(enc)
			for _, k := range slices.Sorted(maps.Keys(enc.Fields)) {
				attrs = append(attrs, slog.Any(k, enc.Fields[k]))
			}
		}
	}
	return attrs, "", nil
}
