package gate

import (
	"net/http"
	"slices"
	"strings"
)

// A headerKind is what some server may take a header or a trailer for, by its name.
type headerKind int

const (
	ordinary   headerKind = iota // between the client and the app
	identity                     // who it is
	target                       // what was asked for: its method, its site, its path
	forwarded                    // what else only a proxy or the server itself says
	override                     // another method than that of the request
	credential                   // sessions come in it
	framing                      // where a message ends, or about the connection as such
)

// kindOf judges a name as the strictest app reads it (SECURITY H7). It is the one place that knows these names, for headers
// and for trailers, of requests and of WebSockets.
func (s *settings) kindOf(name string) headerKind {
	var room [32]byte // most names need no more, and then nothing is allocated
	plain := appendPlain(room[:0], name)
	if kind := kindOfPlain(string(plain)); kind != ordinary || !slices.Contains(s.secret, string(plain)) {
		return kind
	}
	return credential
}

func kindOfPlain(plain string) headerKind {
	switch plain {
	case "cookie", "authorization", "x-metabase-session":
		return credential
	case "x-http-method-override", "x-http-method", "x-method-override":
		return override
	// Another path than the one that ACCESS_RULES judged, to apps that believe it (CVE-2018-14773).
	case "x-forwarded-method", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-uri",
		"x-original-uri", "x-original-url", "x-original-method", "x-original-host", "x-rewrite-url":
		return target
	// CGI makes HTTP_PROXY of "proxy", through which libraries then send what the app fetches (CVE-2016-5385).
	case "forwarded", "x-real-ip", "proxy":
		return forwarded
	// Those without a "-" have one spelling.
	case "content-length", "transfer-encoding", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "http2-settings":
		return framing
	}
	switch {
	case strings.HasPrefix(plain, "remote-"):
		return identity
	case strings.HasPrefix(plain, "x-forwarded-"):
		return forwarded
	}
	return ordinary
}

// appendPlain appends a name as the strictest app reads it: without case, and every byte that is no letter and no digit the
// same as "-". CGI and what came of it (WSGI, Rack) make one variable of "-" and "_"; lighttpd makes HTTP_REMOTE_USER of
// "Remote~User", too.
func appendPlain(b []byte, name string) []byte {
	for i := range len(name) {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
		default:
			c = '-'
		}
		b = append(b, c)
	}
	return b
}

// usual reports whether a name consists of what all servers agree on: letters, digits, "-", "_" and ".". RFC 9110 §5.6.2
// allows eleven bytes more, which no one uses in honesty.
func usual(name string) bool {
	return strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}

// clean removes what a client may not tell the app: headers of these kinds, names that not all servers read in one way
// (SECURITY H7), and other spellings of headers that we read or that say where a message ends. Of X_Metabase_Session the app
// would take a session that is no one's here, of Content_Length it would begin the next request where we do not (SECURITY H3,
// H6). All other names with "_" and "." are the app's own.
func (s *settings) clean(h http.Header, kinds ...headerKind) {
	for name := range h {
		kind := s.kindOf(name)
		respelled := (kind == credential || kind == framing) && strings.ContainsAny(name, "_.")
		if respelled || slices.Contains(kinds, kind) || !usual(name) {
			delete(h, name)
		}
	}
}

// cleanTrailer removes what some server takes from a trailer as if it had been a header. No trailer is of any such kind
// (RFC 9110 §6.5.1), not even the app's own.
func (s *settings) cleanTrailer(trailer http.Header) {
	s.clean(trailer, identity, target, forwarded, override, credential, framing)
}

// keepWebSocketOnly lets a connection become a WebSocket and nothing else. As anything else, "h2c" above all, it would be
// a tunnel in which a client sends the app requests of its own, with whatever identity headers it likes. That the app is
// not asked to upgrade is what any server in between may decide (RFC 9110 §7.8).
func keepWebSocketOnly(h http.Header) {
	if !webSocket(h) {
		for _, name := range []string{"Connection", "Upgrade", "Http2-Settings"} {
			delete(h, name)
		}
	}
}
