package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/workflowtest"
)

func TestProgram(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "welcome.db")
	var out bytes.Buffer
	for _, user := range []string{"7", "7", "9"} { // the second time nothing is left to do
		if err := run(t.Context(), &out, database, user, 100*time.Millisecond); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
	}
	for text, times := range map[string]int{
		"the server is busy":                  1,
		`mail to ann@example.com: "Welcome!"`: 1,
		`"Have you had a look?"`:              1,
		"welcomed user 7 with 2 mails\n":      2,
		"there is no user 9\n":                1,
	} {
		if n := strings.Count(out.String(), text); n != times {
			t.Errorf("it printed %q %d times, want %d", text, n, times)
		}
	}
}

// outbox is a Mailer that remembers, and fails as often as it is told to.
type outbox struct {
	sent []string
	fail int
}

func (o *outbox) Send(_ context.Context, to, subject, _ string) error {
	if o.fail--; o.fail >= 0 {
		return errors.New("busy")
	}
	o.sent = append(o.sent, fmt.Sprintf("%s: %s", to, subject))
	return nil
}

func TestReminder(t *testing.T) {
	t.Parallel()
	mails := &outbox{fail: 3}
	users := directory{"7": {Email: "ann@example.com"}}
	env := workflowtest.New(t, (&Onboarding{Users: users, Mailer: mails, Wait: 72 * time.Hour}).Workflows()...)
	h, err := Welcome.Run(t.Context(), env.Client(), WelcomeInput{UserID: "7"})
	if err != nil {
		t.Fatal(err)
	}
	env.Advance(10 * time.Second) // the retries come after 1, 2 and 4 seconds
	if want := []string{"ann@example.com: Welcome!"}; !slices.Equal(mails.sent, want) {
		t.Fatalf("sent %q, want %q", mails.sent, want)
	}
	env.Advance(72 * time.Hour)
	out, err := h.Result(t.Context())
	if err != nil || out.Mails != 2 || len(mails.sent) != 2 {
		t.Errorf("the result is %+v, %v; sent %q", out, err, mails.sent)
	}
}

func TestNoReminder(t *testing.T) {
	t.Parallel()
	mails := new(outbox)
	users := directory{"7": {Email: "ann@example.com"}}
	env := workflowtest.New(t, (&Onboarding{Users: users, Mailer: mails, Wait: 72 * time.Hour}).Workflows()...)
	h, err := Welcome.Run(t.Context(), env.Client(), WelcomeInput{UserID: "7"})
	if err != nil {
		t.Fatal(err)
	}
	env.Advance(71 * time.Hour)
	users["7"] = User{Email: "ann@example.com", LoggedIn: true}
	env.Advance(time.Hour)
	out, err := h.Result(t.Context())
	if err != nil || out.Mails != 1 || len(mails.sent) != 1 {
		t.Errorf("the result is %+v, %v; sent %q", out, err, mails.sent)
	}
}

func TestUnknownUser(t *testing.T) {
	t.Parallel()
	env := workflowtest.New(t, (&Onboarding{Users: directory{}, Mailer: new(outbox)}).Workflows()...)
	h, err := Welcome.Run(t.Context(), env.Client(), WelcomeInput{UserID: "nobody"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Result(t.Context()); !errors.Is(err, ErrNoSuchUser) {
		t.Errorf("the result is %v", err)
	}
}
