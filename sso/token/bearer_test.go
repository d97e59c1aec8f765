package token_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/claim"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/token"
)

// bearerVerifier takes tokens of https://idp.example for bi and bi-cli.
func bearerVerifier(t testing.TB) *token.Verifier {
	t.Helper()
	keys, _, err := keyset.NewSecrets([]string{secret}, sso.Standard)
	if err != nil {
		t.Fatal(err)
	}
	return &token.Verifier{
		Use: token.ForBearer, Provider: "api", Settings: "PROVIDER_API_", Profile: sso.Standard, Keys: keys,
		Names:  claim.Mapping{Email: "email", Subject: "sub", Groups: "groups", EmailOptional: true},
		Issuer: "https://idp.example", Audiences: []string{"bi", "bi-cli"}, Leeway: 30 * time.Second, MaxLifetime: time.Hour,
	}
}

// bearerClaims are those of a good token; a nil value removes one.
func bearerClaims(changes map[string]any) string {
	c := map[string]any{"iss": "https://idp.example", "aud": "bi", "sub": "etl", "email": "etl@example.com", "iat": nowUnix - 600, "exp": nowUnix + 600,
		"client_id": "cli", "jti": "1"}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// Where a login token may have the same audience, a token of an API client says what it is. SECURITY J1
func TestBearerByType(t *testing.T) {
	v := bearerVerifier(t)
	v.AccessToken = true
	for header, want := range map[string]sso.Code{
		`{"alg":"HS256","typ":"at+jwt"}`: "", `{"alg":"HS256","typ":"application/at+jwt"}`: "",
		`{"alg":"HS256","typ":"JWT"}`: sso.TokenType, `{"alg":"HS256"}`: sso.TokenType, `{"alg":"HS256","typ":"logout+jwt"}`: sso.TokenType,
	} {
		if x := judge(t, v, raw(header, bearerClaims(nil), secret)); sso.CodeOf(x.Err) != want {
			t.Errorf("%s: got %v, want %q", header, x.Err, want)
		}
	}
}

// What a token of an API client must be. SECURITY A1, A4, A5, A6, A7, A9, A10, A11, A12, J1
func TestBearer(t *testing.T) {
	type c = map[string]any
	v := bearerVerifier(t)
	for _, tt := range []struct {
		name   string
		header string // hs256 when empty
		claims c
		want   sso.Code
	}{
		{"good", "", nil, ""},
		{"old, but not over", "", c{"iat": nowUnix - 3000, "exp": nowUnix + 500}, ""},
		{"at+jwt", `{"alg":"HS256","typ":"at+jwt"}`, nil, ""},
		{"application/at+jwt", `{"alg":"HS256","typ":"Application/AT+JWT"}`, nil, ""},
		{"no typ", `{"alg":"HS256"}`, nil, ""},
		{"a logout token", `{"alg":"HS256","typ":"logout+jwt"}`, nil, sso.TokenType},
		{"an assertion", `{"alg":"HS256","typ":"assertion+jwt"}`, nil, sso.TokenType},
		{"typ a number", `{"alg":"HS256","typ":1}`, nil, sso.TokenMalformed},
		{"none", `{"alg":"none"}`, nil, sso.TokenSignature},
		{"crit", `{"alg":"HS256","crit":["exp"]}`, nil, sso.TokenMalformed},
		{"jku, x5u, jwk", `{"alg":"HS256","jku":"http://127.0.0.1:1/","x5u":"http://127.0.0.1:1/","jwk":{"kty":"oct","k":"AA"}}`, nil, ""},
		{"kid of another", `{"alg":"HS256","kid":"other"}`, nil, ""}, // a secret has no kid
		{"no exp", "", c{"exp": nil}, sso.TokenUnbounded},
		{"exp null", "", c{"exp": json.RawMessage("null")}, sso.TokenMalformed},
		{"exp text", "", c{"exp": "1790000600"}, sso.TokenMalformed},
		{"exp 1e300", "", c{"exp": 1e300}, sso.TokenMalformed},
		{"expired", "", c{"exp": nowUnix - 31}, sso.TokenExpired},
		{"expired within the leeway", "", c{"exp": nowUnix - 29}, ""},
		{"not yet", "", c{"nbf": nowUnix + 31}, sso.TokenNotYetValid},
		{"from the future", "", c{"iat": nowUnix + 31, "exp": nowUnix + 100}, sso.TokenFromFuture},
		{"too long a life", "", c{"iat": nowUnix - 10, "exp": nowUnix - 10 + 3601}, sso.TokenUnbounded},
		{"the longest life", "", c{"iat": nowUnix - 10, "exp": nowUnix - 10 + 3600}, ""},
		{"no iat", "", c{"iat": nil}, ""},
		{"no iat, far ahead", "", c{"iat": nil, "exp": nowUnix + 3631}, sso.TokenUnbounded},
		{"in a hundred years", "", c{"exp": nowUnix + 3_000_000_000}, sso.TokenUnbounded},
		{"another issuer", "", c{"iss": "https://idp.example/"}, sso.TokenIssuer},
		{"no issuer", "", c{"iss": nil}, sso.TokenIssuer},
		{"the other audience", "", c{"aud": "bi-cli"}, ""},
		{"one of several", "", c{"aud": []string{"x", "bi-cli"}}, ""},
		{"no audience", "", c{"aud": nil}, sso.TokenAudience},
		{"an empty list", "", c{"aud": []string{}}, sso.TokenAudience},
		{"another audience", "", c{"aud": []string{"x"}}, sso.TokenAudience},
		{"a number beside it", "", c{"aud": []any{"bi", 1}}, sso.TokenAudience},
		{"an empty audience", "", c{"aud": ""}, sso.TokenAudience},
		{"two audiences in one", "", c{"aud": "bi bi-cli"}, sso.TokenAudience},
		{"bound to a key", "", c{"cnf": c{"jkt": "x"}}, sso.TokenType},
		{"bound to a certificate", "", c{"cnf": c{"x5t#S256": "x"}}, sso.TokenType},
		{"bound to null", "", c{"cnf": json.RawMessage("null")}, sso.TokenType},
		{"at+jwt without jti", `{"alg":"HS256","typ":"at+jwt"}`, c{"jti": nil}, sso.TokenClaim},
		{"at+jwt without client_id", `{"alg":"HS256","typ":"at+jwt"}`, c{"client_id": nil}, sso.TokenClaim},
		{"at+jwt without iat", `{"alg":"HS256","typ":"at+jwt"}`, c{"iat": nil}, sso.TokenClaim},
		{"JWT without client_id", "", c{"client_id": nil, "jti": nil}, ""},
		{"no subject", "", c{"sub": nil}, sso.TokenSubjectMissing},
		{"subject a list", "", c{"sub": []string{"etl"}}, sso.TokenSubjectMissing},
		{"subject true", "", c{"sub": true}, sso.TokenSubjectMissing},
		{"subject with a space", "", c{"sub": "etl "}, sso.TokenSubjectMissing},
		{"subject a number", "", c{"sub": 7}, ""},
		{"no e-mail", "", c{"email": nil}, ""},
		{"a name for an e-mail", "", c{"email": "etl"}, ""},
		{"two mailboxes", "", c{"email": "a@evil.example@example.com"}, sso.TokenEmailInvalid},
		// SECURITY E1: an address that the issuer has not verified is anybody's
		{"an address that is not verified", "", c{"email_verified": false}, sso.EmailUnverified},
		{"so in words", "", c{"email_verified": "false"}, sso.EmailUnverified},
		{"neither yes nor no", "", c{"email_verified": 1}, sso.EmailUnverified},
		{"one that is", "", c{"email_verified": true}, ""},
		{"one that is, in words", "", c{"email_verified": "true"}, ""},
		{"null", "", c{"email_verified": json.RawMessage("null")}, ""},
		{"none that could be", "", c{"email": nil, "email_verified": false}, ""},
	} {
		header := tt.header
		if header == "" {
			header = hs256
		}
		x := &sso.Exam{Now: time.Unix(nowUnix, 0)}
		v.Verify(t.Context(), raw(header, bearerClaims(tt.claims), secret), x)
		if sso.CodeOf(x.Err) != tt.want {
			t.Errorf("%s: got %v, want %q", tt.name, x.Err, tt.want)
		}
		if tt.want == "" && (x.Identity.Subject.Value == "" || !x.Until.After(x.Now)) {
			t.Errorf("%s: got %+v until %v", tt.name, x.Identity, x.Until)
		}
	}
	x := &sso.Exam{Now: time.Unix(nowUnix, 0)}
	v.Verify(t.Context(), raw(hs256, bearerClaims(map[string]any{"exp": nowUnix - 100}), older), x)
	if sso.CodeOf(x.Err) != sso.TokenSignature { // CVE-2024-51744
		t.Errorf("an expired forgery: got %v", x.Err)
	}
}

// The zero value is the strict one: a verifier that was told nothing of audiences takes no token.
func TestBearerZeroValues(t *testing.T) {
	v := bearerVerifier(t)
	v.Audiences = nil
	for _, aud := range []any{nil, "", "bi", []string{}} {
		x := &sso.Exam{Now: time.Unix(nowUnix, 0)}
		v.Verify(t.Context(), raw(hs256, bearerClaims(map[string]any{"aud": aud}), secret), x)
		if sso.CodeOf(x.Err) != sso.TokenAudience {
			t.Errorf("aud %v: got %v", aud, x.Err)
		}
	}
	v.AnyAudience = true
	x := &sso.Exam{Now: time.Unix(nowUnix, 0)}
	if v.Verify(t.Context(), raw(hs256, bearerClaims(map[string]any{"aud": nil}), secret), x); x.Err != nil {
		t.Errorf("any audience: got %v", x.Err)
	}
}

// ending is a set of one key with an end.
type ending struct{ keys []keyset.Key }

func (e ending) Keys(context.Context, string) ([]keyset.Key, error) { return e.keys, nil }

// A token is good no longer than the key that signed it.
func TestBearerUntil(t *testing.T) {
	end := time.Unix(nowUnix+60, 0)
	keys, err := keyset.ParseKey(keyset.Spec{Name: "k", Data: []byte(secret), Alg: "HS256", Encoding: "text", NotAfter: end})
	if err != nil {
		t.Fatal(err)
	}
	v := bearerVerifier(t)
	v.Keys = ending{keys}
	x := &sso.Exam{Now: time.Unix(nowUnix, 0)}
	v.Verify(t.Context(), raw(hs256, bearerClaims(nil), secret), x)
	if x.Err != nil || !x.Until.Equal(end) {
		t.Errorf("got %v until %v, want %v", x.Err, x.Until, end)
	}
}

// An explanation tells of each check, and which key and claims it was (SECURITY A).
func TestBearerExplained(t *testing.T) {
	x := &sso.Exam{Now: time.Unix(nowUnix, 0), Explaining: true}
	bearerVerifier(t).Verify(t.Context(), raw(hs256, bearerClaims(map[string]any{"aud": "x", "exp": nowUnix - 100}), secret), x)
	var failed []string
	for _, c := range x.Checks {
		if !c.OK {
			failed = append(failed, c.Name)
		}
		if c.Name == "signature" && !strings.Contains(c.Detail, "signed with") {
			t.Errorf("signature: %q", c.Detail)
		}
	}
	if !slices.Equal(failed, []string{"expiry", "audience"}) {
		t.Errorf("failed: %q in %+v", failed, x.Checks)
	}
}

// SECURITY E1: an operator can say that addresses which the issuer has not verified are good there.
func TestBearerUnverifiedEmail(t *testing.T) {
	v := bearerVerifier(t)
	v.UnverifiedEmail = true
	x := &sso.Exam{Now: time.Unix(nowUnix, 0)}
	v.Verify(t.Context(), raw(hs256, bearerClaims(map[string]any{"email_verified": false}), secret), x)
	if x.Err != nil || x.Identity.Email != "etl@example.com" {
		t.Errorf("got %+v, %v", x.Identity, x.Err)
	}
}

// Tokens that are not good come by the thousand: what each costs besides its signature stays small.
func TestRefusedBearerAllocatesLittle(t *testing.T) {
	v, good := bearerVerifier(t), raw(`{"alg":"HS256","typ":"JWT","kid":"k"}`, bearerClaims(nil), secret)
	for what, tok := range map[string]string{
		"a bad signature": good[:strings.LastIndexByte(good, '.')+1] + strings.Repeat("A", 43),
		"no algorithm":    raw(`{"alg":"none","typ":"JWT"}`, bearerClaims(nil), secret),
	} {
		if judge(t, v, tok).Err == nil {
			t.Fatalf("%s: it is accepted", what)
		}
		x := exam()
		if n := testing.AllocsPerRun(100, func() { *x = sso.Exam{Now: x.Now}; v.Verify(t.Context(), tok, x) }); n > 25 {
			t.Errorf("%s: got %.0f allocations, want 25 at most", what, n)
		}
	}
}
