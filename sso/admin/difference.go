package admin

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Difference says how a value has changed: of a JSON object, the names that changed, and of a JSON list, what came and went. Of
// anything else it has both values.
func Difference(before, after string) string {
	if d, ok := objectDifference(before, after); ok {
		return d
	}
	if d, ok := listDifference(before, after); ok {
		return d
	}
	return before + " → " + after
}

// readJSON reads JSON into v; nothing is what is empty.
func readJSON(text string, v any) bool { return text == "" || json.Unmarshal([]byte(text), v) == nil }

func objectDifference(before, after string) (string, bool) {
	var was, is map[string]json.RawMessage
	if !readJSON(before, &was) || !readJSON(after, &is) || was == nil && is == nil {
		return "", false
	}
	names := maps.Clone(was)
	if names == nil {
		names = map[string]json.RawMessage{}
	}
	maps.Copy(names, is)
	var changes []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if a, b := orNone(was[name]), orNone(is[name]); a != b {
			changes = append(changes, fmt.Sprintf("%q: %s → %s", name, a, b))
		}
	}
	return strings.Join(changes, "; "), len(changes) > 0
}

func orNone(value json.RawMessage) string {
	if value == nil {
		return "none"
	}
	return string(value)
}

func listDifference(before, after string) (string, bool) {
	var was, is []json.RawMessage
	if !readJSON(before, &was) || !readJSON(after, &is) || was == nil && is == nil {
		return "", false
	}
	var changes []string
	left := slices.Clone(was)
	for _, one := range is {
		same := func(other json.RawMessage) bool { return string(other) == string(one) }
		if i := slices.IndexFunc(left, same); i >= 0 {
			left = slices.Delete(left, i, i+1)
			continue
		}
		changes = append(changes, "added "+string(one))
	}
	for _, gone := range left {
		changes = append(changes, "removed "+string(gone))
	}
	if len(changes) == 0 {
		changes = []string{"in another order: " + after}
	}
	return strings.Join(changes, "; "), true
}
