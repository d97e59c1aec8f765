package interop

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/chromium"
)

// TestExpressInBrowser is the promise to whoever has an IdP page for Metabase: an express page that knows nothing of
// ssobridge, the variables of Metabase, an app behind the bridge, and a person with a browser who opens a deep link.
func TestExpressInBrowser(t *testing.T) {
	chromium.InCI(t)
	ssotest.Need(t, "node", "apt-get install nodejs")
	modules := nodeModules(t, "express", "jsonwebtoken")

	app := startApp(t)
	site := "http://localhost:" + ssotest.FreePort(t)
	idp := startExpress(t, modules, site)
	b := startBridgeAt(t, strings.TrimPrefix(site, "http://localhost:"), idp,
		"MB_JWT_GROUP_SYNC=true", `MB_JWT_GROUP_MAPPINGS={"extSales":["Sales"]}`, "SSOBRIDGE_UPSTREAM="+app)
	deep := b.url("/question/1?x=1&y=%2F%2F")

	signIn := func(email, password string) chromedp.Tasks {
		return chromedp.Tasks{
			chromedp.WaitVisible(`//h1[text()="Sign in"]`),
			chromedp.SendKeys("input[name=email]", email, chromedp.ByQuery),
			chromedp.SendKeys("input[name=password]", password, chromedp.ByQuery),
			chromedp.Click("#login", chromedp.ByQuery),
		}
	}

	t.Run("deep link", func(t *testing.T) {
		ctx := browser(t)
		var address, who string
		err := chromedp.Run(ctx,
			chromedp.Navigate(deep+"#f"),
			signIn("rene@example.com", "wrong"), // a failed try must not lose the page that was wanted
			chromedp.WaitVisible(`//p[@id="error"][contains(., "Unknown")]`),
			signIn("rene@example.com", "correct horse"),
			chromedp.WaitVisible("#who", chromedp.ByQuery),
			chromedp.Location(&address),
			chromedp.Text("#who", &who, chromedp.ByQuery),
		)
		if err != nil {
			t.Fatal(err)
		}
		if want := deep + "#f"; address != want {
			t.Errorf("after signing in: got %s, want %s", address, want)
		}
		if want := "rene@example.com | Rene Mueller | All Users,Sales | /question/1?x=1&y=%2F%2F"; who != want {
			t.Errorf("the app knows: got %q, want %q", who, want)
		}
	})

	// An app that sends people to sign in by itself, as Metabase's does, passes the whole address on in redirect.
	t.Run("deep link in redirect", func(t *testing.T) {
		ctx := browser(t)
		var address string
		err := chromedp.Run(ctx,
			chromedp.Navigate(b.url("/auth/sso?redirect=%2Fquestion%2F1%3Fx%3D1%26y%3D%252F%252F%23f")),
			signIn("cecilia@example.com", "battery staple"),
			chromedp.WaitVisible("#who", chromedp.ByQuery),
			chromedp.Location(&address),
		)
		if err != nil {
			t.Fatal(err)
		}
		if want := deep + "#f"; address != want {
			t.Errorf("after signing in: got %s, want %s", address, want)
		}
	})

	// The address with the token stays in the browser's history; what happens when it is opened again depends on whose
	// browser it is.
	t.Run("the same token again", func(t *testing.T) {
		link := b.url("/auth/sso?jwt=" + mint(t, "again@example.com") + "&return_to=%2Fquestion%2F1%3Fx%3D1%26y%3D%252F%252F")
		ctx := browser(t)
		for _, time := range []string{"first", "second"} {
			var address, who string
			err := chromedp.Run(ctx,
				chromedp.Navigate(link),
				chromedp.WaitVisible("#who", chromedp.ByQuery),
				chromedp.Location(&address),
				chromedp.Text("#who", &who, chromedp.ByQuery),
			)
			if err != nil {
				t.Fatal(err)
			}
			if address != deep || !strings.HasPrefix(who, "again@example.com") {
				t.Errorf("the %s time in one browser: got %s as %q, want %s as again@example.com", time, address, who, deep)
			}
		}

		other := browser(t)
		var title, app string
		err := chromedp.Run(other,
			chromedp.Navigate(link),
			chromedp.WaitVisible("h1", chromedp.ByQuery),
			chromedp.Text("h1", &title, chromedp.ByQuery),
			chromedp.Navigate(deep),
			chromedp.WaitVisible("h1", chromedp.ByQuery),
			chromedp.Text("h1", &app, chromedp.ByQuery),
		)
		if err != nil {
			t.Fatal(err)
		}
		if app != "Sign in" {
			t.Errorf("after another browser opened the link (%q), the app shows it %q; want the login page", title, app)
		}
	})
}

// browser is a visitor with an empty profile.
func browser(t *testing.T) context.Context {
	t.Helper()
	return browsers.Open(t, time.Minute)
}

// browserWithProfile is browser in a Chromium of its own, and says where the profile is.
func browserWithProfile(t *testing.T) (ctx context.Context, profile string) {
	t.Helper()
	profile = program.TempDir(t)
	return chromium.Open(t, time.Minute, chromedp.UserDataDir(profile)), profile
}

// startExpress runs the page of testdata/idp-express and returns its address.
func startExpress(t *testing.T, modules, site string) string {
	t.Helper()
	cmd := exec.Command("node", "testdata/idp-express/server.cjs")
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules, "METABASE_SITE_URL="+site, "METABASE_JWT_SHARED_SECRET="+secret)
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
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the express page said nothing: %v", err)
	}
	return strings.TrimSpace(address)
}

// startApp runs an app that says what it was told.
func startApp(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		h := r.Header
		fmt.Fprintf(w, `<!doctype html><p id="who">%s | %s | %s | %s</p>`,
			h.Get("Remote-User"), h.Get("Remote-Name"), h.Get("Remote-Groups"), strings.ReplaceAll(r.URL.RequestURI(), "&", "&amp;"))
	})}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return "http://" + l.Addr().String()
}
