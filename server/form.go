package server

import (
	"net/http"
	"strings"
)

// wantsPage reports whether a browser is loading a page, as against an API client, a script or an image: only a page may
// be answered with a redirect to sign in.
func wantsPage(method string, h http.Header) bool {
	return (method == http.MethodGet || method == http.MethodHead) && readAsPage(h)
}

// readAsPage reports whether a person sees the answer as a page, also that of a form.
func readAsPage(h http.Header) bool {
	if h.Get("Upgrade") != "" || !strings.Contains(h.Get("Accept"), "text/html") {
		return false
	}
	if mode := h.Get("Sec-Fetch-Mode"); mode != "" {
		return navigates(mode)
	}
	return !byScript(h)
}

// byScript reports whether a script names itself by X-Requested-With, as jQuery does with "Accept: text/html, */*". What has
// a dot in it is the name of an Android app, which its WebView sends with each page.
func byScript(h http.Header) bool {
	by := h.Get("X-Requested-With")
	return by != "" && !strings.Contains(by, ".")
}

// form is what a client reads (CONTRACT 3).
type form int

const (
	formText form = iota
	formPage
	formJSON
)

func formOf(r *http.Request) form {
	accept := r.Header.Get("Accept")
	switch {
	case byScript(r.Header) && !navigates(r.Header.Get("Sec-Fetch-Mode")):
		return formJSON
	case strings.Contains(accept, "text/html"):
		return formPage
	case jsonClient(r), strings.Contains(accept, "json"), strings.HasPrefix(r.URL.Path, "/api/v1/"), strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		return formJSON
	}
	return formText
}

// prefetch: the browser guesses that the link may be wanted.
func prefetch(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch") || strings.Contains(r.Header.Get("Purpose"), "prefetch")
}

// navigation reports whether a browser loads a page. One that does not send Sec-Fetch-Mode (W3C Fetch Metadata) is known by
// what it accepts.
func navigation(r *http.Request) bool {
	if jsonClient(r) {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return navigates(mode)
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

func navigates(mode string) bool { return mode == "navigate" || mode == "nested-navigate" }

// jsonClient reports whether the answer is for a program: an embedding client of Metabase's, or one that takes JSON only.
func jsonClient(r *http.Request) bool {
	switch r.Header.Get("X-Metabase-Client") {
	case "embedding-sdk-react", "embedding-simple":
		return true
	}
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html")
}
