package server

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
)

// mendAnswer changes the app's answer where the bridge in front of it has to, or refuses to hand it on.
func mendAnswer(resp *http.Response) error {
	if resp.StatusCode < 100 { // "099" is read as three digits, and written by no server (RFC 9110 §15)
		return fmt.Errorf("the app answered with status %q", sso.Truncate(resp.Status, 20))
	}
	p := resp.Request.Context().Value(proxiedKey{}).(proxied)
	if !p.public && resp.StatusCode != http.StatusSwitchingProtocols {
		p.live.keepPrivate(resp.Header)
	}
	return nil
}

// keepPrivate has no cache give one person's page to another (SECURITY H6): an app without a sign-in of its own may call
// everything public.
func (l *live) keepPrivate(h http.Header) {
	h["Cache-Control"] = []string{privately(strings.Join(h["Cache-Control"], ","))}
	for name := range h {
		if forSharedCaches(name) {
			delete(h, name)
		}
	}
	by := slices.Clone(varyOnWho)
	if l.cfg.BearerHeader != "Authorization" {
		by = append(by, l.cfg.BearerHeader)
	}
	h["Vary"] = []string{varying(h["Vary"], by)}
}

// forSharedCaches reports whether caches in front of us take a header for more than Cache-Control (RFC 9213 §2.2, and what
// nginx, Varnish and Akamai had before).
func forSharedCaches(name string) bool {
	switch name {
	case "X-Accel-Expires", "Surrogate-Control", "Edge-Control":
		return true
	}
	return strings.HasSuffix(name, "Cdn-Cache-Control")
}

// privately is a Cache-Control that keeps an answer out of caches that people share, and says the rest as before. "no-store"
// and "no-cache" do that already, "private" where it is not about some fields alone (RFC 9111 §5.2.2.7).
func privately(control string) string {
	var kept []string
	held := false
	for _, directive := range listOf(control) {
		name, _, valued := strings.Cut(directive, "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "public", "s-maxage":
			continue
		case "private":
			if valued {
				continue
			}
			held = true
		case "no-store", "no-cache":
			held = held || !valued
		}
		kept = append(kept, directive)
	}
	if !held {
		kept = append([]string{"private"}, kept...)
	}
	return strings.Join(kept, ", ")
}

// listOf are the members of a list, which stand between commas outside quotes (RFC 9110 §5.6.1).
func listOf(text string) []string {
	var all []string
	quoted, escaped, begin := false, false, 0
	add := func(end int) {
		if member := strings.Trim(text[begin:end], " \t"); member != "" {
			all = append(all, member)
		}
		begin = end + 1
	}
	for i := range len(text) {
		switch c := text[i]; {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			add(i)
		}
	}
	add(len(text))
	return all
}

// varying is a Vary that names these headers too.
func varying(lines, more []string) string {
	all := listOf(strings.Join(append(slices.Clone(lines), more...), ","))
	if slices.Contains(all, "*") {
		return "*"
	}
	var kept []string
	for _, name := range all {
		if !slices.ContainsFunc(kept, func(k string) bool { return strings.EqualFold(k, name) }) {
			kept = append(kept, name)
		}
	}
	return strings.Join(kept, ", ")
}
