package keyset_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/token"
)

func TestSigningKey(t *testing.T) {
	made, err := keyset.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	der, err := made.PKCS8()
	if err != nil {
		t.Fatal(err)
	}
	key, err := keyset.ParseSigningKey(der)
	if err != nil || key.ID() != made.ID() || len(key.ID()) != 43 {
		t.Fatalf("parsed back: %v, id %q, want %q", err, key.ID(), made.ID())
	}
	signed, err := key.Sign(map[string]any{"sub": "1"}, "assertion+jwt")
	if err != nil {
		t.Fatal(err)
	}
	set, err := keyset.PublicJWKS(made.Public())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyset.ParsePublicKeys(set)
	if err != nil {
		t.Fatal(err)
	}
	if err := token.VerifySignature(t.Context(), signed, keys, "ES256"); err != nil {
		t.Errorf("signature: %v", err)
	}
	parsed, _, err := jwt.NewParser().ParseUnverified(signed, jwt.MapClaims{})
	if err != nil || parsed.Header["typ"] != "assertion+jwt" || parsed.Header["kid"] != made.ID() || parsed.Header["alg"] != "ES256" {
		t.Errorf("header: got %v (%v)", parsed.Header, err)
	}

	// SECURITY J1, A12: what the bridge asserts is no login, not even where its own key is trusted.
	v := verifier(t, sso.Metabase)
	v.Keys = keys
	claims := map[string]any{"email": "ada@example.com", "exp": nowUnix + 60}
	own, err := key.Sign(claims, "assertion+jwt")
	if err != nil {
		t.Fatal(err)
	}
	if got := sso.CodeOf(judge(t, v, own).Err); got != sso.TokenType {
		t.Errorf("an assertion as a login: got %q, want %q", got, sso.TokenType)
	}
	for _, typ := range []string{"", "JWT", "jwt"} {
		if _, err := key.Sign(claims, typ); err == nil {
			t.Errorf("signed with typ %q", typ)
		}
	}
}

// SECURITY F6: public members only, kid = RFC 7638 thumbprint, use and alg.
func TestPublicJWKS(t *testing.T) {
	a, _ := keyset.NewSigningKey()
	b, err := keyset.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	data, err := keyset.PublicJWKS(a.Public(), b.Public())
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Keys []map[string]any }
	if err := json.Unmarshal(data, &got); err != nil || len(got.Keys) != 2 {
		t.Fatalf("got %s (%v)", data, err)
	}
	for i, k := range got.Keys {
		for name := range k {
			switch name {
			case "kty", "crv", "x", "y", "use", "alg", "kid":
			default:
				t.Errorf("key %d has the member %q", i, name)
			}
		}
		if k["use"] != "sig" || k["alg"] != "ES256" || k["kid"] != []*keyset.SigningKey{a, b}[i].ID() {
			t.Errorf("key %d: got %v", i, k)
		}
	}
	if data, err := keyset.PublicJWKS(); err != nil || string(data) != `{"keys":[]}` {
		t.Errorf("no keys: got %s (%v)", data, err)
	}
}

func TestParseSigningKeyRefuses(t *testing.T) {
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	otherCurve, _ := x509.MarshalPKCS8PrivateKey(p384)
	rsaDER, _ := x509.MarshalPKCS8PrivateKey(rsaKey())
	for name, der := range map[string][]byte{"nothing": nil, "rubbish": []byte("x"), "P-384": otherCurve, "RSA": rsaDER} {
		if _, err := keyset.ParseSigningKey(der); err == nil {
			t.Errorf("%s: parsed", name)
		}
	}
}
