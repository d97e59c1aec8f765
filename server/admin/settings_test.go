package admin_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

const otherSecret = "vX9qLk2nRz7pTb4mYc8wHs3dJf6gKa1eUo5iQrWxNyE"

// bare leaves sign-in to what is saved.
var bare = []string{"JWT_IDENTITY_PROVIDER_URI=", "JWT_SHARED_SECRET="}

type problem struct {
	Code   string
	Detail string
	Errors map[string]string
}

// version is that of the saved settings.
func (c *browser) version() int64 {
	c.b.t.Helper()
	var s struct{ Version int64 }
	c.call("GET", "/api/v1/settings", nil, &s)
	return s.Version
}

// save saves settings, "NAME=value", through the API.
func (c *browser) save(settings ...string) (response, problem) {
	c.b.t.Helper()
	values := map[string]string{}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		values[name] = value
	}
	var p problem
	resp := c.call("PATCH", "/api/v1/settings", map[string]any{"version": c.version(), "values": values, "sign_ins": 1000, "administrators": true}, &p)
	return resp, p
}

func (c *browser) mustSave(settings ...string) {
	c.b.t.Helper()
	if resp, p := c.save(settings...); resp.StatusCode != http.StatusOK {
		c.b.t.Fatalf("save %q: %d %+v", settings, resp.StatusCode, p)
	}
}

// Whoever names the setting is asked the same as whoever edits the mapping: may these people administer the bridge?
//
// SECURITY G8
func TestAdministratorsAreConfirmedBySettingsToo(t *testing.T) {
	b := start(t)
	c := b.admin()
	for name, values := range map[string]map[string]string{
		"the mapping":                     {"JWT_GROUP_MAPPINGS": `{"everyone":["Administrators"]}`},
		"a mapping among others":          {"SITE_NAME": "x", "JWT_GROUP_SYNC": "true", "JWT_GROUP_MAPPINGS": `{"everyone":[2,"Sales"]}`},
		"the mapping of another provider": {"PROVIDER_DEX_KIND": "jwt", "PROVIDER_DEX_IDENTITY_PROVIDER_URI": "https://dex.example/", "PROVIDER_DEX_SHARED_SECRET": "d" + secret[:40] + "9", "PROVIDER_DEX_GROUP_MAPPINGS": `{"everyone":[2]}`},
	} {
		in := map[string]any{"version": c.version(), "values": values}
		var p problem
		resp := c.call("PATCH", "/api/v1/settings", in, &p)
		if resp.StatusCode != http.StatusBadRequest || !strings.Contains(p.Errors["administrators"], `["everyone"]`) {
			t.Errorf("%s: got %d %+v, want it to be confirmed", name, resp.StatusCode, p)
		}
		if v := c.version(); v != in["version"] {
			t.Fatalf("%s: saved as version %d", name, v)
		}
	}
	for _, mapping := range []string{`{"everyone":["Administrators"]}`, `{"everyone":[2],"ext":["Sales"]}`} { // the second has nothing new
		in := map[string]any{"version": c.version(), "values": map[string]string{"JWT_GROUP_MAPPINGS": mapping}, "administrators": mapping[13] == '"'}
		if resp := c.call("PATCH", "/api/v1/settings", in, nil); resp.StatusCode != http.StatusOK {
			t.Errorf("%s, confirmed: got %d %s", mapping, resp.StatusCode, resp.body)
		}
	}
}

// What is saved is in force at once: here when the answer comes, on another replica within a second.
func TestSettingsAreInForceAtOnce(t *testing.T) {
	b := start(t, bare...)
	other := replica(t, b, bare...)
	c := b.admin()
	if got := b.signIn(secret, nil); got != "sso_disabled" {
		t.Fatalf("before anything is set: got %q, want sso_disabled", got)
	}
	c.mustSave("JWT_IDENTITY_PROVIDER_URI=https://idp.example/login", "JWT_SHARED_SECRET="+secret)
	if got := b.signIn(secret, nil); got != "" {
		t.Errorf("right after saving: got %q, want signed in", got)
	}
	within(t, func() bool { return other.signIn(secret, nil) == "" })
	c.mustSave("JWT_ISSUER=acme")
	if got := b.signIn(secret, nil); got != "token_issuer" {
		t.Errorf("with an issuer: got %q, want token_issuer", got)
	}
	within(t, func() bool { return other.signIn(secret, nil) == "token_issuer" })

	again := replica(t, b, bare...) // as after a restart
	if got := again.signIn(secret, claims{"iss": "acme"}); got != "" {
		t.Errorf("after a restart: got %q, want signed in", got)
	}
}

