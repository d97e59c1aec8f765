package server_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// Who is signed out is sent to sign in from a page, and from nothing else: the bridge's own pages decide as the gate does.
func TestReaderSignedOut(t *testing.T) {
	b := start(t, "UPSTREAM="+app(t).URL)
	b.root()
	for _, path := range []string{"/auth/confirm?return_to=/auth/confirm", "/auth/password", "/auth/passkeys", "/app"} {
		for _, tt := range []struct {
			name    string
			headers []string
			want    int
			json    bool
		}{
			{"a page", []string{page, "Sec-Fetch-Mode: navigate"}, 302, false},
			{"a page of an older browser", []string{page}, 302, false},
			{"a page in an Android app", []string{page, "X-Requested-With: com.example.app"}, 302, false},
			{"a script", []string{page, "Sec-Fetch-Mode: cors"}, 401, true},
			{"jQuery", []string{"Accept: text/html, */*; q=0.01", "X-Requested-With: XMLHttpRequest"}, 401, true},
			{"a program", []string{"Accept: application/json"}, 401, true},
			{"curl", []string{"Accept: */*"}, 401, path == "/app"}, // at the app all programs get JSON
		} {
			resp := b.browser().get(path, tt.headers...)
			var problem struct {
				Code   string `json:"code"`
				SignIn string `json:"sign_in"`
			}
			err := json.Unmarshal([]byte(resp.body), &problem)
			if resp.StatusCode != tt.want || (err == nil && problem.Code == "not_signed_in") != tt.json {
				t.Errorf("%s to %s: got %d %q, want %d, JSON %v", path, tt.name, resp.StatusCode, resp.body[:min(100, len(resp.body))], tt.want, tt.json)
			}
			if to, _ := url.PathUnescape(resp.Header.Get("Location")); tt.want == 302 && !strings.HasSuffix(to, "="+path[:strings.IndexAny(path+"?", "?")]) {
				t.Errorf("%s to %s: sent to %s", path, tt.name, to)
			}
		}
	}
}
