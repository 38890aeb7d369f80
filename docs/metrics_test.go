package docs_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/metrics"
)

var (
	describedName   = regexp.MustCompile(`fqName: "([^"]+)"`)
	describedLabels = regexp.MustCompile(`variableLabels: \{([^}]*)\}`)
	metricName      = regexp.MustCompile(`\bopenworkflow_[a-z_]+\b`)
)

// registered are the metrics that package metrics has, and their labels.
func registered(t *testing.T) map[string][]string {
	t.Helper()
	described := make(chan *prometheus.Desc)
	go func() {
		defer close(described)
		metrics.New(metrics.Options{}).Describe(described)
	}()
	all := make(map[string][]string)
	for d := range described {
		name := describedName.FindStringSubmatch(d.String())
		labels := describedLabels.FindStringSubmatch(d.String())
		if name == nil || labels == nil {
			t.Fatalf("cannot read %s", d)
		}
		all[name[1]] = nil
		if labels[1] != "" {
			all[name[1]] = strings.Split(labels[1], ",")
		}
	}
	if len(all) < 25 {
		t.Fatalf("only %d metrics", len(all))
	}
	return all
}

// histogram is what a metric is whose parts may be asked for.
var histogram = regexp.MustCompile(`^(openworkflow_\w+_(?:duration_seconds|transitions))_(?:bucket|sum|count)$`)

// metricOf is the metric that a name in an expression stands for; "" if there is none.
func metricOf(names map[string][]string, name string) string {
	if part := histogram.FindStringSubmatch(name); part != nil {
		name = part[1]
	}
	if _, found := names[name]; !found {
		return ""
	}
	return name
}

// unknown are the names of metrics in a text that do not exist.
func unknown(names map[string][]string, text string) []string {
	return slices.DeleteFunc(metricName.FindAllString(text, -1), func(name string) bool { return metricOf(names, name) != "" })
}

// TestMetricsAreDocumented: each metric is in a table of the guide, with its type and labels, and no other is.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("observability.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string][]string)
	types := make(map[string]string)
	for _, m := range regexp.MustCompile("(?m)^\\| `(openworkflow_[a-z_]+)` \\| (\\w+) \\|([^|]*)\\|").FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = regexp.MustCompile(`[a-z]+`).FindAllString(m[3], -1)
		types[m[1]] = m[2]
	}
	names := registered(t)
	for name, labels := range names {
		if got, found := documented[name]; !found || !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(labels))) {
			t.Errorf("%s has the labels %v and is documented (%v) with %v", name, labels, found, got)
		}
	}
	for name := range documented {
		if _, found := names[name]; !found {
			t.Errorf("%s is documented and does not exist", name)
		}
	}
	for _, name := range unknown(names, string(text)) {
		t.Errorf("the guide names %s, which does not exist", name)
	}
	for name, is := range served(t) {
		if types[name] != is {
			t.Errorf("%s is a %s and documented as a %s", name, is, types[name])
		}
		if (is == "counter") != strings.HasSuffix(name, "_total") {
			t.Errorf("%s is a %s: only counters end with _total", name, is)
		}
	}
}

// served are the metrics of a client that has started a run, with their types.
func served(t *testing.T) map[string]string {
	t.Helper()
	db := memory.New()
	defer db.Close()
	m := metrics.New(metrics.Options{})
	ow, err := openworkflow.New(db, openworkflow.WithObserver(m.Observer()))
	if err != nil {
		t.Fatal(err)
	}
	defer ow.Close()
	m.WatchDatabase(ow)
	wf := openworkflow.Define("wf", func(openworkflow.Context, openworkflow.None) (int, error) { return 1, nil })
	if _, err := wf.Run(t.Context(), ow, nil); err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	types := make(map[string]string)
	for _, found := range regexp.MustCompile(`(?m)^# TYPE (openworkflow_\w+) (\w+)$`).FindAllStringSubmatch(rec.Body.String(), -1) {
		types[found[1]] = found[2]
	}
	if len(types) < 18 {
		t.Fatalf("only %d metrics are served", len(types))
	}
	return types
}

