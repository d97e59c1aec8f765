package ssobridge

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/claim"
	"github.com/ssobridge/ssobridge/sso/oidc"
	"github.com/ssobridge/ssobridge/sso/origin"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/token"
)

// A notebook notes which groups are to exist. It signs no one in.
type notebook struct {
	Store
	groups []string
	err    error
}

func (n *notebook) EnsureGroups(_ context.Context, names []string, e sso.Event) ([]sso.Group, error) {
	n.groups = append(n.groups, names...)
	if e.Kind != sso.EventGroup || e.Actor == "" {
		n.err = errors.New("no event")
	}
	return nil, n.err
}

const secret = "kP2vXq8dJm4tYw7nRb3gHs6fLc9zQe5aTu1oViWxEyM"

// with resolves the least settings that turn sign-in on, and flags besides.
func with(t *testing.T, flags map[string]string) *setting.Config {
	t.Helper()
	all := map[string]string{"jwt-identity-provider-uri": "https://app.example.com/login", "jwt-shared-secret": secret}
	for name, value := range flags {
		all[name] = value
	}
	cfg, faults := setting.Resolve(setting.Inputs{Flags: all})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return cfg
}

func TestBridge(t *testing.T) {
	cfg := with(t, map[string]string{
		"site-url": "https://sso.example.com", "allowed-origins": "https://app.example.com", "site-name": "Example",
		"jwt-group-sync": "true", "jwt-group-mappings": `{"a":["Two",7],"b":["One"]}`, "link-password-accounts": "true",
		"jwt-max-age": "60s", "jwt-leeway": "5s", "jwt-max-lifetime": "2m", "jwt-issuer": "i", "jwt-audience": "a",
		"jwt-binding": "pkce", "jwt-client-id": "c", "max-session-age": "60", "session-timeout": "10m",
	})
	st := &notebook{}
	b, warnings, err := Bridge(t.Context(), cfg, st, time.Now, slog.New(slog.DiscardHandler))
	if err != nil || len(warnings) > 0 {
		t.Fatalf("Bridge: %v, warnings %q", err, warnings)
	}
	if diff := cmp.Diff([]string{"One", "Two"}, st.groups); diff != "" {
		t.Errorf("groups that are to exist (-want +got):\n%s", diff)
	}
	policy := sso.Policy{SingleUse: true,
		Admission: sso.Admission{SiteName: "Example", Settings: "JWT_", Provision: true, LinkPasswordAccounts: true},
		GroupSync: sso.GroupSync{SyncGroups: true, Mappings: cfg.JWT.GroupMappings}}
	p := b.Providers.Sole()
	if diff := cmp.Diff(policy, p.Policy, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
	if want := (sso.SessionPolicy{MaxAge: time.Hour, Idle: 10 * time.Minute}); b.Sessions != want {
		t.Errorf("sessions: got %+v, want %+v", b.Sessions, want)
	}
	if diff := cmp.Diff(sso.ReturnRules{Site: "https://sso.example.com", Allowed: []origin.Origin{"https://app.example.com"}}, b.Return); diff != "" {
		t.Errorf("return rules (-want +got):\n%s", diff)
	}
	begins := p.Beginner.(oidc.Redirect)
	if p.Name != "jwt" || p.Issuer != "i" || begins.URI.String() != "https://app.example.com/login" || p.Binding != sso.BindingPKCE ||
		begins.ClientID != "c" || begins.RedirectURI != "https://sso.example.com/auth/sso" || p.Redeemer != nil {
		t.Errorf("provider: got %+v", p)
	}
	v := *p.Login.(*token.Verifier)
	v.Keys = nil
	want := token.Verifier{Provider: "jwt", Settings: "JWT_", Profile: sso.Standard, Names: cfg.JWT.Claims, Issuer: "i", Audience: "a",
		MaxAge: time.Minute, Leeway: 5 * time.Second, MaxLifetime: 2 * time.Minute}
	if diff := cmp.Diff(want, v, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(claim.Mapping{})); diff != "" {
		t.Errorf("verifier (-want +got):\n%s", diff)
	}
}

func TestBridgeMetabase(t *testing.T) {
	st := &notebook{}
	b, warnings, err := Bridge(t.Context(), with(t, map[string]string{"jwt-profile": "metabase", "jwt-shared-secret": "short"}),
		st, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if policy := b.Providers[0].Policy; policy.SingleUse || !policy.Reactivate {
		t.Errorf("policy: got %+v, want tokens used twice and accounts reactivated, as Metabase does", policy)
	}
	if len(warnings) != 1 || !strings.HasPrefix(warnings[0], "JWT_SHARED_SECRET: ") {
		t.Errorf("a weak secret: got warnings %q, want one", warnings)
	}
	if st.groups != nil {
		t.Errorf("groups: got %q, want none", st.groups)
	}
}

func TestBridgeOff(t *testing.T) {
	b, _, err := Bridge(t.Context(), with(t, map[string]string{"jwt-enabled": "false"}), &notebook{}, time.Now, slog.New(slog.DiscardHandler))
	if err != nil || len(b.Providers) != 0 {
		t.Errorf("got providers %v, %v; want none", b.Providers, err)
	}
}

func TestBridgeRefuses(t *testing.T) {
	down := errors.New("down")
	for _, tt := range []struct {
		name  string
		flags map[string]string
		store *notebook
		want  string
	}{
		{"a weak secret", map[string]string{"jwt-shared-secret": strings.Repeat("secret", 9)}, &notebook{}, "JWT_SHARED_SECRET"}, // SECURITY F1
		{"a store that is down", map[string]string{"jwt-group-mappings": `{"a":["One"]}`}, &notebook{err: down}, "JWT_GROUP_MAPPINGS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, _, err := Bridge(t.Context(), with(t, tt.flags), tt.store, time.Now, slog.New(slog.DiscardHandler))
			if err == nil || b != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v; want an error about %s", b, err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "secretsecret") {
				t.Errorf("the error has the secret: %v", err)
			}
		})
	}
}

