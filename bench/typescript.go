package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// typescriptDir holds the program that drives the npm package; go -C bench run . runs beside it.
const typescriptDir = "typescript"

const typescriptName = "openworkflow-ts"

// typescriptName is the name of the system on this database.
func (b *bench) typescriptName() string {
	if b.backend == "postgres" {
		return typescriptName
	}
	return typescriptName + "/" + b.backend
}

// typescriptReady installs the npm package if it is not there. why says what is missing, if anything is.
func typescriptReady(ctx context.Context) (why string, err error) {
	var omit []string
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return "there is no " + program + " here", nil //nolint:nilerr // that is the answer
		}
	}
	if hasSQLite("node") {
		omit = []string{"--omit=optional"} // the newer node
	}
	lock, err := os.Stat(filepath.Join(typescriptDir, "package-lock.json"))
	if err != nil {
		return "", fmt.Errorf("run the benchmarks in their own folder, bench/: %w", err)
	}
	installed, err := os.Stat(filepath.Join(typescriptDir, "node_modules", ".package-lock.json"))
	if err == nil && !installed.ModTime().Before(lock.ModTime()) {
		return "", nil
	}
	cmd := exec.CommandContext(ctx, "npm", append([]string{"ci", "--no-audit", "--no-fund", "--loglevel=error"}, omit...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = typescriptDir, os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return "npm ci failed: " + err.Error(), nil //nolint:nilerr // likewise: there may be no network
	}
	return "", nil
}

// hasSQLite reports whether this node has the module that the npm package's SQLite backend needs (22.5 or newer).
func hasSQLite(node string) bool {
	return exec.Command(node, "-e", `require("node:sqlite")`).Run() == nil //nolint:noctx // at once
}

// sqliteNode finds a node for the SQLite backend: the one here, or the one among the optional packages.
func sqliteNode() string {
	if hasSQLite("node") {
		return "node"
	}
	found, _ := filepath.Glob(filepath.Join(typescriptDir, "node_modules", "node-*", "bin", "node"))
	for _, path := range found {
		if path, err := filepath.Abs(path); err == nil && hasSQLite(path) {
			return path
		}
	}
	return ""
}

// typescriptCell is what the program is given.
type typescriptCell struct {
	URL          string `json:"url,omitempty"`
	Path         string `json:"path,omitempty"` // of a SQLite file
	Schema       string `json:"schema"`
	Runs         int    `json:"runs"`
	Steps        int    `json:"steps"`
	Concurrency  int    `json:"concurrency"`
	Places       int    `json:"places"`
	Milliseconds int    `json:"milliseconds"`
}

// typescriptFigures is what it answers.
type typescriptFigures struct {
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu"` // seconds of the process
	server  time.Duration
	Rate    float64   `json:"rate"`
	Times   []float64 `json:"times"` // ms
}

// typescript runs the program's cells, one after the other, in a schema of their own, and returns what the last says.
func (b *bench) typescript(ctx context.Context, given typescriptCell, cells ...string) (typescriptFigures, error) {
	var out typescriptFigures
	p, cleanup, err := b.place()
	if err != nil {
		return out, err
	}
	defer cleanup()
	given.URL, given.Schema = p.URL, p.Schema
	node := "node"
	if b.backend == "sqlite" {
		given.URL, given.Path, node = "", p.URL, sqliteNode()
	}
	raw, err := json.Marshal(given)
	if err != nil {
		return out, err
	}
	m := newMeter(ctx, p)
	for _, cell := range cells {
		before := m.read()
		if out, err = typescriptRun(ctx, node, cell, string(raw)); err != nil {
			return out, fmt.Errorf("typescript %s: %w", cell, err)
		}
		out.server = m.read().since(before).servers
	}
	return out, nil
}

func typescriptRun(ctx context.Context, node, cell, given string) (out typescriptFigures, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	var answer bytes.Buffer
	cmd := exec.CommandContext(ctx, node, "main.mjs", cell, given)
	cmd.Dir, cmd.Stdout, cmd.Stderr = typescriptDir, &answer, os.Stderr
	err = cmd.Run()
	if cell == "history" && killed(err) {
		return out, ctx.Err()
	}
	if err != nil {
		return out, err
	}
	err = json.Unmarshal(answer.Bytes(), &out)
	return out, err
}

// killed reports whether the process was ended by SIGKILL, as the cell that leaves a history behind is.
func killed(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

func (b *bench) reportTypeScript(metric string, value float64, unit, settings string) error {
	return b.out.add(result{b.typescriptName(), b.workload, metric, value, unit, settings})
}

// typescriptConcurrency was the best of 10, 50, 100 and 200.
const typescriptConcurrency = 100

func typescriptDrain(ctx context.Context, b *bench, steps int) error {
	n := b.scaled(4_000)
	if steps > 1 {
		n = b.scaled(1_500)
	}
	x, err := b.typescript(ctx, typescriptCell{Runs: n, Steps: steps, Concurrency: typescriptConcurrency}, "seed", "drain")
	if err != nil {
		return err
	}
	settings := fmt.Sprintf("runs=%d concurrency=%d", n, typescriptConcurrency)
	if b.backend == "postgres" {
		settings += ", 10 connections"
	}
	if err := b.reportTypeScript("runs", float64(n)/x.Seconds, "1/s", settings); err != nil {
		return err
	}
	used := usage{time.Duration(x.CPU * float64(time.Second)), x.server}
	if err := b.reportCPU(b.typescriptName(), used, n); err != nil || steps < 2 {
		return err
	}
	return b.reportTypeScript("steps", float64(n*steps)/x.Seconds, "1/s", settings)
}

func typescriptLatency(ctx context.Context, b *bench) error {
	x, err := b.typescript(ctx, typescriptCell{Runs: 10, Steps: 1, Concurrency: 10}, "latency")
	if err != nil {
		return err
	}
	ds := make([]time.Duration, len(x.Times))
	for i, t := range x.Times {
		ds[i] = time.Duration(t * float64(time.Millisecond))
	}
	settings := fmt.Sprintf("runs=%d one step, worker in the client's process, result() polls each second", len(ds))
	if err := b.reportTypeScript("start to result p50", percentile(ds, 0.5), "ms", settings); err != nil {
		return err
	}
	return b.reportTypeScript("start to result p99", percentile(ds, 0.99), "ms", settings)
}

func typescriptEnqueue(ctx context.Context, b *bench) error {
	for _, places := range []int{1, 32} {
		x, err := b.typescript(ctx, typescriptCell{Steps: 1, Places: places, Milliseconds: int(b.enqueueSpan().Milliseconds())}, "enqueue")
		if err != nil {
			return err
		}
		if err := b.reportTypeScript(startedBy(places), x.Rate, "1/s", fmt.Sprintf("promises=%d, 10 connections", places)); err != nil {
			return err
		}
	}
	return nil
}

func typescriptLong(ctx context.Context, b *bench) error {
	steps := b.scaled(1_000) // its limit
	x, err := b.typescript(ctx, typescriptCell{Steps: steps}, "long")
	if err != nil {
		return err
	}
	return b.reportTypeScript(stepOf(steps), 1000*x.Seconds/float64(steps), "ms", "one run")
}

func typescriptResume(ctx context.Context, b *bench) error {
	steps := b.scaled(500)
	x, err := b.typescript(ctx, typescriptCell{Steps: steps}, "history", "resume")
	if err != nil {
		return err
	}
	return b.reportTypeScript(resumeOf(steps), 1000*x.Seconds, "ms", "after SIGKILL, lease expired by SQL")
}