// within waits for what CONTRACT 8 promises within a second, with room for a busy machine.
func within(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Error("the other replica did not follow")
}

func TestSettingsRefused(t *testing.T) {
	b := start(t, "JWT_PROFILE=standard", "JWT_MAX_AGE=60s")
	c := b.admin()
	for _, tt := range []struct {
		name   string
		saves  []string
		field  string
		reason string
	}{
		{"no such setting", []string{"JWT_PROFIL=strict"}, "JWT_PROFIL", "not a setting"},
		{"one of the process", []string{"LISTEN=:1"}, "LISTEN", "SSOBRIDGE_LISTEN"},
		{"one that is fixed", []string{"JWT_PROFILE=metabase"}, "JWT_PROFILE", "SSOBRIDGE_JWT_PROFILE"},
		{"a secret that is fixed", []string{"JWT_SHARED_SECRET=" + otherSecret}, "JWT_SHARED_SECRET", "SSOBRIDGE_JWT_SHARED_SECRET"},
		{"not a URL", []string{"JWT_LOGOUT_URI=javascript:alert(1)"}, "JWT_LOGOUT_URI", "http"},
		{"of the wrong type", []string{"JWT_USER_PROVISIONING_ENABLED=maybe"}, "JWT_USER_PROVISIONING_ENABLED", "neither true nor false"},
		{"broken mappings", []string{`JWT_GROUP_MAPPINGS={"a":[3}`}, "JWT_GROUP_MAPPINGS", "JSON"},
		{"one that needs another", []string{"JWT_BINDING=pkce"}, "JWT_CLIENT_ID", "needs"},
		{"one good and one bad", []string{"JWT_ISSUER=acme", "JWT_LEEWAY=2h"}, "JWT_LEEWAY", "between"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := c.version()
			resp, p := c.save(tt.saves...)
			if resp.StatusCode != http.StatusBadRequest || !strings.Contains(p.Errors[tt.field], tt.reason) {
				t.Errorf("got %d %+v, want 400 with %s about %q", resp.StatusCode, p, tt.field, tt.reason)
			}
			if got := c.version(); got != before {
				t.Errorf("version: got %d, want %d: nothing saved", got, before)
			}
		})
	}
}

// SECURITY F1, F3, G3
func TestSecretsAreWriteOnly(t *testing.T) {
	b := start(t, bare...)
	c := b.admin()
	resp, p := c.save("JWT_IDENTITY_PROVIDER_URI=https://idp.example/login", "JWT_SHARED_SECRET=hunter2hunter2")
	if resp.StatusCode != http.StatusBadRequest || p.Errors["JWT_SHARED_SECRET"] == "" {
		t.Errorf("a weak secret: got %d %+v, want it refused", resp.StatusCode, p)
	}
	for _, long := range []string{strings.Repeat(otherSecret, 1000), `["` + secret + `","` + strings.Repeat(otherSecret, 1000) + `"]`} {
		if _, p := c.save("JWT_SHARED_SECRET=" + long); !strings.Contains(p.Errors["JWT_SHARED_SECRET"], "has 43000 bytes; 4096 are allowed") { // SECURITY L7
			t.Errorf("a secret of 43 KB: got %+v, want it refused for its length", p)
		}
	}
	c.mustSave("JWT_IDENTITY_PROVIDER_URI=https://idp.example/login", "JWT_SHARED_SECRET="+secret)
	c.mustSave(`JWT_SHARED_SECRET=["` + otherSecret + `","` + secret + `"]`)
	shown := resp.body
	for _, path := range []string{"/admin", "/admin/sign-in", "/admin/providers/jwt", "/api/v1/settings", "/api/v1/signing-key", "/api/v1/overview"} {
		shown += c.get(path).body
	}
	shown += strings.Join(b.events(sso.EventSetting), "\n") + b.log.String()
	for _, hidden := range []string{"hunter2", secret, otherSecret} {
		if strings.Contains(shown, hidden) {
			t.Errorf("a secret was shown: %s", hidden)
		}
	}
	if got := b.events(sso.EventSetting)[0]; got != "JWT_SHARED_SECRET: 1 secret → 2 secrets" {
		t.Errorf("event: got %q", got)
	}
}

