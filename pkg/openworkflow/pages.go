package openworkflow

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// The sizes of a page.
const (
	DefaultPageLimit = 100
	MaxPageLimit     = 1000
)

// PageOptions choose a page of a list.
type PageOptions struct {
	// Limit is the most items that the page has: 1 to 1000; 0 is 100.
	Limit int
	// After is a Page's Next: the items that follow it.
	After string
	// Before is a Page's Prev: the items in front of it. At most one of After and Before may be set.
	Before string
}

// Page is a part of a list, always in the list's order.
type Page[T any] struct {
	Items []T
	// Next and Prev are the cursors of the pages after and before this one, for PageOptions; "" if there is
	// none. Their form is TypeScript's.
	Next, Prev string
	// Partial: the backend stopped looking before the page was full, so that it answers in time although the
	// filter selects few of very many runs. The page may be empty; Next (of a page Before a cursor: Prev) goes on
	// where it stopped. A loop that ends when Next is "" sees everything; one that ends at an empty page does not.
	Partial bool
}

// request checks the options and translates them.
func (o PageOptions) request() (ports.PageRequest, error) {
	req := ports.PageRequest{Limit: o.Limit}
	switch {
	case o.Limit < 0 || o.Limit > MaxPageLimit:
		return req, edge.Invalid("the page's Limit is %d; use 1 to %d, or 0 for %d", o.Limit, MaxPageLimit, DefaultPageLimit)
	case o.Limit == 0:
		req.Limit = DefaultPageLimit
	}
	if o.After != "" && o.Before != "" {
		return req, edge.Invalid("a page is After a cursor or Before one, not both")
	}
	var err error
	if req.After, err = parseCursor("After", o.After); err != nil {
		return req, err
	}
	req.Before, err = parseCursor("Before", o.Before)
	return req, err
}

// pageOf translates the page that was asked for; place says where in the list an item is.
func pageOf[D, T any](p ports.Page[D], asked ports.PageRequest, translate func(*D) T, place func(*D) domain.Cursor) *Page[T] {
	out := &Page[T]{Items: make([]T, len(p.Items))}
	for i := range p.Items {
		out.Items[i] = translate(&p.Items[i])
	}
	if n := len(p.Items); n > 0 {
		if p.HasNext {
			out.Next = formatCursor(place(&p.Items[n-1]))
		}
		if p.HasPrev {
			out.Prev = formatCursor(place(&p.Items[0]))
		}
	}
	if p.Stopped == nil {
		return out
	}
	stopped := formatCursor(*p.Stopped)
	if out.Partial = true; len(p.Items) == 0 && p.HasNext && p.HasPrev {
		out.Next, out.Prev = stopped, stopped // nothing is between it and where the page began
	}
	if asked.Before != nil {
		out.Prev = stopped
	} else {
		out.Next = stopped
	}
	return out
}

// cursorJSON is a cursor's content in both languages.
type cursorJSON struct {
	CreatedAt string `json:"createdAt"`
	ID        string `json:"id"`
}

func formatCursor(c domain.Cursor) string {
	raw, err := json.Marshal(cursorJSON{domain.FormatTime(c.CreatedAt), c.ID})
	if err != nil { // two strings always marshal
		return ""
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func parseCursor(field, s string) (*domain.Cursor, error) {
	if s == "" {
		return nil, nil
	}
	bad := edge.Invalid("the page's %s is not a cursor: use a Page's Next or Prev as it is", field)
	// Cursors travel in URLs, where padding is lost and the alphabet is the other one: be generous, as Node is.
	s = strings.NewReplacer("-", "+", "_", "/", " ", "+").Replace(strings.TrimRight(s, "="))
	raw, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return nil, bad
	}
	var c cursorJSON
	if err := json.Unmarshal(raw, &c); err != nil || c.ID == "" || edge.CheckText("id", c.ID, edge.MaxKey) != nil {
		return nil, bad
	}
	at, err := time.Parse(time.RFC3339Nano, c.CreatedAt)
	if err != nil || edge.CheckTime("createdAt", at) != nil {
		return nil, bad
	}
	return &domain.Cursor{CreatedAt: at.UTC(), ID: c.ID}, nil
}
