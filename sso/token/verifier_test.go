package token_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/claim"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/token"
)

const (
	secret  = "f3a1c0de94b7725d0c68e19fb2a46d83577e0b19ac4d62f8e5310d7b9c26a84f"
	older   = "0b6e2d9c51f84a37b8e0c4d25a7193f66c8fd12be7350a49d1c37be8f2460a95"
	nowUnix = 1_790_000_000
)

var b64 = base64.RawURLEncoding.EncodeToString

// claims of a token that passes every profile.
func claims() map[string]any {
	return map[string]any{
		"email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace", "groups": []string{"eng"},
		"iss": "https://idp.example", "aud": "ssobridge", "iat": nowUnix - 10, "exp": nowUnix + 60, "jti": "t-1",
	}
}

// with returns those claims with some changed; a nil value removes one.
func with(changes map[string]any) map[string]any {
	c := claims()
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func without(names ...string) map[string]any {
	c := claims()
	for _, n := range names {
		delete(c, n)
	}
	return c
}

// raw signs any header and payload, however wrong, with HS256.
func raw(header, payload, secret string) string {
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	return input + "." + b64(mac(input, []byte(secret)))
}

func mac(input string, key []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(input))
	return m.Sum(nil)
}

const hs256 = `{"alg":"HS256","typ":"JWT"}`

func sign(t testing.TB, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return raw(hs256, string(payload), secret)
}

// secrets judges the two secrets once; that takes some milliseconds.
var secrets = sync.OnceValue(func() keyset.Set {
	keys, _, err := keyset.NewSecrets([]string{secret, older}, sso.Strict)
	if err != nil {
		panic(err)
	}
	return keys
})

func verifier(t testing.TB, p sso.Profile) *token.Verifier {
	t.Helper()
	v := &token.Verifier{
		Provider: "jwt", Settings: "JWT_", Profile: p, Keys: secrets(),
		Names:  claim.Mapping{Email: "email", FirstName: "first_name", LastName: "last_name", Groups: "groups"},
		MaxAge: 180 * time.Second, Leeway: 30 * time.Second, MaxLifetime: 10 * time.Minute,
	}
	if p == sso.Strict {
		v.Issuer, v.Audience = "https://idp.example", "ssobridge"
	}
	return v
}

func exam() *sso.Exam { return &sso.Exam{Now: time.Unix(nowUnix, 0)} }

func judge(t testing.TB, v *token.Verifier, tok string) *sso.Exam {
	t.Helper()
	x := exam()
	v.Verify(t.Context(), tok, x)
	return x
}

func TestAccepted(t *testing.T) {
	for _, p := range []sso.Profile{sso.Metabase, sso.Standard, sso.Strict} {
		x := judge(t, verifier(t, p), sign(t, claims()))
		if x.Err != nil {
			t.Fatalf("%s: got %v, want no error", p, x.Err)
		}
		ada, lovelace := "Ada", "Lovelace"
		want := sso.Identity{
			Provider: "jwt", Subject: sso.Subject{Kind: sso.SubjectEmail, Value: "ada@example.com"}, Email: "ada@example.com",
			FirstName: &ada, LastName: &lovelace, Attributes: map[string]string{}, Groups: []string{"eng"}, GroupsSent: true,
		}
		if diff := cmp.Diff(want, x.Identity); diff != "" {
			t.Errorf("%s: identity (-want +got):\n%s", p, diff)
		}
		if want := sso.ProofByID("", "https://idp.example", "t-1"); x.Proof.Key != want {
			t.Errorf("%s: proof got %q, want %q", p, x.Proof.Key, want)
		}
		if !strings.HasPrefix(x.KeyID, "secret ") || len(x.KeyID) != len("secret ")+8 {
			t.Errorf("%s: key got %q, want the fingerprint of a secret", p, x.KeyID)
		}
		if _, ok := x.Claims["exp"].(json.Number); !ok {
			t.Errorf("%s: exp got %T, want json.Number", p, x.Claims["exp"])
		}
	}
}

