package dashboard

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard/format"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// form is what a form was sent with, and what is wrong with it, by field. The field "" is the form as a whole.
type form struct {
	Values   url.Values
	Problems map[string]string
}

func newForm() form { return form{url.Values{}, map[string]string{}} }

// readForm reads the form of a request's body.
func readForm(r *http.Request) (form, error) {
	f := newForm()
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return f, errTooLarge
		}
		return f, errForm
	}
	f.Values = r.PostForm
	return f, nil
}

// Get is a field without the space around it.
func (f form) Get(name string) string { return strings.TrimSpace(f.Values.Get(name)) }

// Problem is what is wrong with a field; "" if nothing is.
func (f form) Problem(name string) string { return f.Problems[name] }

func (f form) refuse(name, text string) { f.Problems[name] = text }

func (f form) ok() bool { return len(f.Problems) == 0 }

// json reads a field that holds JSON; an empty one is nil.
func (f form) json(name string) json.RawMessage {
	text := f.Get(name)
	if text == "" {
		return nil
	}
	if problem := jsonProblem(text); problem != "" {
		f.refuse(name, problem)
		return nil
	}
	return json.RawMessage(text)
}

// jsonProblem says what is wrong with a text as JSON, and where.
func jsonProblem(text string) string {
	var v any
	err := json.Unmarshal([]byte(text), &v)
	if err == nil {
		return ""
	}
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return "This is not JSON: " + err.Error() + "."
	}
	at := min(max(int(syntax.Offset)-1, 0), len(text))
	line := strings.Count(text[:at], "\n") + 1
	column := at - strings.LastIndexByte(text[:at], '\n')
	return "This is not JSON: " + syntax.Error() + " (line " + format.Count(int64(line)) + ", column " + format.Count(int64(column)) + ")."
}

// refusal is what the library says against a call that a form made; false if the error is another one's fault.
func refusal(err error) (string, bool) {
	for _, ours := range []error{
		openworkflow.ErrInvalidArgument, openworkflow.ErrInvalidPayload, openworkflow.ErrPayloadTooLarge,
		openworkflow.ErrRunFinished, openworkflow.ErrStepNotFound,
	} {
		if errors.Is(err, ours) {
			return clean(err), true
		}
	}
	return "", false
}

// clean drops what the library's errors begin with.
func clean(err error) string {
	text := strings.TrimPrefix(err.Error(), "openworkflow: ")
	return format.Visible(format.Shorten(text, 400))
}
