package openworkflow_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// fill gives every field of a struct a value of its own.
func fill(v reflect.Value, n *int) {
	*n++
	switch x := v.Addr().Interface().(type) {
	case *json.RawMessage:
		*x = json.RawMessage(fmt.Sprintf(`{"n":%d}`, *n))
		return
	case *time.Time:
		*x = time.Date(2026, 1, 2, 3, 4, 5, *n*1000, time.UTC)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.String:
		v.SetString(fmt.Sprint("s", *n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Bool:
		v.SetBool(true)
	default:
		panic(v.Kind())
	}
}

// texts collects the values as they print, in which every value of fill shows, whatever the types.
func texts(v reflect.Value, out map[string]int) {
	switch v.Kind() {
	case reflect.Pointer:
		texts(v.Elem(), out)
	case reflect.Struct:
		if at, ok := v.Interface().(time.Time); ok {
			out[at.String()]++
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("json") != "-" {
				texts(v.Field(i), out)
			}
		}
	default:
		out[fmt.Sprintf("%s", v)]++
	}
}

func sameValues(a, b any) bool {
	x, y := map[string]int{}, map[string]int{}
	texts(reflect.ValueOf(a), x)
	texts(reflect.ValueOf(b), y)
	return reflect.DeepEqual(x, y)
}

// Every field arrives on the other side, in both directions and through JSON.
func TestRecordsRoundTrip(t *testing.T) {
	t.Parallel()
	var run openworkflow.Run
	var attempt openworkflow.StepAttempt
	n := 0
	fill(reflect.ValueOf(&run).Elem(), &n)
	fill(reflect.ValueOf(&attempt).Elem(), &n)
	if r := run.Record(); !sameValues(run, r) || r.ID != run.ID || r.DeadlineAt != run.DeadlineAt || string(r.Output) != string(run.Output) {
		t.Errorf("%+v\n%+v", run, r)
	}
	if a := attempt.Record(); !sameValues(attempt, a) || a.RunID != attempt.RunID || a.RetryAt != attempt.RetryAt {
		t.Errorf("%+v\n%+v", attempt, a)
	}
	for _, r := range []openworkflow.Run{run, {}, {Input: json.RawMessage(`null`), Output: json.RawMessage(`9007199254740993`)}} {
		if back := throughJSON(t, r); !reflect.DeepEqual(r, back) {
			t.Errorf("%+v came back as %+v", r, back)
		}
	}
	for _, a := range []openworkflow.StepAttempt{attempt, {}, {Output: json.RawMessage(`null`)}} {
		if back := throughJSON(t, a); !reflect.DeepEqual(a, back) {
			t.Errorf("%+v came back as %+v", a, back)
		}
	}
}

func throughJSON[T any](t *testing.T, v T) (back T) {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

// A run as TypeScript's JSON.stringify writes it is understood.
func TestRecordsFromTypeScript(t *testing.T) {
	t.Parallel()
	var run openworkflow.Run
	err := json.Unmarshal([]byte(`{"namespaceId":"default","id":"0b1e","workflowName":"w","version":null,"status":"succeeded",
		"idempotencyKey":null,"config":{},"context":null,"input":{"a":1},"output":null,"error":{"name":"Error","message":"m"},"attempts":2,
		"parentStepAttemptNamespaceId":null,"parentStepAttemptId":null,"workerId":null,"availableAt":null,"deadlineAt":null,
		"startedAt":"2026-01-02T03:04:05.006Z","finishedAt":null,"createdAt":"2026-01-02T03:04:05.006Z","updatedAt":"2026-01-02T03:04:05.006Z"}`), &run)
	if err != nil {
		t.Fatal(err)
	}
	if run.Version != "" || !run.DeadlineAt.IsZero() || run.StartedAt.UnixMilli()%1000 != 6 || run.Error.Message != "m" ||
		run.Record().Status != "completed" || string(run.Output) != "null" {
		t.Errorf("%+v", run)
	}
}

// cannedBackend answers with one run and one attempt.
type cannedBackend struct {
	openworkflow.Backend
	run     domain.Run
	attempt domain.StepAttempt
}

func (b cannedBackend) GetRuns(context.Context, []string) ([]domain.Run, error) {
	return []domain.Run{b.run}, nil
}

func (b cannedBackend) ListStepAttempts(context.Context, string, ports.PageRequest) (ports.Page[domain.StepAttempt], error) {
	return ports.Page[domain.StepAttempt]{Items: []domain.StepAttempt{b.attempt}, HasNext: true, HasPrev: true}, nil
}

// What a backend stores is what the client shows, and what goes back.
func TestRecordsFromBackend(t *testing.T) {
	t.Parallel()
	var b cannedBackend
	n := 0
	fill(reflect.ValueOf(&b.run).Elem(), &n)
	fill(reflect.ValueOf(&b.attempt).Elem(), &n)
	b.run.Error.NonRetryable, b.run.Error.RetryAfter = false, 0 // wishes, which are not stored
	b.attempt.Error.NonRetryable, b.attempt.Error.RetryAfter = false, 0
	c, err := openworkflow.New(b)
	if err != nil {
		t.Fatal(err)
	}
	run, err := c.GetRun(t.Context(), "x")
	if err != nil || !reflect.DeepEqual(run.Record(), b.run) {
		t.Errorf("%+v\n%+v\n%v", run, b.run, err)
	}
	page, err := c.ListStepAttempts(t.Context(), "x", openworkflow.PageOptions{})
	if err != nil || !reflect.DeepEqual(page.Items[0].Record(), b.attempt) {
		t.Errorf("%+v\n%+v\n%v", page, b.attempt, err)
	}
	if page.Next == "" || page.Next != page.Prev {
		t.Errorf("%+v", page)
	}
}