// The table of CONTRACT 4: what each profile makes of one change. "" accepts.
// SECURITY A7, A8, A9, A10, A11
func TestProfiles(t *testing.T) {
	const none = sso.Code("")
	set := func(name string, v any) map[string]any { return with(map[string]any{name: v}) }
	tests := []struct {
		name                       string
		claims                     map[string]any
		metabase, standard, strict sso.Code
	}{
		{"exp now", set("exp", nowUnix), sso.TokenExpired, none, none},
		{"exp a second ahead", set("exp", nowUnix+1), none, none, none},
		{"exp 29 s ago", set("exp", nowUnix-29), sso.TokenExpired, none, none},
		{"exp 30 s ago", set("exp", nowUnix-30), sso.TokenExpired, sso.TokenExpired, sso.TokenExpired},
		{"exp with a fraction", set("exp", nowUnix+0.5), none, none, none},
		{"exp 0", set("exp", 0), sso.TokenExpired, sso.TokenExpired, sso.TokenExpired},
		{"exp negative", set("exp", -1), sso.TokenExpired, sso.TokenExpired, sso.TokenExpired},
		{"exp absent", without("exp"), none, none, sso.TokenUnbounded},
		{"nbf now", set("nbf", nowUnix), none, none, none},
		{"nbf a second ahead", set("nbf", nowUnix+1), sso.TokenNotYetValid, none, none},
		{"nbf 31 s ahead", set("nbf", nowUnix+31), sso.TokenNotYetValid, sso.TokenNotYetValid, sso.TokenNotYetValid},
		{"iat 180 s ago", set("iat", nowUnix-180), none, none, none},
		{"iat 181 s ago", set("iat", nowUnix-181), sso.TokenTooOld, none, none},
		{"iat 210 s ago", set("iat", nowUnix-210), sso.TokenTooOld, none, none},
		{"iat 211 s ago", set("iat", nowUnix-211), sso.TokenTooOld, sso.TokenTooOld, sso.TokenTooOld},
		{"iat 0", set("iat", 0), sso.TokenTooOld, sso.TokenTooOld, sso.TokenTooOld},
		{"iat 30 s ahead", set("iat", nowUnix+30), none, none, none},
		{"iat 31 s ahead", set("iat", nowUnix+31), none, sso.TokenFromFuture, sso.TokenFromFuture},
		{"iat absent", without("iat"), none, none, sso.TokenUnbounded},
		{"neither", without("iat", "exp"), none, sso.TokenUnbounded, sso.TokenUnbounded},
		{"exp 630 s ahead, no iat", with(map[string]any{"exp": nowUnix + 630, "iat": nil}), none, none, sso.TokenUnbounded},
		{"exp 631 s ahead, no iat", with(map[string]any{"exp": nowUnix + 631, "iat": nil}), none, sso.TokenUnbounded, sso.TokenUnbounded},
		{"exp a year ahead, iat fresh", set("exp", nowUnix+31536000), none, none, none},
		{"iss another", set("iss", "https://evil.example"), none, none, sso.TokenIssuer},
		{"iss absent", without("iss"), none, none, sso.TokenIssuer},
		{"iss a list", set("iss", []string{"https://idp.example"}), none, none, sso.TokenIssuer},
		{"iss with a slash more", set("iss", "https://idp.example/"), none, none, sso.TokenIssuer},
		{"aud a list with ours", set("aud", []string{"x", "ssobridge"}), none, none, none},
		{"aud another", set("aud", "x"), none, none, sso.TokenAudience},
		{"aud a list of another", set("aud", []string{"x"}), none, none, sso.TokenAudience},
		{"aud empty list", set("aud", []string{}), none, none, sso.TokenAudience},
		{"aud empty", set("aud", ""), none, none, sso.TokenAudience},
		{"aud absent", without("aud"), none, none, sso.TokenAudience},
		{"aud a number", set("aud", 1), none, none, sso.TokenAudience},
		{"aud a mixed list", set("aud", []any{"ssobridge", 1}), none, none, sso.TokenAudience},
		{"aud an object", set("aud", map[string]any{"ssobridge": true}), none, none, sso.TokenAudience},
		{"jti absent", without("jti"), none, none, sso.TokenIDMissing},
		{"jti a number", set("jti", 7), none, none, sso.TokenIDMissing},
		{"jti empty", set("jti", ""), none, none, sso.TokenIDMissing},
		{"jti long", set("jti", strings.Repeat("j", 256)), none, none, sso.TokenIDMissing},
		{"email absent", without("email"), sso.TokenEmailMissing, sso.TokenEmailMissing, sso.TokenEmailMissing},
		{"email of two", set("email", "a@evil.example@b.example"), sso.TokenEmailInvalid, sso.TokenEmailInvalid, sso.TokenEmailInvalid},
	}
	for _, name := range []string{"exp", "nbf", "iat"} {
		for what, v := range map[string]any{
			"a string": fmt.Sprint(nowUnix + 60), "true": true, "a list": []int{nowUnix}, "an object": map[string]int{},
		} {
			tests = append(tests, struct {
				name                       string
				claims                     map[string]any
				metabase, standard, strict sso.Code
			}{name + " " + what, set(name, v), sso.TokenMalformed, sso.TokenMalformed, sso.TokenMalformed})
		}
	}
	// As Metabase's library judges them: null is no claim, and numbers are compared, whatever they count.
	for name, metabase := range map[string]struct{ null, ahead, ago sso.Code }{
		"exp": {none, none, sso.TokenExpired},
		"nbf": {none, sso.TokenNotYetValid, none},
		"iat": {none, none, sso.TokenTooOld},
	} {
		for what, v := range map[string]any{
			"null":         json.RawMessage("null"),
			"milliseconds": nowUnix * 1000, "1e300": json.Number("1e300"), "1e999": json.Number("1e999"),
			"-1e300": json.Number("-1e300"), "-1e999": json.Number("-1e999"),
		} {
			want := metabase.ahead
			switch what[0] {
			case 'n':
				want = metabase.null
			case '-':
				want = metabase.ago
			}
			tests = append(tests, struct {
				name                       string
				claims                     map[string]any
				metabase, standard, strict sso.Code
			}{name + " " + what, set(name, v), want, sso.TokenMalformed, sso.TokenMalformed})
		}
	}
	for _, test := range tests {
		for p, want := range map[sso.Profile]sso.Code{
			sso.Metabase: test.metabase, sso.Standard: test.standard, sso.Strict: test.strict,
		} {
			x := judge(t, verifier(t, p), sign(t, test.claims))
			if got := sso.CodeOf(x.Err); got != want {
				t.Errorf("%s, %s: got %q (%v), want %q", test.name, p, got, x.Err, want)
			}
			if (x.Err == nil) != (x.Identity.Email != "") {
				t.Errorf("%s, %s: error %v, but identity %+v", test.name, p, x.Err, x.Identity)
			}
		}
	}
}

