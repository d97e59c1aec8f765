package keyset_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/token"
)

// away is a key set that nobody can ask now.
type away struct{}

func (away) Keys(context.Context, string) ([]keyset.Key, error) {
	return nil, fmt.Errorf("the server is down: %w", sso.ProviderUnavailable)
}

func newKeys(t *testing.T, text, kid string) keyset.Set {
	t.Helper()
	keys, err := keyset.ParseKey(keyset.Spec{Name: "keys", Data: []byte(text), Kid: kid})
	if err != nil {
		t.Fatal(err)
	}
	set, err := keyset.NewKeys(keys)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func signRS256(t *testing.T, kid string) string {
	t.Helper()
	unsigned := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"email": "ada@example.com", "exp": 1790000060})
	if kid != "" {
		unsigned.Header["kid"] = kid
	}
	signed, err := unsigned.SignedString(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// SECURITY A13: a set that cannot be asked accepts nothing, refuses nothing for good, and does not keep back other keys.
func TestUnion(t *testing.T) {
	fits, named := newKeys(t, jwk(rsaMembers()), ""), newKeys(t, jwk(rsaMembers()), "a")
	other, p256 := newKeys(t, ed("", '1'), ""), newKeys(t, jwk(rsaMembers(), "alg", "PS256"), "")
	for _, test := range []struct {
		name string
		keys keyset.Set
		kid  string
		want sso.Code
	}{
		{"of the second", keyset.Union(other, fits), "", ""},
		{"of the second, by kid", keyset.Union(other, named), "a", ""},
		{"no kid fits", keyset.Union(named, named), "b", sso.KeyUnknown},
		{"none", keyset.Union(), "a", sso.KeyUnknown},
		{"one away, but another fits", keyset.Union(away{}, fits), "a", ""},
		{"one away, but another fits, by kid", keyset.Union(named, away{}), "a", ""},
		{"one away, none has the kid", keyset.Union(named, away{}), "b", sso.ProviderUnavailable},
		{"one away, another is for another algorithm", keyset.Union(p256, away{}), "b", sso.ProviderUnavailable},
		{"one away, another does not fit", keyset.Union(newKeys(t, jwk(anotherRSA()), ""), away{}), "b", sso.ProviderUnavailable},
		{"in one another", keyset.Union(keyset.Union(away{}, other), named), "b", sso.ProviderUnavailable},
	} {
		v := verifier(t, sso.Standard)
		v.Keys = test.keys
		tok := signRS256(t, test.kid)
		if got := judge(t, v, tok).Err; sso.CodeOf(got) != test.want {
			t.Errorf("%s: got %v, want %q", test.name, got, test.want)
		}
		if got := token.VerifySignature(t.Context(), tok, test.keys, ""); sso.CodeOf(got) != test.want {
			t.Errorf("%s, signature alone: got %v, want %q", test.name, got, test.want)
		}
	}
}

// anotherRSA are the members of another RSA key than rsaKey's: its modulus is made up, and no signature fits it.
func anotherRSA() map[string]any {
	n := rsaKey().N.Bytes()
	n[100] ^= 0xff
	return map[string]any{"kty": "RSA", "n": b64(n), "e": "AQAB"}
}

func TestStatusOf(t *testing.T) {
	v := verifier(t, sso.Standard)
	v.Keys = keyset.Union(newKeys(t, ed("b", '1'), ""), newKeys(t, jwk(rsaMembers()), "a"))
	x := judge(t, v, signRS256(t, "a"))
	if x.Err != nil {
		t.Fatal(x.Err)
	}
	all := keyset.StatusOf(v.Keys)
	if len(all) != 2 || len(all[0].Keys) != 1 || len(all[1].Keys) != 1 {
		t.Fatalf("got %+v, want two of one key", all)
	}
	if got := all[0].Keys[0].LastUsed; !got.IsZero() {
		t.Errorf("the key that was not used: got %s, want none", got)
	}
	got := all[1].Keys[0]
	want := keyset.KeyStatus{ID: "a", Kid: "a", Algorithm: "RS256", Fingerprint: got.Fingerprint, Origin: "keys", LastUsed: x.Now.Truncate(time.Microsecond)}
	if got.LastUsed = got.LastUsed.In(x.Now.Location()); got != want || len(got.Fingerprint) != 43 {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// An explanation names the public keys that a signature does not fit, and the log stays short.
func TestExplainComparesPublicKeys(t *testing.T) {
	v := verifier(t, sso.Standard)
	v.Keys = newKeys(t, jwk(anotherRSA()), "a")
	tok := signRS256(t, "a")
	for _, explaining := range []bool{true, false} {
		x := sso.Exam{Now: time.Unix(1790000000, 0), Explaining: explaining}
		v.Verify(t.Context(), tok, &x)
		want := "the bridge has a (RS256) from keys: see that the product signs with the private key of one of them"
		if got := strings.Contains(sso.Reason(x.Err), want); got != explaining {
			t.Errorf("explaining %v: got %v", explaining, x.Err)
		}
	}
}
