// Package workflowtest tests workflows: a store in memory, a worker and virtual time in one. A test that waits
// for three days takes a few milliseconds, and nothing depends on how fast the machine is.
//
//	func TestReminder(t *testing.T) {
//		mail := &fakeMailer{}
//		svc := &Onboarding{mail: mail}
//		env := workflowtest.New(t, svc.Workflows()...)
//
//		h, err := Welcome.Run(t.Context(), env.Client(), WelcomeInput{UserID: "7"})
//		if err != nil {
//			t.Fatal(err)
//		}
//		env.Advance(72 * time.Hour)
//		if mail.sent != 2 {
//			t.Errorf("%d mails after three days, want 2", mail.sent)
//		}
//		if _, err := h.Result(t.Context()); err != nil {
//			t.Error(err)
//		}
//	}
//
// # Time
//
// Workflow and step functions run inside a testing/synctest bubble; the test itself does not. In the bubble
// time stands still until the test calls Env.Advance, which lets it pass at once: sleeps, timeouts, retries and
// deadlines come when they should, in order. Env.Now is the virtual time. It starts at the present, so
// that times which the test makes from time.Now are sensible; prefer Env.Now all the same.
//
// Things of the bubble do not go with things from outside: a step function that waits for a channel of the
// test, for the network or for a database connection keeps virtual time from passing, and Env.Settle
// waits for it. Give the code under test fakes. Do not hand channels, timers or contexts that were made in a
// step function to the test.
//
// # Replay
//
// When the test ends, each run that has ended is executed once more over its recorded steps, with the clock
// put forward. A workflow function that asks for other steps then, or returns something else, is not
// deterministic and would break when a run is resumed after a crash; the test fails and names the step.
// Replay does the same with a history that was exported from production.
//
// What may enter: the test kit for users' workflows. It links the memory store only.
package workflowtest
