package admin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/chromium"
)

// A worker does a job of an administrator with the keyboard alone, and counts what would be clicks.
type worker struct {
	t      *testing.T
	ctx    context.Context
	clicks int
}

// tabs is how far the keyboard goes to look for something.
const tabs = 150

// reach goes to the next of these elements with the key Tab.
func (w *worker) reach(selector string) {
	w.t.Helper()
	var stops []string
	for range tabs {
		var here bool
		var at string
		if err := chromedp.Run(w.ctx, chromedp.KeyEvent(kb.Tab), chromedp.Evaluate(fmt.Sprintf(`document.activeElement?.matches(%q) ?? false`, selector), &here),
			chromedp.Evaluate(`((a) => a?.id || a?.textContent.trim().slice(0, 30) || "")(document.activeElement)`, &at)); err != nil {
			w.t.Fatalf("%s: %v", selector, err)
		}
		if here {
			return
		}
		stops = append(stops, at)
	}
	w.t.Fatalf("%s: not reached by keyboard within %d stops: %q", selector, tabs, stops)
}

// click activates something, and waits for what it leads to.
func (w *worker) click(selector, key, then string) {
	w.t.Helper()
	w.reach(selector)
	w.press(key, then)
}

// press is click for what has the focus.
func (w *worker) press(key, then string) {
	w.t.Helper()
	w.clicks++
	if err := chromedp.Run(w.ctx, chromedp.KeyEvent(key)); err != nil {
		w.t.Fatal(err)
	}
	w.see(then)
}

// fill types into a field. That is no click.
func (w *worker) fill(selector, text string) {
	w.t.Helper()
	w.reach(selector)
	if err := chromedp.Run(w.ctx, chromedp.KeyEvent(text)); err != nil {
		w.t.Fatal(err)
	}
}

// see waits for a text of the page.
func (w *worker) see(text string) {
	w.t.Helper()
	body := ""
	for range 400 {
		ctx, cancel := context.WithTimeout(w.ctx, time.Second)
		err := chromedp.Run(ctx, chromedp.ActionFunc(func(ctx context.Context) error {
			return chromedp.Evaluate(`document.readyState === "complete" ? document.querySelector("main")?.textContent ?? document.body.textContent : ""`, &body).Do(ctx)
		}))
		cancel()
		if err == nil && strings.Contains(body, text) {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	w.t.Fatalf("no %q in %s", text, sso.Truncate(strings.Join(strings.Fields(body), " "), 2000))
}

func (w *worker) open(address, then string) {
	w.t.Helper()
	if err := chromedp.Run(w.ctx, chromedp.Navigate(address)); err != nil {
		w.t.Fatal(err)
	}
	w.see(then)
}

// A job is something that an administrator comes for.
type job struct {
	name   string
	most   int  // clicks
	script bool // it needs one
	start  func(t *testing.T) *bridge
	do     func(b *bridge, w *worker)
}

// jobs begin at the overview, or at the page that their comment names.
func jobs() []job {
	with := func(settings ...string) func(t *testing.T) *bridge {
		return func(t *testing.T) *bridge { return start(t, settings...) }
	}
	connected := func(t *testing.T) *bridge { // the offer waits until a product is connected
		b := start(t, localhost)
		if got := b.signIn(secret, claims{"email": "grace@acme.example"}); got != "" {
			t.Fatalf("sign-in: %q", got)
		}
		return b
	}
	return []job{
		{"the first administrator", 1, true, with(bare...), firstAdministrator},
		{"connect a product", 4, false, with(bare...), connectProduct},
		{"map three groups, and take it back", 4, false, with(), mapGroups},
		{"somebody cannot sign in", 2, false, with(), cannotSignIn},
		{"somebody left", 3, false, with(), someoneLeft},
		{"change the secret without an outage", 3, false, with(bare...), changeSecret},
		{"make a colleague an administrator", 3, false, with(), makeAdministrator},
		{"who did what last week, as a file", 3, false, with(), whoDidWhat},
		{"turn off password sign-in", 2, false, with(bare...), passwordsOff},
		{"turn off password sign-in, and make the sign-in that it needs", 2, false, with(bare...), passwordsOffAtOnce},
		{"add a passkey", 2, true, connected, addPasskey},
	}
}

// Each job takes no more clicks than it should, with the keyboard alone, and without a script where it needs none. Outside CI one
// of them is done.
func TestJobsTakeFewClicks(t *testing.T) {
	chromium.Need(t)
	for _, j := range ssotest.Some("jobs", jobs()...) {
		t.Run(j.name, func(t *testing.T) {
			b := j.start(t)
			w := &worker{t: t}
			if j.name == "the first administrator" {
				w.ctx = chrome.Open(t, 2*time.Minute)
			} else {
				w.ctx, _ = b.chromium(j.script)
				w.open(b.url+"/admin", "Overview")
			}
			j.do(b, w)
			if w.clicks > j.most {
				t.Errorf("got %d clicks, want at most %d", w.clicks, j.most)
			}
		})
	}
}

// By the link of the log. The overview then offers a second way in.
func firstAdministrator(b *bridge, w *worker) {
	link, err := b.srv.SetupLink(b.t.Context())
	if err != nil || link == "" {
		b.t.Fatalf("got the link %q, %v", link, err)
	}
	w.open(link, "Welcome")
	w.fill("#email", "ada@example.com")
	w.fill("#password", "a long pass phrase of mine")
	w.fill("#again", "a long pass phrase of mine")
	w.press(kb.Enter, "Connect your product")
	w.see("Have a second way in for yourself: a passkey")
}

// From the overview: the address, the code of the page that the product needs, the secret, and the test, whose verdict comes first.
func connectProduct(b *bridge, w *worker) {
	var key string
	idp := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, b.url+"/auth/sso?jwt="+b.token(key, nil), http.StatusFound)
	}))
	b.t.Cleanup(idp.Close)
	w.fill("#JWT_IDENTITY_PROVIDER_URI", idp.URL+"/login")
	w.press(kb.Enter, "Make the shared secret, and give it to your product needed")
	w.click(`.steps details:has(.codes) > summary`, kb.Enter, "The language of your product")
	w.click(`form:has([value="generate"]) button`, kb.Enter, "shown this once")
	if err := chromedp.Run(w.ctx, chromedp.Text(".secret", &key, chromedp.ByQuery)); err != nil {
		b.t.Fatal(err)
	}
	w.click(`form[action$="/try/begin"] button`, kb.Enter, "would be accepted")
	var first string
	if err := chromedp.Run(w.ctx, chromedp.Text("main h2", &first, chromedp.ByQuery)); err != nil || !strings.Contains(first, "accepted") {
		b.t.Errorf("the first heading: got %q, %v, want the verdict", first, err)
	}
}

