package web

import (
	"net/http"
	"strings"
)

// A Reader is who reads the answer to a request. Neither a page nor JSON: plain text, for a person at a terminal and for what
// reads no answer at all, such as the images of a page.
type Reader struct {
	Page   bool // a person, in a browser that loads a page or sends a form
	JSON   bool // a program, or a script of a page
	Client bool // of JSON: takes the session from /auth/sso as JSON, as embedding clients do (CONTRACT 3)
}

// ReaderOf decides who reads the answer to a request: here alone.
func ReaderOf(r *http.Request) Reader {
	accept := r.Header.Get("Accept")
	html, plainJSON := strings.Contains(accept, "text/html"), strings.Contains(accept, "application/json")
	switch {
	case isMetabaseClient(r), plainJSON && !html:
		return Reader{JSON: true, Client: true}
	case html && r.Header.Get("Upgrade") == "" && loadsPage(r.Header):
		return Reader{Page: true}
	case html, byScript(r.Header), strings.Contains(accept, "json"), strings.HasPrefix(r.URL.Path, "/api/v1/"),
		strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		return Reader{JSON: true}
	}
	return Reader{}
}

// CanSignIn reports whether a redirect to the sign-in leads anywhere: a person follows it, and comes back with a GET. method
// is that of the page, which at a proxy's question is not the request's own.
func (reader Reader) CanSignIn(method string) bool {
	return reader.Page && (method == http.MethodGet || method == http.MethodHead)
}

// isMetabaseClient knows the embedding clients of Metabase by a header that no page and no form can send.
func isMetabaseClient(r *http.Request) bool {
	switch r.Header.Get("X-Metabase-Client") {
	case "embedding-sdk-react", "embedding-simple":
		return true
	}
	return false
}

// loadsPage reports whether a browser that takes HTML loads a page. It says so in Sec-Fetch-Mode (W3C Fetch Metadata). Before
// it did, scripts named themselves.
func loadsPage(h http.Header) bool {
	if mode := h.Get("Sec-Fetch-Mode"); mode != "" {
		return Navigates(mode)
	}
	return !namesScript(h)
}

// byScript reports whether a script of a page made the request, and can read the answer.
func byScript(h http.Header) bool {
	mode := h.Get("Sec-Fetch-Mode")
	return namesScript(h) && !Navigates(mode) || mode == "cors" || mode == "same-origin"
}

// namesScript reports whether a script names itself by X-Requested-With, as jQuery does with "Accept: text/html, */*". What has
// a dot in it is the name of an Android app, which its WebView sends with each page.
func namesScript(h http.Header) bool {
	by := h.Get("X-Requested-With")
	return by != "" && !strings.Contains(by, ".")
}

// Navigates reports whether a Sec-Fetch-Mode is that of a page which a browser loads.
func Navigates(mode string) bool { return mode == "navigate" || mode == "nested-navigate" }

// Prefetch: the browser guesses that the link may be wanted.
func Prefetch(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch") || strings.Contains(r.Header.Get("Purpose"), "prefetch")
}
