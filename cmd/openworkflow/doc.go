// Command openworkflow looks after an OpenWorkflow database from a shell or a CI job.
//
//	openworkflow migrate up --url postgres://localhost/app
//	openworkflow migrate status --url sqlite:openworkflow.db
//
// What may enter: the wiring of standard streams, signals and the exit status. Commands live in
// internal/adapters/cli.
package main
