package admin_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/server/product"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

// The first sentence says whether sign-in works: trouble of the last hour comes before all else, and leads to its events.
func TestOverviewTellsOfTrouble(t *testing.T) {
	b := start(t)
	c := b.admin()
	state := func() string {
		t.Helper()
		return strings.Join(dom.Text(c.get("/admin").body, ".state"), " ")
	}
	if got := state(); !strings.Contains(got, "Sign-in works.") && !strings.Contains(got, "Ready.") {
		t.Errorf("before anything happened: got %q", got)
	}
	refuse := func(n int, ago time.Duration, code sso.Code) {
		for range n {
			b.record(sso.Event{At: b.now().Add(-ago), Kind: sso.EventSignInRefused, Code: code, Provider: "jwt", Reference: "ABCD2345"})
		}
	}
	refuse(9, 2*time.Hour, sso.TokenExpired)
	if got := state(); strings.Contains(got, "refused.\u00a0") || strings.Contains(got, "Most sign-ins") {
		t.Errorf("refusals of two hours ago: got %q", got)
	}
	refuse(1, time.Minute, sso.TokenExpired)
	refuse(4, time.Minute, sso.TokenSignature)
	got := state()
	for _, want := range []string{"Most sign-ins are refused.", "5 were refused in the last hour", strings.ToLower(sso.TokenSignature.Label())} {
		if !strings.Contains(strings.ToLower(got), strings.ToLower(want)) {
			t.Errorf("got %q, want in it %q", got, want)
		}
	}
	page := c.get("/admin").body
	look := dom.Attr(page, ".state a", "href")
	if len(look) != 1 || !strings.Contains(look[0], "code="+string(sso.TokenSignature)) {
		t.Fatalf("got the link %q, want one to the events", look)
	}
	contains(t, c.get(strings.ReplaceAll(look[0], b.url, "")), 200, "ABCD2345")
	reasons := dom.Text(page, "[aria-labelledby=refused] li a")
	if want := []string{sso.TokenExpired.Label(), sso.TokenSignature.Label()}; !slices.Equal(reasons, want) {
		t.Errorf("got the reasons %q, want %q: the most frequent first", reasons, want)
	}
}

// Why somebody cannot sign in is found by a name, an address and a reference, in the second page at most.
func TestWhyCantSomeoneSignIn(t *testing.T) {
	b := start(t)
	c := b.admin()
	b.signIn(secret, claims{"email": "zoe@example.com", "first_name": "Zoë", "last_name": "Quark"})
	zoe := b.find("zoe@example.com")
	b.record(
		sso.Event{At: b.now(), Kind: sso.EventSignInRefused, Code: sso.TokenExpired, AccountID: zoe.ID, Email: zoe.Email, Provider: "jwt", Reference: "AAAABBBB", Detail: "of-zoe"},
		sso.Event{At: b.now(), Kind: sso.EventSignInRefused, Code: sso.ProvisioningOff, Email: "new@example.com", Provider: "jwt", Reference: "CCCCDDDD", Detail: "of-nobody"},
		sso.Event{At: b.now().AddDate(0, 0, -40), Kind: sso.EventSignInRefused, Code: sso.TokenExpired, AccountID: zoe.ID, Email: zoe.Email, Reference: "EEEEFFFF", Detail: "long-ago"},
	)
	for _, tt := range []struct {
		q        string
		has, not []string
	}{
		{"zoe quark", []string{"Zoë Quark", "of-zoe", sso.TokenExpired.Label()}, []string{"of-nobody", "long-ago"}},
		{"ZOE@example.com", []string{"Zoë Quark", "of-zoe"}, []string{"of-nobody"}},
		{"new@example.com", []string{"of-nobody", sso.ProvisioningOff.Label()}, []string{"of-zoe"}},
		{"cccc-dddd", []string{"of-nobody"}, []string{"of-zoe"}},
		{"eeeeffff", []string{"long-ago"}, []string{"of-zoe"}},
		{"nobody at all", []string{"Nothing is known of", "nobody at all"}, []string{"of-zoe"}},
		{"<b>\u202e", []string{"Nothing is known of"}, []string{"<b>\u202e"}},
		{"", []string{"Find out"}, []string{"Nothing is known", "of-zoe"}},
	} {
		resp := c.get("/admin/why?q=" + url.QueryEscape(tt.q))
		contains(t, resp, 200, tt.has...)
		for _, not := range tt.not {
			if strings.Contains(resp.body, not) {
				t.Errorf("%q: got %q, which is about something else", tt.q, not)
			}
		}
	}
	if err := b.store.SetActive(t.Context(), zoe.ID, false, sso.Event{Kind: sso.EventAccount}); err != nil {
		t.Fatal(err)
	}
	contains(t, c.get("/admin/why?q=quark"), 200, "The account is deactivated")
}

