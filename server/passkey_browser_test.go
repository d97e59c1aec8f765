package server_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/chromium"
)

// step runs one step of a story and fails the test with its name.
func step(t *testing.T, ctx context.Context, name string, actions ...chromedp.Action) {
	t.Helper()
	within, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := chromedp.Run(within, actions...); err != nil {
		var where, text string
		_ = chromedp.Run(ctx, chromedp.Location(&where), chromedp.Text("body", &text, chromedp.ByQuery))
		t.Fatalf("%s: %v; at %s: %s", name, err, where, text)
	}
}

// hasText waits until the page says something.
func hasText(text string) chromedp.Action {
	return until(`document.readyState === "complete" && document.body.innerText.includes(` + quote(text) + `)`)
}

// until waits for a condition across navigations, in the midst of which a script cannot be run.
func until(script string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		for {
			ok := false
			if err := chromedp.Evaluate(script, &ok).Do(ctx); err == nil && ok {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `\'`) + "'" }

// The whole path in Chromium, with the keyboard: the set-up link from the log makes the administrator, who makes a passkey,
// signs in with it, and confirms with it. The authenticator is Chromium's own.
func TestPasskeyInABrowser(t *testing.T) {
	b := start(t, "SITE_URL=http://localhost:$PORT")
	link, err := b.srv.SetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx := chrome.Open(t, 90*time.Second)
	var key webauthn.AuthenticatorID
	var address, focus string
	step(t, ctx, "set up", chromium.Authenticator(&key),
		chromedp.Navigate(link),
		until(`document.getElementById("secret").value.length === 43 && document.activeElement.id === "email"`),
		chromedp.Location(&address),
		chromedp.KeyEvent("root@example.com"), chromedp.KeyEvent(kb.Tab),
		chromedp.KeyEvent(goodPassword), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab), // past "Show password"
		chromedp.KeyEvent(goodPassword), chromedp.KeyEvent(kb.Enter),
		hasText("How you sign in"))
	if strings.Contains(address, "#") {
		t.Errorf("address of the set-up page: got %q, want the secret out of it", address)
	}
	step(t, ctx, "add", chromedp.Click(`a[href="/auth/passkeys"]`, chromedp.ByQuery), hasText("You have none yet."),
		chromedp.WaitVisible("[data-passkey] button", chromedp.ByQuery),
		chromedp.Focus("#passkey-name", chromedp.ByQuery), chromedp.KeyEvent("Laptop"), chromedp.KeyEvent(kb.Tab),
		chromedp.Evaluate(`document.activeElement.textContent`, &focus), chromedp.KeyEvent(kb.Enter),
		hasText("Laptop"), hasText("Last used: never"))
	if focus != "Add a passkey" {
		t.Errorf("focus after the name: got %q, want the button", focus)
	}
	step(t, ctx, "add again", chromedp.WaitVisible("[data-passkey] button", chromedp.ByQuery), chromedp.Click("[data-passkey] button", chromedp.ByQuery),
		hasText("This device has a passkey of yours already."))
	step(t, ctx, "sign out and in", chromedp.Navigate(b.url+"/auth/logout"), chromedp.Click("main form button", chromedp.ByQuery), hasText("signed out"),
		chromedp.Navigate(b.url+"/login?return_to=/auth/passkeys"), chromedp.Click("details summary", chromedp.ByQuery),
		chromedp.Click("[data-passkey] button", chromedp.ByQuery), hasText("Your passkeys"), hasText("Last used: just now"))
	b.Pass(11 * time.Minute)
	step(t, ctx, "confirm", chromedp.Navigate(b.url+"/auth/passkeys"), hasText("confirm first that it is you"), chromedp.Click("main a.button", chromedp.ByQuery),
		hasText("Confirm that it is you"), chromedp.WaitVisible("[data-passkey] button", chromedp.ByQuery), chromedp.Click("[data-passkey] button", chromedp.ByQuery),
		hasText("Name of the new passkey"))
	if e := b.lastEvent(); e.Kind != sso.EventProof || e.Detail != "by passkey" {
		t.Errorf("event: got %+v", e)
	}

	// The device's PIN is wrong, then someone has a copy of the device.
	var copied *webauthn.Credential
	step(t, ctx, "a device that does not know its person", chromedp.Navigate(b.url+"/auth/logout"), chromedp.Click("main form button", chromedp.ByQuery), hasText("signed out"),
		webauthn.SetUserVerified(key, false), chromedp.Navigate(b.url+"/login"), chromedp.Click("details summary", chromedp.ByQuery),
		chromedp.Click("[data-passkey] button", chromedp.ByQuery), hasText("No passkey was used"),
		webauthn.SetUserVerified(key, true),
		chromedp.ActionFunc(func(ctx context.Context) error {
			all, err := webauthn.GetCredentials(key).Do(ctx)
			if err == nil && len(all) == 1 {
				copied = all[0]
			}
			return err
		}))
	if copied == nil {
		t.Fatal("got no credential from the device")
	}
	if copied.SignCount == 0 {
		t.Fatal("the device does not count; a copy cannot be told")
	}
	copied.SignCount = 0
	step(t, ctx, "a copy", webauthn.RemoveVirtualAuthenticator(key), chromium.Authenticator(&key),
		chromedp.ActionFunc(func(ctx context.Context) error { return webauthn.AddCredential(key, copied).Do(ctx) }),
		chromedp.Navigate(b.url+"/login"), chromedp.Click("details summary", chromedp.ByQuery),
		chromedp.Click("[data-passkey] button", chromedp.ByQuery), hasText("That passkey was not accepted"))
	if list, _, err := b.store.Events(t.Context(), sso.EventQuery{Kinds: []sso.EventKind{sso.EventWarning}}); err != nil || len(list) != 1 {
		t.Errorf("warning of a copy: got %+v, %v", list, err)
	}

	step(t, ctx, "without script", emulation.SetScriptExecutionDisabled(true), chromedp.Navigate(b.url+"/login"),
		chromedp.Click("details summary", chromedp.ByQuery), chromedp.WaitVisible(".passkey-off", chromedp.ByQuery))
}

