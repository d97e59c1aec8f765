package token_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// vouching is a server that says one thing of each token.
type vouching struct {
	claims sso.Claims
	err    error
	asked  int
}

func (v *vouching) Validate(context.Context, string, string) (sso.Claims, time.Time, error) {
	v.asked++
	return v.claims, time.Unix(nowUnix+60, 0), v.err
}

// The server is asked first, then the keys; with all, both decide. SECURITY A13, A14
func TestVouched(t *testing.T) {
	type c = map[string]any
	good, forged := raw(hs256, bearerClaims(nil), secret), raw(hs256, bearerClaims(nil), older)
	yes := sso.Claims{"sub": "etl", "groups": []any{"readers"}}
	no := fmt.Errorf("it does not take it: %w", sso.TokenSignature)
	away := fmt.Errorf("it hangs: %w", sso.ProviderUnavailable)
	for _, tt := range []struct {
		name    string
		token   string
		server  vouching
		all     bool
		keyless bool
		want    sso.Code
	}{
		{"the server takes it", good, vouching{claims: yes}, false, false, ""},
		{"the server takes a forgery", forged, vouching{claims: yes}, false, false, ""},
		{"only a key takes it", good, vouching{err: no}, false, false, ""},
		{"nobody takes it", forged, vouching{err: no}, false, false, sso.TokenSignature},
		{"the server is away, a key takes it", good, vouching{err: away}, false, false, ""},
		{"the server is away, and no key takes it", forged, vouching{err: away}, false, false, sso.TokenSignature},
		{"no key, the server is away", good, vouching{err: away}, false, true, sso.ProviderUnavailable},
		{"no key, the server says no", good, vouching{err: no}, false, true, sso.TokenSignature},
		{"no key, the server takes it", forged, vouching{claims: yes}, false, true, ""},
		{"all: both take it", good, vouching{claims: yes}, true, false, ""},
		{"all: only the server", forged, vouching{claims: yes}, true, false, sso.TokenSignature},
		{"all: only a key", good, vouching{err: no}, true, false, sso.TokenSignature},
		{"all: the server is away", good, vouching{err: away}, true, false, sso.ProviderUnavailable},
		{"all: of somebody else", good, vouching{claims: sso.Claims{"sub": "root"}}, true, false, sso.TokenSignature},
		{"any: of somebody else", good, vouching{claims: sso.Claims{"sub": "root"}}, false, false, sso.TokenSignature},
		{"expired", raw(hs256, bearerClaims(c{"exp": nowUnix - 60}), secret), vouching{claims: yes}, false, false, sso.TokenExpired},
		{"for another audience", raw(hs256, bearerClaims(c{"aud": "x"}), secret), vouching{claims: yes}, false, false, sso.TokenAudience},
		{"of another issuer", raw(hs256, bearerClaims(c{"iss": "x"}), secret), vouching{claims: yes}, false, false, sso.TokenIssuer},
		{"bound to a key", raw(hs256, bearerClaims(c{"cnf": c{}}), secret), vouching{claims: yes}, false, false, sso.TokenType},
		{"a logout token", raw(`{"alg":"HS256","typ":"logout+jwt"}`, bearerClaims(nil), secret), vouching{claims: yes}, false, false, sso.TokenType},
		{"no exp", raw(hs256, bearerClaims(c{"exp": nil}), secret), vouching{claims: yes}, false, false, ""},
		{"all: no exp", raw(hs256, bearerClaims(c{"exp": nil}), secret), vouching{claims: yes}, true, false, sso.TokenUnbounded},
		{"opaque", "abcdef", vouching{claims: sso.Claims{"sub": "etl", "iss": "https://idp.example", "aud": "bi"}}, false, true, ""},
		{"opaque, of nobody's issuer", "abcdef", vouching{claims: sso.Claims{"sub": "etl", "aud": "bi"}}, false, true, sso.TokenIssuer},
		{"opaque, and the server is away", "abcdef", vouching{err: away}, false, true, sso.ProviderUnavailable},
		{"all: opaque", "abcdef", vouching{claims: yes}, true, false, sso.TokenMalformed},
	} {
		v := bearerVerifier(t)
		v.Validator, v.ValidateAll = &tt.server, tt.all
		if tt.keyless {
			v.Keys = nil
		}
		x := &sso.Exam{Now: time.Unix(nowUnix, 0)}
		v.Verify(t.Context(), tt.token, x)
		if sso.CodeOf(x.Err) != tt.want {
			t.Errorf("%s: got %v, want %q", tt.name, x.Err, tt.want)
		}
		if tt.want == "" && (x.Identity.Subject.Value != "etl" || !x.Until.After(x.Now)) {
			t.Errorf("%s: got %+v until %v", tt.name, x.Identity, x.Until)
		}
		if tt.want == "" && tt.server.claims != nil && x.Until.After(time.Unix(nowUnix+60, 0)) {
			t.Errorf("%s: remembered until %v", tt.name, x.Until)
		}
	}
	server := vouching{claims: yes}
	v := bearerVerifier(t)
	v.Validator = &server
	for _, token := range []string{"a\r\nX: y", "a b", "ä"} {
		x := &sso.Exam{Now: time.Unix(nowUnix, 0)}
		if v.Verify(t.Context(), token, x); sso.CodeOf(x.Err) != sso.TokenMalformed || server.asked > 0 {
			t.Errorf("%q: got %v, asked %d times", token, x.Err, server.asked)
		}
	}
}