func TestStandardChecksWhatIsConfigured(t *testing.T) {
	v := verifier(t, sso.Standard)
	v.Issuer = "https://other.example"
	if got := sso.CodeOf(judge(t, v, sign(t, claims())).Err); got != sso.TokenIssuer {
		t.Errorf("issuer: got %q, want %q", got, sso.TokenIssuer)
	}
	v.Issuer, v.Audience = "https://idp.example", "other"
	if got := sso.CodeOf(judge(t, v, sign(t, claims())).Err); got != sso.TokenAudience {
		t.Errorf("audience: got %q, want %q", got, sso.TokenAudience)
	}
}

// DESIGN 5: forgetting a field fails closed.
func TestZeroValuesRefuse(t *testing.T) {
	tests := map[string]func(*token.Verifier){
		"everything":      func(v *token.Verifier) { *v = token.Verifier{} },
		"keys":            func(v *token.Verifier) { v.Keys = nil },
		"profile":         func(v *token.Verifier) { v.Profile = "" },
		"unknown profile": func(v *token.Verifier) { v.Profile = "lenient" },
		"names":           func(v *token.Verifier) { v.Names = claim.Mapping{} },
		"issuer":          func(v *token.Verifier) { v.Issuer = "" },
		"audience":        func(v *token.Verifier) { v.Audience = "" },
		"ages":            func(v *token.Verifier) { v.MaxAge, v.Leeway, v.MaxLifetime = 0, 0, 0 },
	}
	for name, forget := range tests {
		for _, tok := range []string{sign(t, claims()), sign(t, with(map[string]any{"": "ada@example.com", "iss": "", "aud": ""}))} {
			v := verifier(t, sso.Strict)
			forget(v)
			if x := judge(t, v, tok); x.Err == nil {
				t.Errorf("without %s: accepted", name)
			}
		}
	}
	var none *token.Verifier
	if x := judge(t, none, sign(t, claims())); x.Err == nil {
		t.Error("nil Verifier: accepted")
	}
}

