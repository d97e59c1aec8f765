package token_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/claim"
	"github.com/ssobridge/ssobridge/sso/token"
)

// Whether the userinfo endpoint is asked each time or when something is missing, the same person comes in with the same groups, or is
// refused for the same reason: whichever claims are where, and whatever the settings read. Only attributes may be fewer.
func TestUserinfoWhenNeeded(t *testing.T) {
	spared := 0
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	for range 5000 {
		v := verifier(t, sso.Strict)
		v.Names = claim.Mapping{Email: pick("email", "mail", "contact.mail"), FirstName: pick("given_name", ""), LastName: pick("family_name", ""), Name: pick("name", ""),
			Groups: pick("groups", "realm_access.roles"), Subject: pick("sub", "oid"), Principal: pick("", "", "upn,email,sub", "preferred_username, email"), Domain: pick("", "example.com")}
		if r.IntN(2) == 0 {
			v.Names = v.Names.Parsed()
		}
		if r.IntN(3) == 0 {
			v.Require = []claim.Requirement{{Claim: claim.Path{"tenant"}, Values: []string{"a"}}}
		}
		everything := map[string]any{"email": pick("ada@example.com", "Ada@example.com", "eve@example.com", ""), "email_verified": r.IntN(4) > 0, "mail": "ada@example.com",
			"contact": map[string]any{"mail": "ada@example.com"}, "given_name": "Ada", "family_name": "Lovelace", "name": "Ada L", "groups": []any{"a"},
			"realm_access": map[string]any{"roles": []any{"b"}}, "oid": "o-1", "upn": pick("ada@example.com", "", "ada"), "preferred_username": "ada@example.com", "tenant": pick("a", "b")}
		own, more := map[string]any{}, sso.Claims{"sub": "ada-1"}
		for name, value := range everything {
			where := r.IntN(10)
			if where < 8 {
				own[name] = value
			}
			if where > 5 && where < 9 {
				more[name] = value
			}
		}
		settings := token.OpenID{VerifiedEmail: r.IntN(2) == 0, Groups: r.IntN(2) == 0}
		always, asked := ask(t, *v, settings, own, more, true)
		auto, need := ask(t, *v, settings, own, more, false)
		if !settings.Groups {
			always.Identity.Groups, auto.Identity.Groups = nil, nil
			always.Identity.GroupsSent, auto.Identity.GroupsSent = false, false
		}
		always.Identity.Attributes, auto.Identity.Attributes = nil, nil
		if diff := cmp.Diff(always.Identity, auto.Identity); diff != "" || sso.CodeOf(always.Err) != sso.CodeOf(auto.Err) || !asked {
			t.Fatalf("%+v %+v, require %v, ID token %v, userinfo %v: always %v, when needed %v, asked %v and %v (-always +needed):\n%s",
				v.Names, settings, v.Require, own, more, always.Err, auto.Err, asked, need, diff)
		}
		if !need {
			spared++
		}
	}
	if spared < 100 {
		t.Errorf("it was spared %d times only", spared)
	}
}

// ask judges one ID token beside what userinfo has.
func ask(t *testing.T, v token.Verifier, settings token.OpenID, own map[string]any, more sso.Claims, always bool) (x *sso.Exam, asked bool) {
	t.Helper()
	settings.AlwaysAsk = always
	settings.Userinfo = func(context.Context, string) (sso.Claims, error) { asked = true; return maps.Clone(more), nil }
	v.OpenID = &settings
	all := claims()
	for _, name := range []string{"email", "first_name", "last_name", "groups"} {
		delete(all, name)
	}
	maps.Copy(all, own)
	all["nonce"], all["sub"] = "n", "ada-1"
	x = exam()
	x.Nonce, x.AccessToken = "n", "a"
	v.Verify(t.Context(), sign(t, all), x)
	return x, asked
}

// What says how a token was made cannot come from userinfo, whatever a setting requires.
func TestUserinfoIsNoProtocol(t *testing.T) {
	v := verifier(t, sso.Strict)
	v.Names.Subject = "sub"
	for _, name := range []string{"azp", "nbf", "jti", "auth_time", "acr", "amr", "at_hash", "c_hash", "sid"} { // without the others no token is good
		v.Require = []claim.Requirement{{Claim: claim.Path{name}, Values: []string{"forged"}}}
		own := map[string]any{"email": "ada@example.com"}
		if x, asked := ask(t, *v, token.OpenID{}, own, sso.Claims{"sub": "ada-1", name: "forged"}, true); x.Err == nil || !asked {
			t.Errorf("%s from userinfo counts: %v", name, x.Err)
		}
	}
}
