package server

import (
	"net/http"
	"strings"
)

// cleanForUpstream removes what a client sent in our name, in every spelling that some server reads as the same header
// (SECURITY H3).
func cleanForUpstream(h http.Header) {
	for name := range h {
		if identityHeader(name) {
			delete(h, name)
		}
	}
}

// cleanTrailer removes what some server takes from a trailer as if it had been a header: an identity, or a credential. No
// trailer is either of them (RFC 9110 §6.5.1), not even the app's own.
func (l *live) cleanTrailer(trailer http.Header) {
	cleanForUpstream(trailer)
	l.dropSpellings(trailer)
	for name := range trailer {
		if l.credentialHeader(plainName(name)) {
			delete(trailer, name)
		}
	}
}

// dropSpellings removes other spellings of headers that we read or that say where a message ends: X_Metabase_Session,
// Content_Length. CGI and what came of it (WSGI, Rack) make one variable of both, and the app would take a session that is
// no one's here, or begin the next request where we do not (SECURITY H3, H6). All other names with "_" and "." are the
// app's own.
func (l *live) dropSpellings(h http.Header) {
	for name := range h {
		if !strings.ContainsAny(name, "_.") {
			continue
		}
		if plain := plainName(name); framingHeader(plain) || l.credentialHeader(plain) {
			delete(h, name)
		}
	}
}

// framingHeader reports whether a header of that plain name is about the message or the connection as such. Those without
// a "-" have one spelling.
func framingHeader(plain string) bool {
	switch plain {
	case "content-length", "transfer-encoding", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "http2-settings":
		return true
	}
	return false
}

// credentialHeader reports whether sessions come in a header of that plain name.
func (l *live) credentialHeader(plain string) bool {
	switch plain {
	case "cookie", "authorization", "x-metabase-session", plainName(l.cfg.BearerHeader):
		return true
	}
	return false
}

// identityHeader reports whether a header could pass for one of ours, or for what a proxy says: Remote-User,
// remote_user, Remote.Email, X_Forwarded_For, and all else of that kind. X-Original-Url and the like are another path than
// the one that ACCESS_RULES judged, to apps that believe them (CVE-2018-14773).
func identityHeader(name string) bool {
	if name == "" || !strings.ContainsRune("rRxXfF", rune(name[0])) {
		return false
	}
	plain := plainName(name)
	return posesAsForwarded(name) || strings.HasPrefix(plain, "remote-") || strings.HasPrefix(plain, "x-forwarded-") || plain == "x-real-ip" || plain == "forwarded"
}

// plainName is a header's name as the laxest server reads it: without case, and "_" and "." the same as "-".
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '_' || r == '.':
			return '-'
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return r
	}, name)
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