// A key is changed without one refused sign-in, and the old one is refused afterwards.
//
// SECURITY F4
func TestRotation(t *testing.T) {
	b := start(t, bare...)
	c := b.admin()
	c.mustSave("JWT_IDENTITY_PROVIDER_URI=https://idp.example/login", "JWT_SHARED_SECRET="+secret)
	page := c.get("/admin/providers/jwt")
	resp := c.post("/admin/providers/jwt/keys", url.Values{"version": {value(t, page.body, "version")}, "action": {"generate"}})
	generated := regexp.MustCompile(`class="secret" data-copy>([0-9a-f]{64})<`).FindStringSubmatch(resp.body)
	if resp.StatusCode != http.StatusOK || generated == nil {
		t.Fatalf("generate: got %d %s", resp.StatusCode, sso.Truncate(resp.body, 500))
	}
	if strings.Contains(c.get("/admin/providers/jwt").body, generated[1]) {
		t.Error("the generated key is shown a second time")
	}
	for name, key := range map[string]string{"old": secret, "new": generated[1]} {
		if got := b.signIn(key, nil); got != "" {
			t.Errorf("%s key during the change: got %q, want signed in", name, got)
		}
	}
	page = c.get("/admin/providers/jwt")
	c.post("/admin/providers/jwt/keys", url.Values{"version": {value(t, page.body, "version")}, "action": {"retire"}, "sign_ins": {"1"}}).want(t, 303, "/admin/providers/jwt?done=key-gone")
	if got := b.signIn(secret, nil); got != "token_signature" {
		t.Errorf("old key afterwards: got %q, want token_signature", got)
	}
	if got := b.signIn(generated[1], nil); got != "" {
		t.Errorf("new key afterwards: got %q, want signed in", got)
	}
	page = c.get("/admin/providers/jwt")
	bad := c.post("/admin/providers/jwt/keys", url.Values{"version": {value(t, page.body, "version")}, "action": {"paste"}, "secret": {"short"}})
	if bad.StatusCode != http.StatusBadRequest || !dom.Has(bad.body, `[id="secret-error"]`) || dom.Has(bad.body, `[value="short"]`) {
		t.Errorf("a short key: got %d, want an error at the field, and not the key back: %s", bad.StatusCode, bad.body)
	}
}

// value is the value of an input of a page.
func value(t *testing.T, body, name string) string {
	t.Helper()
	values := dom.Attr(body, `[name="`+name+`"]`, "value")
	if values == nil {
		t.Fatalf("no input %s in %s", name, sso.Truncate(body, 2000))
	}
	return values[0]
}

