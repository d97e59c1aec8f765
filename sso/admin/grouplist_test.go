package admin

import (
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
)

// A group that exists is meant by its id, one that does not by its name, and one that was named stays so.
func TestReadGroups(t *testing.T) {
	groups := []sso.Group{{ID: 1, Name: sso.AllUsersName}, {ID: 2, Name: sso.AdministratorsName}, {ID: 3, Name: "Sales"}, {ID: 9, Name: "#7"}}
	for _, tt := range []struct {
		text, wrong string
		before      []sso.GroupRef
		want        []sso.GroupRef
	}{
		{text: "", want: []sso.GroupRef{}},
		{text: " Sales ,, Sales,#3", want: []sso.GroupRef{{ID: 3}}},
		{text: "Sales", before: []sso.GroupRef{{Name: "Sales"}}, want: []sso.GroupRef{{Name: "Sales"}}},
		{text: "New, Administrators", want: []sso.GroupRef{{Name: "New"}, {ID: 2}}},
		{text: "#7, ##7", want: []sso.GroupRef{{ID: 7}, {ID: 9}}},
		{text: "All Users", wrong: "everyone is in All Users"},
		{text: "#1", want: []sso.GroupRef{{Name: "#1"}}}, // nobody maps All Users by its id
		{text: "administrators", wrong: "too like the built-in group"},
		{text: strings.Repeat("x", sso.MaxName+1), wrong: "at most"},
	} {
		got, err := ReadGroups(tt.text, groups, tt.before)
		if tt.wrong != "" && (err == nil || !strings.Contains(err.Error(), tt.wrong)) || tt.wrong == "" && (err != nil || !slices.Equal(got, tt.want)) {
			t.Errorf("%.20q: got %v, %v, want %v or %q", tt.text, got, err, tt.want, tt.wrong)
		}
	}
	m := sso.Mappings{"a": {{ID: 3}, {ID: 77}}, "b": {{ID: 8}, {Name: "New"}, {ID: 77}}}
	if got := MissingGroups(m, groups); !slices.Equal(got, []sso.GroupRef{{ID: 8}, {ID: 77}}) {
		t.Errorf("missing: got %v", got)
	}
}

// What the form shows is read back as the same groups.
func FuzzReadGroups(f *testing.F) {
	f.Add("Sales, Night shift,#7, , Administrators")
	f.Add("#7,#1,All Users")
	f.Add("Sales,#9,##9,###9,##01") // a group may have a name that looks like an id
	groups := []sso.Group{{ID: 1, Name: sso.AllUsersName}, {ID: 2, Name: sso.AdministratorsName}, {ID: 3, Name: "Sales"}, {ID: 4, Name: "#9"}}
	f.Fuzz(func(t *testing.T, text string) {
		refs, err := ReadGroups(text, groups, nil)
		if err != nil {
			return
		}
		if slices.Contains(refs, sso.GroupRef{ID: sso.AllUsers}) || slices.Contains(refs, sso.GroupRef{Name: sso.AllUsersName}) {
			t.Errorf("%q: got All Users mapped", text)
		}
		again, err := ReadGroups(WriteGroups(refs, groups), groups, refs)
		if err != nil || !slices.Equal(again, refs) {
			t.Errorf("%q: got %v, then %v, %v", text, refs, again, err)
		}
	})
}
