package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/config"
)

// tree makes files below a new directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func load(t *testing.T, s config.Sources) *config.Config {
	t.Helper()
	c, err := config.Load(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestOrder: flags come before the environment, that before .env, that before openworkflow.yaml, that before the
// user's own; each setting on its own, and what is empty is not given.
func TestOrder(t *testing.T) {
	t.Parallel()
	root := tree(t, map[string]string{
		"work/.env":                           "OPENWORKFLOW_URL=dotenv\nOPENWORKFLOW_NAMESPACE=dotenv\nOPENWORKFLOW_SCHEMA=dotenv\n",
		"work/openworkflow.yaml":              "url: yaml\nnamespace: yaml\nschema: yaml\noutput: json\nworker: {concurrency: 7}\n",
		"home/openworkflow/openworkflow.yaml": "url: home\noutput: yaml\n",
	})
	vars := map[string]string{"OPENWORKFLOW_URL": "env", "OPENWORKFLOW_NAMESPACE": "env", "OPENWORKFLOW_SCHEMA": ""}
	s := config.Sources{
		Flags: map[string]string{"url": "flag", "namespace": ""}, Getenv: func(name string) string { return vars[name] },
		Dir: filepath.Join(root, "work"), UserDir: filepath.Join(root, "home"),
	}
	c := load(t, s)
	for _, got := range []struct {
		name string
		is   config.Value
		want config.Value
	}{
		{"url", c.URL, config.Value{Text: "flag", Origin: "--url", Dir: s.Dir, Flag: true}},
		{"namespace", c.Namespace, config.Value{Text: "env", Origin: "$OPENWORKFLOW_NAMESPACE", Dir: s.Dir}},
		{"schema", c.Schema, config.Value{Text: "dotenv", Origin: ".env:3", Dir: s.Dir}},
		{"output", c.Output, config.Value{Text: "json", Origin: "openworkflow.yaml:4", Dir: s.Dir}},
	} {
		if got.is != got.want {
			t.Errorf("%s is %+v, want %+v", got.name, got.is, got.want)
		}
	}
	if c.Worker.Concurrency != 7 || !reflect.DeepEqual(c.Files, []string{".env", "openworkflow.yaml"}) {
		t.Errorf("%+v", c)
	}
	s.Dir = filepath.Join(root, "home") // where there is neither file
	s.Flags, vars["OPENWORKFLOW_URL"] = nil, ""
	if c := load(t, s); c.URL.Text != "home" || c.Output.Text != "yaml" {
		t.Errorf("%+v", c)
	}
	s.File = filepath.Join("..", "work", "openworkflow.yaml")
	if c := load(t, s); c.URL.Text != "yaml" || c.URL.Dir != filepath.Join(root, "work") {
		t.Errorf("%+v", c)
	}
}

// TestProject: files are looked for up to the project's directory, and not beyond.
func TestProject(t *testing.T) {
	t.Parallel()
	root := tree(t, map[string]string{
		"openworkflow.yaml":          "url: strangers\n",
		".env":                       "OPENWORKFLOW_URL=strangers\n",
		"shop/go.mod":                "module shop\n",
		"shop/openworkflow.yaml":     "namespace: shop\n",
		"shop/a/b/main.go":           "package main\n",
		"shop/a/openworkflow.yaml/x": "a directory is no file\n",
		"repo/.git/HEAD":             "ref: refs/heads/main\n",
		"repo/.env":                  "OPENWORKFLOW_URL=repo\n",
		"repo/deep/er/x":             "",
		"alone/x":                    "",
	})
	for dir, want := range map[string][2]string{
		"shop/a/b":     {"shop", ""},
		"shop":         {"shop", ""},
		"repo/deep/er": {"", "repo"},
		"alone":        {"", ""},
	} {
		c := load(t, config.Sources{Dir: filepath.Join(root, dir)})
		if c.Namespace.Text != want[0] || c.URL.Text != want[1] {
			t.Errorf("in %s: %+v", dir, c)
		}
	}
}

func TestDotenv(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"OPENWORKFLOW_URL=a":                                     "a",
		"\ufeffOPENWORKFLOW_URL=a\r\n":                           "a",
		"  export OPENWORKFLOW_URL = a  # comment":               "a",
		"OPENWORKFLOW_URL=postgres://h/db?x=1#y":                 "postgres://h/db?x=1#y",
		`OPENWORKFLOW_URL="a \"b\" # c\n" # d`:                   "a \"b\" # c\n",
		`OPENWORKFLOW_URL='a "b" \n'`:                            `a "b" \n`,
		"OPENWORKFLOW_URL=\"a\nb\"\nOPENWORKFLOW_SCHEMA=s":       "a\nb",
		"# OPENWORKFLOW_URL=a":                                   "",
		"OPENWORKFLOW_URL=":                                      "",
		"OPENWORKFLOW_URL=#":                                     "",
		"OPENWORKFLOW_URL=a\nOPENWORKFLOW_URL=b":                 "b",
		"KEY=\"-----BEGIN\nOPENWORKFLOW_URL=no\n-----END\"\nX=1": "",
		"INHERITED\nOTHER='open\n":                               "",
		`OPENWORKFLOW_URL="p\$x\\y\q"`:                           `p$x\y\q`,
	} {
		c := load(t, config.Sources{Dir: tree(t, map[string]string{".env": text})})
		if c.URL.Text != want {
			t.Errorf("%q gives %q, want %q", text, c.URL.Text, want)
		}
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                     "",
		"# nothing\n":                          "",
		"---\n":                                "",
		"url: &u x.db\nnamespace: *u\n":        "x.db",
		"url: \"  x.db \"\n":                   "x.db",
		"url:\nworker:\ndashboard:\n":          "",
		"url: x.db\ndashboard:\n  addr: :8080": "x.db",
	} {
		if c := load(t, config.Sources{Dir: tree(t, map[string]string{"openworkflow.yaml": text})}); c.URL.Text != want {
			t.Errorf("%q gives %q, want %q", text, c.URL.Text, want)
		}
	}
	for text, want := range map[string]string{
		"url: x\nurl: y\n":                     `openworkflow.yaml:2: "url" was given in line 1 already; keep one of them`,
		"- url\n":                              `openworkflow.yaml:1: write entries such as "url: …" here`,
		"worker: 3\n":                          `openworkflow.yaml:1: write entries such as "worker.concurrency: …" here`,
		"worker:\n  threads: 3\n":              `openworkflow.yaml:2: the entry "worker.threads" is unknown; there are concurrency, metricsAddr`,
		"worker:\n  concurrency: -1\n":         "openworkflow.yaml:2: worker.concurrency is a whole number above 0",
		"dashboard:\n  readOnly: maybe\n":      "openworkflow.yaml:2: dashboard.readOnly is true or false",
		"dashboard:\n  addr: [a]\n":            "openworkflow.yaml:2: dashboard.addr is one text, not a list or a mapping",
		"url: \"unclosed\nnamespace: hunter22": "openworkflow.yaml:2: this is not YAML (found unexpected end of stream); check the indentation, and quote text with special characters",
		"	x: 1":                                `openworkflow.yaml: this is not YAML; write entries such as "url: sqlite:openworkflow.db"`,
	} {
		_, err := config.Load(config.Sources{Dir: tree(t, map[string]string{"openworkflow.yaml": text})})
		var mistake *config.Error
		if !errors.As(err, &mistake) || err.Error() != want {
			t.Errorf("%q gives\n%v, want\n%s", text, err, want)
		}
	}
}