// Nobody can lock everybody out by the settings.
//
// SECURITY G4
func TestWayIn(t *testing.T) {
	b := start(t, bare...)
	c := b.admin()
	refused := func(what string, settings ...string) {
		t.Helper()
		resp, p := c.save(settings...)
		if resp.StatusCode != http.StatusBadRequest || !strings.Contains(p.Errors["ENABLE_PASSWORD_LOGIN"], "must be on for this") {
			t.Errorf("%s: got %d %+v, want it refused", what, resp.StatusCode, p)
		}
	}
	refused("while sign-in is not set up", "ENABLE_PASSWORD_LOGIN=false")
	c.mustSave("JWT_IDENTITY_PROVIDER_URI=https://idp.example/login", "JWT_SHARED_SECRET="+secret)
	refused("while nobody has signed in", "ENABLE_PASSWORD_LOGIN=false")
	b.signIn(secret, nil)
	refused("while only a plain person has signed in", "ENABLE_PASSWORD_LOGIN=false")
	if got := b.signIn(secret, claims{"email": "root@example.com"}); got != "" {
		t.Fatalf("sign-in of the administrator: %q", got)
	}
	refused("with another key at the same time", "ENABLE_PASSWORD_LOGIN=false", "JWT_SHARED_SECRET="+otherSecret)
	refused("with another issuer at the same time", "ENABLE_PASSWORD_LOGIN=false", "JWT_ISSUER=acme")
	c.mustSave("ENABLE_PASSWORD_LOGIN=false")
	refused("an issuer that nobody has tried", "JWT_ISSUER=acme")
	refused("no sign-in at all", "JWT_IDENTITY_PROVIDER_URI=")
	c.mustSave("SITE_NAME=Acme", `JWT_SHARED_SECRET=["`+otherSecret+`","`+secret+`"]`) // the proved key still works
	refused("without the key that was proved", "JWT_SHARED_SECRET="+otherSecret)
	b.signIn(otherSecret, claims{"email": "root@example.com"})
	c.mustSave("JWT_SHARED_SECRET=" + otherSecret)
	c.mustSave("ENABLE_PASSWORD_LOGIN=true", "JWT_ISSUER=acme")
}

// Who may not turn password sign-in off yet is led to the sign-in that is missing, and back to the form as it was typed.
func TestWayInFromThePage(t *testing.T) {
	b := start(t, "JWT_IDENTITY_PROVIDER_URI=https://idp.example/login", "JWT_SHARED_SECRET="+secret, "JWT_BINDING=off")
	c := b.admin()
	const page = "/admin/sign-in"
	form := func() url.Values {
		t.Helper()
		shown := c.get(page).body
		form := formWith(t, shown, "ENABLE_PASSWORD_LOGIN")
		if got := len(dom.Attr(shown, `[name="do"][value="through"]`, "name")); got != 1 {
			t.Fatalf("got %d buttons for the sign-in in %s, want one", got, sso.Truncate(shown, 3000))
		}
		return form
	}
	through := func(form url.Values) (returnTo string) {
		t.Helper()
		form.Set("do", "through")
		begun := c.get(c.post(page, form).leads(t).String())
		at, err := url.Parse(begun.Header.Get("Location"))
		if err != nil || begun.StatusCode != http.StatusFound || at.Host != "idp.example" {
			t.Fatalf("got %d %s, want the product", begun.StatusCode, at)
		}
		return at.Query().Get("return_to")
	}
	if got := through(form()); got != page {
		t.Errorf("with nothing typed: got back to %s, want %s", got, page)
	}
	off := form()
	off.Set("ENABLE_PASSWORD_LOGIN", "false")
	off.Set("SITE_NAME", "Typed Before")
	if resp := c.post(page, off); resp.StatusCode != http.StatusBadRequest || !strings.Contains(resp.body, "cannot be turned off yet") ||
		formWith(t, resp.body, "ENABLE_PASSWORD_LOGIN").Get("SITE_NAME") != "Typed Before" {
		t.Errorf("saved too early: got %d %s, want a refusal with what was typed", resp.StatusCode, sso.Truncate(resp.body, 500))
	}
	back := through(off)
	signIn := func(email, key, to string) response {
		return c.get("/auth/sso?" + url.Values{"jwt": {b.token(key, claims{"email": email})}, "return_to": {to}}.Encode())
	}
	signIn("root@example.com", secret, back).want(t, http.StatusFound, back)
	resume := c.get(back).Header.Get("Location") // the sign-in was a proof, so the form comes at once
	kept := formWith(t, c.get(resume).body, "ENABLE_PASSWORD_LOGIN")
	if kept.Get("SITE_NAME") != "Typed Before" || kept.Has("do") {
		t.Errorf("the form that came back: got %v, want what was typed", kept)
	}
	c.post(page, kept).want(t, http.StatusSeeOther, page+"?done=saved")
	b.passwordsAreOff()
	if cfg, _, err := b.runtime.Current(t.Context()); err != nil || cfg.SiteName != "Typed Before" {
		t.Errorf("got the name %v, %v, want the one that was typed", cfg, err)
	}
	if shown := c.get(page).body; strings.Contains(shown, "then save") {
		t.Error("the way to the sign-in is shown, though passwords are off")
	}
}

