package server_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ssobridge/ssobridge/server/ssobridge"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
)

// A pair is a key pair of a product.
type pair struct {
	method  jwt.SigningMethod
	private crypto.Signer
}

func ecPair(t *testing.T) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pair{jwt.SigningMethodES256, key}
}

func edPair(t *testing.T) pair {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pair{jwt.SigningMethodEdDSA, key}
}

func (p pair) der(t *testing.T) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(p.private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func (p pair) pem(t *testing.T) []byte {
	t.Helper()
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: p.der(t)})
}

// jwk is the public key of an Ed25519 pair.
func (p pair) jwk(kid string) string {
	x := base64.RawURLEncoding.EncodeToString(p.private.Public().(ed25519.PublicKey))
	return `{"kty":"OKP","crv":"Ed25519","kid":"` + kid + `","x":"` + x + `"}`
}

func (b *bridge) tokenBy(p pair, kid string, with claims) string {
	b.t.Helper()
	all := jwt.MapClaims{"email": "ann@example.com", "exp": b.Now().Add(10 * time.Minute).Unix()}
	for k, v := range with {
		all[k] = v
	}
	tok := jwt.NewWithClaims(p.method, all)
	if kid != "" {
		tok.Header["kid"] = kid
	}
	signed, err := tok.SignedString(p.private)
	if err != nil {
		b.t.Fatal(err)
	}
	return signed
}

// signsIn reports whether a token signs a browser in; else the code.
func (b *bridge) signsIn(tok string) sso.Code {
	b.t.Helper()
	c := b.browser()
	c.get("/auth/sso?jwt=" + tok)
	if e := b.lastEvent(); c.email() == "" {
		return e.Code
	}
	return ""
}

// SECURITY A2: however a public key is configured, it verifies tokens of its algorithm, and no others; the shared secret of
// before need not be there.
func TestPublicKeys(t *testing.T) {
	ec, ed, stranger := ecPair(t), edPair(t), ecPair(t)
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ecFile, edFile := file("ec.pem", ec.pem(t)), file("ed.der", ed.der(t))
	setFile := file("set.json", []byte(`{"keys":[`+ed.jwk("one")+`]}`))
	inline, err := json.Marshal([]map[string]string{{"key": string(ec.pem(t)), "alg": "ES256", "kid": "e"}, {"file": edFile}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		setting string
		by      pair
		kid     string
	}{
		{"PEM file", "JWT_PUBLIC_KEY=" + ecFile, ec, ""},
		{"file:// and algorithm", "JWT_PUBLIC_KEY=file://" + ecFile + ",file://" + edFile + "\nJWT_ALGORITHM=ES256,EdDSA", ed, ""},
		{"PEM in the setting", "JWT_KEYS=" + string(ec.pem(t)), ec, ""},
		{"PEM on one line", "JWT_KEYS=" + strings.ReplaceAll(string(ec.pem(t)), "\n", `\n`), ec, ""},
		{"base64 of DER", "JWT_KEYS=" + base64.StdEncoding.EncodeToString(ec.der(t)), ec, ""},
		{"base64 of PEM", "JWT_KEYS=" + base64.StdEncoding.EncodeToString(ec.pem(t)), ec, ""},
		{"JWK", "JWT_KEYS=" + ed.jwk("k"), ed, "k"},
		{"list", "JWT_KEYS=" + string(inline), ec, "e"},
		{"list, the other", "JWT_KEYS=" + string(inline), ed, ""},
		{"JWKS file", "JWT_JWKS_FILE=" + setFile, ed, "one"},
	} {
		b := start(t, append([]string{"JWT_SHARED_SECRET="}, settingsOf(tt.setting)...)...)
		if code := b.signsIn(b.tokenBy(tt.by, tt.kid, nil)); code != "" {
			t.Errorf("%s: refused: %s", tt.name, code)
		}
		if e := b.lastEvent(); e.KeyID == "" {
			t.Errorf("%s: the event does not say which key: %+v", tt.name, e)
		}
		if code := b.signsIn(b.tokenBy(stranger, tt.kid, nil)); code != sso.TokenSignature && code != sso.KeyUnknown {
			t.Errorf("%s: the key of a stranger: got %q", tt.name, code)
		}
		if code := b.signsIn(b.token(nil)); code != sso.KeyUnknown { // HS256 with a secret that is not configured
			t.Errorf("%s: a shared secret: got %q", tt.name, code)
		}
	}
}

// settingsOf splits settings on lines, but for the lines of a key.
func settingsOf(text string) []string {
	if at := strings.Index(text, "\nJWT_"); at >= 0 {
		return []string{text[:at], text[at+1:]}
	}
	return []string{text}
}

// A key file is replaced while the bridge runs: the new key counts within ten seconds, and a broken file changes nothing.
func TestKeyFileIsReplaced(t *testing.T) {
	first, second := ecPair(t), ecPair(t)
	path := filepath.Join(t.TempDir(), "idp.pem")
	write := func(data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(first.pem(t))
	b := start(t, "JWT_SHARED_SECRET=", "JWT_PUBLIC_KEY="+path)
	ready := func() string { return b.browser().get("/readyz").body }
	if code := b.signsIn(b.tokenBy(first, "", nil)); code != "" {
		t.Fatalf("refused: %s", code)
	}
	write([]byte("-----BEGIN PUBLIC KEY-----\nhalf"))
	b.Pass(11 * time.Second)
	if code := b.signsIn(b.tokenBy(first, "", claims{"jti": "2"})); code != "" {
		t.Errorf("with a broken file: refused: %s", code)
	}
	if !strings.Contains(ready(), `"keys":"degraded"`) {
		t.Errorf("with a broken file: got %s", ready())
	}
	write(second.pem(t))
	b.Pass(11 * time.Second)
	if code := b.signsIn(b.tokenBy(second, "", nil)); code != "" {
		t.Errorf("the new key: refused: %s", code)
	}
	if code := b.signsIn(b.tokenBy(first, "", claims{"jti": "3"})); code != sso.TokenSignature {
		t.Errorf("the old key: got %q", code)
	}
	if !strings.Contains(ready(), `"keys":"ok"`) {
		t.Errorf("at the end: got %s", ready())
	}
}

// A key set that is published: fetched once, again for a key that is new, and not for each change of other settings.
func TestPublishedKeys(t *testing.T) {
	first, second := edPair(t), edPair(t)
	var set atomic.Pointer[string]
	var fetched atomic.Int64
	publish := func(keys ...string) {
		text := `{"keys":[` + strings.Join(keys, ",") + `]}`
		set.Store(&text)
	}
	publish(first.jwk("a"))
	idp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		_, _ = w.Write([]byte(*set.Load()))
	}))
	t.Cleanup(idp.Close)
	b := start(t, "JWT_SHARED_SECRET=", "JWT_JWKS_URL="+idp.URL)
	for i := range 3 {
		if code := b.signsIn(b.tokenBy(first, "a", claims{"jti": i})); code != "" {
			t.Fatalf("refused: %s", code)
		}
	}
	name := "Acme"
	if _, err := b.rules.Save(t.Context(), admin.Change{Values: map[string]*string{"SITE_NAME": &name}}); err != nil {
		t.Fatal(err)
	}
	if code := b.signsIn(b.tokenBy(first, "a", claims{"jti": "after"})); code != "" || fetched.Load() != 1 {
		t.Errorf("after another setting was saved: %q, fetched %d times, want once", code, fetched.Load())
	}
	publish(first.jwk("a"), second.jwk("b"))
	b.Pass(11 * time.Second)
	if code := b.signsIn(b.tokenBy(second, "b", nil)); code != "" || fetched.Load() != 2 {
		t.Errorf("a new key: %q, fetched %d times", code, fetched.Load())
	}
	idp.Close()
	b.Pass(time.Hour)
	if code := b.signsIn(b.tokenBy(first, "a", claims{"jti": "down"})); code != "" {
		t.Errorf("while the provider is down: refused: %s", code)
	}
	if code := b.signsIn(b.tokenBy(first, "c", claims{"jti": "c"})); code != sso.ProviderUnavailable { // it may be a new key
		t.Errorf("an unknown key while the provider is down: got %q", code)
	}
}

