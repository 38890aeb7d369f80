package edge_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

type tree struct {
	Left, Right *tree
	Value       any
}

type money struct{ _ int64 }

type hidden struct{ N int }

type withEmbedded struct {
	hidden
	_ time.Time
}

func TestCheckTypeAccepts(t *testing.T) {
	t.Parallel()
	for _, typ := range []reflect.Type{
		nil,
		reflect.TypeFor[int](), reflect.TypeFor[string](), reflect.TypeFor[any](), reflect.TypeFor[*struct{}](), reflect.TypeFor[struct{}](),
		reflect.TypeFor[time.Time](), reflect.TypeFor[*time.Time](), reflect.TypeFor[big.Int](), reflect.TypeFor[json.RawMessage](),
		reflect.TypeFor[map[string][]map[int]*tree](), reflect.TypeFor[tree](), reflect.TypeFor[marked](), reflect.TypeFor[sealed](),
		reflect.TypeFor[addressed](), reflect.TypeFor[withEmbedded](), reflect.TypeFor[[3]byte](), reflect.TypeFor[map[marked]int](),
		reflect.TypeFor[struct {
			Fn   func()      `json:"-"`
			Late func() bool `json:",omitzero"`
			mu   sync.Mutex
			N    int
		}](),
		reflect.TypeFor[struct {
			Secret money `json:"-"`
		}](),
	} {
		if err := edge.CheckType(typ); err != nil {
			t.Errorf("%v: %v", typ, err)
		}
	}
}

func TestCheckTypeRefuses(t *testing.T) {
	t.Parallel()
	type named struct{ Price []money }
	for _, c := range []struct {
		typ  reflect.Type
		want string
	}{
		{reflect.TypeFor[func()](), "it is a function"},
		{reflect.TypeFor[chan int](), "it is a channel"},
		{reflect.TypeFor[complex128](), "it is a complex number"},
		{reflect.TypeFor[error](), "it is an error: return it as the error"},
		{reflect.TypeFor[fmt.Stringer](), "it is an interface"},
		{reflect.TypeFor[money](), "it has no exported field"},
		{reflect.TypeFor[*money](), "has no exported field"},
		{reflect.TypeFor[sync.Mutex](), "has no exported field"},
		{reflect.TypeFor[named](), "Price[] (edge_test.money) has no exported field"},
		{reflect.TypeFor[struct{ Err error }](), "Err (error) is an error"},
		{reflect.TypeFor[struct{ A struct{ Fn func() } }](), "A.Fn (func()) is a function"},
		{reflect.TypeFor[map[string]chan int](), "[] (chan int) is a channel"},
		{reflect.TypeFor[map[float64]int](), "has keys that JSON has not"},
		{reflect.TypeFor[struct{ *hidden }](), "embedded pointer to an unexported struct"},
		{reflect.TypeFor[struct {
			money
			N int
		}](), "money (edge_test.money) has no exported field"},
	} {
		for range 2 { // the second answer is the remembered one
			err := edge.CheckType(c.typ)
			if !errors.Is(err, domain.ErrInvalidPayload) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v: got %v, want %q", c.typ, err, c.want)
			}
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want string
	}{
		{edge.CheckName("step name", ""), "the step name is empty"},
		{edge.CheckName("step name", strings.Repeat("x", 513)), "the step name has 513 bytes; the limit is 512"},
		{edge.CheckName("step name", "\xff"), "is not valid UTF-8"},
		{edge.CheckName("step name", "a\x00"), "has a NUL character"},
		{edge.CheckDuration("the wait", -time.Second), "the wait is -1s; it must not be negative"},
		{edge.CheckTime("the time", time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)), "the time is in the year 12000"},
	} {
		if !errors.Is(c.err, edge.ErrInvalidArgument) || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("got %v, want %q", c.err, c.want)
		}
	}
	for _, err := range []error{
		edge.CheckName("n", "é 世界/:x"), edge.CheckName("n", strings.Repeat("x", 512)), edge.CheckText("v", "", 10),
		edge.CheckDuration("d", 0), edge.CheckTime("t", time.Time{}), edge.CheckTime("t", time.Now()),
	} {
		if err != nil {
			t.Error(err)
		}
	}
}
