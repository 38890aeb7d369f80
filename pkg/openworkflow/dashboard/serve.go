package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// DefaultAddr is where Serve listens when nothing else is said.
const DefaultAddr = "127.0.0.1:8233"

// ErrNoAuthentication: Serve was to listen where others can reach it, without a password or token.
var ErrNoAuthentication = errors.New("openworkflow: the dashboard has no authentication")

// ServerOptions configure Serve.
type ServerOptions struct {
	Options

	// Addr is the TCP address to listen at; "" is DefaultAddr, port 0 any that is free. Anything but a loopback address needs
	// BasicAuth or Token.
	Addr string
	// BasicAuth asks for a name and a password.
	BasicAuth *BasicAuth
	// Token, of at least 16 characters, lets those in who send it as "Authorization: Bearer …", or type it into the form that
	// browsers are shown. With BasicAuth too, either will do.
	Token string
	// CertFile and KeyFile make it HTTPS. Without them, passwords and tokens cross the network in the clear, unless a
	// proxy in front speaks TLS.
	CertFile, KeyFile string
	// StopTimeout is the grace for requests under way when ctx ends; 0 is 10 s. Live pages end at once.
	StopTimeout time.Duration
	// Listening, if set, is called with the address once it listens.
	Listening func(net.Addr)
}

// BasicAuth is a name and a password.
type BasicAuth struct{ User, Password string }

const minToken = 16

func (o *ServerOptions) validate() error {
	if o.Addr == "" {
		o.Addr = DefaultAddr
	}
	if o.StopTimeout == 0 {
		o.StopTimeout = 10 * time.Second
	}
	switch {
	case o.StopTimeout < 0:
		return fmt.Errorf("openworkflow: dashboard: StopTimeout is %v; it must not be negative", o.StopTimeout)
	case o.BasePath != "":
		return errors.New("openworkflow: dashboard: BasePath is for handlers in a server of your own; Serve is at the root")
	case (o.CertFile == "") != (o.KeyFile == ""):
		return errors.New("openworkflow: dashboard: CertFile and KeyFile belong together")
	case o.BasicAuth != nil && (o.BasicAuth.User == "" || o.BasicAuth.Password == ""):
		return errors.New("openworkflow: dashboard: BasicAuth needs a user and a password")
	case o.Token != "" && len(o.Token) < minToken:
		return fmt.Errorf("openworkflow: dashboard: the token has %d characters; use at least %d, made by chance", len(o.Token), minToken)
	}
	return nil
}

func (o *ServerOptions) open() bool { return o.BasicAuth == nil && o.Token == "" }

// Serve serves the dashboard until ctx ends, and then stops gracefully: nil if it did. Without BasicAuth or Token it
// listens at loopback addresses only, and returns ErrNoAuthentication for others.
//
// /healthz and /readyz answer without authentication, and say nothing but whether it is healthy.
func Serve(ctx context.Context, ow *openworkflow.Client, o ServerOptions) error {
	if err := o.validate(); err != nil {
		return err
	}
	d, err := dashboard.New(ow, o.inner())
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	if o.open() && !loopback(o.Addr) {
		return fmt.Errorf("%w: refusing to listen at %s, where others can reach it; set a password or a token, or listen at 127.0.0.1", ErrNoAuthentication, o.Addr)
	}
	l, err := lc.Listen(ctx, "tcp", o.Addr)
	if err != nil {
		return fmt.Errorf("openworkflow: dashboard: %w", err)
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); o.open() && (!ok || !tcp.IP.IsLoopback()) { // a name may stand for any address
		_ = l.Close()
		return fmt.Errorf("%w: %s is %s, where others can reach it", ErrNoAuthentication, o.Addr, l.Addr())
	}
	if o.Listening != nil {
		o.Listening(l.Addr())
	}
	return o.serve(ctx, l, o.guard(d))
}

// loopback reports whether the address may be one of loopback: a literal one, or localhost, which is looked at again when
// it is known what it stands for.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func (o *ServerOptions) serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10,
		// A slow bulk verb is the longest answer; live pages set deadlines of their own.
		WriteTimeout: 2 * time.Minute,
	}
	ended := make(chan error, 1)
	go func() {
		if o.CertFile != "" {
			ended <- srv.ServeTLS(l, o.CertFile, o.KeyFile)
			return
		}
		ended <- srv.Serve(l)
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.StopTimeout)
	defer cancel()
	err := srv.Shutdown(grace)
	if err != nil {
		_ = srv.Close()
		err = fmt.Errorf("openworkflow: dashboard: requests were cut off: %w", err)
	}
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
