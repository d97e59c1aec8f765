package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/chromium"
)

// startOpenID runs providers that other people wrote (npm oidc-provider), and a bridge that has nothing but them.
func startOpenID(t *testing.T, names ...string) *bridge {
	t.Helper()
	chromium.InCI(t)
	node := ssotest.Need(t, "node", "apt-get install nodejs")
	modules := nodeModules(t, "oidc-provider", "jose")
	port := ssotest.FreePort(t)

	script := filepath.Join(program.TempDir(t), "provider.mjs") // modules of ES are looked for beside the script
	source, err := os.ReadFile("testdata/openid/provider.mjs")
	if err == nil {
		err = os.WriteFile(script, source, 0o600)
	}
	if err == nil {
		err = os.Symlink(modules, filepath.Join(filepath.Dir(script), "node_modules"))
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, append([]string{script, "http://localhost:" + port}, names...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	var issuers map[string]string
	if err == nil {
		err = json.Unmarshal([]byte(line), &issuers)
	}
	if err != nil {
		t.Fatalf("the providers said %q: %v", line, err)
	}
	return startOpenIDBridge(t, port, issuers, names)
}

// startOpenIDBridge runs a bridge that has nothing but OpenID providers.
func startOpenIDBridge(t *testing.T, port string, issuers map[string]string, names []string, more ...string) *bridge {
	t.Helper()
	settings := []string{"MB_JWT_IDENTITY_PROVIDER_URI=", "MB_JWT_SHARED_SECRET=", "SSOBRIDGE_PROVIDERS=" + strings.Join(names, ","), "SSOBRIDGE_UPSTREAM=" + startApp(t)}
	for _, name := range names {
		prefix := "SSOBRIDGE_PROVIDER_" + strings.ToUpper(name) + "_"
		settings = append(settings, prefix+"KIND=oidc", prefix+"ISSUER="+issuers[name], prefix+"CLIENT_ID=ssobridge", prefix+"SCOPES=openid email profile groups",
			prefix+"CLIENT_SECRET=client-secret-client-secret-client-secret", prefix+"GROUP_SYNC=true", prefix+`GROUP_MAPPINGS={"research":["Research"]}`)
	}
	return startBridgeAt(t, port, "", append(settings, more...)...)
}

// as signs somebody in at the page of a provider.
func as(name string) chromedp.Tasks {
	return chromedp.Tasks{
		chromedp.WaitVisible("input[name=login]", chromedp.ByQuery),
		chromedp.SendKeys("input[name=login]", name, chromedp.ByQuery),
		chromedp.Click("button", chromedp.ByQuery),
	}
}

// TestOpenIDInBrowser: a person opens a deep link, signs in at a certified OpenID provider, and lands there with their groups.
func TestOpenIDInBrowser(t *testing.T) {
	b := startOpenID(t, "acme")
	deep := b.url("/question/1?x=1&y=%2F%2F")
	t.Run("from the sign-in page", func(t *testing.T) { // the first sign-in of all, to a site that no policy can name yet
		var address, who string
		err := chromedp.Run(browser(t), chromedp.Navigate(b.url("/login?return_to=%2Fone")), chromedp.Click("main a.button", chromedp.ByQuery), as("ada"), arrived(&address, &who))
		if err != nil || address != b.url("/one") {
			t.Errorf("got %s as %q, %v", address, who, err)
		}
	})
	t.Run("deep link", func(t *testing.T) {
		var address, who string
		if err := chromedp.Run(browser(t), chromedp.Navigate(deep+"#f"), as("ada"), arrived(&address, &who)); err != nil {
			t.Fatal(err)
		}
		if want := "ada@example.org | Ada Lovelace | All Users,Research | /question/1?x=1&y=%2F%2F"; address != deep+"#f" || who != want {
			t.Errorf("got %s as %q, want %s as %q", address, who, deep+"#f", want)
		}
	})
	t.Run("sign-out", func(t *testing.T) {
		yes := chromedp.Click("button[name=logout]", chromedp.ByQuery)
		b.signsOutAtBothEnds(t, as("ada"), yes, chromedp.Tasks{
			chromedp.Navigate(strings.Replace(b.issuer("acme"), "127.0.0.", "127.0.1.", 1) + "/session/end"), yes, chromedp.WaitVisible(`//h1[text()="Sign-out Success"]`),
		})
	})
	for name, want := range map[string]string{"eve": "Your e-mail address is not verified", "no": "You were not signed in"} {
		t.Run(name, func(t *testing.T) {
			var title string
			err := chromedp.Run(browser(t), chromedp.Navigate(deep), as(name), chromedp.WaitVisible("h1", chromedp.ByQuery), chromedp.Text("h1", &title, chromedp.ByQuery))
			if err != nil || title != want {
				t.Errorf("got the page %q, %v; want %q", title, err, want)
			}
		})
	}
	t.Run("two tabs", func(t *testing.T) {
		one := browser(t)
		two, closeTab := chromedp.NewContext(one)
		defer closeTab()
		tabs := map[string]context.Context{"/one?x=1": one, "/two?y=%2F": two}
		for path, tab := range tabs { // both begin before either ends
			if err := chromedp.Run(tab, chromedp.Navigate(b.url(path)), chromedp.WaitVisible("input[name=login]", chromedp.ByQuery)); err != nil {
				t.Fatal(err)
			}
		}
		for path, tab := range tabs {
			var address, who string
			if err := chromedp.Run(tab, as("ada"), arrived(&address, &who)); err != nil || address != b.url(path) || !strings.HasPrefix(who, "ada@example.org |") {
				t.Errorf("got %s as %q, %v; want %s as ada", address, who, err, b.url(path))
			}
		}
	})
}

// issuer is that of a provider of this bridge.
func (b *bridge) issuer(provider string) string {
	prefix := "SSOBRIDGE_PROVIDER_" + strings.ToUpper(provider) + "_ISSUER="
	for _, e := range b.env {
		if issuer, is := strings.CutPrefix(e, prefix); is {
			return issuer
		}
	}
	return ""
}

// signsOutAtBothEnds holds that a person who signs out here is signed out at the provider, too, and the other way round. in signs
// in at the page of the provider, confirm says there that the sign-out is meant, and away signs out with nothing but the provider.
// The notice of the provider comes before its page says that it is done (OpenID Connect Back-Channel Logout 1.0 §2.5).
func (b *bridge) signsOutAtBothEnds(t *testing.T, in, confirm, away chromedp.Action) {
	t.Helper()
	ctx, deep := browser(t), b.url("/question/1?x=1&y=%2F%2F")
	var address, who, title string
	for _, step := range []struct {
		name string
		do   chromedp.Tasks
	}{
		{"a sign-in", chromedp.Tasks{chromedp.Navigate(deep), in, arrived(&address, &who)}},
		{"a sign-out here", chromedp.Tasks{
			chromedp.Navigate(b.url("/auth/logout")), chromedp.Click("form[action='/auth/logout'] button", chromedp.ByQuery), confirm,
			chromedp.WaitVisible(`//h1[text()="You are signed out"]`), chromedp.Location(&title),
		}},
		{"a sign-in, for which the provider asks again", chromedp.Tasks{chromedp.Navigate(deep), in, arrived(&address, &who)}},
		{"a sign-out at the provider", chromedp.Tasks{away}},
		{"another sign-in, for which both ask again", chromedp.Tasks{chromedp.Navigate(deep), in, arrived(&address, &who)}},
	} {
		if err := chromedp.Run(ctx, step.do); err != nil {
			chromedp.Run(ctx, chromedp.Location(&address), chromedp.Text("body", &who, chromedp.ByQuery))
			t.Fatalf("%s: %v; the browser is at %s: %s", step.name, err, address, who)
		}
	}
	if !strings.HasPrefix(title, b.url("/auth/logout?state=")) || address != deep || !strings.HasPrefix(who, "ada@example.org | ") {
		t.Errorf("after the sign-out at %s, after the sign-in at %s as %q", title, address, who)
	}
	if n := strings.Count(b.log.String(), "signed out by the identity provider"); n < 2 {
		t.Errorf("%d notices of the provider came, want one for each sign-out", n)
	}
}

// TestTwoOpenIDProvidersInBrowser: one browser signs in at two of them at once, and each answer goes its own way.
func TestTwoOpenIDProvidersInBrowser(t *testing.T) {
	b := startOpenID(t, "acme", "other")
	one := browser(t)
	two, closeTab := chromedp.NewContext(one)
	defer closeTab()
	for _, step := range []struct {
		tab            context.Context
		provider, path string
	}{{one, "acme", "/one"}, {two, "other", "/two"}} {
		if err := chromedp.Run(step.tab, chromedp.Navigate(b.url("/auth/sso?provider="+step.provider+"&redirect="+step.path)),
			chromedp.WaitVisible(fmt.Sprintf(`//title[text()=%q]/following::input[@name="login"]`, step.provider))); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		tab       context.Context
		who, path string
	}{{two, "bob", "/two"}, {one, "ada", "/one"}} {
		var address, who string
		err := chromedp.Run(step.tab, as(step.who), arrived(&address, &who))
		if err != nil || address != b.url(step.path) || !strings.HasPrefix(who, step.who+"@example.org |") {
			t.Errorf("got %s as %q, %v; want %s as %s", address, who, err, b.url(step.path), step.who)
		}
	}
	// Her address at the other provider is no way into her account.
	var title string
	err := chromedp.Run(browser(t), chromedp.Navigate(b.url("/auth/sso?provider=other")), as("ada"), chromedp.WaitVisible("h1", chromedp.ByQuery), chromedp.Text("h1", &title, chromedp.ByQuery))
	if err != nil || !strings.Contains(b.log.String(), "link_refused") {
		t.Errorf("got the page %q, %v; want a refusal", title, err)
	}
}
