package sso

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/sso/origin"
	"github.com/ssobridge/ssobridge/sso/urltext"
)

// ReturnRules say where a person may be sent after signing in. The zero value allows nothing but paths.
type ReturnRules struct {
	Site    origin.Origin   // the bridge's own origin
	Allowed []origin.Origin // further origins, exact (ALLOWED_ORIGINS)
}

// maxReturnTo bounds a return path: what proxies and browsers carry in one header without trouble.
const maxReturnTo = 6 << 10

// Parse checks a return_to and writes it anew; what it returns is safe in a Location header, and the raw value must not
// be used after (SECURITY B1, B2). A path comes back as a path, a URL of an allowed origin as a URL; "" is "/". Anything
// else is [ReturnToRefused].
//
// Go, Java and browsers disagree about slashes, backslashes, control characters and hosts. So bytes that any of them
// treats specially are refused first, and what is left is taken apart by rules on which all agree.
func (r ReturnRules) Parse(raw string) (string, error) {
	refuse := func(why string) (string, error) {
		return "", fmt.Errorf("return_to %s: %w", why, ReturnToRefused)
	}
	if raw == "" {
		return "/", nil
	}
	if len(raw) > maxReturnTo {
		return refuse(fmt.Sprintf("is longer than %d bytes", maxReturnTo))
	}
	if !utf8.ValidString(raw) {
		return refuse("is not UTF-8")
	}
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c == '\\' || c == 0x7f {
			return refuse("has a space, a control character or a backslash")
		}
	}
	rest, fragment, hasFragment := strings.Cut(raw, "#")
	rest, query, hasQuery := strings.Cut(rest, "?")
	at := origin.Origin("")
	if colon := strings.IndexByte(rest, ':'); colon >= 0 && !strings.Contains(rest[:colon], "/") { // RFC 3986 §4.2: a scheme
		u, err := url.Parse(rest)
		if err != nil || u.Opaque != "" || u.User != nil {
			return refuse("is not a plain URL")
		}
		authority, ok := cutScheme(rest)
		if !ok {
			return refuse("is not a plain URL")
		}
		if at, err = origin.Of(u); err != nil {
			return refuse("is not a URL of this site or an allowed one")
		}
		if at != r.Site && !slices.Contains(r.Allowed, at) {
			return refuse("is a URL of an origin that is not in ALLOWED_ORIGINS: " + string(at))
		}
		if at == r.Site {
			at = ""
		}
		_, path, _ := strings.Cut(authority, "/")
		rest = "/" + path
	}
	if strings.HasPrefix(rest, "//") { // also of our own origin: as a path it would name a host
		return refuse("begins with two slashes")
	}
	if !strings.HasPrefix(rest, "/") {
		rest = "/" + rest
	}
	if kept := urltext.WithoutToken(query); kept != query {
		query, hasQuery = kept, kept != ""
	}
	if kept := urltext.FragmentWithoutToken(fragment); kept != fragment {
		fragment, hasFragment = kept, kept != ""
	}
	out := string(at) + urltext.Escape(rest, urltext.PathBytes)
	if hasQuery {
		out += "?" + urltext.Escape(query, urltext.QueryBytes)
	}
	if hasFragment {
		out += "#" + urltext.Escape(fragment, urltext.QueryBytes)
	}
	if len(out) > maxReturnTo { // escaping makes text longer
		return refuse(fmt.Sprintf("is longer than %d bytes once it is escaped", maxReturnTo))
	}
	return out, nil
}

// cutScheme returns what follows "http://" or "https://".
func cutScheme(s string) (string, bool) {
	for _, p := range []string{"https://", "http://"} {
		if len(s) > len(p) && strings.EqualFold(s[:len(p)], p) {
			return s[len(p):], true
		}
	}
	return "", false
}
