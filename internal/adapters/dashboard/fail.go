package dashboard

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// problem is an error whose text may be shown.
type problem struct {
	status int
	title  string
	text   string
}

func (p *problem) Error() string { return p.title + ": " + p.text }

var (
	errNoPage      = &problem{http.StatusNotFound, "There is no such page", "The address may be mistyped, or the link may be from another version of the dashboard."}
	errMethod      = &problem{http.StatusMethodNotAllowed, "That cannot be done here", "This page does not answer to that kind of request."}
	errReadOnly    = &problem{http.StatusForbidden, "This dashboard is read-only", "It was started so that nobody can change anything with it. Use the openworkflow command, or ask whoever runs it."}
	errCrossOrigin = &problem{http.StatusForbidden, "That request came from another site", "Forms are accepted from the dashboard's own pages only. Open the page again and repeat what you did."}
	errHost        = &problem{http.StatusMisdirectedRequest, "The dashboard does not know itself by this name", "It answers to the names in its AllowedHosts option; without any, and reached over loopback, only to localhost. Add this host's name there, or use another address."}
	errNoRun       = &problem{http.StatusNotFound, "There is no such run", "It may have been deleted, or it may belong to another namespace."}
	errNoAttempt   = &problem{http.StatusNotFound, "There is no such step attempt", "Its run may have been deleted, or it may belong to another namespace."}
	errUnsupported = &problem{http.StatusNotImplemented, "This store cannot tell", "The database adapter in use does not implement what this page needs."}
	errTooLarge    = &problem{http.StatusRequestEntityTooLarge, "That is too large", "A form may send at most 4 MB."}
	errForm        = &problem{http.StatusBadRequest, "The form could not be read", "Open the page again and repeat what you did."}
)

// asProblem finds what of an error may be shown; nil means that nothing may.
func asProblem(err error) *problem {
	var p *problem
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, openworkflow.ErrRunNotFound):
		return errNoRun
	case errors.Is(err, openworkflow.ErrStepAttemptNotFound):
		return errNoAttempt
	case errors.Is(err, openworkflow.ErrUnsupported):
		return errUnsupported
	case errors.As(err, &tooLarge):
		return errTooLarge
	case errors.Is(err, openworkflow.ErrInvalidArgument), errors.Is(err, openworkflow.ErrInvalidPayload), errors.Is(err, openworkflow.ErrPayloadTooLarge):
		return &problem{http.StatusBadRequest, "That cannot be right", clean(err)}
	}
	return nil
}

// fail answers with an error page. Errors that are not made to be shown go to the log, under a reference that the page
// names: what a database says may hold its address, its user, or data.
func (d *Dashboard) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody is there to read it
	}
	p := asProblem(err)
	if p == nil {
		p = d.conceal(r, err)
	}
	view := errorView{Status: p.status, Name: p.title, Text: p.text, Retry: p.status == http.StatusServiceUnavailable}
	if rerr := d.renderStatus(w, r, p.status, "error", p.title, view); rerr != nil {
		d.o.Logger.ErrorContext(r.Context(), "dashboard: the error page cannot be rendered", "error", rerr)
		http.Error(w, p.title, p.status)
	}
}

func (d *Dashboard) conceal(r *http.Request, err error) *problem {
	reference := rand.Text()[:10]
	d.o.Logger.ErrorContext(r.Context(), "dashboard: request failed", "reference", reference, "method", r.Method, "error", err)
	if errors.Is(err, context.DeadlineExceeded) {
		return &problem{http.StatusServiceUnavailable, "The database took too long",
			"It may be busy, or the question too wide: try a narrower filter. The log has more under " + reference + "."}
	}
	return &problem{http.StatusServiceUnavailable, "The database did not answer",
		"Nothing is lost: what runs goes on. The log has more under " + reference + "."}
}

type errorView struct {
	Status int
	Name   string
	Text   string
	Retry  bool
}

// query bounds the reading of the database for a request.
func (d *Dashboard) query(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), d.o.QueryTimeout)
}
