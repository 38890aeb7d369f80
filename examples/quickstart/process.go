package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// workerOf is the environment variable that makes this program a worker on the database that it names.
const workerOf = "OPENWORKFLOW_QUICKSTART_WORKER"

// process is a worker in a process of its own: this very program.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended and everything it printed was heard
}

// startWorker starts a worker process and calls hear with each line that it prints. The process is killed at
// the latest when ctx ends.
func startWorker(ctx context.Context, database string, hear func(line string)) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, program), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), workerOf+"="+database)
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a worker process: %w", err)
	}
	go func() {
		defer close(p.ended)
		for s := bufio.NewScanner(out); s.Scan(); {
			hear(s.Text())
		}
		_ = p.cmd.Wait() // it says how the process ended, which is no news
	}()
	return p, nil
}

// kill ends the process as a power cut would: SIGKILL, nothing is cleaned up.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.ended
	return nil
}