// dashboard is what is looked at of a dashboard of Grafana's.
type dashboard struct {
	UID, Title string
	Panels     []struct {
		Type, Title, Description string
		GridPos                  struct{ H, W, X, Y int }
		FieldConfig              struct{ Defaults struct{ Unit string } }
		Targets                  []struct{ Expr, RefID string }
	}
	Templating struct {
		List []struct{ Name, Definition string }
	}
}

func TestDashboardUsesMetricsThatExist(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("grafana/openworkflow.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	names := registered(t)
	shown := make(map[string]bool)
	for _, p := range d.Panels {
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("the panel %q lacks something: %+v", p.Title, p)
		}
		for _, target := range p.Targets {
			for _, name := range unknown(names, target.Expr) {
				t.Errorf("the panel %q asks for %s, which does not exist", p.Title, name)
			}
			for _, label := range unknownLabels(names, target.Expr) {
				t.Errorf("the panel %q: %s", p.Title, label)
			}
			for _, name := range metricName.FindAllString(target.Expr, -1) {
				shown[metricOf(names, name)] = true
			}
		}
	}
	for _, v := range d.Templating.List {
		if missing := unknown(names, v.Definition); len(missing) > 0 {
			t.Errorf("the variable %s asks for %v", v.Name, missing)
		}
	}
	for name := range names {
		if !shown[name] {
			t.Errorf("no panel shows %s", name)
		}
	}
}

var selector = regexp.MustCompile(`(openworkflow_[a-z_]+)\{([^}]*)\}`)

// unknownLabels says which selectors of an expression name labels that their metric does not have; job and instance
// are Prometheus' own, le the histograms'.
func unknownLabels(names map[string][]string, expr string) []string {
	var faults []string
	for _, m := range selector.FindAllStringSubmatch(expr, -1) {
		for _, label := range regexp.MustCompile(`(\w+)\s*(?:=|!)`).FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(append([]string{"job", "instance", "le"}, names[metricOf(names, m[1])]...), label[1]) {
				faults = append(faults, m[1]+" has no label "+label[1])
			}
		}
	}
	return faults
}

// rules is a file of Prometheus' rules.
type rules struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert       string
			Expr        string
			For         string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

func TestAlertsUseMetricsThatExist(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("prometheus/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file rules
	strict := yaml.NewDecoder(bytes.NewReader(raw))
	strict.KnownFields(true)
	if err := strict.Decode(&file); err != nil {
		t.Fatal(err)
	}
	names := registered(t)
	seen := make(map[string]bool)
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || seen[r.Alert] || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("the alert %q lacks something, or is there twice", r.Alert)
			}
			seen[r.Alert] = true
			if len(metricName.FindAllString(r.Expr, -1)) == 0 {
				t.Errorf("the alert %s asks for no metric: %s", r.Alert, r.Expr)
			}
			for _, fault := range append(unknown(names, r.Expr), unknownLabels(names, r.Expr)...) {
				t.Errorf("the alert %s asks for what does not exist: %s", r.Alert, fault)
			}
		}
	}
	if len(seen) < 10 || bytes.Contains(raw, []byte("\t")) {
		t.Errorf("%d alerts", len(seen))
	}
}

// TestUnknownMetricsAreFound shows that the tests above can fail.
func TestUnknownMetricsAreFound(t *testing.T) {
	t.Parallel()
	names := registered(t)
	for expr, faults := range map[string]int{
		`sum(openworkflow_workers{state="claiming"})`:               0,
		`rate(openworkflow_claim_duration_seconds_bucket[5m])`:      0,
		`rate(openworkflow_journal_batch_transitions_sum[5m])`:      0,
		`openworkflow_no_such_thing`:                                1,
		`rate(openworkflow_claims_total_bucket[5m])`:                1,
		`openworkflow_workers{workflow="x", job=~".*"}`:             1,
		`openworkflow_step_duration_seconds_count{kind="x",y="z"}`:  1,
		`openworkflow_queue_lag + openworkflow_queue_lag_seconds`:   1,
		`openworkflow_claim_duration_seconds_buckets{result="err"}`: 2,
	} {
		if found := append(unknown(names, expr), unknownLabels(names, expr)...); len(found) != faults {
			t.Errorf("%s: %q, want %d faults", expr, found, faults)
		}
	}
}
