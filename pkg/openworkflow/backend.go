package openworkflow

import "github.com/openworkflowdev/openworkflow-go/internal/ports"

// Backend stores workflow runs. Open one with package postgres, sqlite or memory. Whoever writes an adapter
// of their own finds the contract in package backend and its test suite in package backendtest.
//
// The Backend belongs to whoever opened it: closing a Client leaves it open.
type Backend = ports.Backend
