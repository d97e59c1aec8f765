package templates

import (
	"fmt"
	"strconv"
	"time"
)

// An AdminPager leads through a long list. The list is cut by key: there is a way on and a way to the beginning, and no
// numbers of pages.
type AdminPager struct {
	First string // URL; "" when this is the beginning
	Next  string // URL; "" when this is the end
}

// Any reports whether there is anywhere to go.
func (p AdminPager) Any() bool { return p.First != "" || p.Next != "" }

// An AdminSelect is a list of which one value is chosen. Its template is "select".
type AdminSelect struct {
	Name    string // also its id
	Options []AdminOption
}

// Chosen is the value that is chosen.
func (s AdminSelect) Chosen() string {
	for _, o := range s.Options {
		if o.Chosen {
			return o.Value
		}
	}
	return ""
}

// number writes a count with its thousands apart.
func number(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// day writes a day (UTC) for people.
func day(t time.Time) string { return t.UTC().Format("2 January") }

// A Chart is one figure a day, as bars. The template "chart" draws it, with all figures as a table for those who do not
// see it.
type Chart struct {
	ID    string // of the page's element; also its class
	Label string // what is counted, such as "Sign-ins"
	Days  []ChartDay
}

// A ChartDay is one bar.
type ChartDay struct {
	Day   time.Time // its midnight, UTC
	Count int
}

// Name is the day for people.
func (d ChartDay) Name() string { return day(d.Day) }

// The drawing is this large, in units of its own; the page stretches it.
const (
	chartHeight = 100
	chartStep   = 10 // from one bar to the next
	chartGap    = 2
)

// Width is the width of the drawing.
func (c Chart) Width() int { return max(1, len(c.Days)) * chartStep }

// Height is the height of the drawing.
func (Chart) Height() int { return chartHeight }

// Most is the largest figure.
func (c Chart) Most() int {
	most := 0
	for _, d := range c.Days {
		most = max(most, d.Count)
	}
	return most
}

// Total is the sum.
func (c Chart) Total() int {
	sum := 0
	for _, d := range c.Days {
		sum += d.Count
	}
	return sum
}

// Sentence says what the drawing shows.
func (c Chart) Sentence() string {
	if c.Total() == 0 {
		return fmt.Sprintf("%s: none in %d days", c.Label, len(c.Days))
	}
	for _, d := range c.Days {
		if d.Count == c.Most() {
			return fmt.Sprintf("%s: %s in %d days, at most %s on a day (%s)", c.Label, number(c.Total()), len(c.Days), number(d.Count), day(d.Day))
		}
	}
	return c.Label
}

// A ChartBar is where a bar stands.
type ChartBar struct {
	ChartDay
	X, Y, Width, Height int
}

// Bars are the bars; a day with anything has one that can be seen.
func (c Chart) Bars() []ChartBar {
	most := c.Most()
	var bars []ChartBar
	for i, d := range c.Days {
		if d.Count == 0 {
			continue
		}
		height := max(2, d.Count*chartHeight/most)
		bars = append(bars, ChartBar{d, i*chartStep + chartGap/2, chartHeight - height, chartStep - chartGap, height})
	}
	return bars
}

// First and Last are the ends of the axis.
func (c Chart) First() string {
	if len(c.Days) == 0 {
		return ""
	}
	return day(c.Days[0].Day)
}

// Last is the last day.
func (c Chart) Last() string {
	if len(c.Days) == 0 {
		return ""
	}
	return day(c.Days[len(c.Days)-1].Day)
}

// An AdminEvent is one line of the audit trail.
type AdminEvent struct {
	At        time.Time
	What      string // what happened, in a few words
	Refused   bool
	Why       string // for a refusal, in a few words; "" leaves it out
	Code      string // its code
	Detail    string // "" leaves it out
	Advice    string // what to do; "" leaves it out
	Reference string // what the person saw; "" leaves it out
	AccountID int64  // 0: no account
	Email     string // of the person; "" leaves it out
	Actor     string // who did it, when not the person
	Provider  string
	Peer      string
	KeyID     string
	Repeats   []AdminRepeat // the same, earlier; newest first
}

// Times is how often it happened.
func (e AdminEvent) Times() int { return 1 + len(e.Repeats) }

// First is when it happened first.
func (e AdminEvent) First() time.Time {
	if n := len(e.Repeats); n > 0 {
		return e.Repeats[n-1].At
	}
	return e.At
}

// An AdminRepeat is the same event at another time.
type AdminRepeat struct {
	At        time.Time
	Detail    string // "" leaves it out
	Reference string // "" leaves it out
	Peer      string
}