// SECURITY A1, A3, A4, A5, A6, A12: each row breaks one thing of a token that is signed well.
func TestGate(t *testing.T) {
	good := sign(t, claims())
	parts := strings.Split(good, ".")
	payload, _ := json.Marshal(claims())
	body := string(payload)
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	add := func(member string) string { return strings.TrimSuffix(body, "}") + "," + member + "}" }
	header := func(h string) string { return raw(h, body, secret) }
	tests := []struct {
		name, token string
		want        sso.Code
	}{
		{"unchanged", good, ""},
		{"typ absent", header(`{"alg":"HS256"}`), ""},
		{"typ jwt", header(`{"alg":"HS256","typ":"jwt"}`), ""},
		{"unknown header member", header(`{"alg":"HS256","x":1}`), ""},
		{"kid of ours nowhere", header(`{"alg":"HS256","kid":"../../etc/passwd"}`), ""},
		{"depth 8", raw(hs256, add(`"d":`+deep(7)), secret), ""},
		{"surrogate pair", raw(hs256, add(`"d":"\ud83d\ude00 \\ud800"`), secret), ""},

		{"empty", "", sso.TokenMalformed},
		{"one byte too long", good + strings.Repeat("A", token.MaxSize+1-len(good)), sso.TokenMalformed},
		{"7 MB of dots", strings.Repeat(".", 7<<20), sso.TokenMalformed}, // CVE-2025-30204
		{"8 KiB of dots", strings.Repeat(".", 8<<10), sso.TokenMalformed},
		{"line end", good + "\n", sso.TokenMalformed},
		{"CR LF", good + "\r\n", sso.TokenMalformed},
		{"CR LF inside", parts[0] + "." + parts[1][:4] + "\r\n" + parts[1][4:] + "." + parts[2], sso.TokenMalformed},
		{"space before", " " + good, sso.TokenMalformed},
		{"NUL", good + "\x00", sso.TokenMalformed},
		{"Bearer", "Bearer " + good, sso.TokenMalformed},
		{"padding", good + "=", sso.TokenMalformed},
		{"standard alphabet", parts[0] + "." + parts[1] + "." + "+/" + parts[2][2:], sso.TokenMalformed},
		{"spare bits", good[:len(good)-1] + nextLetter(good[len(good)-1]), sso.TokenMalformed},
		{"two parts", parts[0] + "." + parts[1], sso.TokenMalformed},
		{"four parts", good + ".x", sso.TokenMalformed},
		{"five parts (JWE)", good + ".x.x", sso.TokenMalformed},
		{"empty header", "." + parts[1] + "." + parts[2], sso.TokenMalformed},
		{"empty payload", parts[0] + ".." + parts[2], sso.TokenMalformed},
		{"empty signature", parts[0] + "." + parts[1] + ".", sso.TokenMalformed},
		{"JSON serialisation", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, sso.TokenMalformed},
		{"nested token", raw(`{"alg":"HS256","cty":"JWT"}`, good, secret), sso.TokenMalformed},

		{"crit", header(`{"alg":"HS256","crit":["exp"],"exp":1}`), sso.TokenMalformed},
		{"crit empty", header(`{"alg":"HS256","crit":[]}`), sso.TokenMalformed},
		{"crit null", header(`{"alg":"HS256","crit":null}`), sso.TokenMalformed},
		{"b64 false", header(`{"alg":"HS256","b64":false,"crit":["b64"]}`), sso.TokenMalformed},
		{"b64 false without crit", header(`{"alg":"HS256","b64":false}`), sso.TokenMalformed},
		{"b64 true", header(`{"alg":"HS256","b64":true}`), sso.TokenMalformed},
		{"duplicate alg", header(`{"alg":"none","alg":"HS256"}`), sso.TokenMalformed},
		{"duplicate alg, escaped", header(`{"alg":"HS256","\u0061lg":"HS256"}`), sso.TokenMalformed},
		{"alg absent", header(`{"typ":"JWT"}`), sso.TokenMalformed},
		{"alg null", header(`{"alg":null}`), sso.TokenMalformed},
		{"alg a list", header(`{"alg":["HS256"]}`), sso.TokenMalformed},
		{"Alg", header(`{"Alg":"HS256"}`), sso.TokenMalformed},
		{"kid a number", header(`{"alg":"HS256","kid":1}`), sso.TokenMalformed},
		{"header a list", header(`["HS256"]`), sso.TokenMalformed},
		{"header twice", header(hs256 + hs256), sso.TokenMalformed},
		{"header not JSON", header(`alg=HS256`), sso.TokenMalformed},
		{"header empty object", header(`{}`), sso.TokenMalformed},
		{"header invalid UTF-8", header("{\"alg\":\"HS256\",\"x\":\"\xff\"}"), sso.TokenMalformed},
		{"header BOM", header("\ufeff" + hs256), sso.TokenMalformed},

		{"alg none", header(`{"alg":"none"}`), sso.TokenSignature},
		{"alg None", header(`{"alg":"None"}`), sso.TokenSignature},
		{"alg nOnE", header(`{"alg":"nOnE"}`), sso.TokenSignature},
		{"alg hs256", header(`{"alg":"hs256"}`), sso.TokenSignature},
		{"alg empty", header(`{"alg":""}`), sso.TokenSignature},
		{"alg with a space", header(`{"alg":"HS256 "}`), sso.TokenSignature},
		{"alg ES256K", header(`{"alg":"ES256K"}`), sso.TokenSignature},
		{"alg HS384", header(`{"alg":"HS384"}`), sso.KeyUnknown},
		{"alg RS256", header(`{"alg":"RS256"}`), sso.KeyUnknown},

		{"other secret", raw(hs256, body, strings.ToUpper(secret)), sso.TokenSignature},
		{"empty secret", raw(hs256, body, ""), sso.TokenSignature},
		{"changed payload", parts[0] + "." + b64([]byte(add(`"admin":true`))) + "." + parts[2], sso.TokenSignature},
		{"changed header", b64([]byte(`{"alg":"HS256"}`)) + "." + parts[1] + "." + parts[2], sso.TokenSignature},
		{"cut signature", good[:len(good)-3], sso.TokenSignature},
		{"longer signature", parts[0] + "." + parts[1] + "." + b64(append(mac(parts[0]+"."+parts[1], []byte(secret)), 0)), sso.TokenSignature},

		{"claims duplicate", raw(hs256, add(`"email":"admin@example.com"`), secret), sso.TokenMalformed},
		{"claims duplicate deep", raw(hs256, add(`"o":{"a":1,"a":2}`), secret), sso.TokenMalformed},
		{"claims a list", raw(hs256, `[`+body+`]`, secret), sso.TokenMalformed},
		{"claims a string", raw(hs256, `"x"`, secret), sso.TokenMalformed},
		{"claims null", raw(hs256, `null`, secret), sso.TokenMalformed},
		{"claims twice", raw(hs256, body+body, secret), sso.TokenMalformed},
		{"claims and rubbish", raw(hs256, body+"]", secret), sso.TokenMalformed},
		{"claims with a comma", raw(hs256, strings.TrimSuffix(body, "}")+",}", secret), sso.TokenMalformed},
		{"claims NaN", raw(hs256, add(`"x":NaN`), secret), sso.TokenMalformed},
		{"claims invalid UTF-8", raw(hs256, add("\"x\":\"\xff\""), secret), sso.TokenMalformed},
		{"claims overlong UTF-8", raw(hs256, add("\"x\":\"\xc0\x80\""), secret), sso.TokenMalformed},
		{"claims lone high surrogate", raw(hs256, add(`"x":"\ud800"`), secret), sso.TokenMalformed},
		{"claims lone low surrogate", raw(hs256, add(`"x":"\udc00\ud800"`), secret), sso.TokenMalformed},
		{"claims high twice", raw(hs256, add(`"x":"\ud800\ud800"`), secret), sso.TokenMalformed},
		{"depth 9", raw(hs256, add(`"d":`+deep(8)), secret), sso.TokenMalformed},
		{"depth 3,000", raw(hs256, add(`"d":`+deep(1500)), secret), sso.TokenMalformed},

		{"typ at+jwt", header(`{"alg":"HS256","typ":"at+jwt"}`), sso.TokenType},
		{"typ logout+jwt", header(`{"alg":"HS256","typ":"logout+jwt"}`), sso.TokenType},
		{"typ application/jwt", header(`{"alg":"HS256","typ":"application/jwt"}`), sso.TokenType},
		{"typ a number", header(`{"alg":"HS256","typ":1}`), sso.TokenMalformed},
		{"typ null", header(`{"alg":"HS256","typ":null}`), sso.TokenMalformed},

		{"expired and forged", raw(hs256, `{"email":"a@b.example","exp":1}`, older[1:]), sso.TokenSignature}, // CVE-2024-51744
	}
	for _, test := range tests {
		for _, p := range []sso.Profile{sso.Metabase, sso.Standard, sso.Strict} {
			x := judge(t, verifier(t, p), test.token)
			if got := sso.CodeOf(x.Err); got != test.want {
				t.Errorf("%s, %s: got %q (%v), want %q", test.name, p, got, x.Err, test.want)
			}
			explained := exam()
			explained.Explaining = true
			verifier(t, p).Verify(t.Context(), test.token, explained)
			if got := sso.CodeOf(explained.Err); got != test.want {
				t.Errorf("%s, %s explained: got %q, want %q", test.name, p, got, test.want)
			}
			if unsigned := test.want == sso.TokenSignature || test.want == sso.KeyUnknown; unsigned && explained.Proof.Key+explained.KeyID != "" {
				t.Errorf("%s, %s explained: a proof without a signature: %+v", test.name, p, explained.Proof)
			}
		}
	}
}

