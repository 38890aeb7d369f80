package dashboard

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// Options configure the dashboard. The zero value shows everything and lets everybody who can reach it act.
type Options struct {
	// Title is the name in the header; "" is "OpenWorkflow".
	Title string
	// BasePath is the path that the handler is mounted at, such as "/admin/workflows", if nothing in front cuts it off.
	// With http.StripPrefix, or behind a proxy that cuts it off, leave it empty: links are relative and right anyway.
	BasePath string
	// ReadOnly refuses everything that changes something, on the server, and leaves the buttons away.
	ReadOnly bool
	// AllowedHosts are the names in requests' Host headers that are answered: "workflows.example.com", with ":8443" for
	// that port alone, or "*" for any. Requests over loopback must name one of these or localhost, so that no page
	// elsewhere can have its own name point at a dashboard on your machine (DNS rebinding): behind a proxy on the
	// same machine, give its public name. Without any, requests that come in otherwise may name any host.
	AllowedHosts []string
	// Redact is shown every payload before a page is, and returns what may be seen of it: JSON, or nil for nothing.
	// It must be safe for concurrent use, and is called often. Errors are shown to it as the JSON object that they
	// are stored as, {"name", "message", "stack", "code"}. It gets a copy. If it panics, nothing of that payload is seen.
	Redact func(Field, json.RawMessage) json.RawMessage
	// Workflows are suggested by the form that starts a run, besides those that workers registered and that ran lately.
	Workflows []openworkflow.AnyWorkflow
	// Logger gets what went wrong, and who changed what from which address: never payloads. Nil logs nothing.
	Logger *slog.Logger
	// Refresh is how often a page that is open has the database looked at, whoever many look; 0 is 2 s, the least
	// 100 ms. A database that takes long is asked less often.
	Refresh time.Duration
	// MaxLive is how many pages may follow live at once; more look for changes now and then. 0 is 256.
	MaxLive int
	// QueryTimeout is how long a page waits for the database; 0 is 15 s.
	QueryTimeout time.Duration
}

// PayloadKind says what a payload is of.
type PayloadKind string

// The kinds of payloads that Options.Redact is shown.
const (
	Input      PayloadKind = dashboard.KindInput      // a run's
	Output     PayloadKind = dashboard.KindOutput     // a run's
	Error      PayloadKind = dashboard.KindError      // a run's
	Context    PayloadKind = dashboard.KindContext    // a run's trace context
	StepOutput PayloadKind = dashboard.KindStepOutput // a step attempt's
	StepError  PayloadKind = dashboard.KindStepError  // a step attempt's
)

// Field says which payload Options.Redact is shown.
type Field struct {
	Kind     PayloadKind
	Workflow string // the name of the run's workflow
	Version  string // and its version
	RunID    string
	Step     string // the name of the step, of StepOutput and StepError
}

// Handler makes the dashboard of what the client sees. Mount it under any path, and put authentication in front: it has
// none itself. It guards against requests from other sites (http.CrossOriginProtection), DNS rebinding and framing.
//
// Live pages keep connections open; they end when the http.Server that they came through shuts down. The handler holds
// nothing that needs closing. A nil client or a bad option is an error.
func Handler(ow *openworkflow.Client, o Options) (http.Handler, error) {
	return dashboard.New(ow, o.inner())
}

func (o *Options) inner() dashboard.Options {
	in := dashboard.Options{
		Title: o.Title, BasePath: o.BasePath, ReadOnly: o.ReadOnly, AllowedHosts: o.AllowedHosts, Logger: o.Logger,
		Refresh: o.Refresh, MaxLive: o.MaxLive, QueryTimeout: o.QueryTimeout,
	}
	for _, w := range o.Workflows {
		if w != nil {
			in.Workflows = append(in.Workflows, dashboard.Workflow{Name: w.Name(), Version: w.Version()})
		}
	}
	if redact := o.Redact; redact != nil {
		in.Redact = func(f dashboard.Field, raw json.RawMessage) json.RawMessage {
			return redact(Field{PayloadKind(f.Kind), f.Workflow, f.Version, f.RunID, f.Step}, raw)
		}
	}
	return in
}
