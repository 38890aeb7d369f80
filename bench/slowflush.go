package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed slowflush/flush.c
var slowFlushSource []byte

const (
	// preloadVariable is what scripts/with-postgres.sh has its server load.
	preloadVariable = "OPENWORKFLOW_TEST_POSTGRES_PRELOAD"
	// delayVariable is what the library reads, and what tells this program that it runs beside such a server.
	delayVariable = "OPENWORKFLOW_BENCH_FLUSH_DELAY"
	serverScript  = "../scripts/with-postgres.sh" // beside which go -C bench run . runs
)

// onSlowDisk measures with a Postgres server of its own, whose flushes take so much longer, by calling this program again.
func onSlowDisk(ctx context.Context, delay time.Duration, args []string) error {
	dir, err := os.MkdirTemp("", "openworkflow-bench-flush-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the server, another user, loads the library from there
		return err
	}
	library := filepath.Join(dir, "slowflush.so")
	if why := compileSlowFlush(ctx, library); why != "" {
		fmt.Fprintln(os.Stderr, "bench: -flush-delay is left out:", why)
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, serverScript, append([]string{self}, args...)...) //nolint:gosec // itself, with its own arguments
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "OPENWORKFLOW_TEST_POSTGRES_URL=") })
	cmd.Env = append(cmd.Env, preloadVariable+"="+library, delayVariable+"="+strconv.FormatInt(delay.Nanoseconds(), 10))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it takes its server away
	cmd.WaitDelay = time.Minute
	return cmd.Run()
}

// compileSlowFlush says why it could not, if it could not.
func compileSlowFlush(ctx context.Context, library string) (why string) {
	for _, compiler := range []string{os.Getenv("CC"), "cc", "gcc", "clang"} {
		path, err := exec.LookPath(compiler)
		if err != nil {
			continue
		}
		source := strings.TrimSuffix(library, ".so") + ".c"
		if err := os.WriteFile(source, slowFlushSource, 0o600); err != nil {
			return err.Error()
		}
		out, err := exec.CommandContext(ctx, path, "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl").CombinedOutput() //nolint:gosec // the compiler that CC names
		if err != nil {
			return fmt.Sprintf("%s: %v: %s", compiler, err, out)
		}
		return ""
	}
	return "there is no C compiler here"
}

// commitTimes measures one-row commits on the server, and refuses one whose flushes should be slow and are not.
func (b *bench) commitTimes(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, b.postgres)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	p := place{Schema: fmt.Sprintf("bench_commits_%d", os.Getpid())}
	if _, err := conn.Exec(ctx, "CREATE SCHEMA "+p.Schema+"; CREATE TABLE "+p.Schema+".rows (n bigint)"); err != nil {
		return err
	}
	defer func() { _, _ = conn.Exec(context.WithoutCancel(ctx), "DROP SCHEMA "+p.Schema+" CASCADE") }()
	var ds []time.Duration
	for until := time.Now().Add(time.Second); time.Now().Before(until); {
		began := time.Now()
		if _, err := conn.Exec(ctx, "INSERT INTO "+p.Schema+".rows VALUES ($1)", len(ds)); err != nil {
			return err
		}
		ds = append(ds, time.Since(began))
	}
	where := "one row, one connection, the server's disk as it is"
	if delay := slowedBy(); delay > 0 {
		where = fmt.Sprintf("one row, one connection; each flush of the server takes %s longer than its disk does", delay)
		if percentile(ds, 0.1) < ms(delay) {
			return errors.New("-flush-delay has no effect on this server: it must be one that scripts/with-postgres.sh starts from binaries here")
		}
	}
	if err := b.out.add(result{"machine", "floor", "commit p50", percentile(ds, 0.5), "ms", where}); err != nil {
		return err
	}
	return b.out.add(result{"machine", "floor", "commit p99", percentile(ds, 0.99), "ms", where})
}

// slowedBy is how much longer each flush of the server takes than its disk does.
func slowedBy() time.Duration {
	ns, _ := strconv.ParseInt(os.Getenv(delayVariable), 10, 64)
	return time.Duration(ns)
}
