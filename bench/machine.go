package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
)

// machine reports how fast the disk acknowledges a flush, before a database system is measured: figures taken on
// a disk with another latency, or at a busier hour, are not comparable with these.
func (b *bench) machine(ctx context.Context) error {
	if b.backend == "memory" {
		return nil
	}
	if b.backend == "postgres" {
		if err := durable(ctx, b.settings.postgres); err != nil {
			return err
		}
	}
	ds, err := flushes(time.Second)
	if err != nil {
		return err
	}
	where := "8 KiB written and flushed, in " + os.TempDir()
	if err := b.out.add(result{"machine", "floor", "flush p50", percentile(ds, 0.5), "ms", where}); err != nil {
		return err
	}
	if err := b.out.add(result{"machine", "floor", "flush p99", percentile(ds, 0.99), "ms", where}); err != nil || b.backend != "postgres" {
		return err
	}
	return b.commitTimes(ctx)
}

// durable refuses a server whose commits need not survive a crash.
func durable(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		var value string
		if err := conn.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&value); err != nil {
			return err
		}
		if value == "off" {
			return fmt.Errorf("the server has %s off: what is measured there is not durable", name)
		}
	}
	return nil
}

func flushes(span time.Duration) (ds []time.Duration, err error) {
	f, err := os.CreateTemp("", "openworkflow-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	page := make([]byte, 8<<10)
	for until := time.Now().Add(span); time.Now().Before(until); {
		if _, err := f.WriteAt(page, int64(len(ds)%256)*int64(len(page))); err != nil {
			return nil, err
		}
		began := time.Now()
		if err := f.Sync(); err != nil {
			return nil, err
		}
		ds = append(ds, time.Since(began))
	}
	return ds, nil
}