// FuzzDotenv: nothing that a .env may hold ends the program, or has values that are not in it.
func FuzzDotenv(f *testing.F) {
	f.Add("OPENWORKFLOW_URL=\"a\\n\"\n'")
	f.Add("export A='\n'\nB")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := config.Load(config.Sources{Dir: tree(t, map[string]string{".env": text})})
		if err == nil && len(c.URL.Text) > len(text) {
			t.Errorf("%q gives %q", text, c.URL.Text)
		}
	})
}

// FuzzFile: nothing that openworkflow.yaml may hold ends the program.
func FuzzFile(f *testing.F) {
	f.Add("url: x\nworker: {concurrency: 3}\n")
	f.Add("a: &a [*a]\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := config.Load(config.Sources{Dir: tree(t, map[string]string{"openworkflow.yaml": text})})
		var mistake *config.Error
		if err != nil && !errors.As(err, &mistake) {
			t.Errorf("%q gives %v", text, err)
		}
	})
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{".env": "OPENWORKFLOW_DASHBOARD_TOKEN=fromdotenv\nOPENWORKFLOW_DASHBOARD_USER=ann\n"})
	c := load(t, config.Sources{Dir: dir, Getenv: func(name string) string {
		return map[string]string{config.EnvDashboardToken: "fromenv", "HOME": "/"}[name]
	}})
	for name, want := range map[string]string{config.EnvDashboardToken: "fromenv", config.EnvDashboardUser: "ann", config.EnvDashboardPassword: "", "HOME": ""} {
		if got := c.Secret(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
