package workflowtest_test

import (
	"testing"
	"testing/synctest"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/workflowtest"
)

func insideBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { workflowtest.New(t, echo) })
}
