// Package access says who may reach what of the apps behind the bridge. [Parse] reads the rules, and [Rules.Decide] finds the
// one that a request meets.
package access

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/sso"
)

// Rules say who may reach what of the apps behind the bridge (the setting ACCESS_RULES). The first rule that
// matches decides; what no rule matches needs a sign-in.
type Rules []Rule

// An Rule is one line of [Rules]. Empty Host, Path and Methods match everything.
type Rule struct {
	Host    string   // exactly, without case, port and final dot
	Path    string   // begins with "/": this path and all below it, whole segments
	Methods []string // upper case; GET stands for HEAD, too (RFC 9110 §9.3.2)
	Public  bool     // anyone, signed in or not
	Groups  []string // who is in one of these groups; empty: who is signed in
}

// Decide returns the rule for a request. host is without port; escapedPath is the path as it was sent, without query.
// byMethod says that it hung on the method: a rule for this host and path that names methods was looked at.
//
// While there are rules, a path that servers read in several ways is [sso.Forbidden]: /public/..%2fadmin is public to one and
// an administrator's to another (SECURITY H4). Two readings are left, since they are how whole kinds of apps work: as
// it is written, and without case and ends. The one that asks for more decides; of two that ask for groups, both.
func (rules Rules) Decide(host, method, escapedPath string) (rule Rule, byMethod bool, err error) {
	if len(rules) == 0 {
		return Rule{}, false, nil
	}
	path, err := normalPath(escapedPath)
	if err != nil {
		return Rule{}, false, err
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	method = strings.ToUpper(method) // apps do (Werkzeug): "post" must not slip past a rule for POST
	written, byMethod := rules.first(host, method, path, Rule.covers)
	lax, byMethodToo := rules.first(host, method, laxPath(path), Rule.coversLax)
	rule, err = written.and(lax)
	return rule, byMethod || byMethodToo, err
}

// and is the rule for who may pass by both. Of different groups those count that are in both: where there are none, no one
// may pass.
func (r Rule) and(o Rule) (Rule, error) {
	switch {
	case r.demand() > o.demand():
		return r, nil
	case r.demand() < o.demand() || len(r.Groups) == 0:
		return o, nil
	}
	o.Groups = slices.DeleteFunc(slices.Clone(o.Groups), func(g string) bool { return !slices.Contains(r.Groups, g) })
	if len(o.Groups) == 0 {
		return Rule{}, fmt.Errorf("rules for %q and %q ask for different groups, and some apps take these paths for the same: %w",
			r.Path, o.Path, sso.Forbidden)
	}
	return o, nil
}

// first returns the first rule that matches, and whether one that names methods was looked at.
func (rules Rules) first(host, method, path string, covers func(Rule, string) bool) (rule Rule, byMethod bool) {
	for _, r := range rules {
		if r.Host != "" && r.Host != host || !covers(r, path) {
			continue
		}
		byMethod = byMethod || len(r.Methods) > 0
		if r.about(method) {
			return r, byMethod
		}
	}
	return Rule{}, byMethod
}

// Hosts are the hosts that rules name.
func (rules Rules) Hosts() []string {
	var hosts []string
	for _, r := range rules {
		if r.Host != "" && !slices.Contains(hosts, r.Host) {
			hosts = append(hosts, r.Host)
		}
	}
	return hosts
}

// GroupNames are the groups that rules ask for.
func (rules Rules) GroupNames() []string {
	var names []string
	for _, r := range rules {
		for _, g := range r.Groups {
			if !slices.Contains(names, g) {
				names = append(names, g)
			}
		}
	}
	return names
}

func (r Rule) about(method string) bool {
	return len(r.Methods) == 0 || slices.Contains(r.Methods, method) ||
		method == "HEAD" && slices.Contains(r.Methods, "GET")
}

// demand is how much a rule asks for: nothing, a sign-in, or a group.
func (r Rule) demand() int {
	switch {
	case r.Public:
		return 0
	case len(r.Groups) == 0:
		return 1
	}
	return 2
}

// covers reads the path as it is written.
func (r Rule) covers(path string) bool {
	return path == r.Path || strings.HasPrefix(path, strings.TrimSuffix(r.Path, "/")+"/")
}

// coversLax is covers for a [laxPath], and /admin is /admin/ then.
func (r Rule) coversLax(path string) bool {
	above := strings.TrimSuffix(laxPath(r.Path), "/")
	return path == above || strings.HasPrefix(path, above+"/")
}

// laxPath is a path as the laxest app reads it: without case (Express, ASP.NET), and without dots and spaces at the end of a
// segment (Windows) or spaces at its beginning (Spring).
func laxPath(path string) string {
	path = strings.Map(foldCase, path)
	if !strings.ContainsFunc(path, dotOrSpace) { // most: each request is held against each rule
		return path
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = strings.TrimRightFunc(strings.TrimLeftFunc(s, unicode.IsSpace), dotOrSpace)
	}
	return strings.Join(segments, "/")
}

// foldCase makes all letters the same that differ in case alone: K and U+212A are k, and so are i and, to Java, U+0131.
func foldCase(r rune) rune {
	if r < utf8.RuneSelf {
		return unicode.ToLower(r) // which is what the rest comes to
	}
	r = unicode.ToUpper(r)
	first := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		first = min(first, f)
	}
	return unicode.ToLower(first)
}

func dotOrSpace(r rune) bool { return r == '.' || unicode.IsSpace(r) }

// normalPath decodes a path once, and refuses one that would not mean the same to everyone: one with an encoded slash, with
// escapes that are none, or with what no plainPath has. What must be escaped and is not (RFC 3986 §3.3), such as a
// letter beyond ASCII, is UTF-8 to one app and Latin-1 to another.
func normalPath(escaped string) (string, error) {
	path, err := url.PathUnescape(escaped)
	if err != nil || !plainPath(path) || strings.Count(path, "/") != strings.Count(escaped, "/") || strings.ContainsFunc(escaped, beyondASCII) {
		return "", fmt.Errorf("the path can be read in several ways: %w", sso.Forbidden)
	}
	return path, nil
}

func beyondASCII(r rune) bool { return r <= ' ' || r >= 0x7f }

// plainPath reports whether a path, decoded, means the same to everyone: it is absolute and UTF-8 (%c0%ae is a dot to lax
// decoders), it has no control characters (NUL ends it for some), no "\" (a slash), no ";" (the rest of the segment is no
// path), no "#" and "?", no "%" (a second layer of escapes), and its segments are neither empty nor dots and spaces alone.
func plainPath(path string) bool {
	if !strings.HasPrefix(path, "/") || !utf8.ValidString(path) || strings.ContainsAny(path, `%\#?;`) || strings.ContainsFunc(path, unicode.IsControl) {
		return false
	}
	segments := strings.Split(path[1:], "/")
	for i, s := range segments {
		if strings.TrimFunc(s, dotOrSpace) == "" && (s != "" || i < len(segments)-1) { // a "/" at the end is all right
			return false
		}
	}
	return true
}
