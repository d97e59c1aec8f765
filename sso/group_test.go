package sso_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/claim"
)

func mappings(t testing.TB, text string) sso.Mappings {
	t.Helper()
	m, err := sso.ParseMappings(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPlanGroups(t *testing.T) {
	named := map[string]int64{"All Users": 1, "Administrators": 2, "Sales": 3, "HR": 4, "sales": 5}
	const mapped = `{"sales":["Sales",7],"boss":[2],"hr":["HR"],"none":[],"gone":["Gone"]}`
	tests := []struct {
		name, mappings string
		sync           bool
		groups         []string // nil: not sent
		current        []int64
		add, remove    []int64
	}{
		{"sync off", "", false, []string{"Sales"}, []int64{1, 4}, nil, nil},
		{"not sent", "", true, nil, []int64{1, 4}, nil, nil},
		{"by name", "", true, []string{"Sales", "unknown"}, []int64{1, 4}, []int64{3}, []int64{4}},
		{"by name, exactly", "", true, []string{"SALES", "sales"}, []int64{1}, []int64{5}, nil},
		{"by name, none", "", true, []string{}, []int64{1, 3, 4}, nil, []int64{3, 4}},
		{"Administrators not given by name", "", true, []string{"Administrators", "2"}, []int64{1}, nil, nil}, // SECURITY E4
		{"Administrators not taken by name", "", true, []string{}, []int64{1, 2, 3}, nil, []int64{3}},
		{"All Users is never touched", "", true, []string{"All Users"}, []int64{1}, nil, nil},
		{"mapped", mapped, true, []string{"sales"}, []int64{1, 4, 9}, []int64{3, 7}, []int64{4}},
		{"mapped, none", mapped, true, []string{}, []int64{1, 2, 3, 7, 9}, nil, []int64{2, 3, 7}},
		{"mapped, names do not match", mapped, true, []string{"Sales", "HR"}, []int64{1}, nil, nil},
		{"mapped, administrators", mapped, true, []string{"boss"}, []int64{1}, []int64{2}, nil},
		{"mapped, a group that is gone", mapped, true, []string{"gone", "hr"}, []int64{1}, []int64{4}, nil},
		{"two mappings for one group", `{"a":[3],"b":[3]}`, true, []string{"a"}, []int64{1, 3}, nil, nil},
		{"twice in the claim", `{"a":[3]}`, true, []string{"a", "a"}, []int64{1}, []int64{3}, nil},
	}
	for _, tt := range tests {
		p := sso.GroupSync{SyncGroups: tt.sync, Mappings: mappings(t, tt.mappings)}
		id := sso.Identity{Groups: tt.groups, GroupsSent: tt.groups != nil}
		resolved := map[string]int64{}
		for _, n := range p.NamesToResolve(id) {
			if g, ok := named[n]; ok {
				resolved[n] = g
			}
		}
		if diff := cmp.Diff(sso.GroupPlan{Add: tt.add, Remove: tt.remove}, p.PlanGroups(id, resolved, tt.current)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

// Whatever is sent and mapped: All Users stays, Administrators changes only by a mapping that names it, and applying a
// plan twice changes nothing more.
func TestPlanGroupsHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "Administrators", "All Users", "c"}), rapid.ID)
		p := sso.GroupSync{SyncGroups: true, Mappings: sso.Mappings{}}
		mapsAdministrators := false
		for _, key := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), rapid.ID).Draw(t, "keys") {
			for _, g := range rapid.SliceOfDistinct(rapid.Int64Range(2, 6), rapid.ID).Draw(t, "mapped") {
				p.Mappings[key] = append(p.Mappings[key], sso.GroupRef{ID: g})
				mapsAdministrators = mapsAdministrators || g == sso.Administrators
			}
		}
		id := sso.Identity{Groups: names.Draw(t, "sent"), GroupsSent: true}
		current := append([]int64{1}, rapid.SliceOfDistinct(rapid.Int64Range(2, 6), rapid.ID).Draw(t, "current")...)
		resolved := map[string]int64{"a": 3, "b": 4, "Administrators": 2, "All Users": 1}
		plan := p.PlanGroups(id, resolved, current)
		if changed := slices.Concat(plan.Add, plan.Remove); slices.Contains(changed, sso.AllUsers) ||
			slices.Contains(changed, sso.Administrators) && !mapsAdministrators {
			t.Fatalf("plan %+v", plan)
		}
		after := slices.DeleteFunc(slices.Concat(current, plan.Add), func(g int64) bool { return slices.Contains(plan.Remove, g) })
		if again := p.PlanGroups(id, resolved, after); again.Add != nil || again.Remove != nil {
			t.Fatalf("again: %+v", again)
		}
	})
}