// The second of two who save at once is told, keeps what was typed, and undoes nothing of the first.
func TestTwoAdministrators(t *testing.T) {
	b := start(t)
	first, second := b.admin(), b.as("second@example.com", sso.Administrators)
	form := formWith(t, second.get("/admin/providers/jwt").body, "JWT_ISSUER")
	first.mustSave("JWT_ISSUER=first", "JWT_LEEWAY=11s")

	form.Set("JWT_AUDIENCE", "second")
	form.Set("JWT_ISSUER", "second")
	resp := second.post("/admin/providers/jwt", form)
	if resp.StatusCode != http.StatusConflict || !strings.Contains(resp.body, "Saved meanwhile by somebody else: first") {
		t.Fatalf("second to save: got %d %s, want 409 and what the first saved", resp.StatusCode, sso.Truncate(resp.body, 300))
	}
	again := formWith(t, resp.body, "JWT_ISSUER")
	for name, want := range map[string]string{"JWT_AUDIENCE": "second", "JWT_ISSUER": "second", "JWT_LEEWAY": "11s"} {
		if got := again.Get(name); got != want {
			t.Errorf("%s in the form that came back: got %q, want %q", name, got, want)
		}
	}
	second.post("/admin/providers/jwt", again).want(t, 303, "/admin/providers/jwt?done=saved")
	got := map[string]string{}
	for _, s := range settingsOf(t, second) {
		got[s.Name] = s.Value
	}
	for name, want := range map[string]string{"JWT_AUDIENCE": "second", "JWT_ISSUER": "second", "JWT_LEEWAY": "11s"} {
		if got[name] != want {
			t.Errorf("%s afterwards: got %q, want %q", name, got[name], want)
		}
	}
	if got := b.events(sso.EventSetting); !slices.Contains(got, "JWT_ISSUER: first → second") || !slices.Contains(got, "JWT_AUDIENCE: not set → second") {
		t.Errorf("events: got %q", got)
	}
	if resp := second.call("PATCH", "/api/v1/settings", map[string]any{"version": 0, "values": map[string]string{"SITE_NAME": "x"}}, nil); resp.StatusCode != http.StatusConflict {
		t.Errorf("API with an old version: got %d, want 409", resp.StatusCode)
	}
}

// What is wrong stands at its field, what was typed stays, and what is fixed cannot be typed over.
func TestSettingsForm(t *testing.T) {
	b := start(t, "JWT_PROFILE=standard")
	c := b.admin()
	page := c.get("/admin/providers/jwt").body
	if !strings.Contains(page, "Using <code>SSOBRIDGE_JWT_PROFILE</code>") || dom.Has(page, `[name="JWT_PROFILE"]`) {
		t.Error("a setting that is fixed: want it read only, with its source")
	}
	form := formWith(t, page, "JWT_MAX_AGE")
	form.Set("was.JWT_LOGOUT_URI", "")
	form.Set("JWT_LOGOUT_URI", `"><script>alert(1)</script>`)
	form.Set("JWT_MAX_AGE", "soon")
	form.Set("JWT_PROFILE", "metabase")
	form.Set("was.JWT_PROFILE", "standard")
	resp := c.post("/admin/providers/jwt", form)
	again := formWith(t, resp.body, "JWT_MAX_AGE")
	maps.Copy(again, formWith(t, resp.body, "JWT_LOGOUT_URI"))
	if resp.StatusCode != http.StatusBadRequest || strings.Contains(resp.body, "<script>alert") || !dom.Has(resp.body, `[id="JWT_PROFILE-error"]`) {
		t.Errorf("got %d, want 400 with errors: %s", resp.StatusCode, sso.Truncate(resp.body, 500))
	}
	for name, want := range map[string]string{"JWT_LOGOUT_URI": `"><script>alert(1)</script>`, "JWT_MAX_AGE": "soon"} {
		if again.Get(name) != want {
			t.Errorf("%s: got %q, want %q kept", name, again.Get(name), want)
		}
	}
	form = formWith(t, page, "JWT_LEEWAY")
	form.Set("JWT_LEEWAY", "10s")
	c.post("/admin/providers/jwt", form).want(t, 303, "/admin/providers/jwt?done=saved")
	if got := c.get("/admin/providers/jwt?done=saved").body; !strings.Contains(got, "It is in force now") {
		t.Error("no word that it was saved")
	}
	form = formWith(t, c.get("/admin/providers/jwt").body, "JWT_LEEWAY")
	form.Set("JWT_LEEWAY", "30s") // the default
	c.post("/admin/providers/jwt", form)
	for _, s := range settingsOf(t, c) {
		if s.Name == "JWT_LEEWAY" && s.Source != "default" {
			t.Errorf("source of what was set back: got %q, want default", s.Source)
		}
	}
}

