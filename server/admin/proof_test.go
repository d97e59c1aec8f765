package admin_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// Who is let in, and who administers, is changed only by somebody who proved a short while ago who he is.
//
// SECURITY G3
func TestRecentProof(t *testing.T) {
	b := start(t, bare...)
	c := b.admin()
	c.mustSave("JWT_IDENTITY_PROVIDER_URI=https://idp.example/login", "JWT_SHARED_SECRET="+secret)
	old := b.signedIn("root@example.com", time.Hour)
	for _, s := range []string{"JWT_IDENTITY_PROVIDER_URI=https://evil.example/", "JWT_SHARED_SECRET=" + otherSecret, "JWT_ATTRIBUTE_EMAIL=mail",
		"LINK_PASSWORD_ACCOUNTS=true", `JWT_GROUP_MAPPINGS={"everyone":[2]}`} {
		resp, p := old.save(s)
		if resp.StatusCode != http.StatusForbidden || !strings.Contains(p.Detail, "recent proof") {
			t.Errorf("%s: got %d %+v, want 403", s, resp.StatusCode, p)
		}
	}
	if resp, p := old.save("SITE_NAME=Acme", `JWT_GROUP_MAPPINGS={"everyone":["Staff"]}`); resp.StatusCode != http.StatusOK {
		t.Errorf("what needs no proof: got %d %+v", resp.StatusCode, p)
	}
	form := formOf(t, old.get("/admin/sign-in").body)
	form.Set("JWT_IDENTITY_PROVIDER_URI", "https://other.example/login")
	resp := old.post("/admin/sign-in", form)
	if resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(resp.Header.Get("Location"), "/auth/confirm?return_to=") {
		t.Errorf("form: got %d to %q, want to be asked for a proof", resp.StatusCode, resp.Header.Get("Location"))
	}
	page := old.get("/admin/key").body
	resp = old.post("/admin/key", url.Values{"version": {value(t, page, "version")}, "action": {"generate"}})
	if resp.StatusCode != http.StatusSeeOther || strings.Contains(resp.body, "secret") {
		t.Errorf("key: got %d, want to be asked for a proof", resp.StatusCode)
	}
	if got := b.signIn(secret, nil); got != "" {
		t.Errorf("sign-in afterwards: got %q, want nothing changed", got)
	}
}

// signedIn is a browser in which somebody signed in that long ago.
func (b *bridge) signedIn(email string, ago time.Duration) *browser {
	b.t.Helper()
	a, err := b.store.AccountByEmail(b.t.Context(), email)
	if err != nil {
		b.t.Fatal(err)
	}
	id := sso.NewSessionID()
	hash, _ := sso.HashSessionID(id)
	then := b.now().Add(-ago)
	s := sso.Session{Hash: hash, AccountID: a.ID, Provider: "password", CreatedAt: then, LastUsed: b.now(), ExpiresAt: b.now().Add(time.Hour)}
	if err := b.store.OpenSession(b.t.Context(), s, sso.Event{Kind: sso.EventSignIn, AccountID: a.ID}); err != nil {
		b.t.Fatal(err)
	}
	c := b.browser()
	at, _ := url.Parse(b.url)
	c.Jar.SetCookies(at, []*http.Cookie{{Name: "ssobridge", Value: id, Path: "/"}})
	return c
}
