package cli

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/render"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

type signalFlags struct {
	data, run, key, buffer string
}

func (a *app) signal() *cobra.Command {
	cmd := group("signal", "Send signals to runs")
	cmd.AddCommand(a.signalSend())
	return cmd
}

func (a *app) signalSend() *cobra.Command {
	var f signalFlags
	cmd := a.command("send SIGNAL", "Send a signal to the runs that wait for it, or to one run", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		data, err := a.payload("data", f.data)
		if err != nil {
			return err
		}
		opts, err := f.options()
		if err != nil {
			return err
		}
		return a.withClient(ctx, func(ow *openworkflow.Client) error {
			sent, err := f.send(ctx, ow, args[0], data, opts)
			if err != nil {
				return err
			}
			return a.print(sent, sent.people)
		})
	})
	cmd.Long = "Send a signal to every run that waits for it now. With --run it goes to that run alone, which gets it when\n" +
		"it next waits for it. A signal that nobody waits for is dropped, unless --buffer keeps it."
	cmd.Example = `  openworkflow signal send approved --run 01M8… --data '{"by":"ann"}'
  openworkflow signal send price-changed --data @price.json --buffer 1h`
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&f.data, "data", "d", "", "what it carries: "+payloadForms+" (default null)")
	flags.StringVar(&f.run, "run", "", "send it to this run alone")
	flags.StringVar(&f.key, "key", "", "an idempotency key: the second time nothing is delivered, and the first answer is given")
	flags.StringVar(&f.buffer, "buffer", "", "keep it for so long if no run waits for it: 90s, 24h, 7d")
	return cmd
}

func (f *signalFlags) options() ([]openworkflow.SignalOption, error) {
	var opts []openworkflow.SignalOption
	if f.key != "" {
		opts = append(opts, openworkflow.WithIdempotencyKey(f.key))
	}
	if f.buffer == "" {
		return opts, nil
	}
	if f.run != "" {
		return nil, usagef("--buffer is for signals without --run: one that is sent to a run is kept for it anyway")
	}
	ttl, err := span("buffer", f.buffer)
	return append(opts, openworkflow.WithBuffer(ttl)), err
}

// delivery is who got a signal.
type delivery struct {
	Signal   string   `json:"signal"`
	RunIDs   []string `json:"runIds"`
	buffered bool
	to       string
}

func (f *signalFlags) send(ctx context.Context, ow *openworkflow.Client, name string, data json.RawMessage, opts []openworkflow.SignalOption) (*delivery, error) {
	out := &delivery{Signal: name, RunIDs: []string{}, buffered: f.buffer != "", to: f.run}
	if f.run != "" {
		h := openworkflow.Declare[json.RawMessage, json.RawMessage](name).Handle(ow, f.run)
		if err := h.Signal(ctx, name, data, opts...); err != nil {
			return nil, err
		}
		out.RunIDs = append(out.RunIDs, f.run)
		return out, nil
	}
	ids, err := ow.SendSignal(ctx, name, data, opts...)
	out.RunIDs = append(out.RunIDs, ids...)
	return out, err
}

func (d *delivery) people(p *page) error {
	name := render.Safe(d.Signal)
	switch {
	case d.to != "":
		return p.line("Signal %s was sent to run %s.", name, render.Safe(d.to))
	case len(d.RunIDs) == 0 && d.buffered:
		return p.line("No run waits for signal %s: it is kept for the first that does.", name)
	case len(d.RunIDs) == 0:
		return p.line("No run waits for signal %s: it was dropped.", name)
	}
	return p.line("Signal %s was delivered to %s:\n  %s", name, plural(int64(len(d.RunIDs)), "run"), strings.Join(d.RunIDs, "\n  "))
}
