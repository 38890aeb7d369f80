package cli

import (
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/config"
)

type driver string

const (
	driverPostgres driver = "postgres"
	driverSQLite   driver = "sqlite"
)

// target is the database that a URL names.
type target struct {
	driver driver
	dsn    string // of Postgres the URL, of SQLite the file's path
	schema string // of Postgres; "" is the default
	origin string // who named it
}

// shown is a path as people would name it from the working directory.
func (a *app) shown(path string) string {
	if rel, err := filepath.Rel(a.env.Dir, path); err == nil && len(rel) < len(path) {
		return rel
	}
	return path
}

// name is the target without what may be secret.
func (a *app) name(t target) string {
	if t.driver == driverSQLite {
		return a.shown(t.dsn)
	}
	u, err := url.Parse(t.dsn)
	if err != nil {
		return "postgres"
	}
	shown := url.URL{Scheme: "postgres", Host: u.Host, Path: u.Path}
	if u.User != nil {
		shown.User = url.User(u.User.Username())
	}
	return shown.String()
}

var schemeRE = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*):`)

const urlForms = "postgres://user@host/database, sqlite:path/to/file, or the path of a file that ends in .db"

// target finds the database that the configuration names.
func (a *app) target() (target, error) {
	cfg, err := a.configuration()
	if err != nil {
		return target{}, err
	}
	t, err := parseTarget(cfg.URL.Text)
	if err != nil {
		return t, fromWhere(err, cfg.URL)
	}
	t.origin = cfg.URL.Origin
	if t.driver == driverSQLite {
		if cfg.Schema.Flag {
			return t, usagef("--schema is for Postgres: SQLite has one set of tables in a file")
		}
		if !filepath.IsAbs(t.dsn) && cfg.URL.Dir != "" {
			t.dsn = filepath.Join(cfg.URL.Dir, t.dsn)
		}
		return t, nil
	}
	t.schema, a.dsn = cfg.Schema.Text, t.dsn
	return t, nil
}

// fromWhere adds who gave the value that is wrong.
func fromWhere(err error, v config.Value) error {
	if v.Origin == "" || v.Flag {
		return err
	}
	return usagef("%s: %v", v.Origin, err)
}

// parseTarget reads a database URL. Its errors repeat the scheme and nothing else: the rest may be secret.
func parseTarget(raw string) (target, error) {
	raw = strings.TrimSpace(raw)
	if raw == "" {
		return target{}, usagef("no database: give --url, set %s (here or in %s), or write url: into %s; it is %s",
			config.EnvURL, config.DotenvName, config.FileName, urlForms)
	}
	scheme := ""
	if m := schemeRE.FindStringSubmatch(raw); m != nil {
		scheme = strings.ToLower(m[1])
	}
	switch {
	case scheme == "postgres" || scheme == "postgresql":
		return parsePostgres(raw)
	case scheme == "sqlite":
		return parseSQLite(raw[len("sqlite:"):])
	case isFilePath(raw, scheme):
		return parseSQLite(raw)
	case scheme != "":
		return target{}, usagef("the URL's scheme %q is unknown: use %s", scheme, urlForms)
	}
	return target{}, usagef("the database URL has no scheme: use %s", urlForms)
}

// isFilePath reports whether raw is a bare path of a database file; C:\data\app.db is one too.
func isFilePath(raw, scheme string) bool {
	return strings.HasSuffix(raw, ".db") && len(scheme) <= 1
}

func parsePostgres(raw string) (target, error) {
	if !strings.Contains(raw, "://") {
		return target{}, usagef("the Postgres URL is incomplete: use postgres://user@host/database")
	}
	if _, err := url.Parse(raw); err != nil {
		// The parser's error quotes the URL.
		return target{}, usagef("the Postgres URL cannot be read: percent-encode special characters in its user and password")
	}
	return target{driver: driverPostgres, dsn: raw}, nil
}

func parseSQLite(path string) (target, error) {
	if rest, ok := strings.CutPrefix(path, "//"); ok {
		path = rest // sqlite://dir/app.db; sqlite:///dir/app.db is an absolute path
	}
	switch {
	case path == "":
		return target{}, usagef("the SQLite URL names no file: use sqlite:path/to/file")
	case strings.Contains(path, ":memory:"):
		return target{}, usagef("an SQLite database in memory ends with this command: name a file")
	}
	return target{driver: driverSQLite, dsn: path}, nil
}
