// Package urltext handles texts of URLs as texts: how they are escaped, written for a log, and freed of tokens.
package urltext

import (
	"fmt"
	"net/url"
	"strings"
)

// ShownName is the name of a parameter for a log, where it can be nothing else. One that is longer than names are, or has
// other characters, may be a token that lacks its name (SECURITY K1).
func ShownName(name string) string {
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_[]", r))
	}
	if name == "" || len(name) > 32 || strings.ContainsFunc(name, odd) {
		return "one with an odd name"
	}
	return name
}

// ShownPath is a path for a log, without what looks like a signed token: some products write theirs behind a slash or a
// semicolon, where nothing reads it and so it is still good (SECURITY K1).
func ShownPath(path string) string {
	var b strings.Builder
	for path != "" {
		begin := strings.IndexFunc(path, tokenRune)
		if begin < 0 {
			begin = len(path)
		}
		b.WriteString(path[:begin])
		path = path[begin:]
		end := strings.IndexFunc(path, func(r rune) bool { return !tokenRune(r) })
		if end < 0 {
			end = len(path)
		}
		b.WriteString(shownPart(path[:end]))
		path = path[end:]
	}
	return b.String()
}

// shownPart is a part of a path, of characters that tokens have. Names of files have short parts between their dots.
func shownPart(part string) string {
	const short = 10
	if parts := strings.SplitN(part, ".", 3); len(parts) == 3 && len(parts[0]) >= short && len(parts[1]) >= short {
		return "[token]"
	}
	return part
}

func tokenRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.'
}

// WithoutToken is a query without the parameter jwt, and otherwise as it was: a token that an identity provider sent to a
// page is not carried on to where the sign-in ends (SECURITY B5).
func WithoutToken(query string) string {
	if !strings.Contains(query, "=") {
		return query
	}
	var kept []string
	for part := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); err != nil || plain != "jwt" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&")
}

// FragmentWithoutToken is WithoutToken for #jwt=… and for the #/page?jwt=… of apps that keep their pages there.
func FragmentWithoutToken(fragment string) string {
	path, query, found := strings.Cut(fragment, "?")
	if !found {
		return WithoutToken(fragment)
	}
	if query = WithoutToken(query); query == "" {
		return path
	}
	return path + "?" + query
}

// What Escape allows: RFC 3986 §3.3 and §3.4 say what may stand in a path, and in a query or fragment, without an escape.
const (
	PathBytes  = "-._~!$&'()*+,;=:@/"
	QueryBytes = PathBytes + "?"
)

// Escape writes s with every byte escaped that is neither a letter, a digit, one of allowed, nor part of an escape.
func Escape(s, allowed string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte(allowed, c) >= 0:
			b.WriteByte(c)
		case c == '%' && i+2 < len(s) && IsHex(s[i+1]) && IsHex(s[i+2]):
			b.WriteString(s[i : i+3])
			i += 2
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// IsHex reports whether a byte is a hexadecimal digit.
func IsHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// PageWithoutTokens is a page without the parameters of its query that look like tokens, whatever their names.
func PageWithoutTokens(to string) string {
	path, query, found := strings.Cut(to, "?")
	var kept []string
	for part := range strings.SplitSeq(query, "&") {
		if _, value, _ := strings.Cut(part, "="); len(value) < 40 || strings.Count(value, ".") != 2 {
			kept = append(kept, part)
		}
	}
	if query = strings.Join(kept, "&"); !found || query == "" {
		return path
	}
	return path + "?" + query
}
