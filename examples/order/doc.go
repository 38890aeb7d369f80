// Order processes an order with steps side by side: the lines are reserved with step.Go, the payment and the
// shipping label are made in an errgroup. Each step is remembered by itself: after a crash only those that had
// not completed run again. When the card is declined, what was reserved is released.
//
//	go run ./examples/order
//	go run ./examples/order -declined
package main
