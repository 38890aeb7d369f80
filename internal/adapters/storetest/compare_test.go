package storetest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// tolerance is how far times of two stores may lie apart: they do one command one after the other. What
// must not be confused (now, a lease's end, hours from now) lies much further apart.
const tolerance = 20 * time.Second

// class is what an error means, whatever its text is.
func class(err error) error {
	for _, known := range []error{
		domain.ErrLeaseLost, domain.ErrWaitSatisfied, domain.ErrRejected, domain.ErrRunNotFound, domain.ErrRunFinished,
	} {
		if errors.Is(err, known) {
			return known
		}
	}
	return err
}

// diff says where two values differ; "" is nowhere. Times are compared loosely, JSON as values.
func diff(path string, a, b reflect.Value) string {
	switch v := a.Interface().(type) {
	case time.Time:
		return diffTimes(path, v, b.Interface().(time.Time))
	case json.RawMessage:
		return diffJSON(path, v, b.Interface().(json.RawMessage))
	case *domain.Failure:
		return diffText(path, string(v.JSON()), string(b.Interface().(*domain.Failure).JSON()))
	case error:
		return diffText(path, fmt.Sprint(class(v)), fmt.Sprint(class(errorOf(b))))
	}
	switch a.Kind() {
	case reflect.Struct:
		if refusedByModel(a) {
			return ""
		}
		for i := range a.NumField() {
			if d := diff(path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i)); d != "" {
				return d
			}
		}
	case reflect.Slice:
		if a.Len() != b.Len() {
			return fmt.Sprintf("%s has %d and %d items: %+v and %+v", path, a.Len(), b.Len(), a.Interface(), b.Interface())
		}
		for i := range a.Len() {
			if d := diff(fmt.Sprintf("%s[%d]", path, i), a.Index(i), b.Index(i)); d != "" {
				return d
			}
		}
	case reflect.Map:
		return diffMaps(path, a, b)
	case reflect.Interface: // a nil error
		return diffText(path, "<nil>", fmt.Sprint(class(errorOf(b))))
	default:
		return diffText(path, fmt.Sprint(a.Interface()), fmt.Sprint(b.Interface()))
	}
	return ""
}

// refusedByModel: the model refuses a value that cannot be stored before it looks at anything else. Another
// store may find first that there is nothing to be stored; that nothing was, the comparison of states shows.
func refusedByModel(answer reflect.Value) bool {
	err := answer.FieldByName("Err")
	return err.IsValid() && errors.Is(errorOf(err), domain.ErrRejected)
}

func errorOf(v reflect.Value) error {
	err, _ := v.Interface().(error)
	return err
}

func diffMaps(path string, a, b reflect.Value) string {
	if a.Len() != b.Len() {
		return fmt.Sprintf("%s has %d and %d entries: %v and %v", path, a.Len(), b.Len(), a.Interface(), b.Interface())
	}
	for _, k := range a.MapKeys() {
		other := b.MapIndex(k)
		if !other.IsValid() {
			return fmt.Sprintf("%s has %v in the first only", path, k)
		}
		if d := diff(fmt.Sprintf("%s[%v]", path, k), a.MapIndex(k), other); d != "" {
			return d
		}
	}
	return ""
}

func diffTimes(path string, a, b time.Time) string {
	if a.IsZero() != b.IsZero() || a.Sub(b).Abs() > tolerance {
		return fmt.Sprintf("%s is %v and %v", path, a, b)
	}
	return ""
}

func diffJSON(path string, a, b json.RawMessage) string {
	if va, vb := value(a), value(b); !reflect.DeepEqual(va, vb) {
		return fmt.Sprintf("%s is %s and %s", path, a, b)
	}
	return ""
}

func value(raw json.RawMessage) any {
	if len(raw) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return err.Error()
	}
	return v
}

func diffText(path, a, b string) string {
	if a != b {
		return fmt.Sprintf("%s is %q and %q", path, a, b)
	}
	return ""
}

func same[T any](model, other T) string {
	return diff("", reflect.ValueOf(model), reflect.ValueOf(other))
}

// answer is a call's result and its error.
type answer[T any] struct {
	Result T
	Err    error
}

func answerOf[T any](result T, err error) answer[T] { return answer[T]{result, err} }

// state is all that a namespace holds.
type state struct {
	Runs      []domain.Run
	Histories map[string]domain.History
	Counts    domain.RunCounts
}

func (w *world) stateOf(s ports.Backend) state {
	page, err := s.ListRuns(w.ctx, ports.RunFilter{}, ports.PageRequest{Limit: 10000})
	w.noError("ListRuns", err)
	out := state{Runs: page.Items, Histories: make(map[string]domain.History)}
	ids := make([]string, len(page.Items))
	for i, r := range page.Items {
		ids[i] = r.ID
	}
	res, err := s.LoadHistories(w.ctx, ports.HistoryRequest{RunIDs: ids})
	w.noError("LoadHistories", err)
	for _, h := range res.Histories {
		out.Histories[h.RunID] = h
	}
	out.Counts, err = s.CountRuns(w.ctx)
	w.noError("CountRuns", err)
	return out
}
