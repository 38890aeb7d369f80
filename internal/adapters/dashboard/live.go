package dashboard

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"time"
)

// parts are a page's changing parts, rendered, by the ids of their elements.
type parts map[string]string

// snapshot is what a look at the database showed.
type snapshot struct {
	parts parts
	final bool // nothing will change any more
}

// look reads the database and renders the parts of a page.
type look func(ctx context.Context) (snapshot, error)

// feeds share looks: however many viewers a page has, one goroutine reads the database for them, as long as there are any.
type feeds struct {
	every   time.Duration
	timeout time.Duration
	max     int

	mu      sync.Mutex
	byKey   map[string]*feed
	viewers int
	servers map[*http.Server]chan struct{} // closed when the server shuts down
}

var errCrowded = errors.New("dashboard: too many live connections")

func newFeeds(every, timeout time.Duration, most int) *feeds {
	return &feeds{every: every, timeout: timeout, max: most, byKey: map[string]*feed{}, servers: map[*http.Server]chan struct{}{}}
}

// feed is a page that is looked at.
type feed struct {
	look   look
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	viewers map[*viewer]struct{}
	last    *snapshot
	err     error // of the latest look
}

// viewer is one open connection. News says that there is something to tell.
type viewer struct {
	feed *feed
	news chan struct{}
	seen map[string][sha256.Size]byte
}

// join adds a viewer to the feed of a page, and starts it if this is the first.
func (f *feeds) join(key string, l look) (*viewer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.viewers >= f.max {
		return nil, errCrowded
	}
	f.viewers++
	fd, ok := f.byKey[key]
	if !ok {
		// A feed outlives the request that starts it: others look at it too. It ends with its last viewer.
		ctx, cancel := context.WithCancel(context.Background())
		fd = &feed{look: l, cancel: cancel, done: make(chan struct{}), viewers: map[*viewer]struct{}{}}
		f.byKey[key] = fd
		go fd.run(ctx, f.every, f.timeout)
	}
	v := &viewer{feed: fd, news: make(chan struct{}, 1), seen: map[string][sha256.Size]byte{}}
	fd.mu.Lock()
	fd.viewers[v] = struct{}{}
	if fd.last != nil || fd.err != nil {
		v.news <- struct{}{}
	}
	fd.mu.Unlock()
	return v, nil
}

// leave removes a viewer. With the last one the feed ends, and leave returns when it has.
func (f *feeds) leave(key string, v *viewer) {
	f.mu.Lock()
	f.viewers--
	v.feed.mu.Lock()
	delete(v.feed.viewers, v)
	last := len(v.feed.viewers) == 0
	v.feed.mu.Unlock()
	if last {
		delete(f.byKey, key)
	}
	f.mu.Unlock()
	if last {
		v.feed.cancel()
		<-v.feed.done
	}
}

// run looks again and again. A look that takes long makes the next one come later, so that a slow database is asked less.
func (fd *feed) run(ctx context.Context, every, timeout time.Duration) {
	defer close(fd.done)
	for ctx.Err() == nil {
		began := time.Now()
		s, err := fd.once(ctx, timeout)
		fd.publish(s, err)
		if err == nil && s.final || asProblem(err) != nil { // the next look would say the same
			<-ctx.Done()
			return
		}
		wait(ctx, max(every, 5*time.Since(began)))
	}
}

func (fd *feed) once(ctx context.Context, timeout time.Duration) (s snapshot, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	defer func() { // no request is around this: a fault in a store or a hook would end the user's process
		if v := recover(); v != nil {
			err = fmt.Errorf("the look panicked: %v", v)
		}
	}()
	return fd.look(ctx)
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (fd *feed) publish(s snapshot, err error) {
	fd.mu.Lock()
	defer fd.mu.Unlock()
	fd.err = err
	if err == nil {
		fd.last = &s
	}
	for v := range fd.viewers {
		select {
		case v.news <- struct{}{}:
		default: // it has news that it has not looked at
		}
	}
}

// changed returns the parts that this viewer has not got as they are now, or why there are none.
func (v *viewer) changed() (p parts, final bool, err error) {
	v.feed.mu.Lock()
	last, err := v.feed.last, v.feed.err
	v.feed.mu.Unlock()
	if err != nil || last == nil {
		return nil, false, err
	}
	p = parts{}
	for name, html := range last.parts {
		sum := sha256.Sum256([]byte(ages.ReplaceAllString(html, "")))
		if v.seen[name] != sum {
			v.seen[name] = sum
			p[name] = html
		}
	}
	return p, last.final, nil
}

// ages are the texts of time elements, which browsers keep up to date by themselves.
var ages = regexp.MustCompile(`>[^<]*</time>`)

// closing returns a channel that is closed when the request's server shuts down: Shutdown waits for connections that are
// busy, and these always are.
func (f *feeds) closing(r *http.Request) <-chan struct{} {
	srv, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c, known := f.servers[srv]
	if !known {
		c = make(chan struct{})
		f.servers[srv] = c
		srv.RegisterOnShutdown(func() {
			close(c)
			f.mu.Lock()
			defer f.mu.Unlock()
			delete(f.servers, srv)
		})
	}
	return c
}
