package templates

// Faults are what is wrong with a form that was not carried out. The layout shows them before all else, each with a link to
// its field, and puts the focus there: whoever cannot see the whole page at once learns first that, and why, nothing was
// done. A page with a form has a method Faults.
type Faults struct {
	Alerts []string // about the form as a whole
	Fields []Fault
}

// A Fault is what is wrong with one field.
type Fault struct {
	ID      string // of the field
	Label   string
	Problem string
}

// Any reports whether there are any.
func (f Faults) Any() bool { return len(f.Alerts)+len(f.Fields) > 0 }

// Faults are none: most pages have no form that can fail.
func (Layout) Faults() Faults { return Faults{} }

// faults collects what is wrong with the form as a whole ("" for nothing) and with these fields.
func faults(alert string, fields ...Field) Faults {
	f := Faults{}
	if alert != "" {
		f.Alerts = []string{alert}
	}
	for _, field := range fields {
		f = f.with(field.Name, field.Label, field.Error)
	}
	return f
}

// with adds what is wrong with one more field, "" for nothing.
func (f Faults) with(id, label, problem string) Faults {
	if problem != "" {
		f.Fields = append(f.Fields, Fault{id, label, problem})
	}
	return f
}
