// Welcome-email sends a welcome mail, waits for some days, and sends a second mail to those who have not
// logged in since. It shows the usual shape of a service: a contract (Declare), a struct with what the workflow
// depends on, and its methods as workflows (Implement); steps that are retried; errors with an identity that
// are not; and a durable sleep.
//
//	go run ./examples/welcome-email -wait 5s
//
// The state is in welcome-email.db. Stop the program while it waits and start it again: it goes on.
package main
