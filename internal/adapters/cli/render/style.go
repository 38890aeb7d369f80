package render

// Style is how text looks on a terminal with colours. The zero value is plain.
type Style string

// The styles. They are the terminal's own sixteen colours, so that they suit its light or dark background.
const (
	Plain  Style = ""
	Bold   Style = "1"
	Faint  Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
	Blue   Style = "34"
	Cyan   Style = "36"
)

// Palette paints text, or leaves it alone.
type Palette struct{ Colours bool }

// Paint dresses text in a style.
func (p Palette) Paint(s Style, text string) string {
	if !p.Colours || s == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}
