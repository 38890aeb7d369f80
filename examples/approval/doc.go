// Approval has people decide: a run asks for approval and waits for a signal, for up to three days, without
// holding a worker. An approval that comes before anybody waits is kept for a while (buffered), and one that
// comes twice counts once.
//
//	go run ./examples/approval
//
// main_test.go tests three days in milliseconds, with package workflowtest.
package main
