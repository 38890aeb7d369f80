package architecture_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImportDirections holds every package of the module to the rules.
func TestImportDirections(t *testing.T) {
	t.Parallel()
	g := loadGraph(t)
	checked := 0
	for path := range g {
		if !ours(path) {
			continue
		}
		r, found := ruleFor(rules, short(path))
		if !found {
			if within(short(path), "internal/adapters") {
				t.Errorf("%s: a new adapter needs a rule of its own in rules_test.go", short(path))
			}
			continue
		}
		checked++
		for _, v := range violations(g, r, path) {
			t.Errorf("%s %s", short(path), v)
		}
	}
	if checked < len(rules)/2 {
		t.Errorf("only %d packages fall under a rule: have they moved?", checked)
	}
}

// TestOnlyEdgesWireAdapters: whoever links a store links its driver, so only the constructor packages, the
// tests' kits and the stores themselves may.
func TestOnlyEdgesWireAdapters(t *testing.T) {
	t.Parallel()
	for path, p := range loadGraph(t) {
		if !ours(path) || withinAny(short(path), []string{"internal/adapters", "pkg", "cmd"}) {
			continue
		}
		for _, dep := range p.Imports {
			if within(short(dep), "internal/adapters") {
				t.Errorf("%s imports %s: use the public packages", short(path), short(dep))
			}
		}
	}
}

// TestEmbeddersLinkNoTelemetry: go.mod names Prometheus and OpenTelemetry, and no program links them that does
// not ask for them.
func TestEmbeddersLinkNoTelemetry(t *testing.T) {
	t.Parallel()
	g := loadGraph(t)
	for library, allowed := range telemetry {
		users := 0
		for path := range g {
			if !ours(path) {
				continue
			}
			chain := chainTo(g, path, library)
			switch {
			case chain == nil:
			case withinAny(short(path), allowed):
				users++
			default:
				t.Errorf("%s must not reach %s: %s", short(path), library, strings.Join(shortAll(chain), " → "))
			}
		}
		if users == 0 {
			t.Errorf("nobody uses %s: has it moved?", library)
		}
	}
}

// chainTo is a chain of imports from a package to one of a library, nil if there is none.
func chainTo(g graph, path, library string) []string {
	for dep, chain := range g.reach(path) {
		if within(dep, library) {
			return chain
		}
	}
	return nil
}

// TestRulesFindFaults shows that the rules above can fail, on a made-up graph with one fault each.
func TestRulesFindFaults(t *testing.T) {
	t.Parallel()
	const in = module + "/"
	g := graph{
		in + "internal/domain":                {Imports: []string{"fmt", pgx}},
		in + "internal/ports":                 {Imports: []string{in + "internal/domain"}},
		in + "internal/engine":                {Imports: []string{in + "internal/ports", zap}},
		in + "internal/adapters/pgstore":      {Imports: []string{in + "internal/engine", pgx}},
		in + "internal/adapters/memstore":     {Imports: []string{in + "internal/adapters/sqlitestore"}},
		in + "internal/adapters/sqlitestore":  {Imports: []string{in + "internal/ports", sqlite}},
		in + "pkg/openworkflow":               {Imports: []string{in + "pkg/openworkflow/step"}},
		in + "pkg/openworkflow/step":          {},
		in + "pkg/openworkflow/sqlite":        {Imports: []string{in + "internal/adapters/sqlitestore"}},
		in + "pkg/openworkflow/memory":        {Imports: []string{in + "internal/adapters/cli/render"}},
		in + "pkg/openworkflow/cli":           {Imports: []string{in + "internal/adapters/cli", in + "internal/engine", term}},
		in + "internal/adapters/cli/render":   {Imports: []string{yaml}},
		in + "internal/adapters/cli/config":   {Imports: []string{in + "pkg/openworkflow", cobra}},
		in + "pkg/openworkflow/postgres":      {Imports: []string{in + "internal/adapters/pgstore"}},
		in + "internal/adapters/cli":          {Imports: []string{in + "pkg/openworkflow", in + "internal/ports"}},
		in + "internal/adapters/dashboard":    {Imports: []string{in + "pkg/openworkflow/step"}},
		in + "pkg/openworkflow/backendtest":   {Imports: []string{in + "pkg/openworkflow/postgres"}},
		in + "pkg/openworkflow/backend":       {Imports: []string{in + "internal/ports"}},
		in + "internal/adapters/pgstore/room": {Imports: []string{in + "internal/adapters/pgstore"}},
		"fmt":                                 {Standard: true},
		pgx:                                   {},
		sqlite:                                {},
		zap:                                   {},
		cobra:                                 {},
		yaml:                                  {},
		term:                                  {},
	}
	tests := []struct {
		path string
		want []string // beginnings of the lines; none: the package is in order
	}{
		{"internal/domain", []string{"may not import " + pgx}},
		{"internal/ports", nil},
		{"internal/engine", []string{"must never reach " + pgx}},
		{"internal/adapters/pgstore", []string{"may not depend on internal/engine"}},
		{"internal/adapters/pgstore/room", []string{"may not depend on internal/engine"}},
		{"internal/adapters/memstore", []string{"may not depend on internal/adapters/sqlitestore"}},
		{"internal/adapters/sqlitestore", []string{"must never reach " + pgx}},
		{"pkg/openworkflow", []string{"must never reach pkg/openworkflow/step"}},
		{"internal/adapters/cli", []string{"may not depend on internal/ports"}},
		{"internal/adapters/dashboard", nil},
		{"internal/adapters/cli/render", nil},
		{"internal/adapters/cli/config", []string{"may not import " + cobra, "may not depend on pkg/openworkflow", "may not depend on pkg/openworkflow/step"}},
		{"pkg/openworkflow/cli", []string{"may not depend on internal/engine"}},
		{"pkg/openworkflow/memory", []string{"must never reach internal/adapters/cli/render", "must never reach " + yaml}},
		{"pkg/openworkflow/sqlite", []string{"must never reach " + pgx}},
		{"pkg/openworkflow/backendtest", []string{
			"must never reach " + pgx, "must never reach internal/adapters/pgstore", "must never reach internal/engine",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			t.Parallel()
			r, found := ruleFor(rules, tt.path)
			if !found {
				t.Fatal("no rule")
			}
			got := violations(g, r, in+tt.path)
			if len(got) != len(tt.want) {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
			for _, want := range tt.want {
				if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, want) }) {
					t.Errorf("%q is not among %q", want, got)
				}
			}
		})
	}
}

// TestGoDirective: users one release behind can depend on the module, and the tools stay out of its
// requirements.
func TestGoDirective(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json", "../../go.mod").Output()
	if err != nil {
		t.Fatalf("go mod edit: %v", err)
	}
	var mod struct {
		Go   string
		Tool []struct{ Path string }
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	if mod.Go != "1.25" && !strings.HasPrefix(mod.Go, "1.25.") {
		t.Errorf("go.mod says go %s; the oldest release that the code needs is 1.25", mod.Go)
	}
	if len(mod.Tool) > 0 {
		t.Errorf("go.mod names tools %v; they belong in modules under tools/", mod.Tool)
	}
}
