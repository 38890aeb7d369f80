package cli

import (
	"context"
	"log/slog"
	"net"

	"github.com/spf13/cobra"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/config"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/dashboard"
)

type dashboardFlags struct {
	addr, title, cert, key, metricsAddr string
	hosts                               []string
	readOnly                            bool
}

func (a *app) dashboard() *cobra.Command {
	var f dashboardFlags
	cmd := a.command("dashboard", "Serve the dashboard until Ctrl-C or SIGTERM", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		o, err := f.options(a)
		if err != nil {
			return err
		}
		m, observed := a.monitoring(f.metricsAddr, o.Logger)
		return a.withClient(ctx, func(ow *openworkflow.Client) error {
			unserve, err := m.serve(ctx, a, ow)
			if err != nil {
				return err
			}
			defer unserve()
			return dashboard.Serve(ctx, ow, o)
		}, observed...)
	})
	cmd.Long = "Serve the dashboard, a web page that shows runs and acts on them, until Ctrl-C or SIGTERM.\n\n" +
		"At an address that others can reach it has to know who they are: set " + config.EnvDashboardToken + ", or\n" +
		config.EnvDashboardUser + " and " + config.EnvDashboardPassword + ", in the environment or in .env."
	cmd.Example = `  openworkflow dashboard
  openworkflow dashboard --addr :8233 --tls-cert cert.pem --tls-key key.pem --read-only`
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.addr, "addr", "", "where to listen (default "+dashboard.DefaultAddr+")")
	flags.BoolVar(&f.readOnly, "read-only", false, "show, and change nothing")
	flags.StringVar(&f.title, "title", "", "the name in the header (default OpenWorkflow)")
	flags.StringSliceVar(&f.hosts, "allowed-host", nil, "a name that it may be asked for by, where a proxy is in front; may be repeated")
	flags.StringVar(&f.cert, "tls-cert", "", "the certificate's file, for HTTPS")
	flags.StringVar(&f.key, "tls-key", "", "the key's file, for HTTPS")
	metricsFlag(cmd, &f.metricsAddr)
	return cmd
}

// options are the flags over the configuration; secrets are not given as flags, which others on the machine can see.
func (f *dashboardFlags) options(a *app) (dashboard.ServerOptions, error) {
	if (f.cert == "") != (f.key == "") {
		return dashboard.ServerOptions{}, usagef("--tls-cert and --tls-key belong together")
	}
	secret := a.cfg.Secret
	if a.prog.Client != nil {
		secret = a.env.Getenv
	}
	o := dashboard.ServerOptions{
		Options: dashboard.Options{
			Title: f.title, ReadOnly: f.readOnly || a.cfg.Dashboard.ReadOnly, AllowedHosts: f.hosts, Workflows: a.prog.Workflows,
			Logger: a.prog.Logger,
		},
		Addr: f.addr, Token: secret(config.EnvDashboardToken), CertFile: f.cert, KeyFile: f.key,
		Listening: func(at net.Addr) { a.note("The dashboard is at %s. Ctrl-C stops it.", f.url(at)) },
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(a.env.Stderr, nil))
	}
	if o.Addr == "" {
		o.Addr = a.cfg.Dashboard.Addr
	}
	user, password := secret(config.EnvDashboardUser), secret(config.EnvDashboardPassword)
	if user != "" || password != "" {
		if user == "" || password == "" {
			return o, usagef("%s and %s belong together", config.EnvDashboardUser, config.EnvDashboardPassword)
		}
		o.BasicAuth = &dashboard.BasicAuth{User: user, Password: password}
	}
	return o, nil
}

func (f *dashboardFlags) url(at net.Addr) string {
	if f.cert != "" {
		return "https://" + at.String() + "/"
	}
	return "http://" + at.String() + "/"
}