// nextLetter is a letter whose base64 value differs from c's in its last bit, which a signature of 32 bytes does not use.
func nextLetter(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)^1])
}

// SECURITY A2: the bytes of a public key never verify an HMAC (CVE-2015-9235).
func TestPublicKeyIsNoSecret(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der := x509.MarshalPKCS1PublicKey(&key.PublicKey)
	spki, _ := x509.MarshalPKIXPublicKey(&key.PublicKey)
	jwk := `{"kty":"RSA","n":"` + b64(key.N.Bytes()) + `","e":"AQAB"}`
	keys, err := keyset.ParseKeys([]byte(jwk))
	if err != nil {
		t.Fatal(err)
	}
	v := verifier(t, sso.Standard)
	v.Keys = keys
	payload, _ := json.Marshal(claims())
	for name, secret := range map[string]string{
		"JWK": jwk, "DER": string(der), "SPKI": string(spki), "modulus": string(key.N.Bytes()),
		"PEM": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})),
	} {
		if got := sso.CodeOf(judge(t, v, raw(hs256, string(payload), secret)).Err); got != sso.KeyUnknown {
			t.Errorf("HS256 with the %s: got %q, want %q", name, got, sso.KeyUnknown)
		}
	}
	for alg, want := range map[string]sso.Code{"RS256": "", "RS384": sso.KeyUnknown, "RS512": sso.KeyUnknown, "PS256": sso.KeyUnknown} {
		signed, err := jwt.NewWithClaims(jwt.GetSigningMethod(alg), jwt.MapClaims(claims())).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		if got := sso.CodeOf(judge(t, v, signed).Err); got != want {
			t.Errorf("one RSA key under %s: got %q, want %q", alg, got, want)
		}
	}
}

