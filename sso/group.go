package sso

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/ssobridge/ssobridge/sso/address"
)

// A Group is a set of accounts, known to apps by its name.
type Group struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// The built-in groups. Everyone is in AllUsers for ever; Administrators may administer the bridge.
const (
	AllUsers       int64 = 1
	Administrators int64 = 2
	FirstGroup     int64 = 3 // ids of other groups begin here
)

// The names of the built-in groups.
const (
	AllUsersName       = "All Users"
	AdministratorsName = "Administrators"
)

// CheckGroupName refuses a name that cannot be shown, sent in a list separated by commas, or told from a built-in one.
func CheckGroupName(name string) error {
	switch {
	case name == "" || name != CleanText(name):
		return errors.New("a group's name is not empty and has no control characters or spaces around it")
	case len(name) > MaxName:
		return fmt.Errorf("a group's name has at most %d bytes", MaxName)
	case strings.Contains(name, ","):
		return errors.New("a group's name has no comma: apps get the groups as a list separated by commas")
	}
	for _, builtin := range []string{AllUsersName, AdministratorsName} {
		if name != builtin && strings.EqualFold(asShown(name), builtin) {
			return fmt.Errorf("%q is too like the built-in group %q", name, builtin)
		}
	}
	return nil
}

// asShown is a name without what nobody sees of it: characters that show nothing, and the kind and number of spaces.
func asShown(name string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if address.ShowsNothing(r) {
			return -1
		}
		return r
	}, name)), " ")
}

// A GroupRef names a bridge group in a mapping: by id, or by name when Name is not empty.
type GroupRef struct {
	ID   int64
	Name string
}

// String returns the group's name, or its id.
func (r GroupRef) String() string {
	if r.Name != "" {
		return r.Name
	}
	return fmt.Sprint(r.ID)
}

// MarshalJSON writes a name as a string and an id as a number.
func (r GroupRef) MarshalJSON() ([]byte, error) {
	if r.Name != "" {
		return json.Marshal(r.Name)
	}
	return json.Marshal(r.ID)
}

// Mappings say which bridge groups a group of the identity provider stands for. Keys are matched exactly.
type Mappings map[string][]GroupRef

// maxMappings bounds what one setting may hold.
const maxMappings = 10_000

