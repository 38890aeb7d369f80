package dashboard

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

const (
	heartbeat = 15 * time.Second // so that proxies keep the connection, and we notice that it is gone
	longest   = 15 * time.Minute // then the browser comes again, through the authentication in front
	patience  = 10 * time.Second // for a browser to take what it is sent
)

// stream sends a page's parts as they change, as server-sent events; with ?once=1, for browsers and proxies that
// cannot do that, the parts as they are now.
func (d *Dashboard) stream(w http.ResponseWriter, r *http.Request, key string, l look) error {
	if r.URL.Query().Get("once") != "" || r.Method == http.MethodHead {
		return d.once(w, r, key, l) //nolint:contextcheck // see join
	}
	rc := http.NewResponseController(w)
	// A server's ReadTimeout counts from the request on, and would end the connection as if the browser had gone.
	if err := rc.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	closing := d.feeds.closing(r)
	v, err := d.feeds.join(key, l) //nolint:contextcheck // see join
	if err != nil {
		return busy(w)
	}
	defer d.feeds.leave(key, v)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep it all until the end
	w.WriteHeader(http.StatusOK)
	e := &events{w: w, rc: rc}
	if !e.send("retry: 3000\n\n") {
		return nil
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	end := time.NewTimer(longest)
	defer end.Stop()
	for {
		select {
		case <-v.news:
			if p, final, err := v.changed(); !e.tell(p, final, err) {
				return nil
			}
		case <-beat.C:
			if !e.send(": still here\n\n") {
				return nil
			}
		case <-end.C:
			return nil
		case <-closing:
			return nil
		case <-r.Context().Done():
			return nil
		}
	}
}

// once answers with the parts as they are now: of the feed that others watch, if there is one.
func (d *Dashboard) once(w http.ResponseWriter, r *http.Request, key string, l look) error {
	v, err := d.feeds.join(key, l)
	if err != nil {
		return busy(w)
	}
	defer d.feeds.leave(key, v)
	ctx, cancel := d.query(r)
	defer cancel()
	select {
	case <-v.news:
	case <-ctx.Done():
		return ctx.Err()
	}
	p, final, err := v.changed()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(struct {
		Parts parts `json:"parts"`
		Final bool  `json:"final"`
	}{p, final})
}

func busy(w http.ResponseWriter) error {
	w.Header().Set("Retry-After", "30")
	return &problem{http.StatusTooManyRequests, "Too many live connections", "The page asks again now and then instead."}
}

// events writes server-sent events.
type events struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

// tell sends what changed; it reports whether the connection goes on.
func (e *events) tell(p parts, final bool, err error) bool {
	switch {
	case asProblem(err) != nil: // the run was deleted, say: a page that is loaded again will tell
		e.send("event: final\ndata: \n\n")
		return false
	case err != nil:
		return e.send("event: trouble\ndata: \n\n")
	}
	if len(p) > 0 {
		data, err := json.Marshal(p) // on one line, as the format wants it
		if err != nil {
			return false
		}
		if !e.send("event: parts\ndata: " + string(data) + "\n\n") {
			return false
		}
	} else if !e.send("event: same\ndata: \n\n") {
		return false
	}
	if final {
		e.send("event: final\ndata: \n\n")
		return false
	}
	return true
}

func (e *events) send(text string) bool {
	if err := e.rc.SetWriteDeadline(time.Now().Add(patience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return false
	}
	if _, err := e.w.Write([]byte(text)); err != nil {
		return false
	}
	return e.rc.Flush() == nil
}
