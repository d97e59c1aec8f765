package groupsource

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/outbound"
)

// SECURITY A14, E12: what an endpoint may answer, and what is none.
func TestEndpoint(t *testing.T) {
	hung := make(chan struct{})
	answers := map[string]http.HandlerFunc{}
	answer := func(path string, status int, body string) {
		answers[path] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); io.WriteString(w, body) }
	}
	answers["/echo"] = func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, `{"groups":[%q,%q,%q,%q]}`, r.Method, r.URL.RawQuery, r.Header.Get("Authorization"), body)
	}
	answers["/hang"] = func(http.ResponseWriter, *http.Request) { <-hung }
	answers["/long"] = func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat(" ", 1<<16)); err != nil {
				return
			}
		}
	}
	answers["/away"] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/echo", http.StatusFound) }
	answer("/none", 200, `{"groups":[]}`)
	answer("/null", 200, `{"groups":null}`)
	answer("/absent", 200, `{"name":"ada"}`)
	answer("/unknown", 404, `{"groups":["x"]}`)
	answer("/text", 200, `{"groups":"research"}`)
	answer("/numbers", 200, `{"groups":["research",7]}`)
	answer("/objects", 200, `{"groups":{"a":1}}`)
	answer("/twice", 200, `{"groups":["a"],"groups":["admins"]}`)
	answer("/list", 200, `["research"]`)
	answer("/html", 200, `<html>`)
	answer("/empty", 200, ``)
	answer("/more", 200, `{"groups":[]}{"groups":["admins"]}`)
	answer("/broken", 500, `{"groups":["x"]}`)
	answer("/secret", 401, ``)
	answer("/accepted", 202, `{"groups":["x"]}`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answers[r.URL.Path](w, r) }))
	defer server.Close()
	defer close(hung)
	for _, tt := range []struct {
		path, want string
		change     func(*HTTP)
	}{
		{"/echo", `["GET" "user=ada%26admin%3D1%C3%BC+%23" "" ""]`, nil},
		{"/echo?a=b", `["GET" "a=b&user=ada%26admin%3D1%C3%BC+%23" "" ""]`, nil},
		{"/echo", `["POST" "" "Bearer s3" "{\"sub\":\"ada\\u0026admin=1ü #\"}"]`, func(h *HTTP) { h.Post, h.Secret = true, "s3" }},
		{"/none", "[]", nil},
		{"/null", "unknown", nil}, {"/absent", "unknown", nil}, {"/unknown", "unknown", nil},
		{"/text", "error: groups in the answer is not a list", nil}, {"/numbers", "error: groups in the answer is not a list", nil},
		{"/objects", "error: groups in the answer is not a list", nil},
		{"/twice", "error: the answer is no JSON object", nil}, {"/list", "error: the answer is no JSON object", nil},
		{"/html", "error: the answer is no JSON object", nil}, {"/empty", "error: the answer is no JSON object", nil}, {"/more", "error: the answer is no JSON object", nil},
		{"/broken", "error: answered with status 500", nil}, {"/accepted", "error: answered with status 202", nil},
		{"/secret", "error: answered with status 401 and not with 200: look at the endpoint's token", nil},
		{"/away", "error: answered with status 302 and not with 200: redirects are not followed", nil},
		{"/long", "error: answered with more than 256 KiB", nil},
		{"/hang", "error: no answer within 200ms", nil},
	} {
		u, err := outbound.ParseURL(server.URL + tt.path)
		if err != nil {
			t.Fatal(err)
		}
		h := &HTTP{URL: u, Client: outbound.Client(u, nil)}
		if tt.change != nil {
			tt.change(h)
		}
		timeout := time.Minute
		if tt.path == "/hang" {
			timeout = 200 * time.Millisecond
		}
		names, known, err := Remember(h, timeout, 0, time.Now).GroupsOf(t.Context(), Person{Subject: "ada&admin=1ü #"})
		got := fmt.Sprintf("%q", names)
		switch {
		case err != nil:
			got = "error: " + err.Error()
		case !known:
			got = "unknown"
		}
		if !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: got %s, want %s", tt.path, got, tt.want)
		}
	}
	closed := &HTTP{URL: &url.URL{Scheme: "http", Host: "127.0.0.1:1", Path: "/x"}, Client: http.DefaultClient}
	if _, _, err := closed.GroupsOf(t.Context(), Person{Subject: "ada"}); err == nil || strings.Contains(err.Error(), "user=") {
		t.Errorf("nobody there: got %v, want an error without the address", err)
	}
	if _, known, err := closed.GroupsOf(t.Context(), Person{}); known || err != nil {
		t.Errorf("nobody: got known %v, %v", known, err)
	}
	for query, want := range map[string]bool{"": true, "a=b": true, "user=x": false, "a=%zz": false} {
		if err := CheckEndpoint(&url.URL{RawQuery: query}); (err == nil) != want {
			t.Errorf("%q: got %v", query, err)
		}
	}
}

// Names that come out stood in the answer, and nothing is known without a list.
func FuzzParseAnswer(f *testing.F) {
	for _, body := range []string{`{"groups":["a","b"]}`, `{"groups":[]}`, `{"groups":null}`, `{}`, `[]`, `{"groups":[1]}`, `{"groups":["a"],"groups":["b"]}`, `{"groups":["\ud800"]}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		names, known, err := ParseAnswer(body)
		if (!known || err != nil) && len(names) > 0 {
			t.Fatalf("%q: names %q without an answer (%v)", body, names, err)
		}
		usableNames, err := usable(names)
		for _, name := range usableNames {
			if err == nil && (name == "" || name != sso.CleanText(name)) {
				t.Fatalf("%q is used as a name", name)
			}
		}
	})
}
