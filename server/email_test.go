package server_test

import (
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
)

// SECURITY E10: no spelling with letters of another alphabet, or with forms of its own letters, signs in as somebody else.
func TestNobodyPassesForAnother(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		b := start(t, database, "JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"root":["Administrators"]}`)
		victim := b.browser()
		victim.signIn(claims{"email": "victimks@example.com", "groups": "root"}).want(t, 302, "/")
		for _, email := range []string{
			"v\u0130ctimks@example.com", "v\u0131ctimks@example.com", "vict\u0130mks@example.com", "V\u0130CTIMKS@EXAMPLE.COM",
			"victim\u212As@example.com", "victimk\u017F@example.com", // K for Kelvin, long s
			"\uFF56ictimks@example.com", "v\u2071ctimks@example.com", "vi\u2102timks@example.com", // full width, superscript, double-struck
			"victimks@\uFF45xample.com", "victimks@example\u3002com", "victimks@exam\u24DFle.com", "victimks\uFF20example.com",
			"victimks@examp\u2113e.com", "\U0001D42Fictimks@example.com", "victimk\u02E2@example.com", "vi\u00ADctimks@example.com",
		} {
			c := b.browser()
			if resp := c.signIn(claims{"email": email}); resp.StatusCode != 401 || c.who() != nil {
				t.Errorf("%+q: got %d, signed in as %v", email, resp.StatusCode, c.who())
			}
			if e := b.lastEvent(); e.Code != sso.TokenEmailInvalid {
				t.Errorf("%+q: got the event %+v, want %s", email, e, sso.TokenEmailInvalid)
			}
		}
		if id := victim.who()["id"]; id != float64(1) || victim.who()["email"] != "victimks@example.com" {
			t.Errorf("the victim is now %v", victim.who())
		}
	})
}

// SECURITY E11: an address that RFC 5321 does not allow signs nobody in, and so makes no second account of one mailbox.
func TestAddressesThatAreNone(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		b := start(t, database)
		b.browser().signIn(claims{"email": "u@app.example"}).want(t, 302, "/")
		for _, email := range []any{
			"u@app.example.", ".u@app.example", "u.@app.example", "u@app..example", "u@-app.example", "u@app-.example", "u..u@app.example",
			"u\u3164@app.example", "u\u2800@app.example", "u\u200b@app.example", "u\ufe0f@app.example", "u\U000e0061@app.example", "u@app\u115f.example",
			`"u"@app.example`, "(u)u@app.example", "u@app.example(u)", "u@[127.0.0.1]", "U <u@app.example>", "u@xn--.example", "u@app_.example",
			[]string{"u@app.example"}, map[string]any{"u@app.example": true}, 7, 1e300, "u@" + strings.Repeat("app.", 100) + "example",
		} {
			c := b.browser()
			if resp := c.signIn(claims{"email": email}); resp.StatusCode != 401 || c.who() != nil {
				t.Errorf("%+q: got %d, signed in as %v", email, resp.StatusCode, c.who())
			}
			if e := b.lastEvent(); e.Code != sso.TokenEmailInvalid || e.Detail == "" {
				t.Errorf("%+q: got the event %+v, want %s and why", email, e, sso.TokenEmailInvalid)
			}
		}
	})
}

// SECURITY E1: a domain in letters and as xn-- is one domain, for tokens at any replica and for passwords.
func TestOneDomainIsOneAccount(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		b := start(t, database)
		replica := startOn(t, b)
		first := b.browser()
		first.signIn(claims{"email": "ada@münchen.example"}).want(t, 302, "/")
		for _, email := range []string{"ada@xn--mnchen-3ya.example", "ADA@MÜNCHEN.example", "ada@XN--MNCHEN-3YA.EXAMPLE"} {
			c := replica.browser()
			c.signIn(claims{"email": email}).want(t, 302, "/")
			if c.who()["id"] != first.who()["id"] {
				t.Errorf("%s: got the account %v, want %v", email, c.who(), first.who())
			}
		}
		other := b.browser()
		other.signIn(claims{"email": "ada@munchen.example"}).want(t, 302, "/")
		if other.who()["id"] == first.who()["id"] {
			t.Error("another domain has the same account")
		}
		hash, err := (&hasher{}).hash(t)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.store.CreateAccount(t.Context(), sso.Account{Email: "root@xn--bcher-kva.example", Active: true}, hash, nil, sso.Event{}); err != nil {
			t.Fatal(err)
		}
		c := b.browser()
		c.password("Root@Bücher.example", goodPassword).want(t, 303, "/")
		if c.email() != "root@xn--bcher-kva.example" {
			t.Errorf("with a password: signed in as %q", c.email())
		}
		if _, err := b.store.CreateAccount(t.Context(), sso.Account{Email: "root@bücher.example", Active: true}, hash, nil, sso.Event{}); sso.CodeOf(err) != sso.Conflict {
			t.Errorf("a second account of one mailbox: got %v, want %s", err, sso.Conflict)
		}
	})
}
