package admin_test

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/service"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// Each setting is set and unset through the API, the pages and the import of a mapping, by an administrator who signed in
// an hour ago: the proof is asked for, and nothing changes. The table names the only exceptions.
//
// SECURITY G3, G6
func TestSettingsNeedProof(t *testing.T) {
	b := start(t, bare...)
	b.admin().mustSave("JWT_IDENTITY_PROVIDER_URI=https://idp.example/login", "JWT_SHARED_SECRET="+secret)
	c := b.signedIn("root@example.com", time.Hour)
	var without []string
	for _, s := range setting.Table() {
		if !s.Changeable {
			continue
		}
		if s.WithoutProof {
			without = append(without, s.Name)
			continue
		}
		for _, value := range []any{cmp.Or(s.Default, "x"), "", nil} {
			var p problem
			resp := c.call("PATCH", "/api/v1/settings", map[string]any{"version": c.version(), "values": map[string]any{s.Name: value}}, &p)
			if resp.StatusCode != http.StatusForbidden || p.Code != "proof_needed" || !strings.Contains(p.Detail, "recent proof") {
				t.Errorf("API, %s to %v: got %d %+v, want a proof asked for", s.Name, value, resp.StatusCode, p)
			}
		}
		for _, text := range []string{"other", ""} {
			if page := pageOf(s); page != "" {
				form := url.Values{"version": {fmt.Sprint(c.version())}, s.Name: {text}, "was." + s.Name: {"else"}}
				if s.Secret && text == "" {
					form.Set("clear."+s.Name, "yes")
				}
				b.asksFirst(t, c, page, form)
			}
		}
	}
	if !slices.Equal(without, []string{"SITE_NAME", "SITE_ACCENT"}) {
		t.Errorf("without a proof: got %q, want its name and its colour alone", without)
	}
	version := fmt.Sprint(c.version())
	for _, action := range []string{"generate", "paste"} {
		b.asksFirst(t, c, "/admin/providers/jwt/keys", url.Values{"version": {version}, "action": {action}, "secret": {otherSecret}})
	}
	b.asksFirst(t, c, "/admin/mapping", url.Values{"version": {version}, "mode": {"automatic"}})
	b.asksFirst(t, c, "/admin/mapping", url.Values{"version": {version}, "mode": {"manual"}, "idp.0": {"extHR"}, "groups.0": {"Staff"}})
	form := formOf(t, c.get("/admin/mapping").body)
	form.Set("action", "import")
	form.Set("json", `{"extHR":["Staff"]}`)
	imported := formOf(t, c.post("/admin/mapping", form).body)
	if imported.Get("idp.0") != "extHR" {
		t.Fatalf("import: got %v", imported)
	}
	b.asksFirst(t, c, "/admin/mapping", imported)
	if got := fmt.Sprint(c.version()); got != version {
		t.Errorf("version: got %s, want %s: nothing saved", got, version)
	}
	if resp, p := c.save("SITE_NAME=Acme"); resp.StatusCode != http.StatusOK {
		t.Errorf("what needs no proof: got %d %+v", resp.StatusCode, p)
	}
}

// pageOf is the page on which a setting is a field; "": one of its own.
func pageOf(s *setting.Setting) string {
	return map[string]string{"": "/admin/sign-in", setting.PageProvider: "/admin/providers/jwt", setting.PageSources: "/admin/group-sources/directory"}[s.Page]
}

// asksFirst posts a form, and wants a proof asked for.
func (b *bridge) asksFirst(t *testing.T, c *browser, path string, form url.Values) {
	t.Helper()
	resp := c.post(path, form)
	if resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(resp.Header.Get("Location"), "/auth/confirm?return_to=") || strings.Contains(resp.body, "secret") {
		t.Errorf("POST %s %v: got %d to %q, want a proof asked for", path, form, resp.StatusCode, resp.Header.Get("Location"))
	}
}

