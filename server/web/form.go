package web

import (
	"net/http"
	"strings"
)

// WantsPage reports whether a browser is loading a page, as against an API client, a script or an image: only a page may
// be answered with a redirect to sign in.
func WantsPage(method string, h http.Header) bool {
	return (method == http.MethodGet || method == http.MethodHead) && ReadAsPage(h)
}

// ReadAsPage reports whether a person sees the answer as a page, also that of a form.
func ReadAsPage(h http.Header) bool {
	if h.Get("Upgrade") != "" || !strings.Contains(h.Get("Accept"), "text/html") {
		return false
	}
	if mode := h.Get("Sec-Fetch-Mode"); mode != "" {
		return Navigates(mode)
	}
	return !ByScript(h)
}

// ByScript reports whether a script names itself by X-Requested-With, as jQuery does with "Accept: text/html, */*". What has
// a dot in it is the name of an Android app, which its WebView sends with each page.
func ByScript(h http.Header) bool {
	by := h.Get("X-Requested-With")
	return by != "" && !strings.Contains(by, ".")
}

// Form is what a client reads (CONTRACT 3).
type Form int

const (
	FormText Form = iota
	FormPage
	FormJSON
)

// FormOf decides in which form a client reads an answer.
func FormOf(r *http.Request) Form {
	accept := r.Header.Get("Accept")
	switch {
	case ByScript(r.Header) && !Navigates(r.Header.Get("Sec-Fetch-Mode")):
		return FormJSON
	case strings.Contains(accept, "text/html"):
		return FormPage
	case JSONClient(r), strings.Contains(accept, "json"), strings.HasPrefix(r.URL.Path, "/api/v1/"), strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		return FormJSON
	}
	return FormText
}

// Prefetch: the browser guesses that the link may be wanted.
func Prefetch(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch") || strings.Contains(r.Header.Get("Purpose"), "prefetch")
}

// Navigation reports whether a browser loads a page. One that does not send Sec-Fetch-Mode (W3C Fetch Metadata) is known by
// what it accepts.
func Navigation(r *http.Request) bool {
	if JSONClient(r) {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return Navigates(mode)
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// Navigates reports whether a Sec-Fetch-Mode is that of a page which a browser loads.
func Navigates(mode string) bool { return mode == "navigate" || mode == "nested-navigate" }

// JSONClient reports whether the answer is for a program: an embedding client of Metabase's, or one that takes JSON only.
func JSONClient(r *http.Request) bool {
	switch r.Header.Get("X-Metabase-Client") {
	case "embedding-sdk-react", "embedding-simple":
		return true
	}
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html")
}
