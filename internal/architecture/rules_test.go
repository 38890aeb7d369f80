package architecture_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	pgx    = "github.com/jackc/pgx/v5"
	sqlite = "modernc.org/sqlite"
	goose  = "github.com/pressly/goose/v3"
	zap    = "go.uber.org/zap"
	ulid   = "github.com/oklog/ulid/v2"
	cobra  = "github.com/spf13/cobra"
	yaml   = "go.yaml.in/yaml/v3"
	term   = "golang.org/x/term"

	prometheus    = "github.com/prometheus"
	openTelemetry = "go.opentelemetry.io"
)

// rule says what the packages below Folder may depend on, directly or not. Paths of this module are given
// without its prefix, and stand for the folders below them too.
type rule struct {
	Folder string
	// Ours lists the packages of this module that it may reach; its own folder is always allowed.
	Ours []string
	// Direct, if set, is checked against direct imports in place of Ours against all dependencies: for
	// rooms that use the public packages, which reach everything.
	Direct bool
	// Others lists the modules of others that it may import itself; nil is any.
	Others []string
	// Never lists what it must not reach by any chain.
	Never []string
}

var none = []string{}

// commandLine is what only the command needs: services that embed the library link none of it.
var commandLine = []string{cobra, yaml, term, "internal/adapters/cli"}

// rules are those of ARCHITECTURE.md. The longest matching folder decides.
var rules = []rule{
	{Folder: "internal/domain", Ours: none, Others: []string{ulid}},
	{Folder: "internal/ports", Ours: []string{"internal/domain"}, Others: none},
	{Folder: "internal/engine", Ours: []string{"internal/domain", "internal/ports"}, Others: []string{zap},
		Never: []string{pgx, sqlite, goose, "database/sql"}},

	{Folder: "internal/adapters/memstore", Ours: []string{"internal/domain", "internal/ports"}, Others: none},
	{Folder: "internal/adapters/pgstore", Ours: []string{"internal/domain", "internal/ports", "db/migrations"},
		Never: []string{sqlite}},
	{Folder: "internal/adapters/sqlitestore", Ours: []string{"internal/domain", "internal/ports", "db/migrations"},
		Never: []string{pgx}},
	{Folder: "internal/adapters/cli", Ours: []string{"pkg/openworkflow"}, Direct: true},
	{Folder: "internal/adapters/cli/config", Ours: none, Others: []string{yaml}},
	{Folder: "internal/adapters/cli/render", Ours: none, Others: []string{yaml, "golang.org/x/text"}},
	{Folder: "internal/adapters/cli/scaffold", Ours: none, Others: none},
	{Folder: "internal/adapters/dashboard", Ours: []string{"pkg/openworkflow"}, Direct: true, Others: none,
		Never: []string{pgx, sqlite, goose, "database/sql", "pkg/openworkflow/dashboard"}},

	// The stores' common tests hold no code that could be imported.
	{Folder: "internal/adapters/storetest", Ours: none, Others: none},

	{Folder: "db/migrations", Ours: none, Others: none},

	{Folder: "pkg/openworkflow", Ours: []string{"internal/domain", "internal/ports", "internal/engine"},
		Others: []string{zap},
		Never:  append([]string{pgx, sqlite, goose, "database/sql", "internal/adapters", "pkg/openworkflow/step"}, commandLine...)},
	{Folder: "pkg/openworkflow/step", Ours: []string{"pkg/openworkflow", "internal/domain", "internal/ports", "internal/engine"},
		Never: append([]string{pgx, sqlite, goose, "database/sql"}, commandLine...)},
	{Folder: "pkg/openworkflow/backend", Ours: []string{"internal/domain", "internal/ports"}, Others: none},
	{Folder: "pkg/openworkflow/cli", Ours: []string{"pkg/openworkflow", "internal/adapters/cli"}, Direct: true},
	{Folder: "pkg/openworkflow/dashboard", Ours: []string{"pkg/openworkflow", "internal/adapters/dashboard"}, Direct: true,
		Others: none, Never: []string{pgx, sqlite, goose, "database/sql", "internal/adapters/pgstore", "internal/adapters/sqlitestore"}},
	{Folder: "pkg/openworkflow/postgres", Never: append([]string{sqlite, "internal/adapters/sqlitestore", "internal/adapters/memstore"}, commandLine...)},
	{Folder: "pkg/openworkflow/sqlite", Never: append([]string{pgx, "internal/adapters/pgstore", "internal/adapters/memstore"}, commandLine...)},
	{Folder: "pkg/openworkflow/memory", Never: append([]string{pgx, sqlite, goose, "database/sql"}, commandLine...)},
	{Folder: "pkg/openworkflow/backendtest",
		Never: []string{pgx, sqlite, "internal/engine", "internal/adapters/pgstore", "internal/adapters/sqlitestore"}},
	{Folder: "pkg/openworkflow/workflowtest", Never: []string{pgx, sqlite, "internal/adapters/pgstore", "internal/adapters/sqlitestore"}},

	{Folder: "pkg/openworkflow/metrics", Ours: []string{"pkg/openworkflow"}, Direct: true, Others: []string{prometheus},
		Never: []string{pgx, sqlite, openTelemetry}},
	{Folder: "pkg/openworkflow/otel", Ours: []string{"pkg/openworkflow"}, Direct: true, Others: []string{openTelemetry},
		Never: []string{pgx, sqlite, prometheus}},
	{Folder: "pkg/openworkflow/health", Ours: []string{"pkg/openworkflow"}, Direct: true, Others: none,
		Never: []string{pgx, sqlite}},

	{Folder: "cmd", Ours: []string{"pkg/openworkflow/cli"}, Direct: true, Others: none},
	{Folder: "examples", Ours: []string{"pkg/openworkflow", "examples"}, Direct: true},
}

// telemetry says who may reach the libraries that metrics and traces need, by any chain: whoever embeds the library
// without them links neither.
var telemetry = map[string][]string{
	prometheus: {
		"pkg/openworkflow/metrics", "pkg/openworkflow/cli", "internal/adapters/cli", "cmd", "examples",
	},
	openTelemetry: {"pkg/openworkflow/otel", "examples"},
}

// ruleFor finds the rule with the longest folder that holds the package.
func ruleFor(rules []rule, path string) (rule, bool) {
	var best rule
	found := false
	for _, r := range rules {
		if within(path, r.Folder) && (!found || len(r.Folder) > len(best.Folder)) {
			best, found = r, true
		}
	}
	return best, found
}

// violations lists what the package does against its rule, a line each, sorted.
func violations(g graph, r rule, path string) []string {
	var out []string
	chains := g.reach(path)
	direct := g[path].Imports
	for _, dep := range slices.Sorted(maps.Keys(chains)) {
		isDirect := slices.Contains(direct, dep)
		chain := strings.Join(shortAll(chains[dep]), " → ")
		switch {
		case g[dep].Standard && slices.Contains(r.Never, dep), !g[dep].Standard && withinAny(short(dep), r.Never):
			out = append(out, fmt.Sprintf("must never reach %s: %s", short(dep), chain))
		case ours(dep):
			if r.Ours == nil || within(short(dep), r.Folder) || withinAny(short(dep), r.Ours) || (r.Direct && !isDirect) {
				continue
			}
			out = append(out, fmt.Sprintf("may not depend on %s: %s", short(dep), chain))
		case isDirect && !g[dep].Standard && r.Others != nil && !withinAny(dep, r.Others):
			out = append(out, "may not import "+dep)
		}
	}
	return out
}

func shortAll(paths []string) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = short(p)
	}
	return out
}
