// Package owotel traces clients and workers with OpenTelemetry.
//
//	ow, err := openworkflow.New(db, openworkflow.WithObserver(owotel.Observer()))
//
// # Spans
//
// Their names and attributes are those of the TypeScript package (npm openworkflow 0.10), so that services in both
// languages look alike:
//
//   - workflow_run.create (producer): Run, RunBatch, StartRun and Rerun of a client, and, as a mark without duration, each
//     child that a workflow starts.
//   - workflow_run.execute (consumer): a slice of a run, from its claim until it ends, is parked or is lost. A run that
//     sleeps or waits has several. Each is the root of a trace of its own, as a run may last for months.
//   - step_attempt.execute: an attempt of a step function, in its slice. The context of the function carries the span, so
//     that the function's own spans are inside.
//   - step_attempt.wait: a sleep, a wait for a signal or a child workflow, when it ends. It begins no earlier than the
//     slice that it ends in; openworkflow.step.started_at and openworkflow.step.wait_seconds tell the truth.
//   - signal.send (producer) and workflow_run.cancel: these calls of a client, and the steps that send signals.
//
// A failure is recorded as an exception event and the status of its span, with the message and stack that are stored.
// Nothing is told twice: while a workflow function replays what it has done there are no spans. Spans that the workflow
// function itself starts outside of steps are inside the slice, and begin again in every replay.
//
// # From the caller to the run
//
// The span context in which a run is started is stored in the run, in the form that the TypeScript package uses, and each
// of the run's slices links to it, whichever process and language executes it. A child workflow links to the slice of
// its parent that started it. Baggage comes along.
//
// What may enter: spans over openworkflow.Observer. Programs that do not import the package do not link OpenTelemetry.
package owotel
