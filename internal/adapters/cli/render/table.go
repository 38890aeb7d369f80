package render

import (
	"io"
	"strings"
)

// Cell is a field of a table.
type Cell struct {
	Text  string
	Style Style
}

// Column is a heading and how its cells are set.
type Column struct {
	Title string
	Right bool // numbers are set to the right
	// Max is the most cells of a field; longer text is cut. 0 is no limit.
	Max int
	// Shrink lets the column become narrower than its text, down to 12 cells, where the terminal is too narrow.
	Shrink bool
	// Optional leaves the column away when all its cells are empty or "-".
	Optional bool
}

const (
	gap       = "  "
	minShrunk = 12
)

// Table is rows under headings.
type Table struct {
	Columns []Column
	Rows    [][]Cell
}

// Add adds a row.
func (t *Table) Add(cells ...Cell) { t.Rows = append(t.Rows, cells) }

// Write prints the table, aligned. Width is the terminal's; 0 is no limit. Cells are made harmless.
func (t *Table) Write(w io.Writer, p Palette, width int) error {
	shown := t.shown()
	widths := t.widths(shown, width)
	var out strings.Builder
	heading := make([]Cell, len(t.Columns))
	for i, c := range t.Columns {
		heading[i] = Cell{c.Title, Bold}
	}
	t.line(&out, p, shown, widths, heading)
	for _, row := range t.Rows {
		t.line(&out, p, shown, widths, row)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// shown are the indexes of the columns that are printed.
func (t *Table) shown() []int {
	var out []int
	for i, c := range t.Columns {
		if !c.Optional || t.filled(i) {
			out = append(out, i)
		}
	}
	return out
}

func (t *Table) filled(column int) bool {
	for _, row := range t.Rows {
		if text := row[column].Text; text != "" && text != "-" {
			return true
		}
	}
	return false
}

func (t *Table) widths(shown []int, width int) []int {
	widths := make([]int, len(t.Columns))
	total := len(gap) * (len(shown) - 1)
	for _, i := range shown {
		widths[i] = Cells(t.Columns[i].Title)
		for _, row := range t.Rows {
			widths[i] = max(widths[i], Cells(t.text(row, i)))
		}
		total += widths[i]
	}
	for width > 0 && total > width {
		widest := -1
		for _, i := range shown {
			if t.Columns[i].Shrink && widths[i] > minShrunk && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break // it wraps
		}
		widths[widest]--
		total--
	}
	return widths
}

func (t *Table) text(row []Cell, column int) string {
	text := Safe(row[column].Text)
	if most := t.Columns[column].Max; most > 0 {
		text = Cut(text, most)
	}
	return text
}

func (t *Table) line(out *strings.Builder, p Palette, shown, widths []int, row []Cell) {
	var line strings.Builder
	for n, i := range shown {
		if n > 0 {
			line.WriteString(gap)
		}
		text := Cut(t.text(row, i), widths[i])
		pad := strings.Repeat(" ", widths[i]-Cells(text))
		switch {
		case t.Columns[i].Right:
			line.WriteString(pad + p.Paint(row[i].Style, text))
		case n == len(shown)-1:
			line.WriteString(p.Paint(row[i].Style, text))
		default:
			line.WriteString(p.Paint(row[i].Style, text) + pad)
		}
	}
	out.WriteString(strings.TrimRight(line.String(), " "))
	out.WriteByte('\n')
}
