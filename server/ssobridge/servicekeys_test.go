package ssobridge

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/service"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/token"
)

const serviceSite = "https://bi.example.com"

// minter makes the Minter of one replica with these settings.
func (k *keyroom) minter(environ ...string) (Minter, error) {
	k.t.Helper()
	cfg, faults := setting.Resolve(setting.Inputs{Environ: append(environ, "SSOBRIDGE_SITE_URL="+serviceSite)})
	if len(faults) > 0 {
		k.t.Fatal(faults)
	}
	keys, err := NewServiceKeys(KeyFileOf(cfg), k.store.Services(), k.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		return Minter{}, err
	}
	return NewMinter(cfg, keys), keys.Reload(k.t.Context())
}

func (k *keyroom) mustMinter(environ ...string) Minter {
	k.t.Helper()
	m, err := k.minter(environ...)
	if err != nil {
		k.t.Fatal(err)
	}
	return m
}

func (k *keyroom) token(m Minter) string {
	k.t.Helper()
	text, _, err := m.Mint(k.t.Context(), "etl", service.Token{ID: "J1", CreatedAt: k.Now(), ExpiresAt: service.Never()})
	if err != nil {
		k.t.Fatal(err)
	}
	return text
}

// judge returns the code with which the replica refuses the token; "" when it is good.
func (k *keyroom) judge(m Minter, text string) sso.Code {
	x := &sso.Exam{Now: k.Now()}
	if jti := m.Verifier().Verify(k.t.Context(), text, x); x.Err == nil && jti != "J1" {
		k.t.Errorf("jti %q", jti)
	}
	if x.Err == nil {
		return ""
	}
	return sso.CodeOf(x.Err)
}

// TestServiceKeysOwn: the bridge makes a key when one is needed, replicas share it, the next one comes after 90 days, and
// what the old one signed is accepted by all of them as long as it is kept.
func TestServiceKeysOwn(t *testing.T) {
	k := newKeyroom(t)
	a, b := k.mustMinter(), k.mustMinter()
	if n := len(a.Keys.Public()); n != 0 {
		t.Errorf("%d keys before one is needed", n)
	}
	old := k.token(a)
	if code := k.judge(b, old); code != "" { // it has heard of no change: it asks for a kid that it does not know
		t.Errorf("the other replica: %s", code)
	}
	if got, want := kidOf(t, k.token(b)), kidOf(t, old); got != want {
		t.Errorf("two replicas sign with %s and %s", got, want)
	}
	k.Pass(ServiceKeyLifetime + time.Minute)
	young := k.token(b)
	if kidOf(t, young) == kidOf(t, old) {
		t.Error("the key is as it was after 90 days")
	}
	k.Pass(2 * time.Second)
	for _, m := range []Minter{a, b} {
		for name, text := range map[string]string{"old": old, "young": young} {
			if code := k.judge(m, text); code != "" {
				t.Errorf("%s: %s", name, code)
			}
		}
	}
	if code := k.judge(k.mustMinter("SSOBRIDGE_SERVICE_ISSUER=another"), old); code != sso.TokenIssuer {
		t.Errorf("with another issuer: %q", code)
	}
}

func kidOf(t *testing.T, text string) string {
	t.Helper()
	header, _ := tokenParts(t, text)
	return header["kid"].(string)
}

// openssl runs a command in a folder; OpenMetadata's three are among them.
func openssl(t *testing.T, dir, arguments string) {
	t.Helper()
	cmd := exec.Command("openssl", strings.Fields(arguments)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("openssl %s: %v\n%s", arguments, err, out)
	}
}

