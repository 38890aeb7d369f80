package dashboard

import (
	"errors"
	"net/http"
	"slices"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// actionView is a form that acts on a run.
type actionView struct {
	Run     openworkflow.Run
	Form    form
	Steps   []string // of a rerun: where it can go on
	Signals []string // that the run waits for
}

// actor prepares a form that acts on a run; read-only dashboards have none.
func (d *Dashboard) actor(r *http.Request) (*actionView, error) {
	if d.o.ReadOnly {
		return nil, errReadOnly
	}
	ctx, cancel := d.query(r)
	defer cancel()
	run, err := d.ow.GetRun(ctx, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return &actionView{Run: *run, Form: newForm()}, nil
}

func (d *Dashboard) askCancel(w http.ResponseWriter, r *http.Request) error {
	v, err := d.actor(r)
	if err != nil {
		return err
	}
	return d.render(w, r, "cancel", "Cancel the run", v)
}

func (d *Dashboard) doCancel(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	ctx, cancel := d.query(r)
	defer cancel()
	err := d.ow.CancelRun(ctx, id)
	switch {
	case errors.Is(err, openworkflow.ErrRunFinished):
		return redirect(w, r, runPath(id)+"?notice=ended")
	case err != nil:
		return err
	}
	d.did(r, "canceled a run", id)
	return redirect(w, r, runPath(id)+"?notice=canceled")
}

// did notes in the log that somebody changed something. Who it was, the authentication in front knows.
func (d *Dashboard) did(r *http.Request, what, run string) {
	d.o.Logger.InfoContext(r.Context(), "dashboard: "+what, "run", run, "remote", r.RemoteAddr)
}

func (d *Dashboard) askRerun(w http.ResponseWriter, r *http.Request) error {
	v, err := d.rerunForm(r)
	if err != nil {
		return err
	}
	v.Form.Values.Set("from", r.URL.Query().Get("from"))
	return d.render(w, r, "rerun", "Rerun", v)
}

// rerunForm lists the steps that a rerun can go on at.
func (d *Dashboard) rerunForm(r *http.Request) (*actionView, error) {
	v, err := d.actor(r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := d.query(r)
	defer cancel()
	attempts, _, err := (&history{}).read(ctx, d.ow, runQuery{id: v.Run.ID})
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i := range attempts {
		if name := attempts[i].StepName; !seen[name] {
			seen[name] = true
			v.Steps = append(v.Steps, name)
		}
	}
	return v, nil
}

func (d *Dashboard) doRerun(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	ctx, cancel := d.query(r)
	defer cancel()
	var opts []openworkflow.RerunOption
	from := f.Values.Get("from") // as it is: a step's name may begin with a space
	if from != "" {
		opts = append(opts, openworkflow.FromStep(from))
	}
	h, err := d.ow.Rerun(ctx, r.PathValue("id"), opts...)
	if text, refused := refusal(err); refused {
		v, err := d.rerunForm(r)
		if err != nil {
			return err
		}
		v.Form.Values.Set("from", from)
		v.Form.refuse("from", text)
		return d.renderStatus(w, r, http.StatusUnprocessableEntity, "rerun", "Rerun", v)
	}
	if err != nil {
		return err
	}
	d.did(r, "reran a run", r.PathValue("id"))
	return redirect(w, r, runPath(h.ID())+"?notice=rerun")
}

func (d *Dashboard) askSignal(w http.ResponseWriter, r *http.Request) error {
	v, err := d.signalForm(r)
	if err != nil {
		return err
	}
	name := r.URL.Query().Get("name")
	if name == "" && len(v.Signals) == 1 {
		name = v.Signals[0]
	}
	v.Form.Values.Set("name", name)
	return d.render(w, r, "signal", "Send a signal", v)
}

// signalForm lists the signals that the run waits for.
func (d *Dashboard) signalForm(r *http.Request) (*actionView, error) {
	v, err := d.actor(r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := d.query(r)
	defer cancel()
	run, err := d.runView(ctx, runQuery{id: v.Run.ID}, &history{})
	if err != nil {
		return nil, err
	}
	for _, w := range run.Waits {
		if w.Kind == "signal" && !slices.Contains(v.Signals, w.Signal) {
			v.Signals = append(v.Signals, w.Signal)
		}
	}
	return v, nil
}

func (d *Dashboard) doSignal(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	name, data := f.Values.Get("name"), f.json("data")
	if name == "" {
		f.refuse("name", "Write the name of the signal.")
	}
	if f.ok() {
		if err := d.sendSignal(r, name, data); err == nil {
			d.did(r, "sent a signal", r.PathValue("id"))
			return redirect(w, r, runPath(r.PathValue("id"))+"?notice=signalled")
		} else if text, refused := refusal(err); refused {
			f.refuse("", text)
		} else {
			return err
		}
	}
	v, err := d.signalForm(r)
	if err != nil {
		return err
	}
	v.Form = f
	return d.renderStatus(w, r, http.StatusUnprocessableEntity, "signal", "Send a signal", v)
}