// A server can judge login tokens as well. Its word stands in the place of the signature and of nothing else: what is no signed
// token is refused before it is asked, the times are the token's own, and the token is used once. SECURITY A1, A14, C2
func TestVouchedLogin(t *testing.T) {
	with := func(name string, value any) string {
		c := claims()
		c[name] = value
		return sign(t, c)
	}
	good := sign(t, claims())
	forged := good[:len(good)-6] + "AAAAAA"
	none := raw(`{"alg":"none"}`, `{"email":"ada@example.com"}`, secret)
	yes := sso.Claims{"sub": "ada", "groups": []any{"readers"}, "exp": float64(nowUnix + 1e6), "iat": float64(nowUnix), "jti": "another"}
	no := fmt.Errorf("it does not take it: %w", sso.TokenSignature)
	for _, tt := range []struct {
		name    string
		token   string
		server  vouching
		all     bool
		keyless bool
		want    sso.Code
		asked   int
	}{
		{"the server takes it", good, vouching{claims: yes}, false, false, "", 1},
		{"there is no key", good, vouching{claims: yes}, false, true, "", 1},
		{"no key would take it", forged, vouching{claims: yes}, false, false, "", 1},
		{"only a key takes it", good, vouching{err: no}, false, false, "", 1},
		{"nobody takes it", forged, vouching{err: no}, false, false, sso.TokenSignature, 1},
		{"no key, and the server does not take it", good, vouching{err: no}, false, true, sso.TokenSignature, 1},
		{"all: only the server", forged, vouching{claims: yes}, true, false, sso.TokenSignature, 1},
		{"all: only a key", good, vouching{err: no}, true, false, sso.TokenSignature, 1},
		{"unsigned", none, vouching{claims: yes}, false, true, sso.TokenSignature, 0},
		{"no token", "abcdef", vouching{claims: yes}, false, true, sso.TokenMalformed, 0},
		{"expired, whatever the server says", with("exp", nowUnix-60), vouching{claims: yes}, false, false, sso.TokenExpired, 1},
		{"of somebody else", with("sub", "root"), vouching{claims: yes}, false, false, sso.TokenSignature, 1},
	} {
		v := verifier(t, sso.Standard)
		v.Validator, v.ValidateAll = &tt.server, tt.all
		if tt.keyless {
			v.Keys = nil
		}
		x := judge(t, v, tt.token)
		if sso.CodeOf(x.Err) != tt.want || tt.server.asked != tt.asked {
			t.Errorf("%s: got %v, asked %d times; want %q", tt.name, x.Err, tt.server.asked, tt.want)
		}
		if tt.want != "" {
			continue
		}
		alone := judge(t, verifier(t, sso.Standard), good)
		if x.Proof != alone.Proof && tt.token == good || x.Proof.Key == "" {
			t.Errorf("%s: spent as %+v, want %+v", tt.name, x.Proof, alone.Proof)
		}
	}
}