// TestServiceKeyFile: with the files that OpenMetadata's documentation has people make, under OpenMetadata's names.
func TestServiceKeyFile(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	openssl(t, dir, "genrsa -out private_key.pem 2048")
	openssl(t, dir, "pkcs8 -topk8 -inform PEM -outform DER -in private_key.pem -out private_key.der -nocrypt")
	openssl(t, dir, "rsa -in private_key.pem -pubout -outform DER -out public_key.der")
	openssl(t, dir, "genpkey -algorithm ed25519 -out other.pem")
	openssl(t, dir, "pkey -in other.pem -pubout -out other.pub")

	k := newKeyroom(t)
	const kid = "Gb389a-9f76-gdjs-a92j-0242bk94356"
	m := k.mustMinter("RSA_PRIVATE_KEY_FILE_PATH="+in("private_key.der"), "RSA_PUBLIC_KEY_FILE_PATH="+in("public_key.der"),
		"JWT_ISSUER=open-metadata.org", "JWT_KEY_ID="+kid)
	old := k.token(m)
	header, claims := tokenParts(t, old)
	if header["alg"] != "RS256" || header["kid"] != kid || claims["iss"] != "open-metadata.org" || claims["sub"] != "etl" || header["typ"] != "at+jwt" {
		t.Errorf("header %v, claims %v", header, claims)
	}
	if code := k.judge(m, old); code != "" {
		t.Errorf("its own token: %s", code)
	}

	t.Run("a pair that is none", func(t *testing.T) {
		_, err := k.minter("SSOBRIDGE_SERVICE_KEY_FILE="+in("private_key.der"), "SSOBRIDGE_SERVICE_PUBLIC_KEY_FILE="+in("other.pub"))
		if sso.CodeOf(err) != sso.Invalid || !strings.HasPrefix(err.Error(), "SERVICE_PUBLIC_KEY_FILE: ") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no file", func(t *testing.T) {
		for _, name := range []string{in("nothing"), dir, os.DevNull} {
			if _, err := k.minter("SSOBRIDGE_SERVICE_KEY_FILE=" + name); sso.CodeOf(err) != sso.Invalid || !strings.HasPrefix(err.Error(), "SERVICE_KEY_FILE: ") {
				t.Errorf("%s: got %v", name, err)
			}
		}
	})

	// The file vanishes: nothing changes. Another key comes in its place: it signs, and the old token is still good.
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	file := in("current.pem")
	data, err := os.ReadFile(in("private_key.pem"))
	must(err)
	must(os.WriteFile(file, data, 0o600))
	m = k.mustMinter("SSOBRIDGE_SERVICE_KEY_FILE=" + file)
	old = k.token(m)
	must(os.Remove(file))
	k.Pass(rereadKeyAfter)
	if code := k.judge(m, k.token(m)); code != "" || m.Keys.Source().Fault == "" {
		t.Errorf("without its file: %q, fault %q", code, m.Keys.Source().Fault)
	}
	data, err = os.ReadFile(in("other.pem"))
	must(err)
	must(os.WriteFile(file, data, 0o600))
	k.Pass(rereadKeyAfter)
	young := k.token(m)
	if header, _ := tokenParts(t, young); header["alg"] != "EdDSA" || m.Keys.Source().Fault != "" {
		t.Errorf("header %v, fault %q", header, m.Keys.Source().Fault)
	}
	for _, replica := range []Minter{m, k.mustMinter("SSOBRIDGE_SERVICE_KEY_FILE=" + file), k.mustMinter()} {
		for name, text := range map[string]string{"old": old, "young": young} {
			if code := k.judge(replica, text); code != "" {
				t.Errorf("%s: %s", name, code)
			}
		}
	}
	if _, err := m.Keys.Rotate(t.Context(), "cli"); sso.CodeOf(err) != sso.Invalid {
		t.Errorf("rotate a file: %v", err)
	}
	if _, _, err := m.Keys.Compromised(t.Context(), "cli"); sso.CodeOf(err) != sso.Invalid {
		t.Errorf("the key that leaked is still in the file: %v", err)
	}
	if code := k.judge(m, young); code != "" {
		t.Errorf("nothing was done, and the token is refused: %s", code)
	}
	data, err = os.ReadFile(in("private_key.pem"))
	must(err)
	must(os.WriteFile(file, data, 0o600))
	k.Pass(rereadKeyAfter)
	if _, _, err := m.Keys.Compromised(t.Context(), "cli"); sso.CodeOf(err) != sso.Invalid {
		t.Errorf("a key of before is in the file again: %v", err)
	}
}

// TestOneTypeIsNotAnother: what the bridge signs for one purpose is refused for each other one, whatever the keys (SECURITY J1, F4).
func TestOneTypeIsNotAnother(t *testing.T) {
	k := newKeyroom(t)
	m, signer := k.mustMinter(), k.signer()
	signer.also = m.Keys
	text := k.token(m)
	_, claims := tokenParts(t, text)

	key, err := m.Keys.Signing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []string{AssertionType, "logout+jwt", "at+jwt+x", "jwt2"} { // by the very same key
		other, err := key.Sign(claims, typ)
		if err != nil {
			t.Fatal(err)
		}
		if code := k.judge(m, other); code != sso.TokenType {
			t.Errorf("typ %s as a service token: %q", typ, code)
		}
	}
	for _, typ := range []string{"", "JWT"} {
		if _, err := key.Sign(claims, typ); err == nil {
			t.Errorf("typ %q was signed", typ)
		}
	}
	for _, aud := range []any{serviceSite, []any{}, nil, "https://other.example.com/service", serviceSite + "/service/"} {
		claims["aud"] = aud
		other, err := key.Sign(claims, service.TokenType)
		if err != nil {
			t.Fatal(err)
		}
		if code := k.judge(m, other); code != sso.TokenAudience {
			t.Errorf("aud %v as a service token: %q", aud, code)
		}
	}

	// As a login token, by a bridge that is so wrong as to trust its own keys.
	set, err := signer.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyset.ParseKeys(set)
	if err != nil {
		t.Fatal(err)
	}
	login := &token.Verifier{Provider: "jwt", Profile: sso.Standard, Keys: keys, MaxAge: time.Hour, MaxLifetime: time.Hour}
	login.Names.Email = "sub"
	x := &sso.Exam{Now: k.Now()}
	if login.Verify(t.Context(), text, x); sso.CodeOf(x.Err) != sso.TokenType {
		t.Errorf("as a login token: %v", x.Err)
	}
	assertion := sign(t, signer)
	if code := k.judge(m, assertion); code != sso.KeyUnknown {
		t.Errorf("an assertion as a service token: %q", code)
	}

	// What is published has every public key and no private member (SECURITY F1).
	var published struct{ Keys []map[string]any }
	if err := json.Unmarshal(set, &published); err != nil || len(published.Keys) != 2 {
		t.Fatalf("%s, %v", set, err)
	}
	for _, key := range published.Keys {
		for member := range key {
			if !slices.Contains([]string{"kty", "kid", "alg", "use", "crv", "x", "y", "n", "e"}, member) {
				t.Errorf("published member %s", member)
			}
		}
	}
}

func tokenParts(t *testing.T, text string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(text, ".")
	for i, into := range []*map[string]any{&header, &claims} {
		data, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}
