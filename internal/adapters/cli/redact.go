package cli

import (
	"net/url"
	"strings"
)

const hidden = "xxxxx"

// redact takes the URL's password out of text. Drivers leave passwords out of their errors; this holds for
// whatever they come to wrap.
func (a *app) redact(text string) string {
	if a.dsn == "" {
		return text
	}
	return redactText(text, a.dsn)
}

func redactText(text, dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return strings.ReplaceAll(text, dsn, hidden)
	}
	for _, password := range passwords(u) {
		for _, form := range []string{password, url.QueryEscape(password), url.PathEscape(password), url.UserPassword("", password).String()[1:]} {
			text = strings.ReplaceAll(text, ":"+form+"@", ":"+hidden+"@")
			text = strings.ReplaceAll(text, "password="+form, "password="+hidden)
			// A password that equals a name is no secret, and the name must stay readable.
			if form != u.User.Username() && form != strings.TrimPrefix(u.Path, "/") && form != u.Hostname() {
				text = strings.ReplaceAll(text, form, hidden)
			}
		}
	}
	return text
}

// passwords lists those that the URL holds: before the host, or as parameters.
func passwords(u *url.URL) []string {
	var out []string
	if p, _ := u.User.Password(); p != "" {
		out = append(out, p)
	}
	query := u.Query()
	for _, key := range []string{"password", "sslpassword"} {
		for _, p := range query[key] {
			if p != "" {
				out = append(out, p)
			}
		}
	}
	return out
}
