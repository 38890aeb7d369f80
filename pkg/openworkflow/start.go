package openworkflow

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// StartRun starts a run of a workflow by its name, for tools that do not have its types; services use Spec.Run,
// which checks the input against them. A nil input is null; a version of "" is unversioned. It does not look
// whether any worker knows the workflow. Options and errors are those of Run.
func (c *Client) StartRun(ctx context.Context, workflow, version string, input json.RawMessage, opts ...RunOption) (*RunHandle[json.RawMessage], error) {
	id := identityOf{name: workflow, version: version}
	if err := edge.CheckName("workflow name", workflow); err != nil {
		return nil, err
	}
	if err := edge.CheckText("workflow version", version, edge.MaxName); err != nil {
		return nil, err
	}
	cfg, err := c.runConfig(opts)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", &id, err)
	}
	if input == nil {
		input = edge.Null()
	}
	if err := domain.CheckPayload(input, c.config.maxPayload); err != nil {
		return nil, fmt.Errorf("run %s: the input: %w", &id, err)
	}
	return create[json.RawMessage](ctx, c, &id, cfg.newRun(c, &id, input))
}