func TestParseMappings(t *testing.T) {
	m := mappings(t, `{"extHR":[7],"extSales":["Sales",4,"Sales"],"root":["Administrators"],"nothing":null}`)
	want := sso.Mappings{"extHR": {{ID: 7}}, "extSales": {{Name: "Sales"}, {ID: 4}}, "root": {{ID: 2}}, "nothing": {}}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Error(diff)
	}
	for text, say := range map[string]string{
		`[]`: "JSON object", `{"a":7}`: "list", `{"a":["x"`: "JSON object", `{"a":[0]}`: "group id", `{"a":[1.5]}`: "group id", `{"a":[-1]}`: "group id",
		`{"a":[true]}`: "by id or by name", `{"a":[""]}`: "not empty", `{"a":["x,y"]}`: "comma", `{"a":["all users"]}`: "too like", `{"a":["administratorſ"]}`: "too like",
		`{"a":["Administrators\u200b"]}`: "too like", `{"a":["Admin\u2060istra\u00adtors"]}`: "too like", `{"a":["All\u00a0\u2003Users"]}`: "too like",
		`{"a":[1]}`: "cannot be mapped", `{"a":["All Users"]}`: "cannot be mapped", `{"a":[3],"a":[4]}`: "twice", `{"":[3]}`: "empty", `{"a":[3]} {}`: "after",
		`nonsense`: "JSON object", `{a:[3]}`: "JSON object", `{"a":[3],}`: "JSON object",
	} {
		if _, err := sso.ParseMappings(text); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%s: got %v, want %q in it", text, err, say)
		}
	}
}

func FuzzParseMappings(f *testing.F) {
	f.Add(`{"extHR":[7],"extSales":["Sales",4]}`)
	f.Add(`{"a":null}`)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := sso.ParseMappings(text)
		if err != nil {
			return
		}
		written, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := sso.ParseMappings(string(written))
		if err != nil || !cmp.Equal(m, again) {
			t.Errorf("%s: written as %s, read as %v, %v", text, written, again, err)
		}
	})
}

// What of a groups claim was not understood is said, with the names in quotes; a claim that means nothing changes nothing
// (SECURITY E6).
func TestGroupDoubts(t *testing.T) {
	mapped := sso.GroupSync{SyncGroups: true, Mappings: mappings(t, `{"extHR":[7],"extSales":[8],"a,b":[9]}`)}
	auto := sso.GroupSync{SyncGroups: true}
	known := []string{"extHR", "extSales", "a,b"}
	long := strings.Repeat("g", 300)
	for _, tt := range []struct {
		claim        string
		policy       sso.GroupSync
		want         string
		keeps, drops bool // a member of 7 stays one, or not
	}{
		{`["extHR"]`, mapped, ``, true, false},
		{`[]`, mapped, ``, false, true},
		{`null`, mapped, ``, true, false},
		{`{"0":"extHR"}`, mapped, `the claim "groups" is no list of names: {"0":"extHR"}; memberships stay as they are`, true, false},
		{`[{"name":"extHR"}]`, mapped, `of the list in the claim "groups", 1 of 1 entries are no names or too many: [{"name":"extHR"}]; memberships stay as they are`, true, false},
		{`7`, mapped, `the claim "groups" is no list of names: 7; memberships stay as they are`, true, false},
		{`"extHR,extSales"`, mapped, `"extHR,extSales" is one text and no list of names; memberships stay as they are`, true, false},
		{`["extHR, extSales"]`, auto, `"extHR, extSales" is one text and no list of names; memberships stay as they are`, true, false},
		{`"a,b"`, mapped, ``, false, true},
		{`["extHR "]`, mapped, `"extHR " is not "extHR": names are compared letter by letter`, false, true},
		{`["/extHR"]`, mapped, `"/extHR" is not "extHR": names are compared letter by letter`, false, true},
		{`"EXTHR"`, mapped, `"EXTHR" is not "extHR": names are compared letter by letter`, false, true},
		{`["staff","extHR","x\u0000\u202ey"]`, mapped, `no mapping knows "staff", "x\x00\u202ey"`, true, false},
		{`["staff"]`, auto, `no group is called "staff"`, false, true},
		{`["1","2","3","4","5","6","7"]`, mapped, `no mapping knows "1", "2", "3", "4", "5", and 2 more`, false, true},
		{`["` + long + `"]`, mapped, `no mapping knows "` + long[:60] + `…"`, false, true},
		{`["extHR"]`, sso.GroupSync{}, ``, true, false},
		{`{"0":"extHR"}`, sso.GroupSync{}, `the claim "groups" is no list of names: {"0":"extHR"}; memberships stay as they are`, true, false},
	} {
		var claims sso.Claims
		if err := json.Unmarshal([]byte(`{"email":"a@b.c","groups":`+tt.claim+`}`), &claims); err != nil {
			t.Fatal(err)
		}
		id, err := claim.Mapping{Email: "email", Groups: "groups"}.Identify("jwt", claims)
		if err != nil {
			t.Fatal(err)
		}
		if got := tt.policy.GroupDoubts(id, known); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.claim, got, tt.want)
		}
		named := map[string]int64{"extHR": 7}
		if plan := tt.policy.PlanGroups(id, named, []int64{sso.AllUsers, 7}); slices.Contains(plan.Remove, 7) != tt.drops || tt.keeps == tt.drops {
			t.Errorf("%s: got the plan %+v, want 7 removed: %v", tt.claim, plan, tt.drops)
		}
	}
}
