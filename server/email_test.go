package server_test

import (
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
