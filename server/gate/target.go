package gate

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
)

// checkTarget refuses a request whose path is not what the app would get, or could be a way out of the path of UPSTREAM
// (SECURITY H4).
func (s *settings) checkTarget(u *url.URL) error {
	switch {
	case u.Opaque != "" || !strings.HasPrefix(u.Path, "/"): // "*", "any:thing" (RFC 9112 §3.2)
		return fmt.Errorf("the target of the request is not a path: %w", sso.RequestMalformed)
	case strings.Trim(s.Config.Upstream.Path, "/") != "" && climbs(u.EscapedPath()):
		return fmt.Errorf("the path may lead out of the path of UPSTREAM: %w", sso.RequestMalformed)
	}
	return nil
}

// checkOrigin refuses a WebSocket that a page of another site opens (RFC 6455 §10.2). Browsers send a cookie along where
// SameSite is none or the other site a sibling, and hand the page what comes back; no CORS is asked. A program sends no
// Origin, and no page comes by a token in a header.
func (s *settings) checkOrigin(r *http.Request) error {
	lines, sent := r.Header["Origin"]
	if !sent || !webSocket(r.Header) {
		return nil
	}
	if _, cookies := web.SoleCookie(r.Header["Cookie"], s.Cookie.Name); cookies == 0 {
		return nil
	}
	if len(lines) == 1 && s.OwnOrigin(lines[0], r.Host) {
		return nil
	}
	return fmt.Errorf("a page of %q opens a WebSocket, and is neither of SITE_URL nor of ALLOWED_ORIGINS: %w",
		sso.Truncate(strings.Join(lines, ", "), 100), sso.CrossOrigin)
}

// webSocket reports whether a request asks for a WebSocket.
func webSocket(h http.Header) bool { return strings.EqualFold(h.Get("Upgrade"), "websocket") }

// escapeLayers is how often a path is decoded in search of dots. More layers are no one's honest path.
const escapeLayers = 3

// overlong are the slashes, backslashes and dots of decoders that take UTF-8 in more bytes than it needs (RFC 3629 §10).
var overlong = strings.NewReplacer("\xc0\xae", ".", "\xe0\x80\xae", ".", "\xc0\xaf", "/", "\xe0\x80\xaf", "/", "\xc1\x9c", `\`, "\xe0\x81\x9c", `\`)

// climbs reports whether some server reads a path as one with "." or ".." for a segment: escaped, more than once too, set
// off by backslashes, or with something behind that is no path to it, such as ";x=1" (Tomcat), a query, NUL or spaces
// (Windows, which knows "..." too).
func climbs(path string) bool {
	for layer := 0; ; layer++ {
		if hasDots(overlong.Replace(path)) {
			return true
		}
		plain := decodeOnce(path)
		if plain == path {
			return false
		}
		if layer == escapeLayers {
			return true
		}
		path = plain
	}
}

func hasDots(path string) bool {
	for segment := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		if end := strings.IndexAny(segment, ";?#\x00"); end >= 0 {
			segment = segment[:end]
		}
		if strings.Contains(segment, ".") && strings.Trim(strings.Map(ink, segment), ".") == "" {
			return true
		}
	}
	return false
}

// ink drops what does not show.
func ink(r rune) rune {
	if unicode.IsSpace(r) || unicode.IsControl(r) {
		return -1
	}
	return r
}

// decodeOnce decodes the escapes that are some and leaves the rest, as lax decoders do.
func decodeOnce(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
