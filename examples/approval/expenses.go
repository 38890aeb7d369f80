package main

import (
	"context"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// ApproveExpense is the contract.
var ApproveExpense = openworkflow.Declare[Expense, Decision]("approve-expense")

// Expense is the input of ApproveExpense.
type Expense struct {
	ID     string
	Amount int64
}

// Decision is the result of ApproveExpense, and what the signal carries.
type Decision struct {
	Approved bool
	By       string
}

// Notifier tells people what they should know.
type Notifier interface {
	Notify(ctx context.Context, text, key string) error
}

// Expenses implements the workflow, and the verbs of those who decide.
type Expenses struct {
	Client   *openworkflow.Client
	Notifier Notifier
	Patience time.Duration // how long a decision is waited for
}

// Workflows lists what a worker executes.
func (e *Expenses) Workflows() []openworkflow.AnyWorkflow {
	return openworkflow.Workflows(ApproveExpense.Implement(e.approve))
}

func (e *Expenses) approve(ctx openworkflow.Context, in Expense) (Decision, error) {
	if err := e.tell(ctx, "ask", "please decide about expense "+in.ID); err != nil {
		return Decision{}, err
	}
	decision, ok, err := step.WaitForSignal[Decision](ctx, signalName(in.ID), step.WithName("decision"), step.WithTimeout(e.Patience))
	if err != nil {
		return Decision{}, err
	}
	if !ok {
		decision = Decision{By: "nobody in time"}
	}
	verdict := "rejected"
	if decision.Approved {
		verdict = "approved"
	}
	return decision, e.tell(ctx, "tell", "expense "+in.ID+" was "+verdict+" by "+decision.By)
}

func (e *Expenses) tell(ctx openworkflow.Context, name, text string) error {
	return step.Do(ctx, name, func(ctx context.Context) error {
		return e.Notifier.Notify(ctx, text, step.IdempotencyKey(ctx))
	})
}

// Decide delivers a decision: to the run that waits for it, or, within an hour, to the one that will. Whoever
// presses the button twice decides once.
func (e *Expenses) Decide(ctx context.Context, expenseID string, d Decision) error {
	_, err := e.Client.SendSignal(ctx, signalName(expenseID), d,
		openworkflow.WithIdempotencyKey("decide-"+expenseID), openworkflow.WithBuffer(time.Hour))
	return err
}

func signalName(expenseID string) string { return "expense-decision:" + expenseID }