// The steps lead whoever is new from an empty bridge to the first sign-in, and open in place: what each needs is there.
func TestStepsToConnectAProduct(t *testing.T) {
	b := start(t, "JWT_GROUP_SYNC=true", "JWT_IDENTITY_PROVIDER_URI=", "JWT_SHARED_SECRET=", "JWT_ISSUER=acme-7")
	c := b.admin()
	if page := c.get("/admin").body; dom.Has(page, ".warn") || !strings.Contains(page, "Not set up.") {
		t.Errorf("of an empty bridge: got the warnings %q beside the steps, which say the same", dom.Text(page, ".warn"))
	}
	left := func() []string { return dom.Text(c.get("/admin").body, ".steps li:not(.done) summary") }
	const first, second, code, try = "Give the address of your product’s sign-in page needed", "Make the shared secret, and give it to your product needed", "Add one page to your product needed", "Sign in once through your product needed"
	if got := left(); len(got) != 6 || !slices.Equal(got[:4], []string{first, second, code, try}) {
		t.Errorf("of an empty bridge: the steps are %q", got)
	}
	address := c.fields("/admin", `.steps form[action$="/admin/providers/jwt"]`)
	wrong := maps.Clone(address)
	wrong.Set("JWT_IDENTITY_PROVIDER_URI", "no address")
	if resp := c.post("/admin/providers/jwt", wrong); resp.StatusCode != http.StatusBadRequest || !dom.Has(resp.body, `[value="no address"]`) {
		t.Errorf("a wrong address: got %d, want what was typed", resp.StatusCode)
	}
	address.Set("JWT_IDENTITY_PROVIDER_URI", "https://idp.example/login")
	if resp := c.post("/admin/providers/jwt", address); resp.Header.Get("Location") != "/admin?done=saved" {
		t.Errorf("the address: got %d to %q, want the way back", resp.StatusCode, resp.Header.Get("Location"))
	}
	made := c.post("/admin/providers/jwt/keys", c.fields("/admin", `.steps form[action$="/keys"]`))
	secrets := dom.Text(made.body, "code.secret")
	if len(secrets) != 1 {
		t.Fatalf("the secret: got %d with %q, want it shown once", made.StatusCode, secrets)
	}
	if got := left(); !slices.Equal(got[:2], []string{code, try}) {
		t.Errorf("with an address and a secret: the steps are %q", got)
	}
	page := c.get("/admin").body
	pages, err := product.Pages(b.url, "acme-7")
	if err != nil {
		t.Fatal(err)
	}
	shown := dom.Text(page, ".codes pre")
	for i, p := range pages {
		if i >= len(shown) || strings.Join(strings.Fields(shown[i]), " ") != strings.Join(strings.Fields(p.Code), " ") {
			t.Errorf("the code in %s is not the file %s", p.Language, p.File)
		}
	}
	if strings.Contains(page, secrets[0]) || len(page) > 60_000 {
		t.Errorf("the overview has %d bytes, want less than 60,000, and no secret", len(page))
	}
	if got := b.signIn(secrets[0], claims{"email": "first@example.com", "iss": "acme-7"}); got != "" {
		t.Fatal(got)
	}
	if got := left(); len(got) != 2 || dom.Has(c.get("/admin").body, "details.all[open]") {
		t.Errorf("after the first sign-in the steps are %q, want those that are not needed, folded", got)
	}
	for _, href := range dom.Attr(c.get("/admin").body, ".steps a", "href") {
		if resp := c.get(strings.TrimPrefix(href, b.url)); resp.StatusCode != 200 && resp.StatusCode != 302 && resp.StatusCode != 303 {
			t.Errorf("the step %s: got %d", href, resp.StatusCode)
		}
	}
}

// Where the mapping is off, it is no step that is done before anybody has signed in. Then who left it off has decided so.
func TestTheMappingIsAStep(t *testing.T) {
	b := start(t)
	c := b.admin()
	mapping := func() bool {
		return slices.Contains(dom.Text(c.get("/admin").body, ".steps li:not(.done) summary"), "Say which groups people get when you like")
	}
	if !mapping() {
		t.Error("before the first sign-in: the mapping counts as done")
	}
	b.signIn(secret, claims{"email": "first@example.com"})
	if mapping() {
		t.Error("after it: got the step again")
	}
}

// fields are those of a form on a page, as a browser would send them.
func (c *browser) fields(path, selector string) url.Values {
	c.b.t.Helper()
	form := fieldsOf(c.get(path).body, selector)
	if len(form) == 0 {
		c.b.t.Fatalf("%s has no form %s", path, selector)
	}
	return form
}

func fieldsOf(page, selector string) url.Values {
	form, values := url.Values{}, dom.Attr(page, selector+" input[name]", "value")
	for i, name := range dom.Attr(page, selector+" input[name]", "name") {
		form.Add(name, values[i])
	}
	return form
}

// An administrator without a passkey is offered one where they work. Who declines it still has the step.
func TestOverviewOffersAPasskey(t *testing.T) {
	const offer, step = "Add a passkey so that you get in", "Have a second way in for yourself: a passkey"
	b := start(t)
	if page := b.admin().get("/admin"); strings.Contains(page.body, offer) || !strings.Contains(page.body, step) {
		t.Error("where passkeys do not work: got the offer, or no step")
	}
	b = start(t, "SITE_URL=http://localhost:1")
	c := b.admin()
	if page := c.get("/admin"); strings.Contains(page.body, offer) || !strings.Contains(page.body, "The steps below lead there.") {
		t.Error("before the first sign-in through the product: got the offer, or no word of the steps")
	}
	b.signIn(secret, claims{"email": "first@example.com"})
	contains(t, c.get("/admin"), 200, offer, step, `.offer [name="return_to"][value="/admin"]`)
	if page := c.get("/admin", "Cookie: ssobridge-no-offer=1"); strings.Contains(page.body, offer) || !strings.Contains(page.body, step) {
		t.Error("declined: got the offer again, or no step")
	}
}