type settingEntry struct{ Name, Value, Source string }

func settingsOf(t *testing.T, c *browser) []settingEntry {
	t.Helper()
	var out struct{ Settings []settingEntry }
	if err := json.Unmarshal([]byte(c.get("/api/v1/settings").body), &out); err != nil {
		t.Fatal(err)
	}
	if len(out.Settings) != len(setting.Table()) {
		t.Fatalf("got %d settings, want %d", len(out.Settings), len(setting.Table()))
	}
	return out.Settings
}

// A choice of on and off has its default in these words, too.
func TestDefaultsAreInTheWordsOfTheChoice(t *testing.T) {
	page := start(t).admin().get("/admin/sign-in").body
	if help := strings.Join(dom.Text(page, "#SESSION_COOKIES-help"), " "); !strings.Contains(help, "(default: off)") {
		t.Errorf("got the help %q", help)
	}
}

// Passwords may go as soon as some administrator comes in without. The one who turns them off is told when it is somebody else.
func TestTurningPasswordsOffKeepsNobodyOutByMistake(t *testing.T) {
	b := start(t, "JWT_IDENTITY_PROVIDER_URI=https://idp.example/login", "JWT_SHARED_SECRET="+secret, "JWT_BINDING=off")
	b.as("root@example.com", sso.Administrators)
	b.as("other@example.com", sso.Administrators)
	if err := b.store.SetPassword(t.Context(), b.find("root@example.com").ID, "hash", sso.Event{Kind: sso.EventAccount}); err != nil {
		t.Fatal(err)
	}
	c := b.admin()
	if got := b.signIn(secret, claims{"email": "other@example.com"}); got != "" {
		t.Fatal(got)
	}
	off := func() response {
		form := formWith(t, c.get("/admin/sign-in").body, "ENABLE_PASSWORD_LOGIN")
		form.Set("ENABLE_PASSWORD_LOGIN", "false")
		return c.post("/admin/sign-in", form)
	}
	if resp := off(); resp.StatusCode != http.StatusBadRequest || !strings.Contains(resp.body, "would keep you out") {
		t.Errorf("by an administrator with a password alone: got %d to %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	sessions, _, err := b.store.Sessions(t.Context(), sso.SessionQuery{AccountID: b.find("root@example.com").ID})
	if err != nil || len(sessions) != 1 {
		t.Fatal(sessions, err)
	}
	key := credential.Passkey{ID: "k", AccountID: sessions[0].AccountID, Handle: []byte{1}, Name: "Laptop", Credential: "{}", CreatedAt: b.now()}
	if err := b.store.AddPasskey(t.Context(), key, sessions[0].Hash, sso.Event{Kind: sso.EventAccount}); err != nil {
		t.Fatal(err)
	}
	off().want(t, http.StatusSeeOther, "/admin/sign-in?done=saved")
}
