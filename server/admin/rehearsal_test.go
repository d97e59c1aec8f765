package admin_test

import (
	"net/url"
	"testing"

	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

// A rule that would have refused the last sign-ins is not saved before that was confirmed, and for no more than was confirmed. A
// rule that refuses nobody is saved at once. No script is needed.
func TestRulesAreRehearsed(t *testing.T) {
	b := start(t)
	c := b.admin()
	for _, email := range []string{"ann@example.com", "bob@other.example", `"<script>alert(1)</script>"@example.com`} {
		if got := b.signIn(secret, claims{"email": email}); got != "" && email[0] != '"' {
			t.Fatal(got)
		}
	}
	const path = "/admin/providers/jwt"
	fill := func(body, field, value string) url.Values {
		form := formWith(t, body, field)
		form.Set(field, value)
		return form
	}
	page := c.get(path)
	contains(t, page, 200, "What would it have done?", "100 % of the last 2 tokens had this claim.")

	// Asked: what was typed stays, and nothing is saved.
	form := fill(page.body, "JWT_ISSUER", "<script>acme")
	form.Set("preview", "yes")
	asked := c.post(path, form)
	contains(t, asked, 409, "Nothing is saved yet. These rules would have refused 2 of the last 2 sign-ins.", "2 × ", "iss is absent or null")
	if !dom.Has(asked.body, `details[open] [name="JWT_ISSUER"][value="<script>acme"]`) || dom.Has(asked.body, "main script") {
		t.Errorf("want what was typed, as text: %s", asked.body)
	}
	// Saved: only when it is confirmed.
	form = fill(page.body, "JWT_ISSUER", "acme")
	refused := c.post(path, form)
	contains(t, refused, 409, "If that is meant, save once more.", ", and refuse such sign-ins</button>")
	if got := b.signIn(secret, nil); got != "" {
		t.Errorf("the rule is in force already: %s", got)
	}
	confirmed := formWith(t, refused.body, "JWT_ISSUER")
	if confirmed.Get("refused") != "2" || confirmed.Get("JWT_ISSUER") != "acme" {
		t.Fatalf("got %v", confirmed)
	}
	contains(t, c.post(path, confirmed), 409, "refused 3 of the last 3 sign-ins") // one more came meanwhile
	confirmed.Set("refused", "3")
	late := b.signedIn("root@example.com", 3600e9)
	b.asksFirst(t, late, path, confirmed)
	c.post(path, confirmed).want(t, 303, path+"?done=saved")
	if got := b.signIn(secret, nil); got != "token_issuer" {
		t.Errorf("got %q, want the rule in force", got)
	}
	// An old form is told so before anything else.
	contains(t, c.post(path, confirmed), 409, "Somebody else has saved settings meanwhile")

	// People are named.
	who := c.post(path, fill(c.get(path).body, "JWT_ALLOWED_DOMAINS", "example.com"))
	contains(t, who, 409, "Of 2 people, 1 could not come in any more.", `[href^="/admin/people/"]`, "bob@other.example")
	// The loosening of a rule refuses nobody, and is saved at once.
	c.post(path, fill(c.get(path).body, "JWT_ISSUER", "")).want(t, 303, path+"?done=saved")
	form = fill(c.get(path).body, "JWT_MAX_AGE", "200s")
	form.Set("preview", "yes")
	contains(t, c.post(path, form), 200, "Nothing is saved yet. These rules would have refused none of the last 3 sign-ins.")
	// A value that is none is told when one asks, too.
	form.Set("JWT_MAX_AGE", "soon")
	contains(t, c.post(path, form), 400, `<a href="#JWT_MAX_AGE">`)

	var out struct {
		SignIns int `json:"sign_ins"`
		Refused int
		Reasons []struct {
			Code   string
			Count  int
			Detail string
		}
		Unjudged []string
		Shut     int `json:"shut_out"`
		Some     []struct{ Email string }
	}
	c.call("POST", "/api/v1/providers/jwt/rehearsal", map[string]any{"values": map[string]any{"JWT_REQUIRE": `[{"claim":"department","values":["sales"]}]`, "JWT_ALLOWED_DOMAINS": "example.com"}}, &out)
	if out.SignIns != 3 || out.Refused != 3 || len(out.Reasons) != 1 || out.Reasons[0].Code != "token_claim" || out.Shut != 1 || len(out.Some) != 1 {
		t.Errorf("API: got %+v", out)
	}
	if resp := c.call("POST", "/api/v1/providers/nobody/rehearsal", map[string]any{"values": map[string]any{}}, nil); resp.StatusCode != 404 {
		t.Errorf("a provider that is not there: got %d", resp.StatusCode)
	}
	if resp := c.call("POST", "/api/v1/providers/jwt/rehearsal", map[string]any{"values": map[string]any{"JWT_MAX_AGE": "soon"}}, nil); resp.StatusCode != 400 {
		t.Errorf("a value that is none: got %d", resp.StatusCode)
	}
}
