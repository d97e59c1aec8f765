package oidc

import (
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/outbound"
)

const issuer = "https://login.example.com"

// written is a discovery document, with changes; a nil value takes a member away.
func written(t testing.TB, change map[string]any) []byte {
	t.Helper()
	members := map[string]any{"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token", "jwks_uri": issuer + "/jwks"}
	maps.Copy(members, change)
	maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
	document, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// A provider that is asked at https names no endpoint of this machine (SECURITY G5).
func TestDiscoveryEndpoints(t *testing.T) {
	for _, test := range []struct{ endpoint, fault string }{
		{"https://login.example.com/token", ""},
		{"http://127.0.0.1:6379/", "https://"},
		{"http://localhost/", "https://"},
	} {
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Write(written(t, map[string]any{"token_endpoint": test.endpoint}))
		}))
		pool := x509.NewCertPool()
		pool.AddCert(server.Certificate())
		d, err := NewDiscovery(issuer, server.URL, pool, time.Now, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = d.Metadata(t.Context()); (err == nil) != (test.fault == "") || err != nil && !strings.Contains(err.Error(), test.fault) {
			t.Errorf("%s: got %v, want %q", test.endpoint, err, test.fault)
		}
		server.Close()
	}
}

func TestParseMetadata(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change map[string]any
		fault  string
	}{
		{"whole", nil, ""},
		{"more members", map[string]any{"claims_supported": []any{"sub"}, "mtls_endpoint_aliases": map[string]any{"token_endpoint": "x"}}, ""},
		{"another issuer", map[string]any{"issuer": "https://evil.example"}, `its issuer is "https://evil.example"`},
		{"a slash more", map[string]any{"issuer": issuer + "/"}, "set ISSUER to the former"},
		{"capitals", map[string]any{"issuer": "https://Login.example.com"}, "its issuer is"},
		{"a port more", map[string]any{"issuer": issuer + ":443"}, "its issuer is"},
		{"no issuer", map[string]any{"issuer": nil}, "its issuer is"},
		{"issuer is a list", map[string]any{"issuer": []any{issuer}}, "its issuer is"},
		{"no token endpoint", map[string]any{"token_endpoint": nil}, "its token_endpoint is"},
		{"http", map[string]any{"token_endpoint": "http://login.example.com/token"}, "https://"},
		{"metadata", map[string]any{"userinfo_endpoint": "https://169.254.169.254/"}, "metadata"},
		{"a password", map[string]any{"jwks_uri": "https://a:b@login.example.com/"}, "leave them out"},
		{"a number", map[string]any{"authorization_endpoint": 7}, "its authorization_endpoint is"},
		{"too long", map[string]any{"x": strings.Repeat("x", maxDocument)}, "longer than"},
		{"too deep", map[string]any{"x": json.RawMessage(strings.Repeat("[", 20) + strings.Repeat("]", 20))}, "deep"},
	} {
		_, err := ParseMetadata(written(t, tt.change), issuer)
		if got := err == nil; got != (tt.fault == "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.fault)
		}
	}
	for text, fault := range map[string]string{"<html>": "no JSON", "[]": "not a JSON object", `{"issuer":"a","issuer":"` + issuer + `"}`: "twice"} {
		if _, err := ParseMetadata([]byte(text), issuer); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%s: got %v, want %q", text, err, fault)
		}
	}
	for methods, post := range map[string]bool{`["client_secret_post"]`: true, `["client_secret_basic","client_secret_post"]`: false, `["private_key_jwt"]`: false, `"client_secret_post"`: false} {
		m, err := ParseMetadata(written(t, map[string]any{"token_endpoint_auth_methods_supported": json.RawMessage(methods)}), issuer)
		if err != nil || m.Post != post {
			t.Errorf("%s: got %+v, %v; want post: %v", methods, m, err, post)
		}
	}
}

// Whatever the document says: a fault, or endpoints of that issuer which may all be asked.
func FuzzParseMetadata(f *testing.F) {
	f.Add(written(f, nil))
	f.Add(written(f, map[string]any{"end_session_endpoint": issuer + "/bye", "authorization_response_iss_parameter_supported": true}))
	f.Add([]byte(`{"issuer":"https://login.example.com","issuer":null}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		m, err := ParseMetadata(document, issuer)
		if err != nil {
			return
		}
		if m.Issuer != issuer {
			t.Errorf("took the issuer %q", m.Issuer)
		}
		for _, e := range endpoints(m) {
			if _, err := outbound.ParseURL(e.URL); err != nil {
				t.Errorf("took %s %q: %v", e.Name, e.URL, err)
			}
		}
		if len(endpoints(m)) < 3 {
			t.Errorf("took only %v", endpoints(m))
		}
	})
}

// Who wants to be somebody else is asked for an account; where the provider cannot do that, to sign in anew.
func TestPromptForAnother(t *testing.T) {
	for _, tt := range []struct{ settings, prompts, want string }{
		{"", `["none","login","select_account"]`, "select_account"},
		{"", `["none","login"]`, "login"},
		{"", "", "select_account"},
		{"", `"login"`, "select_account"},
		{"consent", "", "select_account consent"},
		{"consent", `["login"]`, "login consent"},
		{"login", "", "login"},
		{"select_account", `["login"]`, "select_account"},
	} {
		with := ""
		if tt.prompts != "" {
			with = `,"prompt_values_supported":` + tt.prompts
		}
		m, err := ParseMetadata([]byte(`{"issuer":"https://a.example","authorization_endpoint":"https://a.example/a","token_endpoint":"https://a.example/t","jwks_uri":"https://a.example/k"`+with+`}`), "https://a.example")
		if err != nil {
			t.Fatal(err)
		}
		c := &Client{Prompt: tt.settings}
		if got := c.promptOf(m, &sso.Flow{Another: true}); got != tt.want {
			t.Errorf("PROMPT %q, of %s: got %q, want %q", tt.settings, tt.prompts, got, tt.want)
		}
		if got := c.promptOf(m, &sso.Flow{}); got != tt.settings {
			t.Errorf("PROMPT %q for anyone: got %q", tt.settings, got)
		}
	}
}
