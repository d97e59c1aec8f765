package ssobridge

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// SECURITY A10: two providers with one key take each other's tokens, unless both look at a claim that differs.
func TestKeysApart(t *testing.T) {
	public := ed25519.NewKeyFromSeed([]byte(strings.Repeat("s", 32))).Public().(ed25519.PublicKey)
	jwk := `{"kty":"OKP","crv":"Ed25519","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}`
	file := filepath.Join(t.TempDir(), "key.jwk")
	if err := os.WriteFile(file, []byte(jwk), 0o600); err != nil {
		t.Fatal(err)
	}
	const address = "https://idp.example.com/jwks.json"
	hmac := `[{"key":"` + secret + `","alg":"HS256","encoding":"text"}]`
	key := func(setting, value string) map[string]string { return map[string]string{setting: value} }
	issuers := map[string]string{"jwt-issuer": "a", "provider-dex-issuer": "b"}
	audiences := map[string]string{"jwt-audience": "a", "provider-dex-audience": "b"}
	metabase := map[string]string{"jwt-profile": "metabase"}
	for _, tt := range []struct {
		name string
		has  []map[string]string
		want string // the setting that the refusal names; "": none
	}{
		{"two keys", []map[string]string{key("jwt-keys", jwk)}, ""},
		{"one key, in the settings and in a file", []map[string]string{key("jwt-keys", jwk), key("provider-dex-public-key", file)}, "PROVIDER_DEX_PUBLIC_KEY"},
		{"one key with two kids", []map[string]string{key("jwt-keys", `[{"jwk":`+jwk+`,"kid":"1"}]`), key("provider-dex-keys", `[{"jwk":`+jwk+`,"kid":"2"}]`)}, "PROVIDER_DEX_KEYS"},
		{"one key, one issuer", []map[string]string{key("jwt-keys", jwk), key("provider-dex-keys", jwk), key("jwt-issuer", "a")}, "PROVIDER_DEX_KEYS"},
		{"one key, two issuers", []map[string]string{key("jwt-keys", jwk), key("provider-dex-keys", jwk), issuers}, ""},
		{"one key, two issuers at which one does not look", []map[string]string{key("jwt-keys", jwk), key("provider-dex-keys", jwk), issuers, metabase}, "PROVIDER_DEX_KEYS"},
		{"one key, one audience", []map[string]string{key("jwt-keys", jwk), key("provider-dex-keys", jwk), key("provider-dex-audience", "b")}, "PROVIDER_DEX_KEYS"},
		{"one key, two audiences", []map[string]string{key("jwt-keys", jwk), key("provider-dex-keys", jwk), audiences}, ""},
		{"one address", []map[string]string{key("jwt-jwks-url", address), key("provider-dex-jwks-url", address)}, "PROVIDER_DEX_JWKS_URL"},
		{"one address, two issuers", []map[string]string{key("jwt-jwks-url", address), key("provider-dex-jwks-url", address), issuers}, ""},
		{"the secret among the keys", []map[string]string{key("provider-dex-keys", hmac)}, "PROVIDER_DEX_KEYS"},
		{"the secret among the keys, two issuers", []map[string]string{key("provider-dex-keys", hmac), issuers}, "PROVIDER_DEX_KEYS"},
		{"the secret among the keys, two audiences", []map[string]string{key("provider-dex-keys", hmac), audiences}, ""},
		{"the one that is off", []map[string]string{key("provider-dex-keys", hmac), key("provider-dex-enabled", "false")}, ""},
	} {
		flags := map[string]string{"providers": "dex", "provider-dex-identity-provider-uri": "https://dex.example.com/login",
			"provider-dex-shared-secret": "Tq4Wm8Zc1Xv6Bn2Lk9Pj3Hg7Fd5Sa0Ry"}
		for _, more := range tt.has {
			for name, value := range more {
				flags[name] = value
			}
		}
		cfg := with(t, flags)
		_, _, err := Bridge(t.Context(), cfg, &notebook{}, time.Now, slog.New(slog.DiscardHandler))
		var f setting.Fault
		ok := false
		if err != nil {
			f, ok = FaultOf(cfg, err)
		}
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: got %v", tt.name, err)
		case tt.want != "" && (!ok || f.Name != tt.want || !strings.Contains(f.Problem, "provider jwt")):
			t.Errorf("%s: got %v, want a fault of %s", tt.name, err, tt.want)
		case err != nil && (strings.Contains(err.Error(), secret) || sso.CodeOf(err) != sso.Invalid):
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
}

// SECURITY J2: no provider takes what the bridge signs for service accounts, whatever its issuer was when it signed.
func TestOwnApart(t *testing.T) {
	dir := t.TempDir()
	key, err := keyset.GenerateSigningKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	private, err := key.PKCS8()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.Public().SPKI()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"private.der": private, "public.der": public} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shared := `[{"file":"` + filepath.Join(dir, "public.der") + `"}]`
	for i, tt := range []struct {
		name, value, issuer string
		want                string
	}{
		{"PROVIDER_OM_KEYS", shared, "", "PROVIDER_OM_ISSUER: is not set"},
		{"PROVIDER_OM_KEYS", shared, "https://om.example.com", ""},
		{"PROVIDER_OM_JWKS_URL", "https://bi.example.com/api/v1/system/config/jwks", "", "PROVIDER_OM_ISSUER: is not set"},
		{"PROVIDER_OM_JWKS_URL", "https://idp.example.com/jwks", "", ""},
	} {
		s, err := Open(t.Context(), map[string]string{
			"SITE_URL": "https://bi.example.com", "SECRET_KEY": "Tq4Wm8Zc1Xv6Bn2Lk9Pj3Hg7Fd5Sa0Ry", "DATABASE_URL": fmt.Sprintf("sqlite:%s/%d.db", dir, i),
			"SERVICE_KEY_FILE": filepath.Join(dir, "private.der"), "PROVIDERS": "om", "PROVIDER_OM_KIND": "bearer", "PROVIDER_OM_AUDIENCE": "any",
			"PROVIDER_OM_ISSUER": tt.issuer, tt.name: tt.value,
		}, slog.New(slog.DiscardHandler))
		if (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s %s, issuer %q: got %v, want %q", tt.name, tt.value, tt.issuer, err, tt.want)
		}
		if err == nil {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			s.Run(ctx)
		}
	}
}