// With the mode that there is; to choose another one takes one more, by the arrow keys.
func mapGroups(b *bridge, w *worker) {
	b.admin().mustSave("JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"ext0":["Old"]}`)
	if got := b.signIn(secret, claims{"groups": []string{"ext1", "ext2", "ext3"}}); got != "" {
		b.t.Fatal(got)
	}
	w.click(`.sections a[href$="/mapping"]`, kb.Enter, "How are groups set")
	for i, g := range []string{"Sales", "Support", "HR"} {
		row := i + 1
		w.fill(fmt.Sprintf(`[id="idp.%d"]`, row), fmt.Sprint("ext", row))
		w.fill(fmt.Sprintf(`[id="groups.%d"]`, row), g)
	}
	w.click(`.bar [value="preview"]`, kb.Enter, "ann@example.com")
	w.click(`.bar [value="save"]`, kb.Enter, "It is in force now")
	w.click(`.undo button`, kb.Enter, "Taken back")
}

// By first and last name, to the reason.
func cannotSignIn(b *bridge, w *worker) {
	if got := b.signIn(secret, claims{"first_name": "Ann", "last_name": "Miller"}); got != "" {
		b.t.Fatal(got)
	}
	if got := b.signIn(secret, claims{"exp": 12}); got != "token_expired" {
		b.t.Fatal(got)
	}
	w.fill("#q", "ann mill")
	w.press(kb.Enter, "What to do:")
	w.see(sso.TokenExpired.Label())
}

// By name, from the box of the overview.
func someoneLeft(b *bridge, w *worker) {
	if got := b.signIn(secret, claims{"first_name": "Ann", "last_name": "Miller"}); got != "" {
		b.t.Fatal(got)
	}
	w.fill("#q", "ann mill")
	w.press(kb.Enter, "No sign-in of this person was refused")
	w.click(`h2 a[href*="/people/"]`, kb.Enter, "Deactivate")
	w.click(`form[action$="/state"] button`, kb.Enter, "Reactivate")
	if b.find("ann@example.com").Active {
		b.t.Error("the account is active")
	}
}

// On the page of the provider. The old secret has not been used for a day; one that has asks for a tick besides, with the number.
func changeSecret(b *bridge, w *worker) {
	b.admin().mustSave("JWT_IDENTITY_PROVIDER_URI=https://idp.example/login", "JWT_SHARED_SECRET="+secret)
	w.open(b.url+"/admin/providers/jwt", "Keys")
	w.click(`details:has([value="generate"]) > summary`, kb.Enter, "The secret in use goes on working")
	w.click(`form:has([value="generate"]) button`, kb.Enter, "Your new secret")
	if got := b.signIn(secret, nil); got != "" {
		b.t.Errorf("with the old secret, meanwhile: %q", got)
	}
	b.ahead.Add(int64(25 * time.Hour))
	w.ctx, _ = b.chromium(false)
	w.open(b.url+"/admin/providers/jwt", "Last used")
	w.click(`tr:nth-child(2) form:has([value="remove"]) button`, kb.Enter, "accepted no more")
	if got := b.signIn(secret, nil); got != "token_signature" {
		b.t.Errorf("with the old secret, afterwards: got %q", got)
	}
}

// In the list of people. What it means is said before.
func makeAdministrator(b *bridge, w *worker) {
	b.account("ann@example.com")
	w.open(b.url+"/admin/people", "ann@example.com")
	w.click(`th a[href*="/people/"]`, kb.Enter, "Not an administrator")
	w.click(`section[aria-labelledby="administrator"] summary`, kb.Enter, "sees and changes everything here")
	w.click(`section[aria-labelledby="administrator"] button`, kb.Enter, "is an administrator of this bridge")
}

// By who did it and from which day on.
func whoDidWhat(b *bridge, w *worker) {
	c := b.admin()
	c.mustSave("SITE_NAME=Acme")
	w.click(`.sections a[href$="/activity"]`, kb.Enter, "Activity")
	w.fill("#actor", "root@example.com")
	w.fill("#from", b.now().AddDate(0, 0, -7).Format("01022006"))
	w.press(kb.Enter, "SITE_NAME")
	w.reach(`a[href*=".csv"]`)
	w.clicks++
	var address string
	if err := chromedp.Run(w.ctx, chromedp.Evaluate(`document.activeElement.href`, &address)); err != nil {
		b.t.Fatal(err)
	}
	resp := c.get(strings.TrimPrefix(address, b.url))
	if resp.StatusCode != http.StatusOK || !strings.Contains(resp.body, "SITE_NAME") || !strings.Contains(address, "actor=root") {
		b.t.Errorf("%s: got %d %s", address, resp.StatusCode, sso.Truncate(resp.body, 300))
	}
}

// productOf is a product that signs people in at once, as the administrator whose account is there already.
func productOf(b *bridge) {
	idp := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		back := url.Values{"jwt": {b.token(secret, claims{"email": "root@example.com"})}, "return_to": {r.URL.Query().Get("return_to")}}
		http.Redirect(rw, r, b.url+"/auth/sso?"+back.Encode(), http.StatusFound)
	}))
	b.t.Cleanup(idp.Close)
	b.admin().mustSave("JWT_IDENTITY_PROVIDER_URI="+idp.URL+"/login", "JWT_SHARED_SECRET="+secret)
}

