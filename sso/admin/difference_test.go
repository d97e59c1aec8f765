package admin

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestDifference(t *testing.T) {
	for _, tt := range []struct{ before, after, want string }{
		{"60s", "90s", "60s → 90s"},
		{"", "x", " → x"},
		{"********", "********", "******** → ********"},
		{`{"a":[1],"b":[2],"c":["x"]}`, `{"a":[1],"b":[2,3],"d":["y"]}`, `"b": [2] → [2,3]; "c": ["x"] → none; "d": none → ["y"]`},
		{"", `{"a":[1]}`, `"a": none → [1]`},
		{`{"a":[1]}`, "", `"a": [1] → none`},
		{`["a","b"]`, `["b","c"]`, `added "c"; removed "a"`},
		{`["a","b"]`, `["b","a"]`, `in another order: ["b","a"]`},
		{`["a","a"]`, `["a"]`, `removed "a"`},
		{`{"a":1}`, `["a"]`, `{"a":1} → ["a"]`},
		{"{}", "{ }", "{} → { }"},
		{"true", "false", "true → false"},
	} {
		if got := Difference(tt.before, tt.after); got != tt.want {
			t.Errorf("%s to %s: got %s, want %s", tt.before, tt.after, got, tt.want)
		}
	}
}

// Whatever changed is told: two values that mean something else never have an empty difference.
func FuzzDifference(f *testing.F) {
	f.Add(`{"a":[1]}`, `{"a":[2]}`)
	f.Add(`[1,2]`, `[2]`)
	f.Add("", "null")
	f.Fuzz(func(t *testing.T, before, after string) {
		got := Difference(before, after)
		if strings.TrimSpace(got) == "" {
			t.Fatalf("%q to %q: got nothing", before, after)
		}
		var was, is map[string]json.RawMessage
		if json.Unmarshal([]byte(before), &was) == nil && json.Unmarshal([]byte(after), &is) == nil {
			for name, value := range is {
				if string(was[name]) != string(value) && !strings.Contains(got, string(value)) {
					t.Errorf("%q to %q: got %q, want %s in it", before, after, got, value)
				}
			}
		}
	})
}
