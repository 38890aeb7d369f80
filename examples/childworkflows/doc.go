// Childworkflows resizes the pictures of an album: one child workflow per picture, all side by side, each with
// steps, retries and a history of its own. The parent waits without holding a worker, and collects the results and
// the failures. The children could as well be executed by another service, in Go or TypeScript, that shares the
// database.
//
//	go run ./examples/childworkflows
package main
