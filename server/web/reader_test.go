package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/server/web"
)

// A made is a request in what decides who reads its answer.
type made struct{ accept, mode, by, client, method, path, upgrade string }

// allMade are all combinations.
func allMade(try func(made)) {
	for _, accept := range []string{"", "*/*", "text/html,application/xhtml+xml,*/*;q=0.8", "text/html, */*; q=0.01", "application/json", "application/problem+json", "application/json, text/html", "image/avif,*/*"} {
		for _, mode := range []string{"", "navigate", "nested-navigate", "cors", "same-origin", "no-cors", "websocket", "new-mode"} {
			for _, by := range []string{"", "XMLHttpRequest", "com.example.app"} {
				for _, client := range []string{"", "embedding-simple", "embedding-sdk-react", "other"} {
					for _, method := range []string{"GET", "HEAD", "POST"} {
						for _, path := range []string{"/page", "/api/v1/users"} {
							for _, upgrade := range []string{"", "websocket"} {
								try(made{accept, mode, by, client, method, path, upgrade})
							}
						}
					}
				}
			}
		}
	}
}

func (m made) request() *http.Request {
	r := httptest.NewRequest(m.method, m.path, nil)
	for name, value := range map[string]string{"Accept": m.accept, "Sec-Fetch-Mode": m.mode, "X-Requested-With": m.by, "X-Metabase-Client": m.client, "Upgrade": m.upgrade} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	return r
}

// One rule each, whatever the rest of the request says.
func TestReaderOf(t *testing.T) {
	allMade(func(m made) {
		got := web.ReaderOf(m.request())
		html, embedding := strings.Contains(m.accept, "text/html"), strings.HasPrefix(m.client, "embedding-")
		loads := m.mode == "navigate" || m.mode == "nested-navigate" || m.mode == "" && m.by != "XMLHttpRequest"
		wants := func(rule string, is, want bool) {
			if is != want {
				t.Errorf("%+v: got %+v; %s: got %v, want %v", m, got, rule, is, want)
			}
		}
		wants("a page is read by who takes HTML in a browser that loads a page", got.Page, html && loads && !embedding && m.upgrade == "")
		wants("nobody reads two forms", got.Page && got.JSON, false)
		wants("a person can be sent to sign in from what a GET brings back", got.CanSignIn(m.method), got.Page && m.method != "POST")
		wants("embedding clients, and who takes JSON and no HTML, get a session as JSON", got.Client, embedding || strings.Contains(m.accept, "application/json") && !html)
		if got.Client || html && !got.Page || !got.Page && (strings.Contains(m.accept, "json") || m.path != "/page" || m.mode == "cors" || m.mode == "same-origin") {
			wants("programs and scripts read JSON", got.JSON, true)
		}
		if m.path == "/page" && m.by != "XMLHttpRequest" && !embedding && !html && !strings.Contains(m.accept, "json") && m.mode != "cors" && m.mode != "same-origin" {
			wants("others read text", got.JSON || got.Page, false)
		}
	})
}

func TestReaderOfBody(t *testing.T) {
	r := httptest.NewRequest("POST", "/auth/sso", strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	if got := web.ReaderOf(r); !got.JSON || got.Client {
		t.Errorf("who sends JSON: got %+v", got)
	}
	r.Header.Set("Accept", "text/html")
	if got := web.ReaderOf(r); !got.Page {
		t.Errorf("a page that sends JSON: got %+v", got)
	}
}
