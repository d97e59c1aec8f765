package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// validator is a server that says what opaque tokens are: "good-ann" is ann's.
func validator(t *testing.T) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, good := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer good-")
		if !good {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		json.NewEncoder(w).Encode(claims{"sub": who, "email": who + "@example.com", "aud": "bi"})
	}))
	t.Cleanup(s.Close)
	return s
}

// A token that only a server of the provider can read is a credential like others: the app does not get it, two of them are
// no one's, and so is one beside the session of somebody else, whether it was seen before or not. SECURITY H6, J5
func TestOpaqueTokens(t *testing.T) {
	b := start(t, "UPSTREAM="+app(t).URL, "TRUSTED_PROXIES=127.0.0.1", "FORWARD_AUTH=true", "PROVIDERS=api", "PROVIDER_API_KIND=bearer",
		"PROVIDER_API_AUDIENCE=bi", "PROVIDER_API_VALIDATION_URL="+validator(t).URL)
	const eve, bob = "Authorization: Bearer good-eve", "Authorization: Bearer good-bob"
	ann := b.browser()
	ann.signIn(nil).want(t, http.StatusFound, "/")
	for _, d := range apiDoors(b) {
		for _, tt := range []struct {
			name    string
			client  *browser
			headers []string
			want    int
		}{
			{"beside the session of somebody else", ann, []string{eve}, 401},
			{"alone", b.browser(), []string{eve}, 200},
			{"beside that session, seen before", ann, []string{eve}, 401},
			{"not good", b.browser(), []string{"Authorization: Bearer bad-eve"}, 401},
			{"two", b.browser(), []string{eve, bob}, 401},
			{"two that are one", b.browser(), []string{eve, eve}, 401},
		} {
			if resp := tt.client.get(d.path, append(d.headers, tt.headers...)...); resp.StatusCode != tt.want {
				t.Errorf("%s at %s: got %d %s, want %d", tt.name, d.name, resp.StatusCode, resp.body, tt.want)
			}
		}
	}
	var got http.Header
	if err := json.Unmarshal([]byte(b.browser().get("/x", eve).body), &got); err != nil || got.Get("Remote-User") != "eve@example.com" || strings.Contains(fmt.Sprint(got), "good-eve") {
		t.Errorf("the app got %v, %v", got, err)
	}
	if resp := b.browser().get("/auth/forward?with=cookies", append(apiDoors(b)[1].headers, eve)...); resp.StatusCode != 200 || strings.Contains(fmt.Sprint(resp.Header), "good-eve") {
		t.Errorf("the proxy got %d %v", resp.StatusCode, resp.Header)
	}
}
