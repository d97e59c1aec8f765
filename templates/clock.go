package templates

import (
	"html/template"
	"time"
)

// A clock writes times in a language, as elements that the script rewrites in the zone and the manner of the reader. Without it they
// are UTC. No page says how long ago something was without the exact time beside it: as the title for the mouse, and in words that
// screen readers say, and that show while the keyboard is in that row.
type clock struct {
	language string
	t        func(english string, args ...any) string
}

// at is a time as it is.
func (c clock) at(t time.Time) template.HTML { return element(t, "", c.exact(t), "") }

// atSecond is at for what happens while somebody watches.
func (c clock) atSecond(t time.Time) template.HTML {
	return element(t, " data-seconds", c.exact(t), "")
}

// ago is how long before now a time was; "never" for the zero time.
func (c clock) ago(t, now time.Time) template.HTML { return c.relative(t, now, "since") }

// agoAt is ago with the exact time always in sight.
func (c clock) agoAt(t, now time.Time) template.HTML { return c.relative(t, now, "since shown") }

func (c clock) relative(t, now time.Time, class string) template.HTML {
	if t.IsZero() {
		return template.HTML(template.HTMLEscapeString(c.t("never"))) //nolint:gosec // G203: escaped
	}
	text := ""
	switch n, english := since(t, now); n {
	case 0:
		text = c.t(english)
	default:
		text = c.t(english, n)
	}
	return element(t, ` class="`+class+`" title="`+c.exact(t)+`"`, text, `<span class="exact"> (`+c.exact(t)+`)</span>`)
}

// exact is the time that the script rewrites.
func (c clock) exact(t time.Time) string {
	if c.language == "en" {
		return t.UTC().Format("2 January 2006, 15:04 UTC")
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// element is a time in HTML; text is escaped here, and more is HTML of ours.
func element(t time.Time, attributes, text, more string) template.HTML {
	return template.HTML(`<time datetime="` + t.UTC().Format(time.RFC3339) + `"` + attributes + `>` + template.HTMLEscapeString(text) + more + `</time>`) //nolint:gosec // G203: escaped
}

// since says how long before now t was, in the largest unit that fits: how many, with the text for so many; 0 for a text without
// a number.
func since(t, now time.Time) (n int, text string) {
	d := now.Sub(t)
	switch {
	case d < time.Minute: // and the future, since clocks of replicas differ
		return 0, "just now"
	case d < 2*time.Minute:
		return 0, "1 minute ago"
	case d < time.Hour:
		return int(d.Minutes()), "%d minutes ago"
	case d < 2*time.Hour:
		return 0, "1 hour ago"
	case d < 24*time.Hour:
		return int(d.Hours()), "%d hours ago"
	case d < 48*time.Hour:
		return 0, "1 day ago"
	}
	return int(d.Hours() / 24), "%d days ago"
}
