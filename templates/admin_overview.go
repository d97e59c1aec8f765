package templates

import (
	"fmt"
	"slices"
	"time"
)

// AdminOverview is /admin: whether sign-in works, what to do next, what changed.
type AdminOverview struct {
	AdminLayout
	State    AdminState // whether sign-in works
	Look     string     // URL where its cause is seen; "" leaves it out
	Warnings []string
	Steps    []AdminStep // to connect a product; none: that is done
	Offer    bool        // the administrator has no passkey, and is offered one; Here is this page
	Here     string

	Days    []OverviewDay
	Refused []AdminRefused // reasons of the last day, the most frequent first
	AtLeast bool           // there were more refusals than were counted
	Changed []AdminEvent
	Now     time.Time

	People, Administrators int
	PasswordLogin          bool
	Callback               string // where the identity provider redirects to
	Version                string
}

func (AdminOverview) template() string { return "admin-overview" }

// Why is the field of the box that finds out why somebody cannot sign in.
func (AdminOverview) Why() Field { return whyField("") }

func whyField(typed string) Field {
	return Field{Name: "q", Label: "Name, e-mail, or the reference on their page", Type: "search", Value: typed, Autocomplete: "off", Required: true}
}

// An AdminStep is one step to connect a product. It opens in place.
type AdminStep struct {
	Done      bool
	Text      string
	Necessary bool // without it nobody can sign in
	Open      bool
	Help      []string       // what to do
	Addresses []AdminAddress // what the product has to know
	Code      []AdminCode    // the page for the product, in each language
	Form      *AdminStepForm // does it here; nil: it is done elsewhere
	URL, Link string         // where there is more about it
}

// An AdminStepForm does a step in place.
type AdminStepForm struct {
	Action string // URL
	Hidden []AdminFact
	Field  *AdminStepField // nil: nothing is asked
	Button string          // "" leaves it out: what the field shows is set elsewhere
}

// An AdminStepField is a setting that a step asks for. What is wrong with it is said on the page that its form goes to.
type AdminStepField struct {
	Name, Label, Help, Value string
	Source                   string // where it is set; "" when it can be changed here
}

// An AdminCode is a file to take into the product.
type AdminCode struct{ Language, Text string }

// Needed reports whether a step is left without which nobody can sign in.
func (o AdminOverview) Needed() bool {
	return slices.ContainsFunc(o.Steps, func(s AdminStep) bool { return s.Necessary && !s.Done })
}

// Left is how many steps are not done.
func (o AdminOverview) Left() (n int) {
	for _, s := range o.Steps {
		if !s.Done {
			n++
		}
	}
	return n
}

// An AdminRefused is one reason for which sign-ins were refused.
type AdminRefused struct {
	Why, Code string
	Count     int
	Last      time.Time
	Reference string // of the last
	URL       string // all of them
}

// An OverviewDay is one day in the drawing of sign-ins.
type OverviewDay struct {
	Day               time.Time // its midnight, UTC
	SignIns, Refusals int
	URL               string // what happened on it
}

// Name is the day for people.
func (d OverviewDay) Name() string { return day(d.Day) }

// An OverviewBar is where a day stands in the drawing, refusals on top of sign-ins.
type OverviewBar struct {
	OverviewDay
	X, Width                                 int
	SignInsY, SignInsH, RefusalsY, RefusalsH int
}

// Title says what the bar shows.
func (b OverviewBar) Title() string {
	return fmt.Sprintf("%s: %s sign-ins, %s refused", b.Name(), number(b.SignIns), number(b.Refusals))
}

// Width is the width of the drawing.
func (o AdminOverview) Width() int { return max(1, len(o.Days)) * chartStep }

// Height is the height of the drawing.
func (AdminOverview) Height() int { return chartHeight }

// Bars are the bars; what happened at all can be seen.
func (o AdminOverview) Bars() (bars []OverviewBar) {
	most := 1
	for _, d := range o.Days {
		most = max(most, d.SignIns+d.Refusals)
	}
	height := func(n int) int {
		if n == 0 {
			return 0
		}
		return max(2, n*(chartHeight-4)/most)
	}
	for i, d := range o.Days {
		b := OverviewBar{OverviewDay: d, X: i*chartStep + chartGap/2, Width: chartStep - chartGap, SignInsH: height(d.SignIns), RefusalsH: height(d.Refusals)}
		b.SignInsY = chartHeight - b.SignInsH
		b.RefusalsY = b.SignInsY - b.RefusalsH
		bars = append(bars, b)
	}
	return bars
}

// Total counts the sign-ins and refusals of all days.
func (o AdminOverview) Total() (t OverviewDay) {
	for _, d := range o.Days {
		t.SignIns += d.SignIns
		t.Refusals += d.Refusals
	}
	return t
}

// AdminWhy is /admin/why: what is known of a person who cannot sign in. q is what the administrator knows of them.
type AdminWhy struct {
	AdminLayout
	Q      string
	People []AdminWhyPerson
	Many   bool         // more people have such a name
	Events []AdminEvent // refusals that belong to no account
	All    string       // URL: all that Activity has; "" leaves it out
	Now    time.Time
}

func (AdminWhy) template() string { return "admin-why" }

// Field is what was asked for.
func (w AdminWhy) Field() Field { return whyField(w.Q) }

// An AdminWhyPerson is a person who may be meant, with their refusals, newest first.
type AdminWhyPerson struct {
	ID        int64
	Person    Person
	Inactive  bool
	Source    string // the provider that signed it in last; "" leaves it out
	LastLogin time.Time
	Events    []AdminEvent // refusals of the last 30 days
	Activity  string       // URL: everything about them
	Now       time.Time
}
