// Quickstart shows what durable means: it runs a workflow on SQLite in a worker process, kills that process
// in the middle of a step, starts another one, and the workflow goes on where it was. Steps that had completed
// do not run again.
//
//	go run ./examples/quickstart
//
// It needs nothing but Go, takes a few seconds and leaves nothing behind. Read shop.go first: it is the
// workflow. worker.go is how a service executes it, and main.go is the show around them.
package main
