// Command openworkflow shows and manages the workflow runs of an OpenWorkflow database, from a shell or a CI
// job.
//
//	openworkflow init
//	openworkflow migrate up --url postgres://localhost/app
//	openworkflow runs list --status failed --since 24h
//	openworkflow doctor
//
// docs/cli.md describes all commands. A program of your own gets the same ones, with its workflows, from package
// pkg/openworkflow/cli, which is where these come from.
//
// What may enter: nothing.
package main
