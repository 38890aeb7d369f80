package dashboard

import (
	"encoding/json"
	"net/http"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// sendSignal sends a signal to one run. Its handle comes from a declaration of its workflow without types.
func (d *Dashboard) sendSignal(r *http.Request, name string, data json.RawMessage) error {
	ctx, cancel := d.query(r)
	defer cancel()
	run, err := d.ow.GetRun(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	var payload any
	if data != nil {
		payload = data
	}
	h := openworkflow.Declare[json.RawMessage, json.RawMessage](run.WorkflowName).Handle(d.ow, run.ID)
	return h.Signal(ctx, name, payload)
}