// Every route that changes something stands here, with what an administrator gets who signed in an hour ago. "asks" is a
// proof asked for; whatever is new must take its place.
//
// SECURITY G6
func TestActionsNeedProof(t *testing.T) {
	b := start(t, bare...)
	b.admin().mustSave("JWT_IDENTITY_PROVIDER_URI=https://idp.example/login", `JWT_SHARED_SECRET=["`+secret+`","`+otherSecret+`"]`)
	c := b.signedIn("root@example.com", time.Hour)
	group := b.group("Sales")
	ann := b.account("ann@example.com")
	bob := b.account("bob@example.com", group)
	session := func() string {
		b.as("bob@example.com")
		var list struct{ Sessions []struct{ Ref string } }
		c.call("GET", fmt.Sprint("/api/v1/sessions?person=", bob), nil, &list)
		return list.Sessions[0].Ref
	}
	v := c.version()
	tests := []struct{ route, body, want string }{
		{"PATCH /api/v1/settings", `{"version":1,"values":{"CORS_ORIGINS":null}}`, "asks"},
		{"POST /api/v1/signing-key", `{"version":1}`, "asks"},
		{"POST /api/v1/signing-key/retire", `{"version":1}`, "asks"},
		{"DELETE /api/v1/signing-key/:key", "", "asks"},
		{"POST /api/v1/providers", fmt.Sprintf(`{"version":%d,"name":"acme","kind":"oidc"}`, v), "asks"},
		{"DELETE /api/v1/providers/:name", "", "400"}, // it is the one that is always there
		{"POST /api/v1/providers/:name/public-keys", `{"version":1,"key":"x"}`, "asks"},
		{"DELETE /api/v1/providers/:name/public-keys/:fingerprint", "", "asks"},
		{"POST /api/v1/providers/:name/rehearsal", `{"values":{"JWT_ISSUER":"x"}}`, "200"},
		{"POST /api/v1/explain", `{"token":"x"}`, "200"},
		{"POST /api/v1/group-sources/lookup", `{"name":"ada"}`, "400"}, // no source is set up
		{"PUT /api/v1/mapping", fmt.Sprintf(`{"version":%d,"mode":"automatic"}`, v), "asks"},
		{"POST /api/v1/mapping/undo", `{"id":"x"}`, "asks"},
		{"POST /api/v1/mapping/preview", `{"mode":"automatic","mappings":{}}`, "200"},
		{"POST /api/v1/people", `{"email":"new@example.com"}`, "asks"},
		{"POST /api/v1/people/selected", `{"people":[1],"action":"reactivate"}`, "asks"},
		{"POST /api/v1/people/selected", `{"people":[1],"action":"add","group":2}`, "asks"},
		{"POST /api/v1/people/selected", `{"people":[999],"action":"deactivate"}`, "200"},
		{"DELETE /api/v1/people/:id", "", "asks"},
		{"PATCH /api/v1/people/:id", `{"active":true}`, "asks"},
		{"PATCH /api/v1/people/:id", `{"active":false}`, "204"},
		{"PATCH /api/v1/people/:id/attributes", `{"set":{"tenant":"7"}}`, "asks"},
		{"PUT /api/v1/people/:id/groups/:group", "", "asks"},
		{"DELETE /api/v1/people/:id/groups/:group", "", "204"},
		{"POST /api/v1/groups", `{"name":"Directors"}`, "asks"},
		{"PATCH /api/v1/groups/:id", `{"name":"Directors"}`, "asks"},
		{"DELETE /api/v1/groups/:id", "", "asks"},
		{"POST /api/v1/deleted-groups/:undo/restore", "", "asks"},
		{"DELETE /api/v1/sessions/:ref", "", "204"},
		{"DELETE /api/v1/people/:id/sessions", "", "200"},
		{"POST /api/v1/sessions/selected", `{"sessions":[":ref"]}`, "200"},

		{"POST /admin/sign-in", fmt.Sprintf("version=%d&CORS_ORIGINS=&was.CORS_ORIGINS=https://a.example", v), "asks"},
		{"POST /admin/providers", fmt.Sprintf("version=%d&name=acme&kind=oidc", v), "asks"},
		{"POST /admin/providers/:name/remove", fmt.Sprintf("version=%d", v), "400"}, // it is the one that is always there
		{"POST /admin/providers/:name", "version=1&JWT_ISSUER=x&was.JWT_ISSUER=", "asks"},
		{"POST /admin/providers/:name/keys", "version=1&action=generate", "asks"},
		{"POST /admin/providers/:name/keys", "version=1&action=retire", "asks"},
		{"POST /admin/providers/:name/keys", "version=1&action=add&public=x", "asks"},
		{"POST /admin/providers/:name/keys", "version=1&action=remove-public&key=x", "asks"},
		{"POST /admin/group-sources/directory", "version=1&LDAP_BIND_PASSWORD=x", "asks"},
		{"POST /admin/try", "token=x", "200"},
		{"POST /admin/try/begin", "", "200"},
		{"POST /admin/group-sources", "name=ada", "400"}, // no source is set up

		{"POST /admin/mapping", fmt.Sprintf("version=%d&mode=automatic", v), "asks"},
		{"POST /admin/mapping/undo", "undo=x", "asks"},
		{"POST /admin/people/new", "email=new@example.com", "asks"},
		{"POST /admin/people/selected", "person=:id&do=reactivate&confirmed=yes", "asks"},
		{"POST /admin/people/selected", "person=:id&do=add&group=Administrators&confirmed=yes", "asks"},
		{"POST /admin/people/selected", "person=:id&do=sign_out&confirmed=yes", "200"},
		{"POST /admin/people/:id/purge", "email=bob@example.com&sure=yes", "asks"},
		{"POST /admin/people/:id/state", "active=yes", "asks"},
		{"POST /admin/people/:id/state", "active=no", "303"},
		{"POST /admin/people/:id/attributes", "name=tenant&value=7", "asks"},
		{"POST /admin/people/:id/groups", "do=add&group=Administrators", "asks"},
		{"POST /admin/people/:id/groups", "do=remove&group=:group", "303"},
		{"POST /admin/people/:id/sessions", "all=yes", "303"},
		{"POST /admin/groups", "name=Directors", "asks"},
		{"POST /admin/groups/:id/rename", "name=Directors", "asks"},
		{"POST /admin/groups/:id/delete", "", "asks"},
		{"POST /admin/groups/:id/members", "do=add&person=ann@example.com", "asks"},
		{"POST /admin/groups/:id/members", "do=remove&person=bob@example.com", "303"},
		{"POST /admin/groups/restore", "undo=x", "asks"},
		{"POST /admin/sessions", "session=:ref", "303"},
		{"POST /admin/sessions/selected", "ticked=:ref&confirmed=yes", "200"},

		{"POST /api/v1/service-accounts", `{"name":"new"}`, "asks"},
		{"PATCH /api/v1/service-accounts/:id", `{"label":"x"}`, "asks"},
		{"PATCH /api/v1/service-accounts/:id", `{"active":true}`, "asks"},
		{"POST /api/v1/service-accounts/:id/tokens", `{"ttl":"7"}`, "asks"},
		{"POST /api/v1/service-accounts/:id/tokens/:ref/regenerate", `{}`, "asks"},
		{"DELETE /api/v1/service-accounts/:id", "", "asks"},
		{"POST /admin/service-accounts", "name=new", "asks"},
		{"POST /admin/service-accounts/:id", "do=rename&label=x", "asks"},
		{"POST /admin/service-accounts/:id", "do=delete", "asks"},
		{"POST /admin/service-accounts/:id/tokens", "ttl=7", "asks"},
		{"POST /admin/service-accounts/:id/tokens", "token=:ref", "asks"},
		{"PATCH /api/v1/service-accounts/:id", `{"active":false}`, "200"},
		{"DELETE /api/v1/service-accounts/:id/tokens/:ref", "", "204"},
		{"POST /admin/service-accounts/:id", "do=deactivate", "303"},
	}
	program, key := b.serviceToken()
	stands := map[string]bool{}
	for _, tt := range tests {
		stands[tt.route] = true
		method, path, _ := strings.Cut(tt.route, " ")
		id := ann
		if strings.Contains(path, "/groups/:id") {
			id = group
		}
		ref := session()
		if strings.Contains(path, "/service-accounts") {
			id, ref = program, key
		}
		fill := strings.NewReplacer(":id", fmt.Sprint(id), ":group", fmt.Sprint(group), ":ref", ref, ":name", "jwt", ":fingerprint", "x", ":key", "x")
		kind := "application/x-www-form-urlencoded\n"
		if strings.HasPrefix(path, "/api/") {
			kind = "application/json\n"
		}
		resp := c.send(method, fill.Replace(path), kind+fill.Replace(tt.body), "Sec-Fetch-Site: same-origin")
		got := fmt.Sprint(resp.StatusCode)
		if strings.Contains(resp.body, "proof_needed") || strings.HasPrefix(resp.Header.Get("Location"), "/auth/confirm?") {
			got = "asks"
		}
		if got != tt.want {
			t.Errorf("%s %s: got %s (%s), want %s", tt.route, tt.body, got, sso.Truncate(resp.body, 200), tt.want)
		}
	}
	for _, route := range b.srv.Routes() {
		method, path, _ := strings.Cut(route, " ")
		if method != "GET" && (strings.HasPrefix(path, "/admin") || strings.HasPrefix(path, "/api/v1")) && !stands[route] {
			t.Errorf("%s: does it need a recent proof?", route)
		}
	}
	if got := b.signIn(secret, claims{"email": "new@example.com"}); got != "" {
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
	bridgetest.InsertSession(b.t, b.db, sso.Session{Hash: hash, AccountID: a.ID, Provider: "password", CreatedAt: then, LastUsed: b.now(),
		ExpiresAt: b.now().Add(time.Hour)})
	if err := b.store.Record(b.t.Context(), sso.Event{Kind: sso.EventSignIn, AccountID: a.ID}); err != nil {
		b.t.Fatal(err)
	}
	c := b.browser()
	at, _ := url.Parse(b.url)
	c.Jar.SetCookies(at, []*http.Cookie{{Name: "ssobridge", Value: id, Path: "/"}})
	return c
}

// serviceToken makes a service account with a token, and returns their ids.
func (b *bridge) serviceToken() (account int64, token string) {
	b.t.Helper()
	e := sso.Event{Kind: sso.EventService}
	made, err := b.store.Services().Create(b.t.Context(), service.Account{Name: "etl"}, e)
	if err == nil {
		err = b.store.Services().AddToken(b.t.Context(), service.Token{ID: "T1", AccountID: made.ID, CreatedAt: b.now(), ExpiresAt: service.Never()}, service.HashToken("x"), "", e)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return made.ID, "T1"
}