// SECURITY A3: a key that the token brings along is not used.
func TestKeysInTheHeaderAreIgnored(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"jwk", "jku", "x5u", "x5c"} {
		tok := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims(claims()))
		tok.Header[name] = map[string]string{"kty": "EC"}
		signed, err := tok.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		if x := judge(t, verifier(t, sso.Standard), signed); x.Err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// SECURITY C2: neither a second spelling of the signature nor anything around the token changes its proof.
func TestProof(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyset.ParseKeys(fmt.Appendf(nil, `{"kty":"EC","crv":"P-256","x":%q,"y":%q}`,
		b64(key.X.FillBytes(make([]byte, 32))), b64(key.Y.FillBytes(make([]byte, 32)))))
	if err != nil {
		t.Fatal(err)
	}
	v := verifier(t, sso.Standard)
	v.Keys = keys
	signed, err := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims(without("jti"))).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	input, sig := signed[:strings.LastIndexByte(signed, '.')], signed[strings.LastIndexByte(signed, '.')+1:]
	rs, _ := base64.RawURLEncoding.DecodeString(sig)
	s := new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(rs[32:]))
	twin := input + "." + b64(append(rs[:32:32], s.FillBytes(make([]byte, 32))...))

	a, b := judge(t, v, signed), judge(t, v, twin)
	if a.Err != nil || b.Err != nil || signed == twin {
		t.Fatalf("the twin signature: got %v and %v, want both accepted", a.Err, b.Err)
	}
	if a.Proof.Key != b.Proof.Key || a.Proof.Key != sso.ProofByContent("", input) {
		t.Errorf("proofs of twins: got %q and %q, want the content's", a.Proof.Key, b.Proof.Key)
	}
	v = verifier(t, sso.Standard)
	proof := func(c map[string]any) string { return judge(t, v, sign(t, c)).Proof.Key }
	if proof(with(map[string]any{"iss": "a"})) == proof(with(map[string]any{"iss": "b"})) {
		t.Error("one jti of two issuers has one proof")
	}
	if proof(with(map[string]any{"iat": nowUnix})) != proof(claims()) {
		t.Error("one jti of one issuer has two proofs")
	}
	if got := proof(with(map[string]any{"iss": "a\x00b", "jti": "c"})); !strings.HasPrefix(got, "sha256:") {
		t.Errorf("jti of an issuer with NUL: got %q, want a proof by content", got)
	}
}

// SECURITY C3: after Proof.Until no replica accepts the token; CVE-2024-51744: an expired token still has its proof.
func TestProofUntil(t *testing.T) {
	for _, p := range []sso.Profile{sso.Metabase, sso.Standard, sso.Strict} {
		for name, c := range map[string]map[string]any{
			"exp first": claims(), "age first": with(map[string]any{"exp": nowUnix + 3600}), "iat ahead": with(map[string]any{"iat": nowUnix + 20}),
			"no iat": without("iat"), "no exp": without("exp"), "expired": with(map[string]any{"exp": nowUnix - 3600}),
		} {
			tok := sign(t, c)
			until := judge(t, verifier(t, p), tok).Proof.Until
			if until.IsZero() {
				t.Errorf("%s, %s: no proof", name, p)
			}
			x := &sso.Exam{Now: until}
			verifier(t, p).Verify(t.Context(), tok, x)
			if x.Err == nil {
				t.Errorf("%s, %s: accepted at Proof.Until", name, p)
			}
			x = &sso.Exam{Now: until.Add(-4 * time.Minute)} // a replica whose clock is behind
			verifier(t, p).Verify(t.Context(), tok, x)
			if x.Err == nil {
				t.Errorf("%s, %s: accepted four minutes before Proof.Until: no margin for clocks", name, p)
			}
		}
	}
}

