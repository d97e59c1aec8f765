package templates

import (
	"fmt"
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

// ago says how long before now t was, in the largest unit that fits. The zero time is "never".
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := now.Sub(t)
	switch {
	case d < time.Minute: // and the future, since clocks of replicas differ
		return "just now"
	case d < time.Hour:
		return count(int(d.Minutes()), "minute")
	case d < 24*time.Hour:
		return count(int(d.Hours()), "hour")
	}
	return count(int(d.Hours()/24), "day")
}

func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit + " ago"
	}
	return fmt.Sprintf("%d %ss ago", n, unit)
}

// moment writes a time for people. The script rewrites it in their own time zone.
func moment(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// iso writes a time for the attribute datetime.
func iso(t time.Time) string { return t.UTC().Format(time.RFC3339) }
