package dashboard

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// Dashboard answers the requests. It is safe for concurrent use, and holds nothing that needs closing: what runs in the
// background does so while somebody looks at a page, and ends when its server shuts down.
type Dashboard struct {
	ow      *openworkflow.Client
	o       Options
	pages   *pages
	assets  *assets
	feeds   *feeds
	known   *known
	handler http.Handler
}

// New makes a dashboard of what the client sees.
func New(ow *openworkflow.Client, o Options) (*Dashboard, error) {
	if ow == nil {
		return nil, errors.New("openworkflow: dashboard: the client is nil")
	}
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("openworkflow: dashboard: %w", err)
	}
	d := &Dashboard{ow: ow, o: o}
	var err error
	if d.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if d.pages, err = d.parsePages(); err != nil {
		return nil, err
	}
	d.feeds = newFeeds(o.Refresh, o.QueryTimeout, o.MaxLive)
	d.known = newKnown(ow, o.Workflows)
	d.handler = d.protect(d.routes())
	return d, nil
}

// ServeHTTP answers a request.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.handler.ServeHTTP(w, r) }

func (d *Dashboard) now() time.Time { return d.o.Now() }

// action answers a request, or says why it cannot.
type action func(w http.ResponseWriter, r *http.Request) error

// route is what a path answers to; HEAD goes with GET.
type route struct{ get, post action }

// routes maps paths to what they do.
func (d *Dashboard) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, to := range map[string]route{
		"/{$}":                          {get: d.showRuns},
		"/runs":                         {get: d.toRuns},
		"/runs/{id}":                    {get: d.showRun},
		"/runs/{id}/payload/{what}":     {get: d.runPayload},
		"/runs/{id}/cancel":             {get: d.askCancel, post: d.doCancel},
		"/runs/{id}/rerun":              {get: d.askRerun, post: d.doRerun},
		"/runs/{id}/signal":             {get: d.askSignal, post: d.doSignal},
		"/attempts/{id}":                {get: d.showAttempt},
		"/attempts/{id}/payload/{what}": {get: d.attemptPayload},
		"/steps/{id}":                   {get: d.showStep},
		"/bulk/{verb}":                  {get: d.askBulk, post: d.doBulk},
		"/search":                       {get: d.search},
		"/workflows":                    {get: d.showWorkflows},
		"/workers":                      {get: d.showWorkers},
		"/start":                        {get: d.askStart, post: d.doStart},
		"/live/runs":                    {get: d.liveRuns},
		"/live/runs/{id}":               {get: d.liveRun},
		"/live/workflows":               {get: d.liveWorkflows},
		"/live/workers":                 {get: d.liveWorkers},
		"/assets/{file}":                {get: d.assets.serve},
		"/healthz":                      {get: d.healthz},
		"/readyz":                       {get: d.readyz},
		"/":                             {},
	} {
		mux.Handle(pattern, d.serve(to))
	}
	return mux
}

// serve dispatches on the method, bounds the body, and turns errors into pages.
func (d *Dashboard) serve(to route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		act, allow := to.get, "GET, HEAD"
		if to.post != nil {
			allow += ", POST"
		}
		switch {
		case to.get == nil:
			act = func(http.ResponseWriter, *http.Request) error { return errNoPage }
		case r.Method == http.MethodGet, r.Method == http.MethodHead:
		case r.Method == http.MethodPost && to.post != nil:
			act = to.post
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		default:
			w.Header().Set("Allow", allow)
			act = func(http.ResponseWriter, *http.Request) error { return errMethod }
		}
		if err := act(w, r); err != nil {
			d.fail(w, r, err)
		}
	})
}

// healthz says that the process answers.
func (d *Dashboard) healthz(w http.ResponseWriter, _ *http.Request) error {
	return plain(w, http.StatusOK, "ok")
}

// readyz says whether the database answers, and is migrated.
func (d *Dashboard) readyz(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := d.query(r)
	defer cancel()
	if err := d.ow.Ping(ctx); err != nil {
		d.o.Logger.WarnContext(ctx, "dashboard: not ready", "error", err)
		return plain(w, http.StatusServiceUnavailable, "the database is not ready")
	}
	return plain(w, http.StatusOK, "ok")
}

func plain(w http.ResponseWriter, status int, text string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // the reader has gone: nobody is left to be told
	return nil
}
