package gate

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
)

// mendAnswer changes the app's answer where the bridge in front of it has to, or refuses to hand it on.
func mendAnswer(resp *http.Response) error {
	if resp.StatusCode < 100 { // "099" is read as three digits, and written by no server (RFC 9110 §15)
		return fmt.Errorf("the app answered with status %q", sso.Truncate(resp.Status, 20))
	}
	p := resp.Request.Context().Value(proxiedKey{}).(proxied)
	p.gate.keepOurCookies(resp.Header)
	if resp.StatusCode != http.StatusSwitchingProtocols {
		p.upload.endConnection(resp.Header)
		p.gate.web.Drain.EndEvents(resp)
	}
	if len(resp.Header[web.RequestIDHeader]) == 0 { // else the app's own, by which it is found in the app's log
		resp.Header[web.RequestIDHeader] = []string{p.id}
	}
	if !p.public && resp.StatusCode != http.StatusSwitchingProtocols {
		p.settings.keepPrivate(resp.Header)
	}
	return nil
}

// keepOurCookies lets the app neither set nor clear a cookie of the bridge's name: who is signed in is not the app's to say,
// and a second cookie of the name signs people out (SECURITY D3, D6).
func (g *Gate) keepOurCookies(h http.Header) {
	if lines := h["Set-Cookie"]; slices.ContainsFunc(lines, setsOurs) {
		g.appCookie.Do(func() {
			g.web.Log.Warn("the app sets cookies named ssobridge…, or wants them cleared; they are the bridge's and do not get through")
		})
		h["Set-Cookie"] = slices.DeleteFunc(slices.Clone(lines), setsOurs)
	}
	if lines, ok := h["Clear-Site-Data"]; ok {
		h["Clear-Site-Data"] = []string{withoutClearingCookies(strings.Join(lines, ","))}
		if h["Clear-Site-Data"][0] == "" {
			delete(h, "Clear-Site-Data")
		}
	}
}

// setsOurs reads a Set-Cookie as browsers do (RFC 6265bis §5.6): blanks around the name do not count, and of a cookie
// without a name they send the value alone, so that "=ssobridge=x" comes back as ours.
func setsOurs(line string) bool {
	pair, _, _ := strings.Cut(line, ";")
	name, _, _ := strings.Cut(strings.TrimLeft(pair, " \t="), "=")
	return oursToSomeone(name)
}

// withoutClearingCookies is a Clear-Site-Data that leaves the cookies: browsers would clear all of the domain, and our
// session with them. "*" becomes what else there is to clear. No name has a comma in it, and browsers split at each
// (W3C Clear Site Data §3.1).
func withoutClearingCookies(text string) string {
	var kept []string
	for _, kind := range strings.Split(text, ",") {
		switch kind = strings.Trim(kind, " \t"); strings.ToLower(kind) {
		case "", `"cookies"`:
		case `"*"`:
			kept = append(kept, `"cache"`, `"storage"`, `"executionContexts"`)
		default:
			kept = append(kept, kind)
		}
	}
	slices.Sort(kept)
	return strings.Join(slices.Compact(kept), ", ")
}

// keepPrivate has no cache give one person's page to another (SECURITY H6): an app without a sign-in of its own may call
// everything public.
func (s *settings) keepPrivate(h http.Header) {
	h["Cache-Control"] = []string{privately(strings.Join(h["Cache-Control"], ","))}
	for name := range h {
		if forSharedCaches(name) {
			delete(h, name)
		}
	}
	by := append([]string{"Cookie", "Authorization"}, s.headers...)
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
