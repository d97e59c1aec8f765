package token_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/logout"
	"github.com/ssobridge/ssobridge/sso/token"
)

// The verifier of logout tokens is as strict in each profile, and says when the last login of before is over. The refusals, each
// with its code, are tested at the door (server). SECURITY A12, D9
func TestLogoutTokens(t *testing.T) {
	good := func() map[string]any {
		return map[string]any{"iss": "https://idp.example", "aud": "bridge", "iat": nowUnix, "exp": nowUnix + 60, "jti": "j", "sub": "7",
			"events": map[string]any{logout.EventURI: map[string]any{}}}
	}
	payload := func(c map[string]any) string {
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	v := verifier(t, sso.Strict)
	v.Use, v.Issuer, v.Audience, v.MaxAge, v.MaxLifetime = token.ForLogout, "https://idp.example", "bridge", time.Hour, 10*time.Minute
	for typ, want := range map[string]sso.Code{
		`"typ":"logout+jwt",`: "", `"typ":"LOGOUT+JWT",`: "", `"typ":"application/logout+jwt",`: "", "": "",
		`"typ":"JWT",`: sso.TokenType, `"typ":"",`: sso.TokenType, `"typ":7,`: sso.TokenType, `"typ":null,`: sso.TokenMalformed,
	} {
		x := judge(t, v, raw(`{`+typ+`"alg":"HS256"}`, payload(good()), secret))
		if sso.CodeOf(x.Err) != want {
			t.Errorf("%s: got %v, want %q", typ, x.Err, want)
		}
		if want == "" && (!x.Issued.Equal(x.Now) || x.Until.Before(x.Now.Add(v.MaxAge+v.Leeway)) || x.Proof.Key == "" || x.Identity.Email != "") {
			t.Errorf("%s: got issued %v, until %v, proof %q", typ, x.Issued, x.Until, x.Proof.Key)
		}
	}
	for _, name := range []string{"iss", "aud", "iat", "exp", "jti", "sub", "events"} {
		c := good()
		delete(c, name)
		if x := judge(t, v, raw(`{"alg":"HS256"}`, payload(c), secret)); x.Err == nil {
			t.Errorf("without %s: accepted", name)
		}
	}
}
