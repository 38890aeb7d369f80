package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/sqlite"
)

func main() {
	database := flag.String("db", "welcome-email.db", "the SQLite file")
	user := flag.String("user", "7", "whom to welcome: 7 (never logs in), 8 (does), or somebody unknown")
	wait := flag.Duration("wait", 5*time.Second, "how long to wait before the second mail")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *database, *user, *wait); err != nil {
		stop()
		log.Fatal(err) //nolint:gocritic // stop has been called
	}
}

// run starts a worker, welcomes a user and waits for the end of that.
func run(ctx context.Context, out io.Writer, database, user string, wait time.Duration) (err error) {
	db, err := sqlite.Open(ctx, database)
	if err != nil {
		return err
	}
	defer db.Close()
	ow, err := openworkflow.New(db)
	if err != nil {
		return err
	}
	defer ow.Close()

	onboarding := &Onboarding{
		Users:  directory{"7": {Email: "ann@example.com"}, "8": {Email: "bob@example.com", LoggedIn: true}},
		Mailer: &unreliableMailer{out: out},
		Wait:   wait,
	}
	worker, err := ow.NewWorker(openworkflow.WorkerOptions{Workflows: onboarding.Workflows()})
	if err != nil {
		return err
	}
	if err := worker.Start(ctx); err != nil {
		return err
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, worker.Stop(stopping))
	}()

	// The key makes the call safe to repeat: a user is welcomed once, however often this program is started.
	h, err := Welcome.Run(ctx, ow, WelcomeInput{UserID: user}, openworkflow.WithIdempotencyKey("welcome-"+user))
	if err != nil {
		return err
	}
	result, err := h.Result(ctx, openworkflow.WithResultTimeout(24*time.Hour))
	if errors.Is(err, ErrNoSuchUser) {
		fmt.Fprintf(out, "there is no user %s\n", user)
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "welcomed user %s with %d mails\n", user, result.Mails)
	return nil
}

// directory is a list of users.
type directory map[string]User

// Find implements Users.
func (d directory) Find(_ context.Context, id string) (User, error) {
	user, ok := d[id]
	if !ok {
		return User{}, fmt.Errorf("find user %q: %w", id, ErrNoSuchUser)
	}
	return user, nil
}

// unreliableMailer prints mails. The first try of each program fails, so that there is something to see.
type unreliableMailer struct {
	mu    sync.Mutex
	out   io.Writer
	tries int
}

// Send implements Mailer.
func (m *unreliableMailer) Send(_ context.Context, to, subject, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tries++
	if m.tries == 1 {
		fmt.Fprintf(m.out, "mail to %s: the server is busy\n", to)
		return errors.New("the server is busy")
	}
	fmt.Fprintf(m.out, "mail to %s: %q (key %s)\n", to, subject, key)
	return nil
}
