package server_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
	"github.com/ssobridge/ssobridge/templates"
)

// An offer is what a page lets a person do: a link, or a form with its fields.
type offer struct{ label, method, to, fields string }

// offersOf are the buttons of a page, in its order. They work without script.
func offersOf(body string) (all []offer) {
	labels, links := dom.Text(body, "main a.button"), dom.Attr(body, "main a.button", "href")
	for i := range labels {
		all = append(all, offer{labels[i], "GET", links[i], ""})
	}
	for i, to := range dom.Attr(body, "main form", "action") {
		fields := url.Values{}
		names, values := dom.Attr(body, "main form input", "name"), dom.Attr(body, "main form input", "value")
		for j, name := range names {
			fields.Set(name, values[j])
		}
		all = append(all, offer{dom.Text(body, "main form button")[i], "POST", to, fields.Encode()})
	}
	return all
}

// Whatever a login is refused with, the page has a button that does what it advises. What that leads to works, goes on to the page
// that was wanted, and has no token in it; the text for the administrator has what finds the refusal in the log.
//
// SECURITY K1, K3
func TestEachRefusalHasAnAction(t *testing.T) {
	b := start(t, "JWT_ISSUER=product", "PROVIDERS=partners", "PROVIDER_PARTNERS_SHARED_SECRET=3JqYyvT8sWk2nLr5Xa7mZd1cFhB9gPeUoQ4iKxMzN60",
		"PROVIDER_PARTNERS_IDENTITY_PROVIDER_URI=https://partners.example/login", "PROVIDER_PARTNERS_ISSUER=partners")
	const wanted = "/deep?x=1&report=7"
	for _, code := range sso.Codes() {
		err := fmt.Errorf("on purpose: %w", code)
		b.meddler.refuse.Store(&err)
		token := b.token(claims{"iss": "product", "jti": string(code)})
		resp := b.browser().get("/auth/sso?jwt="+token+"&return_to="+url.QueryEscape(wanted+"&old="+token), page)
		if code == sso.TokenReplayed { // the bridge does by itself what the page would advise
			if to := resp.Header.Get("Location"); resp.StatusCode != 302 || !strings.HasPrefix(to, "/auth/sso?again=yes") || !strings.HasSuffix(to, "&provider=jwt") {
				t.Errorf("%s: got %d to %q, want the sign-in to begin again", code, resp.StatusCode, to)
			}
			continue
		}
		if resp.StatusCode != code.Status() {
			t.Errorf("%s: got %d, want %d", code, resp.StatusCode, code.Status())
			continue
		}
		checkOffers(t, b, string(code), resp, token)
		report := strings.Join(dom.Text(resp.body, ".report pre"), "")
		for _, part := range []string{string(code), b.Now().UTC().Format("2006-01-02 15:04"), resp.Header.Get("X-Request-Id"), strings.Join(dom.Text(resp.body, ".reference code"), "")} {
			if part == "" || !strings.Contains(report, part) || !strings.Contains(b.log.String(), strings.Fields(part)[0]) {
				t.Errorf("%s: the text for the administrator is %q, without %q", code, report, part)
			}
		}
		if strings.Contains(report, "on purpose") {
			t.Errorf("%s: the text for the administrator says more than the code: %q", code, report)
		}
		ask := templates.ReasonOf(code).Action == templates.AskAdministrator
		if again := "/auth/sso?provider=jwt&redirect=" + url.QueryEscape(wanted); templates.ReasonOf(code).Action == templates.SignInAgain && code != sso.NotSignedIn &&
			!dom.Has(resp.body, `a.button[href="`+again+`"]`) {
			t.Errorf("%s: got %v, want a sign-in with the provider that refused, and then the page", code, offersOf(resp.body))
		}
		if dom.Has(resp.body, "details.report[open]") != (ask || templates.ReasonOf(code).Action == templates.UseAnother) {
			t.Errorf("%s: the text for the administrator is open %v", code, !ask)
		}
	}
}

// checkOffers follows each button of a page.
func checkOffers(t *testing.T, b *bridge, what string, resp response, token string) {
	t.Helper()
	offers := offersOf(resp.body)
	if len(offers) == 0 {
		t.Errorf("%s: the page has nothing to do: %s", what, resp.body)
	}
	for _, o := range offers {
		if strings.Contains(o.to+o.fields, token) || strings.Contains(o.to+o.fields, "old=") {
			t.Errorf("%s: %s carries the token on: %v", what, o.label, o)
		}
		if strings.HasPrefix(o.to, "mailto:?") {
			continue
		}
		if o.label == "Try again" || o.to == "/" { // of the app, which is not here; or of the bridge
			continue
		}
		headers, body := []string{page}, ""
		if o.method == "POST" {
			body = "application/x-www-form-urlencoded\n" + o.fields
			headers = append(headers, "Sec-Fetch-Site: same-origin")
		}
		if got := b.browser().send(o.method, o.to, body, headers...); got.StatusCode >= 400 {
			t.Errorf("%s: %s (%s %s): got %d, want it to work", what, o.label, o.method, o.to, got.StatusCode)
		}
	}
}

