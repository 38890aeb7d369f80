package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const payloadForms = `JSON, @file to read it from a file, or - to read it from standard input`

// payload reads what a flag gives as JSON: the text itself, @file, or - for standard input. "" is null.
func (a *app) payload(flag, text string) (json.RawMessage, error) {
	raw, from := []byte(text), "--"+flag
	var err error
	switch {
	case text == "":
		return json.RawMessage("null"), nil
	case text == "-":
		from = "standard input"
		raw, err = io.ReadAll(a.env.Stdin)
	case text[0] == '@':
		from = text[1:]
		raw, err = os.ReadFile(a.path(text[1:]))
	}
	if err != nil {
		return nil, usagef("--%s: %v", flag, err)
	}
	if len(strings.TrimSpace(string(raw))) == 0 {
		return nil, usagef("--%s: %s is empty; for no value write null", flag, from)
	}
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return nil, usagef("--%s: %s is not JSON: %s", flag, from, jsonFault(raw, err))
	}
	return json.RawMessage(strings.TrimSpace(string(raw))), nil
}

// jsonFault says where the fault is.
func jsonFault(raw []byte, err error) string {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return err.Error()
	}
	before := string(raw[:min(int(syntax.Offset), len(raw))])
	line := strings.Count(before, "\n") + 1
	column := len(before) - strings.LastIndex(before, "\n") - 1
	hint := ""
	if trimmed := strings.TrimSpace(string(raw)); line == 1 && trimmed != "" && !strings.ContainsAny(trimmed, "\"{[") {
		hint = `; a text needs its quotes, for the shell too: '"text"'`
	}
	return fmt.Sprintf("%v (line %d, column %d)%s", err, line, max(column, 1), hint)
}

// path is a path of the user's, seen from the working directory.
func (a *app) path(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(a.env.Dir, path)
}

const momentForms = "a time (2006-01-02T15:04:05Z, 2006-01-02) or a duration (90s, 24h, 7d)"

// span reads a duration, with days.
func span(flag, text string) (time.Duration, error) {
	d, ok := parseSpan(text)
	if !ok || d < 0 {
		return 0, usagef("--%s %q is not a duration: write 90s, 15m, 24h or 7d", flag, text)
	}
	return d, nil
}

func parseSpan(text string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		return time.Duration(n * 24 * float64(time.Hour)), err == nil && n < 100*366
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}

// past and ahead say which side of now a duration goes to.
const (
	past  = -1
	ahead = 1
)

// moment reads a time, or a duration in the past or ahead. "" is the zero time.
func (a *app) moment(flag, text string, side int64) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, ok := parseSpan(text); ok && d >= 0 {
		return a.env.Now().Add(time.Duration(side * int64(d))), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usagef("--%s %q: give %s", flag, text, momentForms)
}

// confirm asks before something that cannot be undone. Without a terminal to ask, --yes has to say so.
func (a *app) confirm(ctx context.Context, question string) error {
	if !a.env.Terminal.In {
		return usagef("%s There is no terminal to ask: give --yes to do it, --dry-run to see more", question)
	}
	fmt.Fprintf(a.env.Stderr, "%s [y/N] ", question)
	answer, err := a.readLine(ctx)
	if err != nil {
		return err
	}
	switch strings.ToLower(answer) {
	case "y", "yes":
		return nil
	}
	a.note("Nothing was done.")
	return statusError(ExitFailed)
}

// readLine reads a line of Stdin, or gives up when ctx ends.
func (a *app) readLine(ctx context.Context) (string, error) {
	type read struct {
		line string
		err  error
	}
	done := make(chan read, 1)
	if a.lines == nil {
		a.lines = bufio.NewReader(a.env.Stdin)
	}
	go func() { // it ends with the process if nobody types anything
		line, err := a.lines.ReadString('\n')
		if errors.Is(err, io.EOF) && line != "" {
			err = nil
		}
		done <- read{strings.TrimSpace(line), err}
	}()
	select {
	case r := <-done:
		if errors.Is(r.err, io.EOF) {
			return "", errors.New("the input ended before the answer")
		}
		return r.line, r.err
	case <-ctx.Done():
		fmt.Fprintln(a.env.Stderr)
		return "", ctx.Err()
	}
}
