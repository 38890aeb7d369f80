package backendtest

import (
	"encoding/json"
	"strings"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

func payloadCases() []testCase {
	return []testCase{
		{"RoundTrips", payloadRoundTrips},
		{"Errors", payloadErrors},
		{"NotAliased", payloadAliases},
		{"NamesAndKeys", payloadNames},
	}
}

// payloads are values that every backend keeps, compared as JSON values.
func payloads() map[string]string {
	return map[string]string{
		"null":                `null`,
		"true":                `true`,
		"empty string":        `""`,
		"empty array":         `[]`,
		"empty object":        `{}`,
		"zero":                `0`,
		"beyond 2^53":         `9007199254740993`,
		"beyond int64":        `123456789012345678901234567890`,
		"many digits":         `0.1234567890123456789012345`,
		"small":               `-1e-300`,
		"large":               `1.7976931348623157e308`,
		"line separators":     "\"a\u2028b\u2029c\"",
		"emoji":               `"👩‍👩‍👧‍👦 🇪🇺"`,
		"escaped pair":        `"\ud83d\ude00"`,
		"escapes":             `"\"\\\/\b\f\n\r\t\u001f<>&'"`,
		"combining":           "\"e\u0301 \u00e9\"",
		"keys":                `{"":1,"a b":2,"ключ":3,"__proto__":4,"a.b":5,"$ref":6}`,
		"null inside":         `{"a":null,"b":[null,[]],"c":{}}`,
		"white space":         " [ 1 ,\n\t2 ] ",
		"deep":                strings.Repeat(`[`, 200) + `{"x":1}` + strings.Repeat(`]`, 200),
		"long":                `"` + strings.Repeat("xyz ", 50000) + `"`,
		"quotes for SQL":      `"'; DROP TABLE workflow_runs; -- $1 ? :a @b"`,
		"array of everything": `[1,"1",true,null,{"a":[{}]},-0.5]`,
	}
}

func payloadRoundTrips(f *fixture) {
	for name, text := range payloads() {
		raw := json.RawMessage(text)
		f.keeps(name, raw)
	}
}

// keeps sends one value through every column that holds values.
func (f *fixture) keeps(name string, raw json.RawMessage) {
	f.Helper()
	check := func(column string, got json.RawMessage) {
		f.Helper()
		if !sameJSON(got, raw) {
			f.Errorf("%s as %s: got %.200s, want %.200s", name, column, got, raw)
		}
	}
	r, l := f.owned(func(n *backend.NewRun) { n.Input = raw })
	check("input, claimed", r.Input)
	inserted, started, wait := finished(l, "inserted", text(raw)), startStep(l, "started"), openWait(l, name)
	f.ok(inserted, started, wait)
	f.ok(finish(started, text(raw)))
	f.deliver(backend.Signal{Name: name, Data: raw})
	check("signal data", f.history(r.ID).Signals[wait.Attempt.ID])
	check("output of an inserted step", f.attempt(r.ID, inserted.Attempt.ID).Output)
	check("output of a started step", f.attempt(r.ID, started.Attempt.ID).Output)
	f.ok(complete(l, text(raw)))
	end := f.get(r.ID)
	check("input", end.Input)
	check("output", end.Output)
	f.deliver(backend.Signal{Name: name, Data: raw, Buffer: nextHour})
	_, l = f.owned()
	wait = openWait(l, name)
	f.ok(wait)
	check("buffered signal data", f.history(l.RunID).Signals[wait.Attempt.ID])
	f.ok(complete(l, `1`))
}

func text(raw json.RawMessage) string { return string(raw) }

func payloadErrors(f *fixture) {
	for _, want := range []backend.Failure{
		{Message: ""},
		{Message: "only a message"},
		{Name: "Ошибка", Message: "line 1\nline 2 \u2028 😀 \"quoted\" \\ 'single'", Stack: "a\n\tb", Code: "card-declined"},
		{Name: "Error", Message: strings.Repeat("long ", 10000)},
	} {
		_, l := f.owned()
		step := finished(l, "a", `null`)
		step.Attempt.Status, step.Attempt.Output, step.Attempt.Error = backend.StepFailed, nil, &want
		end := fail(l)
		end.Error = &want
		f.ok(step, end)
		f.sameFailure("of a step", f.attempt(l.RunID, step.Attempt.ID).Error, &want)
		f.sameFailure("of a run", f.get(l.RunID).Error, &want)
	}
}

func (f *fixture) sameFailure(what string, got, want *backend.Failure) {
	f.Helper()
	if got == nil || *got != *want {
		f.Errorf("the error %s came back as %+v, want %+v", what, got, want)
	}
}

// payloadAliases: what a caller does to its bytes afterwards is its own business.
func payloadAliases(f *fixture) {
	n := f.newRun()
	input := []byte(`{"a":"first"}`)
	n.Input = input
	created := f.createAll(n)[0]
	copy(input, `{"a":"XXXXX"}`)
	copy(created.Input, `{"a":"YYYYY"}`)
	l := leaseOf(f.claim(n.ID))
	output := []byte(`"first"`)
	step := finished(l, "a", ``)
	step.Attempt.Output = output
	wait := openWait(l, "s")
	data := []byte(`"first"`)
	f.ok(step, wait)
	f.deliver(backend.Signal{Name: "s", Data: data})
	copy(output, `"XXXXX"`)
	copy(data, `"XXXXX"`)
	h := f.history(n.ID)
	for i := range h.Attempts {
		copy(h.Attempts[i].Output, `"YYYYY"`)
	}
	copy(h.Signals[wait.Attempt.ID], `"YYYYY"`)
	if got := f.get(n.ID).Input; !sameJSON(got, json.RawMessage(`{"a":"first"}`)) {
		f.Errorf("the input became %s", got)
	}
	if got := f.attempt(n.ID, step.Attempt.ID).Output; !sameJSON(got, json.RawMessage(`"first"`)) {
		f.Errorf("the step's output became %s", got)
	}
	f.got(wait, `"first"`)
}

func payloadNames(f *fixture) {
	for _, name := range []string{"a b", "it's", `"quoted"`, "a\\b", "日本語", "😀", "%_", "UPPER", "upper", "trailing ", "$1"} {
		n := f.newRun(withKey(name), func(n *backend.NewRun) { n.WorkflowName, n.Version = name, name })
		f.createAll(n)
		again := f.newRun(withKey(name), func(n *backend.NewRun) { n.WorkflowName = name })
		f.sameIDs("by key "+name, runIDs(f.createAll(again)), []string{n.ID})
		req := f.claimRequest(10)
		req.Workflows = []backend.WorkflowKey{{Name: name, Version: name}}
		res := f.tryClaim(req)
		f.sameIDs("claimed by name "+name, runIDs(res.Runs), []string{n.ID})
		l := leaseOf(res.Runs[0])
		wait := openWait(l, name)
		f.ok(wait)
		f.sameIDs("signalled by name "+name, f.deliver(backend.Signal{Name: name}), []string{n.ID})
	}
}
