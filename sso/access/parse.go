package access

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/origin"
)

// Parse reads JSON such as
//
//	[{"path":"/health","allow":"public"},{"host":"bi.example.com","path":"/reports","methods":["POST"],"allow":["Sales"]}]
//
// where allow is "public", "signed_in", or a list of group names. It refuses what could never match, and what is said
// twice or with nothing behind it: the group that such a rule asks for would be lost without a word. The error names
// each rule that is wrong, counted from 1.
func Parse(text string) (Rules, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, ruleListForm(text, err)
	}
	var rules Rules
	var wrong []string
	for i, raw := range list {
		rule, err := parseRule(raw)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("rule %d: %v", i+1, err))
		}
		rules = append(rules, rule)
	}
	if len(wrong) > 0 {
		return nil, errors.New(strings.Join(wrong, "; "))
	}
	return rules, nil
}

func ruleListForm(text string, err error) error {
	const form = `not a JSON list of rules such as [{"path":"/public","allow":"public"}]`
	if _, syntax := errors.AsType[*json.SyntaxError](err); syntax {
		return fmt.Errorf("%s: %w", form, err)
	}
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return errors.New("one rule and not a list of them: write [ and ] around it")
	}
	return errors.New(form)
}

// A member is one key of a JSON object with its value.
type member struct {
	name  string
	value json.RawMessage
}

