package comingfrom

import (
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// A stay is what somebody meets at a bridge with these settings of Metabase.
type stay struct {
	Begins    string // where the sign-in begins; "" where it does not
	Who       string // Remote-User and Remote-Groups after it; "" for a refusal
	Lasts     bool   // the cookie outlives the browser
	SameSite  http.SameSite
	Later     bool // the session is still there after two minutes
	Passwords bool // the page of the sign-in asks for one
}

// stayWith runs a bridge with settings under Metabase's names, besides those that say where it stands.
func stayWith(t *testing.T, settings map[string]string) (s stay) {
	t.Helper()
	l, address := bridgetest.Listen(t)
	clock := ssotest.NewClock(time.Now().Truncate(time.Second))
	environ := []string{"SSOBRIDGE_SITE_URL=http://" + address, "SSOBRIDGE_DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "b.db"),
		"SSOBRIDGE_SECRET_KEY=" + strings.Repeat("k", 32), "SSOBRIDGE_DRAIN_TIME=0"}
	for name, value := range settings {
		environ = append(environ, name+"="+value)
	}
	cfg, faults := setting.Resolve(setting.Inputs{Environ: environ})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	defer serveBy(t, cfg, l, clock.Now)()
	client, site := bridgetest.NewClient(), "http://"+address
	get := func(path string) (*http.Response, string) {
		r := bridgetest.NewRequest(t, "GET", site+path, "")
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Sec-Fetch-Site", "none") // from another site a cookie of SameSite=Strict takes one more step
		return bridgetest.Do(t, client, r)
	}
	begun, _ := get("/auth/sso?return_to=%2Fwanted")
	s.Begins, _, _ = strings.Cut(begun.Header.Get("Location"), "?")
	_, page := get("/login")
	s.Passwords = strings.Contains(page, `type="password"`)

	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"email": "ann@example.com", "mail": "bob@example.com", "groups": []string{"staff"},
		"iat": clock.Now().Unix(), "exp": clock.Now().Add(5 * time.Minute).Unix()}).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	signedIn, _ := get("/auth/sso?" + url.Values{"jwt": {token}, "return_to": {"/wanted"}}.Encode())
	for _, c := range signedIn.Cookies() {
		if c.Name == "ssobridge" {
			s.Lasts, s.SameSite = c.MaxAge > 0 || !c.Expires.IsZero(), c.SameSite
		}
	}
	who, _ := get("/auth/verify")
	if who.StatusCode == http.StatusOK {
		s.Who = who.Header.Get("Remote-User") + " " + who.Header.Get("Remote-Groups")
	}
	clock.Pass(2 * time.Minute)
	later, _ := get("/auth/verify")
	s.Later = later.StatusCode == http.StatusOK
	return s
}

// Each of Metabase's names has the effect here that it has there.
func TestComingFromMetabaseWorks(t *testing.T) {
	base := map[string]string{"MB_JWT_ENABLED": "true", "MB_JWT_SHARED_SECRET": secret, "MB_JWT_IDENTITY_PROVIDER_URI": "https://idp.example/login"}
	plain := stay{Begins: "https://idp.example/login", Who: "ann@example.com All Users", Lasts: true, SameSite: http.SameSiteLaxMode, Later: true, Passwords: true}
	but := func(change func(*stay)) stay { s := plain; change(&s); return s }
	refused := func(s *stay) { s.Who, s.Lasts, s.SameSite, s.Later = "", false, 0, false }
	table := readTable(t)
	for name, c := range map[string]struct {
		value string
		with  map[string]string
		want  stay
	}{
		"MB_JWT_ENABLED":                   {"false", nil, but(func(s *stay) { refused(s); s.Begins = "" })},
		"MB_JWT_SHARED_SECRET":             {strings.ToLower(secret), nil, but(refused)},
		"MB_JWT_IDENTITY_PROVIDER_URI":     {"https://other.example/sso", nil, but(func(s *stay) { s.Begins = "https://other.example/sso" })},
		"MB_JWT_ATTRIBUTE_EMAIL":           {"mail", nil, but(func(s *stay) { s.Who = "bob@example.com All Users" })},
		"MB_JWT_GROUP_SYNC":                {"false", map[string]string{"MB_JWT_GROUP_MAPPINGS": `{"staff":["Staff"]}`}, plain},
		"MB_JWT_GROUP_MAPPINGS":            {`{"staff":["Staff"]}`, map[string]string{"MB_JWT_GROUP_SYNC": "true"}, but(func(s *stay) { s.Who = "ann@example.com All Users,Staff" })},
		"MB_JWT_USER_PROVISIONING_ENABLED": {"false", nil, but(refused)},
		"MB_ENABLE_PASSWORD_LOGIN":         {"false", nil, but(func(s *stay) { s.Passwords = false })},
		"MB_SESSION_COOKIES":               {"true", nil, but(func(s *stay) { s.Lasts = false })},
		"MB_SESSION_COOKIE_SAMESITE":       {"strict", nil, but(func(s *stay) { s.SameSite = http.SameSiteStrictMode })},
		"MB_SESSION_TIMEOUT":               {`{"amount":1,"unit":"minutes"}`, nil, but(func(s *stay) { s.Later = false })},
	} {
		t.Run(name, func(t *testing.T) {
			settings := maps.Clone(base)
			maps.Copy(settings, c.with)
			settings[name] = c.value
			if got := stayWith(t, settings); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
		delete(table, name)
	}
	for theirs := range table {
		if strings.HasPrefix(theirs, "MB_") {
			t.Errorf("no test is about %s", theirs)
		}
	}
	if got := stayWith(t, base); got != plain {
		t.Errorf("with none of them: got %+v, want %+v", got, plain)
	}
}
