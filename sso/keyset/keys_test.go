package keyset_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/token"
)

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// jwk writes members as JSON, after those of base.
func jwk(base map[string]any, more ...any) string {
	all := map[string]any{}
	for k, v := range base {
		all[k] = v
	}
	for i := 0; i < len(more); i += 2 {
		all[more[i].(string)] = more[i+1]
	}
	data, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func set(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

func rsaMembers() map[string]any {
	return map[string]any{"kty": "RSA", "n": b64(rsaKey().N.Bytes()), "e": "AQAB"}
}

func ecMembers(key *ecdsa.PrivateKey, crv string) map[string]any {
	point, err := key.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	size := (len(point) - 1) / 2
	return map[string]any{"kty": "EC", "crv": crv, "x": b64(point[1 : 1+size]), "y": b64(point[1+size:])}
}

func octMembers(n int) map[string]any {
	return map[string]any{"kty": "oct", "k": b64([]byte(strings.Repeat("k", n)))}
}

// SECURITY A1, A2, F5: which keys and key sets are taken, from oneself and from an issuer.
func TestParseKeys(t *testing.T) {
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	ed, _, _ := ed25519.GenerateKey(rand.Reader)
	okp := map[string]any{"kty": "OKP", "crv": "Ed25519", "x": b64(ed)}
	ec, rs, oct := ecMembers(p256, "P-256"), rsaMembers(), octMembers(32)
	n := func(bits int) string { // an odd number of that length that nothing is known about
		b := make([]byte, bits/8)
		rand.Read(b)
		b[0] |= 0x80
		b[len(b)-1] |= 1
		return b64(b)
	}
	offCurve := jwk(ec, "y", ec["x"])
	tests := []struct {
		name, data  string
		own, public bool
	}{
		{"RSA", jwk(rs), true, true},
		{"EC", jwk(ec), true, true},
		{"Ed25519", jwk(okp), true, true},
		{"oct", jwk(oct), true, false},
		{"set", set(jwk(rs, "kid", "a"), jwk(ec, "kid", "b"), jwk(okp)), true, true},
		{"use and key_ops", jwk(rs, "use", "sig", "key_ops", []string{"verify"}, "alg", "PS512"), true, true},
		{"unknown members", jwk(rs, "x5c", []string{"?"}, "x", 1), true, true},
		{"private RSA", jwk(rs, "d", "AQAB"), true, false},
		{"private RSA, signs", jwk(rs, "d", "AQAB", "key_ops", []string{"sign"}), true, false},
		{"private EC", jwk(ec, "d", "AQAB"), true, false},
		{"private in a set", set(jwk(rs), jwk(ec, "d", "AQAB")), true, false},
		{"set of secrets", set(jwk(oct, "kid", "a"), jwk(oct, "kid", "b")), true, false},
		{"encryption key beside", set(jwk(rs, "use", "enc", "alg", "RSA-OAEP"), jwk(ec)), true, true},
		{"unknown kty beside", set(`{"kty":"AKP"}`, jwk(ec)), true, true},
		{"unknown crv beside", set(`{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}`, jwk(ec)), true, true},

		{"use enc", jwk(rs, "use", "enc"), false, false},
		{"use a number", jwk(rs, "use", 1), false, false},
		{"use empty", jwk(rs, "use", ""), false, false},
		{"key_ops encrypt", jwk(rs, "key_ops", []string{"encrypt"}), false, false},
		{"key_ops empty", jwk(rs, "key_ops", []string{}), false, false},
		{"key_ops a string", jwk(rs, "key_ops", "verify"), false, false},
		{"key_ops sign, public", jwk(rs, "key_ops", []string{"sign"}), false, false},
		{"key_ops sign, secret", jwk(oct, "key_ops", []string{"sign"}), false, false},
		{"RSA 1024", jwk(rs, "n", n(1024)), false, false},
		{"RSA 2040", jwk(rs, "n", n(2040)), false, false},
		{"RSA 16384", jwk(rs, "n", n(16384)), false, false},
		{"RSA even", jwk(rs, "n", b64(new(big.Int).Lsh(big.NewInt(1), 2047).Bytes())), false, false},
		{"RSA e=1", jwk(rs, "e", "AQ"), false, false},
		{"RSA e=2", jwk(rs, "e", "Ag"), false, false},
		{"RSA e huge", jwk(rs, "e", n(2048)), false, false},
		{"RSA e empty", jwk(rs, "e", ""), false, false},
		{"RSA n with a line end", jwk(rs, "n", rs["n"].(string)+"\n"), false, false},
		{"RSA ROCA", jwk(rs, "n", b64(rocaModulus().Bytes())), false, false},
		{"RSA without n", `{"kty":"RSA","e":"AQAB"}`, false, false},
		{"RSA with ES256", jwk(rs, "alg", "ES256"), false, false},
		{"RSA with HS256", jwk(rs, "alg", "HS256"), false, false},
		{"RSA with RSA1_5", jwk(rs, "alg", "RSA1_5"), false, false},
		{"RSA with none", jwk(rs, "alg", "none"), false, false},
		{"EC off the curve", offCurve, false, false},
		{"EC point zero", jwk(ec, "x", b64(make([]byte, 32)), "y", b64(make([]byte, 32))), false, false},
		{"EC x short", jwk(ec, "x", b64(make([]byte, 31))), false, false},
		{"EC split elsewhere", resplit(ec), false, false},
		{"EC of another curve", jwk(ecMembers(p384, "P-256")), false, false},
		{"EC with ES384", jwk(ec, "alg", "ES384"), false, false},
		{"EC with ES256K", jwk(ec, "alg", "ES256K"), false, false},
		{"EC secp256k1", jwk(ec, "crv", "secp256k1"), false, false},
		{"OKP X25519", jwk(okp, "crv", "X25519"), false, false},
		{"OKP short", jwk(okp, "x", "AAAA"), false, false},
		{"OKP with ES256", jwk(okp, "alg", "ES256"), false, false},
		{"oct 31 bytes", jwk(octMembers(31)), false, false},
		{"oct empty", jwk(oct, "k", ""), false, false},
		{"oct HS384 with 47", jwk(octMembers(47), "alg", "HS384"), false, false},
		{"oct HS512 with 63", jwk(octMembers(63), "alg", "HS512"), false, false},
		{"oct with A128KW", jwk(oct, "alg", "A128KW"), false, false},
		{"oct with A256GCM", jwk(oct, "alg", "A256GCM"), false, false},
		{"oct with RS256", jwk(oct, "alg", "RS256"), false, false},
		{"oct beside RSA", set(jwk(oct, "kid", "a"), jwk(rs, "kid", "b")), false, false},
		{"duplicate kid", set(jwk(rs, "kid", "a"), jwk(ec, "kid", "a")), false, false},
		{"weak key beside", set(jwk(rs, "n", n(1024)), jwk(ec)), false, false},
		{"kid a number", jwk(rs, "kid", 1), false, false},
		{"alg a list", jwk(rs, "alg", []string{"RS256"}), false, false},
		{"kty absent", `{"n":"AQAB"}`, false, false},
		{"kty Rsa", jwk(rs, "kty", "Rsa"), false, false},
		{"kty and keys", `{"kty":"oct","keys":[]}`, false, false},
		{"no keys", set(), false, false},
		{"keys an object", `{"keys":{}}`, false, false},
		{"keys of text", `{"keys":["a"]}`, false, false},
		{"101 keys", set(slicesRepeat(jwk(rs), 101)...), false, false},
		{"duplicate member", `{"kty":"oct","kty":"RSA"}`, false, false},
		{"a list", `[` + jwk(rs) + `]`, false, false},
		{"two", jwk(rs) + jwk(rs), false, false},
		{"PEM", "-----BEGIN PUBLIC KEY-----", false, false},
		{"nothing", "", false, false},
		{"300 KiB", strings.Repeat(" ", 300<<10) + jwk(rs), false, false},
	}
	for _, test := range tests {
		_, err := keyset.ParseKeys([]byte(test.data))
		if (err == nil) != test.own || err != nil && sso.CodeOf(err) != sso.KeyUnknown {
			t.Errorf("%s, own: got %v, want accepted %v", test.name, err, test.own)
		}
		_, err = keyset.ParsePublicKeys([]byte(test.data))
		if (err == nil) != test.public || err != nil && sso.CodeOf(err) != sso.KeyUnknown {
			t.Errorf("%s, public: got %v, want accepted %v", test.name, err, test.public)
		}
	}
}

func slicesRepeat(s string, n int) (list []string) {
	for range n {
		list = append(list, s)
	}
	return list
}

// resplit moves a byte of y to x: the same point in other members.
func resplit(ec map[string]any) string {
	point, _ := jwt.NewParser().DecodeSegment(ec["x"].(string))
	y, _ := jwt.NewParser().DecodeSegment(ec["y"].(string))
	return jwk(ec, "x", b64(append(point, y[0])), "y", b64(y[1:]))
}

// rocaModulus has the fingerprint of CVE-2017-15361: a power of 65537 modulo each small prime. It is no product of two
// primes, which the fingerprint does not ask.
func rocaModulus() *big.Int {
	m := big.NewInt(1)
	for p := int64(3); p <= 701; p += 2 {
		if big.NewInt(p).ProbablyPrime(10) {
			m.Mul(m, big.NewInt(p))
		}
	}
	n := new(big.Int).Exp(big.NewInt(65537), big.NewInt(123456789), m)
	k := new(big.Int).Lsh(big.NewInt(1), 2047)
	k.Div(k, m).Add(k, big.NewInt(1))
	n.Add(n, k.Mul(k, m))
	if n.Bit(0) == 0 {
		n.Add(n, m)
	}
	return n
}

// SECURITY A2: a key has one algorithm, whatever the header or the caller would like.
func TestOneAlgorithm(t *testing.T) {
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	okp := map[string]any{"kty": "OKP", "crv": "Ed25519", "x": b64(ed.Public().(ed25519.PublicKey))}
	long := []byte(strings.Repeat("k", 64))
	for _, test := range []struct {
		name, jwk string
		signed    string // by which the token is signed
		key       any
		demand    string // --alg
		want      sso.Code
	}{
		{"RSA default", jwk(rsaMembers()), "RS256", rsaKey(), "", ""},
		{"RSA default, RS512 token", jwk(rsaMembers()), "RS512", rsaKey(), "", sso.KeyUnknown},
		{"RSA default, PS256 token", jwk(rsaMembers()), "PS256", rsaKey(), "", sso.KeyUnknown},
		{"RSA without alg takes PS256", jwk(rsaMembers()), "PS256", rsaKey(), "PS256", ""},
		{"RSA without alg takes RS384", jwk(rsaMembers()), "RS384", rsaKey(), "RS384", ""},
		{"PS256 demanded, RS256 token", jwk(rsaMembers()), "RS256", rsaKey(), "PS256", sso.KeyUnknown},
		{"RS256 key, PS256 demanded", jwk(rsaMembers(), "alg", "RS256"), "PS256", rsaKey(), "PS256", sso.KeyUnknown},
		{"RS256 key, PS256 demanded, RS256 token", jwk(rsaMembers(), "alg", "RS256"), "RS256", rsaKey(), "PS256", sso.KeyUnknown},
		{"RSA, HS256 demanded", jwk(rsaMembers()), "HS256", long, "HS256", sso.KeyUnknown},
		{"PS384 key", jwk(rsaMembers(), "alg", "PS384"), "PS384", rsaKey(), "", ""},
		{"P-256", jwk(ecMembers(p256, "P-256")), "ES256", p256, "ES256", ""},
		{"P-521", jwk(ecMembers(p521, "P-521")), "ES512", p521, "", ""},
		{"P-256, ES384 demanded", jwk(ecMembers(p256, "P-256")), "ES256", p256, "ES384", sso.KeyUnknown},
		{"Ed25519", jwk(okp), "EdDSA", ed, "", ""},
		{"oct default", jwk(octMembers(64)), "HS256", long, "", ""},
		{"oct takes HS512", jwk(octMembers(64)), "HS512", long, "HS512", ""},
		{"oct of 64, HS384 key", jwk(octMembers(64), "alg", "HS384"), "HS512", long, "HS512", sso.KeyUnknown},
		{"oct, none demanded", jwk(octMembers(64)), "HS256", long, "none", sso.KeyUnknown},
		{"another key of the kind", jwk(octMembers(32)), "HS256", long, "", sso.TokenSignature},
	} {
		keys, err := keyset.ParseKeys([]byte(test.jwk))
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		signed, err := jwt.NewWithClaims(jwt.GetSigningMethod(test.signed), jwt.MapClaims{}).SignedString(test.key)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if got := sso.CodeOf(token.VerifySignature(t.Context(), signed, keys, test.demand)); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// SECURITY 0.1: PS256 with another salt length than the hash's (Wycheproof 281-286).
func TestSaltLength(t *testing.T) {
	keys, err := keyset.ParseKeys([]byte(jwk(rsaMembers(), "alg", "PS256")))
	if err != nil {
		t.Fatal(err)
	}
	input := b64([]byte(`{"alg":"PS256"}`)) + "." + b64([]byte(`{}`))
	digest := sha256.Sum256([]byte(input))
	for salt, want := range map[int]sso.Code{32: "", 20: sso.TokenSignature, 31: sso.TokenSignature, 33: sso.TokenSignature, 64: sso.TokenSignature} {
		sig, err := rsa.SignPSS(rand.Reader, rsaKey(), crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: salt})
		if err != nil {
			t.Fatal(err)
		}
		if got := sso.CodeOf(token.VerifySignature(t.Context(), input+"."+b64(sig), keys, "")); got != want {
			t.Errorf("salt of %d bytes: got %q, want %q", salt, got, want)
		}
	}
}

// kid chooses among the configured keys, and only among them (SECURITY A3).
func TestKeyID(t *testing.T) {
	a, b := strings.Repeat("a", 32), strings.Repeat("b", 32)
	k := func(secret, kid string) string {
		return jwk(map[string]any{"kty": "oct", "k": b64([]byte(secret)), "kid": kid})
	}
	unnamed := jwk(map[string]any{"kty": "oct", "k": b64([]byte(b))})
	for _, test := range []struct {
		name, keys, header, secret string
		want                       sso.Code
	}{
		{"named", set(k(a, "a"), k(b, "b")), `{"alg":"HS256","kid":"b"}`, b, ""},
		{"names another", set(k(a, "a"), k(b, "b")), `{"alg":"HS256","kid":"a"}`, b, sso.TokenSignature},
		{"names none", set(k(a, "a"), k(b, "b")), `{"alg":"HS256"}`, b, ""},
		{"unknown", set(k(a, "a"), k(b, "b")), `{"alg":"HS256","kid":"c"}`, b, sso.KeyUnknown},
		{"unknown, but a key has no name", set(k(a, "a"), unnamed), `{"alg":"HS256","kid":"c"}`, b, ""},
		{"case", set(k(a, "a"), k(b, "b")), `{"alg":"HS256","kid":"B"}`, b, sso.KeyUnknown},
	} {
		keys, err := keyset.ParseKeys([]byte(test.keys))
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if got := sso.CodeOf(token.VerifySignature(t.Context(), raw(test.header, "not even JSON", test.secret), keys, "")); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// VerifySignature passes the gate of form as a login does.
func TestVerifySignatureForm(t *testing.T) {
	keys, err := keyset.ParseKeys([]byte(jwk(octMembers(32))))
	if err != nil {
		t.Fatal(err)
	}
	k := strings.Repeat("k", 32)
	good := raw(`{"alg":"HS256"}`, "{}", k)
	for name, tok := range map[string]string{
		"line end": good + "\n", "empty": "", "large": raw(`{"alg":"HS256"}`, strings.Repeat(" ", 8<<10), k),
		"crit": raw(`{"alg":"HS256","crit":["x"]}`, "{}", k), "b64": raw(`{"alg":"HS256","b64":false}`, "{}", k),
		"duplicate alg": raw(`{"alg":"HS256","alg":"HS256"}`, "{}", k), "two parts": good[:strings.LastIndexByte(good, '.')],
	} {
		if got := sso.CodeOf(token.VerifySignature(t.Context(), tok, keys, "")); got != sso.TokenMalformed {
			t.Errorf("%s: got %q, want %q", name, got, sso.TokenMalformed)
		}
	}
}

// SECURITY F3, K1: no way of printing shows a secret.
func TestKeysDoNotPrintSecrets(t *testing.T) {
	keys, _, err := keyset.NewSecrets([]string{secret}, sso.Standard)
	if err != nil {
		t.Fatal(err)
	}
	signing, err := keyset.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	list, err := keys.Keys(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{keys, list, list[0], signing, struct{ k keyset.Key }{list[0]}, &token.Verifier{Keys: keys}} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
			got := fmt.Sprintf(format, v)
			if strings.Contains(got, secret[:8]) || strings.Contains(got, "102 51 97") || strings.Contains(got, "0x66, 0x33") {
				t.Errorf("%s of %T: got %.100q", format, v, got)
			}
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	f.Add([]byte(jwk(rsaMembers(), "kid", "a", "alg", "PS256", "use", "sig")))
	f.Add([]byte(set(jwk(ecMembers(p256, "P-256")), `{"kty":"OKP","crv":"Ed25519","x":"AAAA"}`)))
	f.Add([]byte(jwk(octMembers(64))))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := keyset.ParseKeys(data)
		public, publicErr := keyset.ParsePublicKeys(data)
		if publicErr == nil && err != nil {
			t.Errorf("public, but not one's own: %v", err)
		}
		for _, err := range []error{err, publicErr} {
			if err != nil && sso.CodeOf(err) != sso.KeyUnknown {
				t.Errorf("got %v, want %q", err, sso.KeyUnknown)
			}
		}
		fetched, left, fetchedErr := keyset.ParseFetched(data)
		if publicErr == nil && (fetchedErr != nil || left > 0) {
			t.Errorf("good as published keys, but fetched: %v, %d left out", fetchedErr, left)
		}
		if fetchedErr == nil && (len(fetched) == 0 || slices.ContainsFunc(fetched, func(k keyset.Key) bool { return strings.HasPrefix(k.Algorithm(), "HS") })) {
			t.Errorf("fetched: %v", fetched)
		}
		for _, s := range []keyset.Set{keys, public} {
			if s == nil {
				continue
			}
			list, err := s.Keys(t.Context(), "")
			if err != nil || len(list) == 0 {
				t.Errorf("an accepted set has no keys: %v", err)
			}
			for _, k := range list {
				if k.Algorithm() == "" {
					t.Errorf("key %q has no algorithm", k.ID)
				}
			}
			token.VerifySignature(t.Context(), "eyJhbGciOiJIUzI1NiJ9.e30.AAAA", s, "")
		}
	})
}