// ParseMappings reads JSON such as {"extHR":[7],"extSales":["Sales",4]} (the setting JWT_GROUP_MAPPINGS; Metabase's
// form, and names besides ids). An empty text is no mappings. The error says which entry is wrong and what it should be.
func ParseMappings(text string) (Mappings, error) {
	if strings.TrimSpace(text) == "" {
		return Mappings{}, nil
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, mappingForm(err)
	}
	m := Mappings{}
	for dec.More() {
		tok, err := dec.Token()
		key, ok := tok.(string)
		if err != nil || !ok {
			return nil, mappingForm(err)
		}
		if _, twice := m[key]; twice {
			return nil, fmt.Errorf("group %q is mapped twice: write its groups in one list", key)
		}
		if key == "" || key != CleanText(key) {
			return nil, fmt.Errorf("%q cannot be the name of a group at the identity provider: it is empty or has "+
				"control characters or spaces around it", key)
		}
		var list any
		if err := dec.Decode(&list); err != nil {
			return nil, mappingForm(err)
		}
		refs, err := groupRefs(key, list)
		if err != nil {
			return nil, err
		}
		m[key] = refs
		if len(m) > maxMappings {
			return nil, fmt.Errorf("more than %d mappings", maxMappings)
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, mappingForm(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is text after the closing brace")
	}
	return m, nil
}

func mappingForm(cause error) error {
	const form = `not a JSON object of the form {"IdP group": ["Group name", 4]}`
	if cause == nil || errors.Is(cause, io.EOF) {
		return errors.New(form)
	}
	return fmt.Errorf("%s: %w", form, cause)
}

func groupRefs(key string, value any) ([]GroupRef, error) {
	list, ok := value.([]any)
	if !ok && value != nil { // Metabase allows null for none
		return nil, fmt.Errorf("mapping of %q: a list of group ids and names is needed, such as [3,\"Sales\"]", key)
	}
	refs := []GroupRef{}
	for _, e := range list {
		var ref GroupRef
		switch v := e.(type) {
		case json.Number:
			id, err := v.Int64()
			if err != nil || id < 1 {
				return nil, fmt.Errorf("mapping of %q: %s is no group id: ids are whole numbers from 1", key, v)
			}
			ref.ID = id
		case string:
			if err := CheckGroupName(v); err != nil {
				return nil, fmt.Errorf("mapping of %q: %q: %w", key, v, err)
			}
			switch v {
			case AllUsersName:
				ref.ID = AllUsers
			case AdministratorsName:
				ref.ID = Administrators
			default:
				ref.Name = v
			}
		default:
			return nil, fmt.Errorf("mapping of %q: groups are given by id or by name", key)
		}
		if ref.ID == AllUsers {
			return nil, fmt.Errorf("mapping of %q: everyone is in %s; it cannot be mapped", key, AllUsersName)
		}
		if !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs, nil
}

// Names returns the bridge groups that the mappings name by name, sorted.
func (m Mappings) Names() []string {
	set := map[string]bool{}
	for _, refs := range m {
		for _, r := range refs {
			if r.Name != "" {
				set[r.Name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// GroupSync says how the logins of one provider set groups. The zero GroupSync changes none.
type GroupSync struct {
	SyncGroups bool
	Mappings   Mappings // empty: groups are matched by name
}

// NamesToResolve returns the bridge group names whose ids [GroupSync.PlanGroups] needs for this identity, sorted.
func (p GroupSync) NamesToResolve(id Identity) []string {
	switch {
	case !p.syncs(id):
		return nil
	case len(p.Mappings) > 0:
		return p.Mappings.Names()
	}
	names := slices.Clone(id.Groups)
	sort.Strings(names)
	return slices.Compact(names)
}

// syncs reports whether the groups claim says which groups the person is in.
func (p GroupSync) syncs(id Identity) bool { return p.SyncGroups && id.GroupsSent && !p.joined(id) }

// joined reports whether the claim is one text that looks like several names, such as "extHR,extSales". No group has a
// comma in its name; that the person is in none is not what was meant (SECURITY E6).
func (p GroupSync) joined(id Identity) bool {
	if id.GroupsListed || len(id.Groups) != 1 || !strings.Contains(id.Groups[0], ",") {
		return false
	}
	_, mapped := p.Mappings[id.Groups[0]]
	return !mapped
}

// Bounds of what [GroupSync.GroupDoubts] quotes.
const (
	maxQuoted      = 60 // bytes of a name or a claim
	maxNamesQuoted = 5
)

// GroupDoubts says in words what of a groups claim that was sent was not understood; "" for nothing. known are the names
// that could have been meant: the keys of the mappings, or without any the names of the groups.
func (p GroupSync) GroupDoubts(id Identity, known []string) string {
	var parts []string
	if id.GroupsFault != "" {
		parts = append(parts, id.GroupsFault)
	}
	switch {
	case !id.GroupsSent && id.GroupsFault != "":
		parts = append(parts, "memberships stay as they are")
	case p.SyncGroups && p.joined(id):
		parts = append(parts, fmt.Sprintf("%s is one text and no list of names; memberships stay as they are", quoteName(id.Groups[0])))
	case p.syncs(id):
		parts = append(parts, unknownNames(id.Groups, known, len(p.Mappings) > 0)...)
	}
	return strings.Join(parts, "; ")
}

// unknownNames tells names that nobody knows from those that are nearly a name.
func unknownNames(sent, known []string, mapped bool) (parts []string) {
	exact, near := map[string]bool{}, map[string]string{}
	for _, name := range known {
		exact[name], near[loose(name)] = true, name
	}
	var nearly, unknown []string
	for _, name := range sent {
		meant := near[loose(name)]
		switch {
		case exact[name]:
		case meant != "":
			nearly = append(nearly, fmt.Sprintf("%s is not %s: names are compared letter by letter", quoteName(name), quoteName(meant)))
		default:
			unknown = append(unknown, quoteName(name))
		}
	}
	if len(nearly) > maxNamesQuoted {
		nearly = append(nearly[:maxNamesQuoted], fmt.Sprintf("and %d more such names", len(nearly)-maxNamesQuoted))
	}
	who := "no group is called "
	if mapped {
		who = "no mapping knows "
	}
	if more := len(unknown) - maxNamesQuoted; more > 0 {
		unknown = append(unknown[:maxNamesQuoted], fmt.Sprintf("and %d more", more))
	}
	if len(unknown) > 0 {
		nearly = append(nearly, who+strings.Join(unknown, ", "))
	}
	return nearly
}

// loose is what a name has in common with one that was meant: neither case, nor space around it, nor the slash that
// Keycloak puts before a group's path.
func loose(name string) string {
	return strings.ToLower(strings.TrimPrefix(strings.TrimSpace(name), "/"))
}

// quoteName quotes a name with what is not to be seen in it, in at most about maxQuoted bytes.
func quoteName(name string) string {
	if len(name) > maxQuoted {
		name = Truncate(name, maxQuoted) + "…"
	}
	return fmt.Sprintf("%q", name)
}

// MissingGroups returns the names of groups that the mappings give this person and that no group has, sorted.
func (p GroupSync) MissingGroups(id Identity, named map[string]int64) (missing []string) {
	if !p.SyncGroups || !id.GroupsSent {
		return nil
	}
	for _, sent := range id.Groups {
		for _, ref := range p.Mappings[sent] {
			if _, ok := named[ref.Name]; ref.Name != "" && !ok {
				missing = append(missing, ref.Name)
			}
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

// A GroupPlan says which memberships a login changes. Both lists are sorted by id and do not overlap.
type GroupPlan struct {
	Add, Remove []int64
}

// PlanGroups decides the memberships after a login (CONTRACT 6). named holds the ids of the groups of
// [GroupSync.NamesToResolve] that exist; current is what the account is in now.
//
// With mappings, only groups that occur in some mapping are added or removed. Without, the account ends up in the groups
// whose names the IdP sent, except Administrators: those rights come only from a mapping that says so, and are neither
// given nor taken by a name (SECURITY E4). All Users is never touched.
func (p GroupSync) PlanGroups(id Identity, named map[string]int64, current []int64) GroupPlan {
	if !p.syncs(id) {
		return GroupPlan{}
	}
	wanted, scope := map[int64]bool{}, map[int64]bool{}
	if len(p.Mappings) == 0 {
		for _, name := range id.Groups {
			if g, ok := named[name]; ok && g != Administrators {
				wanted[g] = true
			}
		}
		for _, g := range current {
			scope[g] = g != Administrators
		}
	} else {
		for key, refs := range p.Mappings {
			sent := slices.Contains(id.Groups, key)
			for _, ref := range refs {
				g, ok := ref.ID, true
				if ref.Name != "" {
					g, ok = named[ref.Name]
				}
				if ok {
					scope[g] = true
					wanted[g] = wanted[g] || sent
				}
			}
		}
	}
	var plan GroupPlan
	for g, want := range wanted {
		if want && g != AllUsers && !slices.Contains(current, g) {
			plan.Add = append(plan.Add, g)
		}
	}
	for _, g := range current {
		if scope[g] && !wanted[g] && g != AllUsers {
			plan.Remove = append(plan.Remove, g)
		}
	}
	slices.Sort(plan.Add)
	slices.Sort(plan.Remove)
	return plan
}
