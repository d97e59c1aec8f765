package templates

import "strings"

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
