// Command demo serves the dashboard with the made-up runs of package story, to look at:
//
//	go run ./demo [-addr 127.0.0.1:8233] [-read-only]
//
// With OPENWORKFLOW_TEST_POSTGRES_URL set it uses that server, in a schema of its own; otherwise a SQLite file that is
// removed at the end.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/browsertest/story"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/dashboard"
)

func main() {
	addr := flag.String("addr", dashboard.DefaultAddr, "where to listen")
	readOnly := flag.Bool("read-only", false, "let nobody change anything")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := serve(ctx, *addr, *readOnly)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, addr string, readOnly bool) error {
	dir, err := os.MkdirTemp("", "openworkflow-demo")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	where := os.Getenv("OPENWORKFLOW_TEST_POSTGRES_URL")
	if where == "" {
		where = filepath.Join(dir, "story.db")
	}
	b, told, err := story.Open(ctx, where, fmt.Sprintf("demo_%d", time.Now().UnixNano()), time.Now())
	if err != nil {
		return err
	}
	defer b.Close()
	ow, err := openworkflow.New(b)
	if err != nil {
		return err
	}
	defer ow.Close()
	fmt.Printf("%+v\n", *told)
	return dashboard.Serve(ctx, ow, dashboard.ServerOptions{
		Addr:      addr,
		Listening: func(a net.Addr) { fmt.Printf("http://%s\n", a) },
		Options:   dashboard.Options{ReadOnly: readOnly, Logger: slog.Default()},
	})
}
