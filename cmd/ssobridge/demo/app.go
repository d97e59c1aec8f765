package demo

import (
	"log/slog"
	"net/http"
	"net/url"
)

// An app is any web app that has no login of its own: it believes the identity headers, since only the bridge can reach
// it. It shows them.
type app struct {
	site string // where it is reached, through the bridge
	log  *slog.Logger
}

// A header is one identity header as it came.
type header struct {
	Name, Value, Meaning string
}

// identityHeaders are what the bridge tells an app (CONTRACT 7).
func identityHeaders(h http.Header) []header {
	list := []header{
		{"Remote-User", "", "who it is"},
		{"Remote-Email", "", "their e-mail"},
		{"Remote-Name", "", "the name to show"},
		{"Remote-Groups", "", "groups, separated by commas"},
		{"Remote-Id", "", "the account's number, for ever"},
		{"Remote-Assertion", "", "the same facts signed, for apps that want proof"},
	}
	for i := range list {
		list[i].Value = h.Get(list[i].Name)
	}
	return list
}

func (a *app) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", a.show)
	mux.HandleFunc("GET /style.css", serveStyle)
	return guard("default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'", mux)
}

func (a *app) show(w http.ResponseWriter, req *http.Request) {
	if req.Header.Get("Remote-User") == "" {
		http.Error(w, "this app has no login: open it through the bridge, at "+a.site, http.StatusForbidden)
		return
	}
	name, err := url.PathUnescape(req.Header.Get("Remote-Name")) // what is not ASCII comes percent-encoded
	if err != nil {
		name = req.Header.Get("Remote-Name")
	}
	render(w, a.log, "app.html", struct {
		Name, Page string
		Headers    []header
	}{name, req.URL.RequestURI(), identityHeaders(req.Header)})
}
