package proxies

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/ssobridge/ssobridge/sso/ssotest/chromium"
)

// chrome is the browser of the tests.
var chrome chromium.Shared

func TestMain(m *testing.M) { chrome.Main(m) }

// A person opens a deep link, is sent to the identity provider, and arrives where they wanted to go.
func TestBrowser(t *testing.T) {
	chromium.InCI(t)
	for _, p := range doors(t) {
		t.Run(p.name, func(t *testing.T) {
			s := start(t, p)
			deep := s.site() + "/question/1?x=1&y=%2F%2F"
			var address, who string
			err := chromedp.Run(chrome.Open(t, time.Minute),
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
