package admin_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/chromium"
)

// In a real browser the checks of a sign-in show within a second, without a key pressed, and end when the administrator is none any
// more. Without a script the page is loaded again, by its link. Nothing is blocked by our own policy.
func TestLiveWindowInABrowser(t *testing.T) {
	chromium.Need(t)
	b := start(t)
	attempt := `document.querySelector("#live .attempt .verdict")?.textContent ?? ""`
	var first, second, said string
	t.Run("with a script", func(t *testing.T) {
		b.t = t
		ctx, console := b.chromium(true)
		run := func(actions ...chromedp.Action) {
			t.Helper()
			if err := chromedp.Run(ctx, actions...); err != nil {
				t.Fatal(err)
			}
		}
		watching := chromedp.Poll(`document.getElementById("watching").textContent.includes("Watching.")`, nil)
		run(chromedp.Navigate(b.url+"/admin/providers/jwt"), chromedp.Focus(`a[href*="/admin/try/live"]:is(.button)`, chromedp.ByQuery), chromedp.KeyEvent(kb.Enter), chromedp.WaitReady("#live", chromedp.ByQuery), watching)
		if got := b.signIn(secret, claims{"exp": b.now().Add(-5 * time.Minute).Unix()}); got != "token_expired" {
			t.Fatal(got)
		}
		began := time.Now()
		run(chromedp.Poll(attempt+` !== ""`, nil), chromedp.Evaluate(attempt, &first), chromedp.Text("#watching", &said, chromedp.ByQuery))
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v, want at most a second", took)
		} else {
			t.Logf("shown after %v", took.Round(time.Millisecond))
		}
		if want := "Refused: " + sso.TokenExpired.Label(); first != want || said != want+". Watching. A sign-in shows here within a second." {
			t.Errorf("got %q, and %q to those who cannot see it; want %q", first, said, want)
		}
		// What has the focus keeps it, whatever comes.
		run(chromedp.Focus("#live .attempt a[href*=reference]", chromedp.ByQuery))
		if got := b.signIn(secret, nil); got != "" {
			t.Fatal(got)
		}
		focus := ""
		run(chromedp.Poll(`document.querySelectorAll("#live .attempt").length === 2`, nil), chromedp.Evaluate(attempt, &second), chromedp.Evaluate(`document.activeElement.textContent`, &focus))
		if second != "Signed in" || len(focus) != 8 {
			t.Errorf("got %q, and the focus on %q", second, focus)
		}
		for _, line := range console() {
			t.Errorf("console: got %s, want nothing", line)
		}
		checkLooks(ctx, t, false)
		if chromium.Shots() != "" {
			for _, l := range chromium.Looks("live") {
				l.Shoot(ctx, t, "full live")
			}
		}
		a := b.find("root@example.com")
		b.as("second@example.com", sso.Administrators) // the last one stays
		if err := b.store.RemoveMember(t.Context(), a.ID, sso.Administrators, sso.Event{Kind: sso.EventGroup}); err != nil {
			t.Fatal(err)
		}
		run(chromedp.Poll(`document.getElementById("watching").textContent.includes("no administrator any more")`, nil))
	})
	t.Run("without a script", func(t *testing.T) {
		b.t = t
		if err := b.store.AddMember(t.Context(), b.find("root@example.com").ID, sso.Administrators, sso.MemberByAdmin, sso.Event{Kind: sso.EventGroup}); err != nil {
			t.Fatal(err)
		}
		ctx, _ := b.chromium(false)
		if err := chromedp.Run(ctx, chromedp.Navigate(b.url+"/admin/try/live"), chromedp.WaitReady(".empty", chromedp.ByQuery)); err != nil {
			t.Fatal(err)
		}
		if got := b.signIn(secret, claims{"exp": 12}); got != "token_expired" {
			t.Fatal(got)
		}
		if err := chromedp.Run(ctx, chromedp.Focus(".watching .button", chromedp.ByQuery), chromedp.KeyEvent(kb.Enter), chromedp.WaitReady(".attempt", chromedp.ByQuery)); err != nil {
			t.Fatal(err)
		}
	})
}
