package dashboard

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard/format"
)

// pages are the parsed templates: each page's with the layout and the parts that pages share.
type pages struct{ byName map[string]*template.Template }

// shared are the templates that every page has.
var shared = []string{"templates/layout.html", "templates/parts.html", "templates/icons.html"}

func (d *Dashboard) parsePages() (*pages, error) {
	base, err := template.New("layout").Funcs(d.funcs()).ParseFS(templateFiles, shared...)
	if err != nil {
		return nil, err
	}
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	p := &pages{byName: map[string]*template.Template{}}
	for _, file := range files {
		t, err := base.Clone()
		if err == nil {
			t, err = t.ParseFS(templateFiles, file)
		}
		if err != nil {
			return nil, err
		}
		p.byName[strings.TrimSuffix(path.Base(file), ".html")] = t
	}
	return p, nil
}

// page is what templates see.
type page struct {
	Title    string
	Brand    string
	Name     string // of the template: the navigation marks it
	Root     string
	ReadOnly bool
	Notice   string
	Sheet    bool // rendered into a dialog
	Live     string
	Now      time.Time
	Data     any
}

// notices are the messages that a page may show after a redirect; the address names one, and no text of its own.
var notices = map[string]string{
	"canceled":  "The run was canceled.",
	"ended":     "The run had ended already: nothing was changed.",
	"rerun":     "This run was started with the other one's input.",
	"signalled": "The signal was sent.",
	"started":   "The run was started.",
}

func (d *Dashboard) page(r *http.Request, name, title string, data any) *page {
	return &page{
		Title: title, Brand: d.o.Title, Name: name, Root: root(r.Context()), ReadOnly: d.o.ReadOnly,
		Notice: notices[r.URL.Query().Get("notice")], Sheet: r.Header.Get("HX-Target") == "sheet-body",
		Now: d.now(), Data: data,
	}
}

func (d *Dashboard) render(w http.ResponseWriter, r *http.Request, name, title string, data any) error {
	return d.renderStatus(w, r, http.StatusOK, name, title, data)
}

func (d *Dashboard) renderStatus(w http.ResponseWriter, r *http.Request, status int, name, title string, data any) error {
	return d.send(w, status, d.page(r, name, title, data))
}

// send renders the page whole before anything is written. What a dialog asked for comes without the layout.
func (d *Dashboard) send(w http.ResponseWriter, status int, p *page) error {
	entry := "layout"
	if p.Sheet {
		entry = "content"
	}
	html, err := d.pages.execute(p.Name, entry, p)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(html) // the reader has gone: nobody is left to be told
	return nil
}

func (p *pages) execute(name, entry string, data any) ([]byte, error) {
	t, ok := p.byName[name]
	if !ok {
		return nil, fmt.Errorf("there is no page %q", name)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, entry, data); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// stamp is an instant as the time element shows it.
type stamp struct{ Machine, Title, Text string }

func (d *Dashboard) funcs() template.FuncMap {
	return template.FuncMap{
		"asset":       d.assets.path,
		"ago":         func(t time.Time) stamp { return stamp{format.Machine(t), format.Time(t), format.Ago(t, d.now())} },
		"moment":      format.Time,
		"duration":    format.Duration,
		"between":     func(from, to time.Time) string { return format.Duration(to.Sub(from)) },
		"count":       format.Count,
		"capped":      format.Capped,
		"bytes":       format.Bytes,
		"visible":     format.Visible,
		"shorten":     func(n int, s string) string { return format.Visible(format.Shorten(s, n)) },
		"plus":        func(a, b int) int { return a + b },
		"runPath":     runPath,
		"attemptPath": attemptPath,
		"dict":        dict,
		"wide":        func(n int) int64 { return int64(n) },
		"half":        func(x, w float64) float64 { return x + w/2 },
		"anchorOf":    anchor,
		"first":       firstOf,
		"rooted":      func(root string, p payloadView) payloadView { p.Root = root; return p },
		"errorNote":   errorNote,
		"percent":     func(x float64) string { return fmt.Sprintf("%.2f%%", x) },
	}
}

// firstOf is the first of the times that is one.
func firstOf(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// dict hands several values to a template.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict wants names and values")
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict wants names and values")
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}
