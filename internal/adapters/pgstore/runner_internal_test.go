package pgstore

import (
	"strings"
	"testing"
)

// A pipeline is a transaction by itself only on a connection that has the settings, and if nothing is to follow the commit.
func TestFrame(t *testing.T) {
	t.Parallel()
	sc, err := newSchema("")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		settled, begun, commit, then bool
		want                         string
	}{
		{settled: true, commit: true, want: "work"},
		{settled: true, commit: true, then: true, want: "begin work commit"},
		{settled: true, begun: true, commit: true, want: "work commit"},
		{settled: true, want: "begin work"},
		{commit: true, want: "begin settings work commit"},
		{commit: true, then: true, want: "begin settings work commit"},
		{begun: true, commit: true, want: "work commit"},
		{begun: true, want: "work"},
	} {
		p := &pipeline{schema: sc}
		p.raw("work")
		if c.then {
			p.afterwards(func(p *pipeline) { p.raw("news") }, new(bool))
		}
		tx := &transaction{plan: planOnce, begun: c.begun}
		tx.frame(p, c.settled, c.commit)
		var got []string
		for _, item := range p.items {
			word, _, _ := strings.Cut(item.sql, " ")
			if strings.Contains(item.sql, "SetPlanning") {
				word = "settings"
			}
			got = append(got, word)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