// From the overview, once an administrator has come in through the product.
func passwordsOff(b *bridge, w *worker) {
	productOf(b)
	if got := b.signIn(secret, claims{"email": "root@example.com"}); got != "" {
		b.t.Fatal(got)
	}
	w.click(`.facts a[href$="/admin/sign-in"]`, kb.Enter, "Passwords and sessions")
	w.fill("#ENABLE_PASSWORD_LOGIN", "off")
	w.click(`form[action$="/admin/sign-in"] .actions .button`, kb.Enter, "It is in force now")
	b.passwordsAreOff()
}

// On the page of passwords. The button makes the sign-in that has to come first, and what was chosen is still there afterwards.
func passwordsOffAtOnce(b *bridge, w *worker) {
	productOf(b)
	w.open(b.url+"/admin/sign-in", "an administrator has to come in that way once")
	w.fill("#ENABLE_PASSWORD_LOGIN", "off")
	w.click(`button[value="through"]`, kb.Enter, "What you sent is still here")
	w.click(`main form button`, kb.Enter, "It is in force now")
	b.passwordsAreOff()
}

// From the offer of the overview. The page says that it is done, and still has the way back in its header.
func addPasskey(b *bridge, w *worker) {
	var key webauthn.AuthenticatorID
	if err := chromedp.Run(w.ctx, chromium.Authenticator(&key)); err != nil {
		b.t.Fatal(err)
	}
	if got := b.signIn(secret, claims{"email": "first@example.com"}); got != "" { // until then the steps of the overview come first
		b.t.Fatal(got)
	}
	w.open(b.url+"/admin", "Add a passkey so that")
	w.click(`.offer a[href$="/auth/passkeys"]`, kb.Enter, "You have none yet")
	w.click(`[data-passkey] button`, kb.Enter, "The passkey is added")
	w.see("Last used: never")
	w.reach(`header a[href$="/admin"]`)
}

func (b *bridge) passwordsAreOff() {
	b.t.Helper()
	cfg, _, err := b.runtime.Current(b.t.Context())
	if err != nil || cfg.EnablePasswordLogin {
		b.t.Errorf("password sign-in is on, or %v", err)
	}
}