// A code is exchanged only where both settings ask for it; else a token in the request is what counts.
func TestBridgeRedeemer(t *testing.T) {
	for _, tt := range []struct {
		binding, uri string
		want         bool
	}{
		{"pkce", "https://app.example.com/token", true},
		{"pkce", "", false},
		{"state", "https://app.example.com/token", false},
		{"off", "https://app.example.com/token", false},
	} {
		cfg := with(t, map[string]string{"jwt-binding": tt.binding, "jwt-client-id": "c", "jwt-token-uri": tt.uri, "site-url": "https://sso.example.com"})
		b, _, err := Bridge(t.Context(), cfg, &notebook{}, time.Now, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		e, ok := b.Providers[0].Redeemer.(*oidc.Exchange)
		if ok != tt.want || !tt.want && b.Providers[0].Redeemer != nil {
			t.Errorf("%s, %q: got %v, want an exchange: %v", tt.binding, tt.uri, b.Providers[0].Redeemer, tt.want)
		}
		if ok && (e.TokenURI.String() != tt.uri || e.ClientID != "c" || e.RedirectURI != "https://sso.example.com/auth/sso" || e.Client == nil) {
			t.Errorf("got %+v", e)
		}
	}
}

// The token endpoint may have a certificate of an authority of one's own, as the address of keys may.
func TestTokenEndpointOfOwnAuthority(t *testing.T) {
	endpoint := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"jwt":"a.b.c"}`)
	}))
	defer endpoint.Close()
	endpoint.Config.ErrorLog = log.New(io.Discard, "", 0)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: endpoint.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for caFile, want := range map[string]sso.Code{file: "", "": sso.ProviderUnavailable} {
		flags := map[string]string{"jwt-binding": "pkce", "jwt-client-id": "c", "jwt-token-uri": endpoint.URL + "/token", "jwt-ca-file": caFile}
		b, _, err := Bridge(t.Context(), with(t, flags), &notebook{}, time.Now, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		grant, err := b.Providers[0].Redeemer.Redeem(t.Context(), sso.Answer{Code: "code", Verifier: strings.Repeat("v", 43)})
		if sso.CodeOf(err) != want || want == "" && grant.Token != "a.b.c" {
			t.Errorf("with CA_FILE %q: got %q, %v, want %q", caFile, grant.Token, err, want)
		}
	}
	_, _, err := Bridge(t.Context(), with(t, map[string]string{"jwt-binding": "pkce", "jwt-client-id": "c", "jwt-token-uri": endpoint.URL, "jwt-ca-file": file + ".none"}),
		&notebook{}, time.Now, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "JWT_CA_FILE") {
		t.Errorf("no such file: got %v, want an error about JWT_CA_FILE", err)
	}
}
