package dashboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard/format"
)

// Field says which payload the redaction hook is asked about.
type Field struct {
	Kind     string // one of the Kind constants
	Workflow string
	Version  string
	RunID    string
	Step     string // the step's name, of what belongs to a step attempt
}

// The kinds of payloads.
const (
	KindInput      = "input"       // a run's
	KindOutput     = "output"      // a run's
	KindError      = "error"       // a run's: {"name", "message", "stack", "code"}
	KindContext    = "context"     // a run's trace context
	KindStepOutput = "step-output" // a step attempt's
	KindStepError  = "step-error"  // a step attempt's, as a run's
)

// Workflow names something that can be started.
type Workflow struct{ Name, Version string }

// Options configure the dashboard. Zero fields have defaults.
type Options struct {
	Title        string
	BasePath     string
	ReadOnly     bool
	AllowedHosts []string
	Redact       func(Field, json.RawMessage) json.RawMessage
	Workflows    []Workflow
	Logger       *slog.Logger
	Refresh      time.Duration
	MaxLive      int
	QueryTimeout time.Duration
	Now          func() time.Time // for tests
}

const (
	defaultTitle        = "OpenWorkflow"
	defaultRefresh      = 2 * time.Second
	defaultMaxLive      = 256
	defaultQueryTimeout = 15 * time.Second
	minRefresh          = 100 * time.Millisecond
)

// validate fills the defaults in and says what is wrong with the rest.
func (o *Options) validate() error {
	var errs []error
	if o.Title == "" {
		o.Title = defaultTitle
	}
	o.Title = format.Visible(o.Title)
	if o.Refresh == 0 {
		o.Refresh = defaultRefresh
	}
	if o.MaxLive == 0 {
		o.MaxLive = defaultMaxLive
	}
	if o.QueryTimeout == 0 {
		o.QueryTimeout = defaultQueryTimeout
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Refresh < minRefresh {
		errs = append(errs, fmt.Errorf("option Refresh is %v; use at least %v", o.Refresh, minRefresh))
	}
	if o.MaxLive < 0 || o.QueryTimeout < 0 {
		errs = append(errs, errors.New("options MaxLive and QueryTimeout must not be negative"))
	}
	if o.BasePath = strings.TrimSuffix(o.BasePath, "/"); o.BasePath != "" && !strings.HasPrefix(o.BasePath, "/") {
		errs = append(errs, fmt.Errorf("option BasePath is %q; it begins with a slash", o.BasePath))
	}
	for _, h := range o.AllowedHosts {
		if err := checkHost(h); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