// The table of reasons is whole: each code has a title and a help of its own kind.
func TestEachCodeHasAReason(t *testing.T) {
	for _, code := range sso.Codes() {
		r := templates.ReasonOf(code)
		if code != sso.Internal && r.Title == templates.ReasonOf(sso.Internal).Title || r.Title == "" || strings.HasSuffix(r.Title, ".") || !strings.HasSuffix(r.Help, ".") {
			t.Errorf("%s: got %+v, want a heading and sentences", code, r)
		}
	}
}

// Somebody may not, and uses another account: the session here ends, an OpenID provider is asked for another account, and the sign-in
// ends at the page that was wanted.
func TestUseAnotherAccount(t *testing.T) {
	b := start(t, "JWT_LABEL=Acme", "JWT_LOGOUT_URI=https://idp.example/logout", "JWT_GROUP_SYNC=true", "UPSTREAM="+app(t).URL, `ACCESS_RULES=[{"path":"/sales","allow":["Sales"]}]`)
	c := b.browser()
	c.signIn(nil)
	refused := c.get("/sales?x=1", page)
	offers := offersOf(refused.body)
	i := slices.IndexFunc(offers, func(o offer) bool { return o.label == "Use another account" })
	if refused.StatusCode != 403 || i < 0 {
		t.Fatalf("got %d with %v", refused.StatusCode, offers)
	}
	for _, from := range []string{"cross-site", "same-site"} { // SECURITY G1
		if resp := c.send("POST", offers[i].to, "application/x-www-form-urlencoded\n"+offers[i].fields, page, "Sec-Fetch-Site: "+from); resp.StatusCode != 403 || c.email() == "" {
			t.Errorf("%s: got %d, and %q is signed in", from, resp.StatusCode, c.email())
		}
	}
	resp := c.send("POST", offers[i].to, "application/x-www-form-urlencoded\n"+offers[i].fields, page, "Sec-Fetch-Site: same-origin")
	if got := refresh(resp.body); got != "/login?another=yes&return_to=%2Fsales%3Fx%3D1" { // a page, since the way may lead to the product
		t.Errorf("got %d to %q, want a page that goes on to the sign-in page", resp.StatusCode, got)
	}
	if c.email() != "" || b.sessions() != 0 {
		t.Errorf("%q is signed in still", c.email())
	}
	next := c.get(refresh(resp.body), page)
	for _, want := range []string{`a[href="https://idp.example/logout"]`, `a[href="/auth/sso?return_to=%2Fsales%3Fx%3D1"]`} {
		if !dom.Has(next.body, want) {
			t.Errorf("got %d %s, want %s", next.StatusCode, next.body, want)
		}
	}

	signedIn := b.browser()
	signedIn.signIn(claims{"email": "bea@example.com"})
	login := signedIn.get("/login?return_to=/sales", page)
	if got := dom.Text(login.body, "main p")[0]; got != "You are signed in as bea@example.com." || !dom.Has(login.body, `form[action="/auth/logout"] input[name="return_to"][value="/sales"]`) {
		t.Errorf("the sign-in page of who is signed in: got %q in %s", got, login.body)
	}
	signedIn.get("/login?another=yes&return_to=https://evil.example/", page).want(t, 400, "") // SECURITY B1
	evil := signedIn.send("POST", "/auth/logout", form("scope", "another", "return_to", "https://evil.example/"), page)
	evil.want(t, 303, "/login?another=yes")

	w := startOpenID(t) // which is asked for another account at once
	w.idp.IDToken = func(map[string]any) {}
	of := w.browser()
	w.signIn(of)
	of.send("POST", "/auth/logout", form("scope", "another", "return_to", "/wanted"), page).want(t, 303, "/login?another=yes&return_to=%2Fwanted")
	if next := of.get("/login?another=yes&return_to=/wanted", page); !dom.Has(next.body, `a[href="/auth/sso?another=yes&return_to=%2Fwanted"]`) {
		t.Errorf("got %d %s, want a link that asks the provider for another account", next.StatusCode, next.body)
	}
	if to := w.begin(of, "?another=yes&return_to=/wanted"); !strings.Contains(to, "prompt=select_account") {
		t.Errorf("the provider is asked by %s, want it to ask for an account", to)
	}
	if to := w.begin(of, "?return_to=/wanted"); strings.Contains(to, "prompt=") {
		t.Errorf("a plain sign-in: the provider is asked by %s", to)
	}
}