// The first administrator without any password, where the bridge stands below a path: the script has to know it.
func TestSetupWithAPasskeyInABrowser(t *testing.T) {
	b := start(t, "SITE_URL=http://localhost:$PORT", "PATH_PREFIX=/_sso")
	link, err := b.srv.SetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx := chrome.Open(t, 90*time.Second)
	var key webauthn.AuthenticatorID
	step(t, ctx, "without an address", chromium.Authenticator(&key), chromedp.Navigate(link), until(`document.activeElement.id === "email"`),
		chromedp.Click("[data-passkey] button", chromedp.ByQuery), hasText("Not an e-mail address"))
	step(t, ctx, "set up", chromedp.SendKeys("#email", "root@example.com", chromedp.ByQuery), chromedp.Click("[data-passkey] button", chromedp.ByQuery),
		hasText("How you sign in"))
	if e := b.lastEvent(); e.Kind != sso.EventAccount || e.Detail != "first administrator made, with a passkey" {
		t.Errorf("event: got %+v", e)
	}
	step(t, ctx, "sign out and in", chromedp.Navigate(b.url+"/_sso/auth/logout"), chromedp.Click("main form button", chromedp.ByQuery), hasText("signed out"),
		chromedp.Navigate(b.url+"/_sso/login?return_to=/_sso/auth/passkeys"), chromedp.Click("details summary", chromedp.ByQuery),
		chromedp.Click("[data-passkey] button", chromedp.ByQuery), hasText("Your passkeys"), hasText("Last used: just now"))
}

// What goes wrong with a passkey is said in the language of the page: what the bridge answers, and what the browser says.
func TestPasskeyFailsInTheReadersLanguage(t *testing.T) {
	b := start(t, "SITE_URL=http://localhost:$PORT")
	b.root()
	owner := b.browser()
	owner.password("root@example.com", goodPassword).want(t, 303, "/")
	ctx := chrome.Open(t, 60*time.Second)
	var key webauthn.AuthenticatorID
	try := []chromedp.Action{chromedp.Navigate(b.url + "/login"), chromedp.Click("details summary", chromedp.ByQuery), chromedp.WaitVisible("[data-passkey] button", chromedp.ByQuery)}
	german := network.SetExtraHTTPHeaders(network.Headers{"Accept-Language": "de"})
	step(t, ctx, "a passkey that the bridge does not know", append(append([]chromedp.Action{network.Enable(), german, chromium.Authenticator(&key)}, try...),
		chromedp.Evaluate(`navigator.credentials.get = async () => ({id: "x", rawId: new ArrayBuffer(1), type: "public-key", getClientExtensionResults: () => ({}),
			response: {clientDataJSON: new ArrayBuffer(1), authenticatorData: new ArrayBuffer(1), signature: new ArrayBuffer(1)}})`, nil),
		chromedp.Click("[data-passkey] button", chromedp.ByQuery), hasText("Dieser Passkey wurde nicht angenommen"))...)
	step(t, ctx, "an error of the browser", append(try,
		chromedp.Evaluate(`navigator.credentials.get = async () => { throw new DOMException("The operation is insecure.", "SecurityError") }`, nil),
		chromedp.Click("[data-passkey] button", chromedp.ByQuery), hasText("Es hat nicht funktioniert."))...)
}