// members keeps what encoding/json hides: names that stand there twice, or in other letters.
func members(raw json.RawMessage) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, errors.New(`not a JSON object such as {"path":"/public","allow":"public"}`)
	}
	var all []member
	for dec.More() {
		name, err := dec.Token() // of an object that is good JSON, always a string
		if err != nil {
			return nil, err
		}
		m := member{name: name.(string)}
		if err := dec.Decode(&m.value); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

func parseRule(raw json.RawMessage) (rule Rule, err error) {
	all, err := members(raw)
	if err != nil {
		return Rule{}, err
	}
	seen := map[string]bool{}
	for _, m := range all {
		if seen[m.name] {
			return Rule{}, fmt.Errorf("%q stands there twice", sso.Truncate(m.name, 40))
		}
		seen[m.name] = true
		switch m.name {
		case "host":
			rule.Host, err = parseRuleHost(m.value)
		case "path":
			rule.Path, err = parseRulePath(m.value)
		case "methods":
			rule.Methods, err = parseMethods(m.value)
		case "allow":
			rule.Public, rule.Groups, err = parseAllow(m.value)
		default:
			err = fmt.Errorf("%q is none of the keys of a rule, which are host, path, methods and allow", sso.Truncate(m.name, 40))
		}
		if err != nil {
			return Rule{}, err
		}
	}
	if !seen["allow"] {
		return Rule{}, errors.New(`"allow" is not there: ` + allowForm)
	}
	return rule, nil
}

const allowForm = `it is "public", "signed_in", or a list of group names such as ["Sales"]`

func parseAllow(value json.RawMessage) (public bool, groups []string, err error) {
	if word, err := jsonText(value); err == nil && (word == "public" || word == "signed_in") {
		return word == "public", nil, nil
	}
	groups, ok := jsonTexts(value)
	if !ok {
		return false, nil, errors.New(`"allow" is not understood: ` + allowForm)
	}
	for _, g := range groups {
		if err := sso.CheckGroupName(g); err != nil {
			return false, nil, fmt.Errorf("group %q: %w", sso.Truncate(g, 100), err)
		}
	}
	return false, groups, nil
}

// parseRuleHost reads a host as requests have it, see [Rules.Decide].
func parseRuleHost(value json.RawMessage) (string, error) {
	text, err := jsonText(value)
	if err != nil {
		return "", fmt.Errorf(`"host" %w`, err)
	}
	host := strings.TrimSuffix(strings.ToLower(text), ".")
	shown := sso.Truncate(text, 100)
	switch {
	case strings.Contains(host, "/"):
		return "", fmt.Errorf("host %q has a scheme or a path: write the name alone, such as bi.example.com", shown)
	case strings.Count(host, ":") == 1:
		return "", fmt.Errorf("host %q has a port: leave it out, rules are for all ports of a host", shown)
	case strings.Contains(host, "*") || strings.HasPrefix(host, "."):
		return "", fmt.Errorf("host %q: hosts are written out one by one, there are no wildcards", shown)
	case !origin.PlainHost(host) || strings.HasSuffix(host, "."):
		return "", fmt.Errorf("host %q is not a plain name such as bi.example.com, or xn--… for one with other letters", shown)
	}
	return host, nil
}

// parseRulePath refuses paths that no request has, above all patterns: a rule for /admin/* would protect nothing.
func parseRulePath(value json.RawMessage) (string, error) {
	path, err := jsonText(value)
	if err != nil {
		return "", fmt.Errorf(`"path" %w`, err)
	}
	shown := sso.Truncate(path, 100)
	switch i := strings.IndexAny(path, "*{}[]^$<>|"); {
	case i >= 0:
		return "", fmt.Errorf("path %q has a %c: a path is a prefix and no pattern, /reports is about /reports and all below it", shown, path[i])
	case strings.Contains(path, "/:"):
		return "", fmt.Errorf("path %q has a segment that begins with a colon: a path is a prefix and no pattern", shown)
	case strings.ContainsAny(path, "?#"):
		return "", fmt.Errorf("path %q has a query or a fragment: rules look at the path alone", shown)
	case strings.Contains(path, "%"):
		return "", fmt.Errorf("path %q has escapes: write it as it reads, such as /a b and /café", shown)
	case !plainPath(path):
		return "", fmt.Errorf("path %q does not begin with one slash, or has dots or other parts that are read in several ways", shown)
	}
	return path, nil
}

// httpMethods are those of the registry of RFC 9110 §16.1.1.
var httpMethods = [...]string{
	"ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "CONNECT", "COPY", "DELETE", "GET", "HEAD", "LABEL", "LINK", "LOCK", "MERGE",
	"MKACTIVITY", "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE", "OPTIONS", "ORDERPATCH", "PATCH", "POST", "PROPFIND", "PROPPATCH",
	"PUT", "QUERY", "REBIND", "REPORT", "SEARCH", "TRACE", "UNBIND", "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE", "UPDATEREDIRECTREF", "VERSION-CONTROL",
}

func parseMethods(value json.RawMessage) ([]string, error) {
	methods, ok := jsonTexts(value)
	if !ok {
		return nil, errors.New(`"methods" is no list of methods such as ["GET","POST"]; leave it out to mean all`)
	}
	for i, m := range methods {
		methods[i] = strings.ToUpper(m)
		if !slices.Contains(httpMethods[:], methods[i]) {
			return nil, fmt.Errorf(`method %q is not known; write each for itself, such as ["POST","PUT"]`, sso.Truncate(m, 40))
		}
	}
	return methods, nil
}

// jsonText reads a string that is not empty: with nothing in it a rule would be about everything.
func jsonText(value json.RawMessage) (text string, err error) {
	if !bytes.HasPrefix(value, []byte(`"`)) || json.Unmarshal(value, &text) != nil {
		return "", errors.New("is no text in quotes")
	}
	if text == "" {
		return "", errors.New("is empty: leave it out to mean all")
	}
	return text, nil
}

// jsonTexts reads a list of strings, one at least and none empty.
func jsonTexts(value json.RawMessage) (texts []string, ok bool) {
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil {
		return nil, false
	}
	for _, raw := range list {
		text, err := jsonText(raw)
		if err != nil {
			return nil, false
		}
		texts = append(texts, text)
	}
	return texts, len(texts) > 0
}

// Shadowed returns each rule that can never decide, counted from 0, with the earlier one that does so in its place.
func (rules Rules) Shadowed() map[int]int {
	by := map[int]int{}
	for i, r := range rules {
		if j := slices.IndexFunc(rules[:i], func(earlier Rule) bool { return earlier.shadows(r) }); j >= 0 {
			by[i] = j
		}
	}
	return by
}

// Doubled returns each rule, counted from 0, with an earlier one that some apps take to be for the same path, being for
// another as it is written, and that lets others pass: only who may pass by both gets in.
func (rules Rules) Doubled() map[int]int {
	of := map[int]int{}
	for i, r := range rules {
		j := slices.IndexFunc(rules[:i], func(e Rule) bool {
			return (e.Host == "" || r.Host == "" || e.Host == r.Host) && !e.covers(cmp.Or(r.Path, "/")) && e.coversLax(laxPath(cmp.Or(r.Path, "/"))) &&
				(e.Public != r.Public || !slices.Equal(e.Groups, r.Groups))
		})
		if j >= 0 {
			of[i] = j
		}
	}
	return of
}

// shadows reports whether whatever r matches, e matches too. What holds of paths as they are written holds of them as the
// laxest app reads them.
func (e Rule) shadows(r Rule) bool {
	if e.Host != "" && e.Host != r.Host || !e.covers(cmp.Or(r.Path, "/")) {
		return false
	}
	return len(e.Methods) == 0 || len(r.Methods) > 0 && !slices.ContainsFunc(r.Methods, func(m string) bool { return !e.about(m) })
}
