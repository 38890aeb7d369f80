// Package engine executes workflow runs: it claims them, replays what is recorded, runs the steps that
// are not, commits every outcome before it is seen, parks runs that wait, and wakes them. Every decision
// is made here or in package domain; stores only keep facts.
//
// The parts, from the outside in:
//
//   - Worker claims runs into slots and owns the loops: claiming, heartbeats, news, sweeping.
//   - execution is one run as this worker executes it, from its claim to its end here.
//   - Scope is what a workflow function's step calls act on: one branch of an execution.
//   - journal commits the transitions of all executions in batches.
//   - ledger is the memory of an execution: what its history says about each step.
//
// What may enter: decisions about runs. No SQL, no generics for users, no JSON of users' types. It imports
// domain, ports and zap.
package engine
