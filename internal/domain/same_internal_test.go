package domain

import (
	"encoding/json"
	"testing"
)

func TestSameJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{`1`, `1`, true}, {`1.0`, `1`, true}, {`1e2`, `100`, true}, {`-0`, `0`, true}, {`1`, `2`, false},
		{`9007199254740993`, `9007199254740992`, false},
		{`{"a":1,"b":[true,null]}`, `{ "b": [true, null], "a": 1.0 }`, true},
		{`{"a":1}`, `{"a":1,"b":2}`, false}, {`{"a":1}`, `{"b":1}`, false}, {`[1,2]`, `[2,1]`, false}, {`[1]`, `{}`, false},
		{``, `null`, true}, {`null`, `{"data":1}`, false}, {`"x"`, `"\u0078"`, true}, {`"1"`, `1`, false},
		{`{`, `{`, true}, {`{`, `null`, false}, {`1 2`, `1`, false},
	} {
		if got := sameJSON(json.RawMessage(c.a), json.RawMessage(c.b)); got != c.same {
			t.Errorf("%s and %s: %v", c.a, c.b, got)
		}
	}
}

// A failure is the same after it was stored and read, whatever reading makes of its text.
func TestSameFailureOnceStored(t *testing.T) {
	t.Parallel()
	for _, f := range []*Failure{
		nil, {}, {Message: "no"}, {Name: "Error", Message: "no", Stack: "here", Code: "C"},
		{Message: deadlineMessage}, {Message: "cut \x00 \xff"},
	} {
		if stored := ParseFailure(f.JSON()); !sameFailure(stored, f) || !sameFailure(f, stored) {
			t.Errorf("%+v is another failure than %+v", stored, f)
		}
		if sameFailure(f, &Failure{Message: "another"}) {
			t.Errorf("%+v is the same as another", f)
		}
	}
}
