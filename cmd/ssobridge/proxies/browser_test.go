package proxies

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// A person opens a deep link, is sent to the identity provider, and arrives where they wanted to go.
func TestBrowser(t *testing.T) {
	chromium := ssotest.Need(t, "chromium", "apt-get install chromium")
	for _, p := range proxies() {
		t.Run(p.name, func(t *testing.T) {
			s := start(t, p)
			deep := s.site() + "/question/1?x=1&y=%2F%2F"
			var address, who string
			err := chromedp.Run(browser(t, chromium),
				chromedp.Navigate(deep),
				chromedp.WaitVisible("#who", chromedp.ByQuery),
				chromedp.Location(&address),
				chromedp.Text("#who", &who, chromedp.ByQuery),
			)
			if err != nil {
				t.Fatal(err)
			}
			if address != deep {
				t.Errorf("got to %s, want %s", address, deep)
			}
			if want := "ann@example.com | Ann Lee | All Users | /question/1?x=1&y=%2F%2F"; who != want {
				t.Errorf("the app knows %q, want %q", who, want)
			}
		})
	}
}

// browser starts Chromium with an empty profile.
func browser(t *testing.T, path string) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.DisableGPU,
	)
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	return ctx
}
