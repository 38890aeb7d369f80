package openworkflow

import (
	"encoding/json"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// RunStatus is where a workflow run stands.
type RunStatus string

// The run statuses. A run that sleeps or waits is RunRunning without a worker.
const (
	RunPending   RunStatus = "pending"
	RunRunning   RunStatus = "running"
	RunCompleted RunStatus = "completed"
	RunFailed    RunStatus = "failed"
	RunCanceled  RunStatus = "canceled"
)

// Terminal reports whether the run has ended: completed, failed or canceled.
func (s RunStatus) Terminal() bool { return domain.RunStatus(s).Terminal() }

// StepStatus is where a step attempt stands.
type StepStatus string

// The step attempt statuses.
const (
	StepRunning   StepStatus = "running"
	StepCompleted StepStatus = "completed"
	StepFailed    StepStatus = "failed"
)

// StepKind is what a step does.
type StepKind string

// The step kinds, and the calls of package step that make them.
const (
	KindFunction   StepKind = "function"    // Run, Do, Go
	KindSleep      StepKind = "sleep"       // Sleep, SleepUntil
	KindWorkflow   StepKind = "workflow"    // RunWorkflow
	KindSignalSend StepKind = "signal-send" // SendSignal
	KindSignalWait StepKind = "signal-wait" // WaitForSignal
)

// RunError is the error of a run or step attempt as it is stored.
type RunError struct {
	Name    string `json:"name,omitempty"` // the error's type
	Message string `json:"message"`
	Stack   string `json:"stack,omitempty"` // of a panic, or of TypeScript's errors
	Code    string `json:"code,omitempty"`  // its identity, see ErrorCode
}

// Run is a workflow run as it is stored. Empty strings, nil payloads and zero times stand for what is not
// there. Its JSON has TypeScript's field names; a run that is exported with encoding/json is read back equal.
type Run struct {
	NamespaceID    string          `json:"namespaceId"`
	ID             string          `json:"id"`
	WorkflowName   string          `json:"workflowName"`
	Version        string          `json:"version,omitempty"`
	Status         RunStatus       `json:"status"`
	IdempotencyKey string          `json:"idempotencyKey,omitempty"`
	Config         json.RawMessage `json:"config,omitempty"`
	Context        json.RawMessage `json:"context,omitempty"` // TypeScript's trace context, kept as it is
	Input          json.RawMessage `json:"input,omitempty"`
	Output         json.RawMessage `json:"output,omitempty"`
	// Error is why the run failed, or, while it is pending, why its last workflow attempt did.
	Error *RunError `json:"error,omitempty"`
	// Attempts counts the claims by workers, not the workflow attempts: those are Failures + 1.
	Attempts   int `json:"attempts"`
	Failures   int `json:"failures,omitempty"`   // workflow attempts that failed and were retried
	Recoveries int `json:"recoveries,omitempty"` // takeovers from dead workers since the last progress
	// ParentNamespaceID and ParentAttemptID name the step attempt that started a child workflow.
	ParentNamespaceID string `json:"parentStepAttemptNamespaceId,omitempty"`
	ParentAttemptID   string `json:"parentStepAttemptId,omitempty"`
	WorkerID          string `json:"workerId,omitempty"`
	// AvailableAt is when the run is due: of a running run when its worker's lease ends, of one that waits
	// when it wakes at the latest.
	AvailableAt time.Time `json:"availableAt,omitzero"`
	DeadlineAt  time.Time `json:"deadlineAt,omitzero"`
	StartedAt   time.Time `json:"startedAt,omitzero"`
	FinishedAt  time.Time `json:"finishedAt,omitzero"`
	CreatedAt   time.Time `json:"createdAt,omitzero"`
	UpdatedAt   time.Time `json:"updatedAt,omitzero"`
}

// StepAttempt is one try of a step as it is stored; Run tells how to read it.
type StepAttempt struct {
	NamespaceID string          `json:"namespaceId"`
	ID          string          `json:"id"`
	RunID       string          `json:"workflowRunId"`
	StepName    string          `json:"stepName"` // resolved: repeats of a name have :1, :2, …
	Kind        StepKind        `json:"kind"`
	Status      StepStatus      `json:"status"`
	Config      json.RawMessage `json:"config,omitempty"`
	Context     json.RawMessage `json:"context,omitempty"` // what it waits for, and until when
	Output      json.RawMessage `json:"output,omitempty"`
	Error       *RunError       `json:"error,omitempty"`
	Final       bool            `json:"final,omitempty"`  // a failure that is never retried
	RetryAt     time.Time       `json:"retryAt,omitzero"` // when the retry after this failure is due
	// ChildNamespaceID and ChildRunID name the run that a workflow step started.
	ChildNamespaceID string    `json:"childWorkflowRunNamespaceId,omitempty"`
	ChildRunID       string    `json:"childWorkflowRunId,omitempty"`
	StartedAt        time.Time `json:"startedAt,omitzero"`
	FinishedAt       time.Time `json:"finishedAt,omitzero"`
	CreatedAt        time.Time `json:"createdAt,omitzero"`
	UpdatedAt        time.Time `json:"updatedAt,omitzero"`
}

// RunCounts are the numbers of a namespace's runs by status.
type RunCounts struct {
	Pending   int64 `json:"pending"`
	Running   int64 `json:"running"` // those that sleep or wait included
	Completed int64 `json:"completed"`
	Failed    int64 `json:"failed"`
	Canceled  int64 `json:"canceled"`
}

func runOf(r *domain.Run) Run {
	return Run{
		NamespaceID: r.NamespaceID, ID: r.ID, WorkflowName: r.WorkflowName, Version: r.Version,
		Status: RunStatus(r.Status), IdempotencyKey: r.IdempotencyKey,
		Config: r.Config, Context: r.Context, Input: r.Input, Output: r.Output, Error: runErrorOf(r.Error),
		Attempts: r.Attempts, Failures: r.Failures, Recoveries: r.Recoveries,
		ParentNamespaceID: r.ParentNamespaceID, ParentAttemptID: r.ParentAttemptID, WorkerID: r.WorkerID,
		AvailableAt: r.AvailableAt, DeadlineAt: r.DeadlineAt, StartedAt: r.StartedAt,
		FinishedAt: r.FinishedAt, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

// Record is the run as backends know it (backend.Run), for tools that put an exported run into a store:
// workflowtest.Replay is one. Statuses that older versions of TypeScript wrote become today's.
func (r Run) Record() domain.Run {
	return domain.Run{
		NamespaceID: r.NamespaceID, ID: r.ID, WorkflowName: r.WorkflowName, Version: r.Version,
		Status: domain.ParseRunStatus(string(r.Status)), IdempotencyKey: r.IdempotencyKey,
		Config: r.Config, Context: r.Context, Input: r.Input, Output: r.Output, Error: r.Error.failure(),
		Attempts: r.Attempts, Failures: r.Failures, Recoveries: r.Recoveries,
		ParentNamespaceID: r.ParentNamespaceID, ParentAttemptID: r.ParentAttemptID, WorkerID: r.WorkerID,
		AvailableAt: r.AvailableAt, DeadlineAt: r.DeadlineAt, StartedAt: r.StartedAt,
		FinishedAt: r.FinishedAt, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

func stepAttemptOf(a *domain.StepAttempt) StepAttempt {
	return StepAttempt{
		NamespaceID: a.NamespaceID, ID: a.ID, RunID: a.RunID, StepName: a.StepName,
		Kind: StepKind(a.Kind), Status: StepStatus(a.Status),
		Config: a.Config, Context: a.Context, Output: a.Output, Error: runErrorOf(a.Error),
		Final: a.Final, RetryAt: a.RetryAt, ChildNamespaceID: a.ChildNamespaceID, ChildRunID: a.ChildRunID,
		StartedAt: a.StartedAt, FinishedAt: a.FinishedAt, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt,
	}
}

// Record is the attempt as backends know it (backend.StepAttempt); see Run.Record.
func (a StepAttempt) Record() domain.StepAttempt {
	return domain.StepAttempt{
		NamespaceID: a.NamespaceID, ID: a.ID, RunID: a.RunID, StepName: a.StepName,
		Kind: domain.StepKind(a.Kind), Status: domain.ParseStepStatus(string(a.Status)),
		Config: a.Config, Context: a.Context, Output: a.Output, Error: a.Error.failure(),
		Final: a.Final, RetryAt: a.RetryAt, ChildNamespaceID: a.ChildNamespaceID, ChildRunID: a.ChildRunID,
		StartedAt: a.StartedAt, FinishedAt: a.FinishedAt, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt,
	}
}

func runErrorOf(f *domain.Failure) *RunError {
	if f == nil {
		return nil
	}
	return &RunError{Name: f.Name, Message: f.Message, Stack: f.Stack, Code: f.Code}
}

func (e *RunError) failure() *domain.Failure {
	if e == nil {
		return nil
	}
	return &domain.Failure{Name: e.Name, Message: e.Message, Stack: e.Stack, Code: e.Code}
}
