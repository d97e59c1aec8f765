package templates

import (
	"strings"
	"time"
)

// A Field is one labelled input of a form, with help and error beside it. The template "field" draws it.
type Field struct {
	Name         string // also its id
	Label        string
	Type         string // text, email, password…
	Value        string
	Help         string // one line under the label; "" leaves it out
	Least        int    // the number that Help names; 0: it names none
	Error        string // what is wrong with the value and how to mend it; "" when nothing is
	Autocomplete string // the token of HTML §4.10.18.7
	Required     bool
	Autofocus    bool
}

// DescribedBy is the value of aria-describedby: the ids of what explains the field.
func (f Field) DescribedBy() string {
	var ids []string
	if f.Help != "" {
		ids = append(ids, f.Name+"-help")
	}
	if f.Error != "" {
		ids = append(ids, f.Name+"-error")
	}
	return strings.Join(ids, " ")
}

// since says how long before now t was, in the largest unit that fits: how many, with the text for so many; 0 for a text without
// a number. The zero time is "never".
func since(t, now time.Time) (n int, text string) {
	if t.IsZero() {
		return 0, "never"
	}
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

// moment writes a time for people. The script rewrites it in their own time zone.
func moment(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// iso writes a time for the attribute datetime.
func iso(t time.Time) string { return t.UTC().Format(time.RFC3339) }
