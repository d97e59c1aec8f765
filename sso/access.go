package sso

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
)

// AccessRules say who may reach what of the apps behind the bridge (the setting ACCESS_RULES). The first rule that
// matches decides; what no rule matches needs a sign-in.
type AccessRules []AccessRule

// An AccessRule is one line of [AccessRules]. Empty Host, Path and Methods match everything.
type AccessRule struct {
	Host    string   // exactly, without case and without port
	Path    string   // begins with "/": this path and all below it, whole segments
	Methods []string // upper case; GET stands for HEAD, too (RFC 9110 §9.3.2)
	Public  bool     // anyone, signed in or not
	Groups  []string // who is in one of these groups; empty: who is signed in
}

// ParseAccessRules reads JSON such as
//
//	[{"path":"/health","allow":"public"},{"host":"bi.example.com","path":"/admin","methods":["POST"],"allow":["Sales"]}]
//
// where allow is "public", "signed_in", or a list of group names. The error names the rule, counted from 1.
func ParseAccessRules(text string) (AccessRules, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	var raw []struct {
		Host    string          `json:"host"`
		Path    string          `json:"path"`
		Methods []string        `json:"methods"`
		Allow   json.RawMessage `json:"allow"`
	}
	if err := dec.Decode(&raw); err != nil {
		return nil, fmt.Errorf(`not a JSON list of rules such as [{"path":"/public","allow":"public"}]: %w`, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is text after the list")
	}
	var rules AccessRules
	for i, r := range raw {
		rule := AccessRule{Host: strings.ToLower(r.Host), Path: r.Path}
		for _, m := range r.Methods {
			rule.Methods = append(rule.Methods, strings.ToUpper(m))
		}
		if err := rule.readAllow(r.Allow); err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
		if err := rule.check(); err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func (r *AccessRule) readAllow(allow json.RawMessage) error {
	var word string
	if json.Unmarshal(allow, &word) == nil {
		switch word {
		case "public":
			r.Public = true
			return nil
		case "signed_in":
			return nil
		}
	}
	if bytes.HasPrefix(allow, []byte("[")) && json.Unmarshal(allow, &r.Groups) == nil && len(r.Groups) > 0 {
		return nil
	}
	return errors.New(`"allow" is "public", "signed_in", or a list of group names`)
}

func (r *AccessRule) check() error {
	if r.Host != "" && !plainHost(r.Host) {
		return fmt.Errorf("host %q is not a plain host name: it has no port, and no wildcard", r.Host)
	}
	if r.Path != "" {
		if path, err := normalPath(r.Path); err != nil || path != r.Path {
			return fmt.Errorf("path %q does not begin with one slash, or has escapes, dots or other parts that are read in several ways", r.Path)
		}
	}
	for _, g := range r.Groups {
		if err := CheckGroupName(g); err != nil {
			return fmt.Errorf("group %q: %w", g, err)
		}
	}
	return nil
}

// Decide returns the rule for a request. host is without port; escapedPath is the path as it was sent, without query.
//
// While there are rules, a path that servers read in several ways is [Forbidden]: /public/..%2fadmin is public to one and
// an administrator's to another (SECURITY H4).
func (rules AccessRules) Decide(host, method, escapedPath string) (AccessRule, error) {
	if len(rules) == 0 {
		return AccessRule{}, nil
	}
	path, err := normalPath(escapedPath)
	if err != nil {
		return AccessRule{}, err
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	method = strings.ToUpper(method) // apps do (Werkzeug): "post" must not slip past a rule for POST
	for _, r := range rules {
		if (r.Host == "" || r.Host == host) && r.covers(path) && r.about(method) {
			return r, nil
		}
	}
	return AccessRule{}, nil
}

// Hosts are the hosts that rules name.
func (rules AccessRules) Hosts() []string {
	var hosts []string
	for _, r := range rules {
		if r.Host != "" && !slices.Contains(hosts, r.Host) {
			hosts = append(hosts, r.Host)
		}
	}
	return hosts
}

func (r AccessRule) about(method string) bool {
	return len(r.Methods) == 0 || slices.Contains(r.Methods, method) ||
		method == "HEAD" && slices.Contains(r.Methods, "GET")
}

// covers compares without case where a rule asks for something, and exactly where it opens a path to anyone: many apps
// take /Admin for /admin and /admin for /admin/ (Express, ASP.NET).
func (r AccessRule) covers(path string) bool {
	above := strings.TrimSuffix(r.Path, "/")
	if r.Public {
		return path == r.Path || strings.HasPrefix(path, above+"/")
	}
	above, path = strings.ToLower(above), strings.ToLower(path)
	return path == above || strings.HasPrefix(path, above+"/")
}

// normalPath decodes a path once, and refuses one that would not mean the same to everyone: encoded slashes, backslashes,
// NUL, a second layer of escapes, "#", "?" or ";" in it, empty and dot segments.
func normalPath(escaped string) (string, error) {
	ambiguous := fmt.Errorf("the path can be read in several ways: %w", Forbidden)
	if !strings.HasPrefix(escaped, "/") || strings.ContainsAny(escaped, "#?;\\") {
		return "", ambiguous
	}
	path, err := url.PathUnescape(escaped)
	if err != nil || strings.Count(path, "/") != strings.Count(escaped, "/") || strings.ContainsAny(path, "%\\#?;\x00\r\n\t") {
		return "", ambiguous
	}
	segments := strings.Split(path[1:], "/")
	for i, s := range segments {
		if s == "." || s == ".." || s == "" && i < len(segments)-1 {
			return "", ambiguous
		}
	}
	return path, nil
}
