package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

const (
	formatTable = "table"
	formatJSON  = "json"
)

func checkFormat(format string) error {
	if format != formatTable && format != formatJSON {
		return usagef("--output %q is unknown: use %s or %s", format, formatTable, formatJSON)
	}
	return nil
}

// migration is one line of a report. AppliedAt is zero while the migration is pending.
type migration struct {
	Version   int64
	Name      string
	AppliedAt time.Time
}

func (m migration) applied() bool { return !m.AppliedAt.IsZero() }

// MarshalJSON writes the form that scripts read: applied_at is null while pending.
func (m migration) MarshalJSON() ([]byte, error) {
	out := struct {
		Version   int64   `json:"version"`
		Name      string  `json:"name"`
		Applied   bool    `json:"applied"`
		AppliedAt *string `json:"applied_at"`
	}{Version: m.Version, Name: m.Name, Applied: m.applied()}
	if m.applied() {
		at := m.AppliedAt.UTC().Format(time.RFC3339)
		out.AppliedAt = &at
	}
	return json.Marshal(out)
}

// report is what a migrate command prints: all migrations, or with a verb those that changed.
type report struct {
	migrations []migration
	verb       string
	nothing    string // said when nothing changed
}

func (r report) write(w io.Writer, format string) error {
	switch {
	case format == formatJSON:
		return r.writeJSON(w)
	case r.verb != "":
		return r.writeChanges(w)
	}
	return r.writeTable(w)
}

func (r report) writeJSON(w io.Writer) error {
	list := r.migrations
	if list == nil {
		list = []migration{}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(list)
}

func (r report) writeChanges(w io.Writer) error {
	if len(r.migrations) == 0 {
		_, err := fmt.Fprintln(w, r.nothing)
		return err
	}
	for _, m := range r.migrations {
		if _, err := fmt.Fprintf(w, "%s %s\n", r.verb, m.Name); err != nil {
			return err
		}
	}
	return nil
}

func (r report) writeTable(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "VERSION\tNAME\tAPPLIED")
	for _, m := range r.migrations {
		at := "pending"
		if m.applied() {
			at = m.AppliedAt.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(tw, "%d\t%s\t%s\n", m.Version, m.Name, at)
	}
	return tw.Flush()
}