// What cannot be used is refused when the bridge starts, with the setting to change, and without what a key file holds.
func TestKeysRefusedAtStart(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.pem")
	if err := os.WriteFile(bad, []byte("hunter2-is-no-key"), 0o600); err != nil {
		t.Fatal(err)
	}
	ec := ecPair(t)
	for name, tt := range map[string]struct{ setting, want string }{
		"no such file":             {"JWT_PUBLIC_KEY=" + filepath.Join(dir, "none.pem"), "JWT_PUBLIC_KEY: "},
		"no key":                   {"JWT_PUBLIC_KEY=" + bad, "JWT_PUBLIC_KEY: "},
		"no authorities":           {"JWT_JWKS_URL=https://idp.example.com/jwks\nJWT_CA_FILE=" + bad, "JWT_CA_FILE: "},
		"plain http":               {"JWT_JWKS_URL=http://idp.example.com/jwks", "JWT_JWKS_URL: "},
		"metadata of a cloud":      {"JWT_JWKS_URL=https://169.254.169.254/jwks", "JWT_JWKS_URL: "},
		"a public key as a secret": {"JWT_SHARED_SECRET=" + base64.StdEncoding.EncodeToString(ec.der(t)), "JWT_SHARED_SECRET: "},
		"a secret that is public":  {"JWT_KEYS=[{\"key\":\"" + base64.StdEncoding.EncodeToString(ec.der(t)) + "\",\"alg\":\"HS256\",\"encoding\":\"base64\"}]", "JWT_KEYS: "},
	} {
		all := map[string]string{"SITE_URL": "http://localhost:1", "DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "b.db"),
			"SECRET_KEY": strings.Repeat("k", 31) + "!", "JWT_IDENTITY_PROVIDER_URI": "https://idp.example/login"}
		for _, s := range settingsOf(tt.setting) {
			key, value, _ := strings.Cut(s, "=")
			all[key] = value
		}
		if _, err := ssobridge.Open(t.Context(), all, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: started", name)
		} else if !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want it to begin with %s", name, err, tt.want)
		}
	}
}
