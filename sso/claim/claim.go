// Package claim finds claims in the payload of a token, by the paths that somebody configured, and makes of them what the
// identity provider says about a person.
package claim

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Path leads to a claim: its parts are names of objects in one another. Before that, the parts with dots between are the
// name of a claim at the top, such as https://example.com/groups. An empty path leads nowhere.
type Path []string

// MaxPath is how many bytes the text of a path may have.
const MaxPath = 1000

// ParsePath reads a path, such as realm_access.roles. A dot that belongs to a name is written \. where the name is that of an
// object: https://example\.com/access.roles.
func ParsePath(text string) (Path, error) {
	switch {
	case text == "":
		return nil, errors.New("it is empty: give the name of a claim")
	case len(text) > MaxPath:
		return nil, errors.New("it is longer than " + strconv.Itoa(MaxPath) + " bytes")
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || text != strings.TrimSpace(text):
		return nil, errors.New("it has control characters, or spaces around it")
	}
	return split(text, '.'), nil
}

// ParsePaths reads paths with commas between, the one to be looked for first at the beginning. A comma that belongs to a name
// is written \, and spaces beside the others do not count.
func ParsePaths(text string) ([]Path, error) {
	var paths []Path
	for _, part := range split(text, ',') {
		p, err := ParsePath(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		paths = append(paths, p)
	}
	return paths, nil
}

// split parts text at each separator that has no backslash before it. Other backslashes are what they are.
func split(text string, separator byte) []string {
	var parts []string
	var part []byte
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && text[i+1] == separator:
			i++
			part = append(part, separator)
		case text[i] == separator:
			parts = append(parts, string(part))
			part = part[:0]
		default:
			part = append(part, text[i])
		}
	}
	return append(parts, string(part))
}

// Name is the claim at the top to which the path leads first.
func (p Path) Name() string { return strings.Join(p, ".") }

// String is the path as [ParsePath] reads it.
func (p Path) String() string {
	parts := make([]string, len(p))
	for i, part := range p {
		parts[i] = strings.ReplaceAll(part, ".", `\.`)
	}
	return strings.Join(parts, ".")
}

// In returns the claim to which the path leads. ok is false when there is none; a claim that is null is one.
func (p Path) In(claims map[string]any) (value any, ok bool) {
	if len(p) == 0 {
		return nil, false
	}
	if value, ok = claims[p.Name()]; ok {
		return value, true
	}
	for _, part := range p {
		if value, ok = claims[part]; !ok {
			return nil, false
		}
		claims, _ = value.(map[string]any) // of nil there are no names
	}
	return value, true
}

// A Requirement is a claim that must have one of these values. Numbers and booleans are compared as JSON writes them, and of
// a list one entry is enough.
type Requirement struct {
	Claim  Path
	Values []string
}

// Met reports whether the claims are as the requirement wants. Without values it is not met.
func (r Requirement) Met(claims map[string]any) bool {
	value, _ := r.Claim.In(claims)
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	return slices.ContainsFunc(list, func(v any) bool {
		text, ok := Text(v)
		return ok && slices.Contains(r.Values, text)
	})
}

// Text is a string, number or boolean as text; ok is false for other claims.
func Text(value any) (text string, ok bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case json.Number:
		return v.String(), true
	}
	return "", false
}

// Names reads a claim that lists names. One text is one name, or several with the separator between if there is one; then
// spaces around them and empty ones do not count. others is how much of a list is no text. ok is false for what is no list
// of names at all.
func Names(value any, separator string) (names []string, others int, ok bool) {
	switch v := value.(type) {
	case string:
		if separator == "" {
			return []string{v}, 0, true
		}
		names = []string{}
		for part := range strings.SplitSeq(v, separator) {
			if part = strings.TrimSpace(part); part != "" {
				names = append(names, part)
			}
		}
		return names, 0, true
	case []any:
		names = []string{}
		for _, e := range v {
			if s, ok := e.(string); ok {
				names = append(names, s)
			}
		}
		return names, len(v) - len(names), true
	}
	return nil, 0, false
}
