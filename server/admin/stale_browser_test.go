package admin_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/ssobridge/ssobridge/sso/ssotest/chromium"
)

// A page that was open while an address was changed has the policy of before. Its buttons lead to the new address all the same: to
// the test sign-in, and to the sign-out of the product.
//
// SECURITY L1
func TestPageOfBeforeLeadsToTheNewAddress(t *testing.T) {
	chromium.Need(t)
	site := func(text string) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<main>" + text + "</main>"))
		}))
		t.Cleanup(s.Close)
		return s
	}
	product := site("The product of now")
	b := start(t, "JWT_IDENTITY_PROVIDER_URI=", "JWT_SHARED_SECRET=", "JWT_LOGOUT_URI=")
	w := &worker{t: t}
	b.admin().mustSave("JWT_IDENTITY_PROVIDER_URI=https://idp.example/login", "JWT_LOGOUT_URI=https://idp.example/bye", "JWT_SHARED_SECRET="+secret)
	ctx, said := b.chromium(false)
	w.ctx = ctx
	for _, page := range []string{"/admin/try", "/admin/providers/jwt", "/auth/logout"} {
		button := `form[action$="/try/begin"] button`
		if page == "/auth/logout" {
			button = `main form button`
		}
		w.open(b.url+page, "")
		b.admin().mustSave("JWT_IDENTITY_PROVIDER_URI="+product.URL+"/login", "JWT_LOGOUT_URI="+product.URL+"/bye")
		if err := chromedp.Run(ctx, chromedp.Focus(button, chromedp.ByQuery), chromedp.KeyEvent(kb.Enter)); err != nil {
			t.Fatal(err)
		}
		w.see("The product of now")
		b.admin().mustSave("JWT_IDENTITY_PROVIDER_URI=https://idp.example/login", "JWT_LOGOUT_URI=https://idp.example/bye")
	}
	for _, line := range said() {
		t.Errorf("console: got %s, want nothing", line)
	}
}
