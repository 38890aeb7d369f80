// Package step is what a workflow function calls: steps that are remembered, durable sleeps, signals and child
// workflows.
//
// Every call takes the openworkflow.Context that the workflow function was given, or one that was made from it
// with openworkflow.WithContext or Branch, and records its outcome in the database before it returns. When
// the run is resumed, after a crash, a deploy or a long wait, the function runs again from its top, and calls
// whose outcome is recorded return it at once.
//
//	id, err := step.Run(ctx, "create-account", func(ctx context.Context) (int64, error) {
//		return accounts.Create(ctx, in.Email, step.IdempotencyKey(ctx))
//	})
//
// # Names
//
// A step is recognised by its name. A name that is used again becomes name:1, name:2, … in the order of the
// calls, as in TypeScript, so a loop may use one name. Calls that overlap (in goroutines, other than with Go)
// need names of their own, since their order is not the same each time: put a key into the name, or give
// each goroutine a Branch. Names have 1 to 512 bytes.
//
// # Errors
//
// A step that fails for good returns an *openworkflow.StepError, made from what is stored. A step call also
// returns openworkflow.ErrSuspended when the execution has to end, and openworkflow.ErrInvalidArgument and
// openworkflow.ErrInvalidPayload for calls that cannot be right. Return all of them.
//
// What may enter: the calls themselves and their options. What they do is package engine's.
package step
