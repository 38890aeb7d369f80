// Package openworkflow is a library for durable workflows: ordinary Go functions whose steps are remembered in a
// database, so that they survive crashes and deploys, and can wait for seconds or months without holding a
// worker. There is no server to run: workers are part of your own service.
//
// # A workflow
//
// Declare the contract of a workflow once, and implement it as a method, whose receiver has what it needs:
//
//	var SignUp = openworkflow.Declare[SignUpInput, SignUpOutput]("sign-up")
//
//	type Accounts struct {
//		db   *sql.DB
//		mail Mailer
//	}
//
//	func (a *Accounts) signUp(ctx openworkflow.Context, in SignUpInput) (SignUpOutput, error) {
//		id, err := step.Run(ctx, "insert", func(ctx context.Context) (int64, error) {
//			return a.insert(ctx, in.Email)
//		})
//		if err != nil {
//			return SignUpOutput{}, err
//		}
//		if err := step.Sleep(ctx, "cool-off", 24*time.Hour); err != nil {
//			return SignUpOutput{}, err
//		}
//		err = step.Do(ctx, "mail", func(ctx context.Context) error {
//			return a.mail.Send(ctx, in.Email, step.IdempotencyKey(ctx))
//		})
//		return SignUpOutput{UserID: id}, err
//	}
//
// Define does both at once. What a workflow function may call is in package step; what it has to heed is told
// at Context.
//
// # A worker and a client
//
//	db, err := sqlite.Open(ctx, "openworkflow.db") // or postgres.Open, memory.New
//	ow, err := openworkflow.New(db)
//	worker, err := ow.NewWorker(openworkflow.WorkerOptions{
//		Workflows: openworkflow.Workflows(SignUp.Implement(accounts.signUp)),
//	})
//	go worker.Run(ctx)
//
//	h, err := SignUp.Run(ctx, ow, SignUpInput{Email: "ann@example.com"})
//	out, err := h.Result(ctx)
//
// # Errors
//
// An error that a step or workflow returns is stored as its type's name and its message. One with an identity, an
// ErrorCode, is recognised with errors.Is wherever it arrives. See StepError and RunFailedError.
//
// # Compatibility
//
// The tables, names and meanings are those of the TypeScript OpenWorkflow (npm package openworkflow), and a
// database can be shared with it.
//
// What may enter: the verbs of the public API, the types that users read, and the translation between Go values
// and what is stored. Decisions about runs are package engine's. It does not import package step.
package openworkflow