func TestFlowClaims(t *testing.T) {
	tests := []struct {
		name             string
		claims           map[string]any
		nonce, challenge string
		want             sso.Code
	}{
		{"nothing asked, both sent", with(map[string]any{"nonce": "n", "code_challenge": "c"}), "", "", ""},
		{"nonce matches", with(map[string]any{"nonce": "n"}), "n", "", ""},
		{"nonce absent", claims(), "n", "", ""},
		{"nonce of another flow", with(map[string]any{"nonce": "m"}), "n", "", sso.FlowMismatch},
		{"nonce empty", with(map[string]any{"nonce": ""}), "n", "", sso.FlowMismatch},
		{"nonce null", with(map[string]any{"nonce": json.RawMessage("null")}), "n", "", sso.FlowMismatch},
		{"nonce a list", with(map[string]any{"nonce": []string{"n"}}), "n", "", sso.FlowMismatch},
		{"challenge matches", with(map[string]any{"code_challenge": "c"}), "", "c", ""},
		{"challenge absent", claims(), "", "c", sso.FlowMismatch},
		{"challenge of another flow", with(map[string]any{"code_challenge": "d"}), "", "c", sso.FlowMismatch},
		{"challenge longer", with(map[string]any{"code_challenge": "cc"}), "", "c", sso.FlowMismatch},
	}
	for _, test := range tests {
		x := exam()
		x.Nonce, x.Challenge = test.nonce, test.challenge
		verifier(t, sso.Strict).Verify(t.Context(), sign(t, test.claims), x)
		if got := sso.CodeOf(x.Err); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestPublicValues(t *testing.T) {
	for name, test := range map[string]struct {
		claims map[string]any
		want   string
	}{
		"expired":           {with(map[string]any{"exp": nowUnix - 100}), "1789999900"},
		"expired, fraction": {with(map[string]any{"exp": json.Number("1789999900.25")}), "1789999900.25"},
		"expired, endless":  {with(map[string]any{"exp": json.Number("1789999900." + strings.Repeat("1", 4000))}), "1789999900"},
		"not yet":           {with(map[string]any{"nbf": nowUnix + 100}), "1790000100"},
		"too old":           {with(map[string]any{"iat": nowUnix - 300}), "180"},
	} {
		if got := sso.PublicValue(judge(t, verifier(t, sso.Metabase), sign(t, test.claims)).Err); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

// The order of Metabase: signature, exp, nbf, max-age.
func TestOrder(t *testing.T) {
	changes := map[string]any{"exp": nowUnix - 100, "nbf": nowUnix + 100, "iat": nowUnix - 1000}
	for _, want := range []sso.Code{sso.TokenExpired, sso.TokenNotYetValid, sso.TokenTooOld} {
		if got := sso.CodeOf(judge(t, verifier(t, sso.Metabase), sign(t, with(changes))).Err); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		delete(changes, map[sso.Code]string{sso.TokenExpired: "exp", sso.TokenNotYetValid: "nbf", sso.TokenTooOld: "iat"}[want])
	}
}

// The metabase profile counts whole seconds: 180.9 s are 180.
func TestMetabaseCountsWholeSeconds(t *testing.T) {
	tok := sign(t, with(map[string]any{"iat": nowUnix - 180, "exp": nowUnix + 1}))
	x := &sso.Exam{Now: time.Unix(nowUnix, 900_000_000)}
	verifier(t, sso.Metabase).Verify(t.Context(), tok, x)
	if x.Err != nil {
		t.Errorf("got %v, want no error", x.Err)
	}
}

func TestExplanationNamesEveryCheck(t *testing.T) {
	x := exam()
	x.Explaining = true
	verifier(t, sso.Strict).Verify(t.Context(), sign(t, claims()), x)
	var got []string
	for _, c := range x.Checks {
		got = append(got, c.Name)
		if !c.OK || c.Detail == "" {
			t.Errorf("check %s: ok %v, detail %q", c.Name, c.OK, c.Detail)
		}
	}
	want := []string{"size", "form", "header", "algorithm", "key", "signature", "claims", "type", "expiry", "not_before",
		"issued_at", "lifetime", "issuer", "audience", "require", "token_id", "nonce", "code_challenge", "identity"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
}

func TestExplanationGoesOn(t *testing.T) {
	payload, _ := json.Marshal(with(map[string]any{"exp": nowUnix - 500, "iat": nowUnix - 400, "aud": "other"}))
	x := exam()
	x.Explaining = true
	verifier(t, sso.Strict).Verify(t.Context(), raw(hs256, string(payload), older[1:]+"0"), x)
	failed := map[string]string{}
	for _, c := range x.Checks {
		if !c.OK {
			failed[c.Name] = c.Detail
		}
	}
	for name, want := range map[string]string{
		"signature": "signs with another secret", "expiry": "expired 500 s ago", "audience": `the token's aud is "other"`,
		"issued_at": "the token's iat is 400 s old; JWT_MAX_AGE allows 180 s",
	} {
		if !strings.Contains(failed[name], want) {
			t.Errorf("%s: got %q, want it to contain %q", name, failed[name], want)
		}
	}
	if len(failed) != 4 || sso.CodeOf(x.Err) != sso.TokenSignature {
		t.Errorf("failed: %v, first %v", failed, x.Err)
	}
	if x.Proof.Key != "" || x.Identity.Email != "ada@example.com" {
		t.Errorf("proof %q, identity %q: want no proof, and the identity shown", x.Proof.Key, x.Identity.Email)
	}
}

// Who configures the identity provider reads in the log what it does with the secret.
func TestSignatureIsDiagnosed(t *testing.T) {
	fromHex, _ := hex.DecodeString(secret)
	fromBase64, _ := base64.StdEncoding.DecodeString(secret)
	payload, _ := json.Marshal(claims())
	for wrong, want := range map[string]string{
		string(fromHex):                    "decoded from hexadecimal",
		string(fromBase64):                 "decoded from base64",
		secret + "\n":                      "white space",
		`"` + secret + `"`:                 "quotation marks",
		hex.EncodeToString([]byte(secret)): "encoded in hexadecimal",
	} {
		tok := raw(hs256, string(payload), wrong)
		if got := sso.Reason(judge(t, verifier(t, sso.Standard), tok).Err); !strings.Contains(got, want) {
			t.Errorf("got %q, want it to contain %q", got, want)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	v, tok := verifier(b, sso.Standard), sign(b, claims())
	b.ReportAllocs()
	for b.Loop() {
		x := exam()
		v.Verify(b.Context(), tok, x)
		if x.Err != nil {
			b.Fatal(x.Err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(sign(f, claims()))
	f.Add(raw(`{"alg":"HS256","crit":[]}`, `{"email":"a@b.example","exp":1e9}`, secret))
	f.Add("a.b.c")
	f.Add(strings.Repeat(".", 100))
	v := verifier(f, sso.Metabase)
	f.Fuzz(func(t *testing.T, tok string) {
		x := exam()
		v.Verify(t.Context(), tok, x)
		explained := exam()
		explained.Explaining = true
		v.Verify(t.Context(), tok, explained)
		if sso.CodeOf(explained.Err) != sso.CodeOf(x.Err) {
			t.Errorf("a login gives %v, its explanation %v", x.Err, explained.Err)
		}
		if sso.CodeOf(x.Err) == sso.Internal {
			t.Errorf("a refusal without a code: %v", x.Err)
		}
		if (x.Proof.Key != "") != (x.KeyID != "" && x.Claims != nil) {
			t.Errorf("proof %+v with key %q", x.Proof, x.KeyID)
		}
		if x.Err == nil && respell(t, tok) != tok {
			t.Errorf("accepted, but %q is another spelling of it", respell(t, tok))
		}
	})
}

// FuzzClaims signs whatever payload comes, so that the fuzzer reaches what lies behind the signature.
func FuzzClaims(f *testing.F) {
	good, _ := json.Marshal(claims())
	f.Add(hs256, string(good))
	f.Add(hs256, `{"email":"a@b.example","iat":1e9,"nbf":-1.5,"exp":null}`)
	f.Add(hs256, `{"email":"\ud83d\ude00@b.example","a":[[[[[[[1]]]]]]]}`)
	v := verifier(f, sso.Metabase)
	f.Fuzz(func(t *testing.T, header, payload string) {
		x := exam()
		v.Verify(t.Context(), raw(header, payload, secret), x)
		if x.Err == nil && !json.Valid([]byte(payload)) {
			t.Errorf("accepted claims that are not JSON: %q", payload)
		}
		if sso.CodeOf(x.Err) == sso.Internal {
			t.Errorf("a refusal without a code: %v", x.Err)
		}
		if x.Proof.Key != "" && x.Proof.Until.IsZero() {
			t.Error("a proof that is kept for no time")
		}
	})
}

// respell decodes the parts of a token and encodes them again.
func respell(t *testing.T, tok string) string {
	parts := strings.Split(tok, ".")
	for i, p := range parts {
		b, err := base64.RawURLEncoding.DecodeString(p)
		if err != nil {
			t.Fatal(err)
		}
		parts[i] = b64(b)
	}
	return strings.Join(parts, ".")
}

// PROVIDERS 1 "Claims": what the configuration requires of claims, in every profile and after the signature.
func TestRequire(t *testing.T) {
	for _, profile := range []sso.Profile{sso.Metabase, sso.Standard} {
		v := verifier(t, profile)
		v.Require = []claim.Requirement{
			{Claim: claim.Path{"azp"}, Values: []string{"cli", "etl"}},
			{Claim: claim.Path{"realm", "roles"}, Values: []string{"bi"}},
		}
		for claims, want := range map[string]sso.Code{
			`{"email":"ada@example.com","exp":1790000060,"azp":"etl","realm":{"roles":["x","bi"]}}`:  "",
			`{"email":"ada@example.com","exp":1790000060,"azp":"other","realm":{"roles":["bi"]}}`:    sso.TokenClaim,
			`{"email":"ada@example.com","exp":1790000060,"realm":{"roles":["bi"]}}`:                  sso.TokenClaim,
			`{"email":"ada@example.com","exp":1790000060,"azp":"cli","realm":{"roles":"bi,x"}}`:      sso.TokenClaim,
			`{"email":"ada@example.com","exp":1790000060,"azp":["cli"],"realm":{"roles":["bi", 1]}}`: "",
		} {
			x := judge(t, v, raw(hs256, claims, secret))
			if got := sso.CodeOf(x.Err); got != want {
				t.Errorf("%s: %s: got %q (%v), want %q", profile, claims, got, x.Err, want)
			}
			if got := sso.CodeOf(judge(t, v, raw(hs256, claims, older+"x")).Err); got != sso.TokenSignature {
				t.Errorf("%s: %s with another signature: got %q, want %q", profile, claims, got, sso.TokenSignature)
			}
		}
	}
}
