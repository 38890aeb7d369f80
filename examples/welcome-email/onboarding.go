package main

import (
	"context"
	"errors"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// Welcome is the contract: other services start runs with it and link nothing of the implementation.
var Welcome = openworkflow.Declare[WelcomeInput, WelcomeOutput]("welcome")

// WelcomeInput is the input of Welcome.
type WelcomeInput struct {
	UserID string `json:"userId"`
}

// WelcomeOutput is the result of Welcome.
type WelcomeOutput struct {
	Mails  int       `json:"mails"`
	DoneAt time.Time `json:"doneAt"`
}

// ErrNoSuchUser has an identity that is stored: errors.Is finds it in the workflow, after a crash, and at the client.
const ErrNoSuchUser = openworkflow.ErrorCode("no-such-user")

// User is what Users knows.
type User struct {
	Email    string
	LoggedIn bool
}

// Users finds users, Mailer sends mails. A mail with a key that was used before is not sent again.
type (
	Users interface {
		Find(ctx context.Context, id string) (User, error)
	}
	Mailer interface {
		Send(ctx context.Context, to, subject, key string) error
	}
)

// Onboarding implements the workflows; what they depend on comes from its fields.
type Onboarding struct {
	Users  Users
	Mailer Mailer
	Wait   time.Duration // before the second mail
}

// Workflows lists what a worker executes.
func (o *Onboarding) Workflows() []openworkflow.AnyWorkflow {
	return openworkflow.Workflows(Welcome.Implement(o.welcome))
}

func (o *Onboarding) welcome(ctx openworkflow.Context, in WelcomeInput) (WelcomeOutput, error) {
	user, err := o.find(ctx, "find-user", in.UserID)
	if errors.Is(err, ErrNoSuchUser) {
		ctx.Logger().Warn("nobody to welcome", "user", in.UserID)
		return WelcomeOutput{}, err
	}
	if err != nil {
		return WelcomeOutput{}, err
	}
	if err := o.mail(ctx, "send-welcome", user, "Welcome!"); err != nil {
		return WelcomeOutput{}, err
	}
	out := WelcomeOutput{Mails: 1}
	if err := step.Sleep(ctx, "let-them-look-around", o.Wait); err != nil {
		return out, err
	}
	user, err = o.find(ctx, "find-user-again", in.UserID)
	if err != nil {
		return out, err
	}
	if !user.LoggedIn {
		if err := o.mail(ctx, "send-reminder", user, "Have you had a look?"); err != nil {
			return out, err
		}
		out.Mails++
	}
	// The time is taken in a step: outside of one, each replay would have another.
	out.DoneAt, err = step.Run(ctx, "now", func(context.Context) (time.Time, error) { return time.Now().UTC(), nil })
	return out, err
}

// find is a step that gives up at once if there is no such user, and is tried again if the look-up fails.
func (o *Onboarding) find(ctx openworkflow.Context, name, id string) (User, error) {
	return step.Run(ctx, name, func(ctx context.Context) (User, error) {
		user, err := o.Users.Find(ctx, id)
		if errors.Is(err, ErrNoSuchUser) {
			return user, openworkflow.NonRetryable(err)
		}
		return user, err
	}, step.WithTimeout(10*time.Second))
}

// mail is a step that is tried until it succeeds. A crash between the mail and its record would send it again;
// the key lets the mail service notice.
func (o *Onboarding) mail(ctx openworkflow.Context, name string, user User, subject string) error {
	return step.Do(ctx, name, func(ctx context.Context) error {
		return o.Mailer.Send(ctx, user.Email, subject, step.IdempotencyKey(ctx))
	}, step.WithRetryPolicy(openworkflow.RetryPolicy{MaximumAttempts: openworkflow.Unlimited, MaximumInterval: time.Minute}))
}
