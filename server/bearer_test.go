package server_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/explain"
)

// An apiIssuer signs tokens for API clients.
type apiIssuer struct {
	b   *bridge
	key ed25519.PrivateKey
}

func newIssuer(seed string) *apiIssuer {
	return &apiIssuer{key: ed25519.NewKeyFromSeed([]byte(strings.Repeat(seed, 32)[:32]))}
}

// public is the key as OpenSearch has it: DER in base64.
func (i *apiIssuer) public() string {
	der, err := x509.MarshalPKIXPublicKey(i.key.Public())
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// token signs claims for the audience bi, of the person or program etl; a nil value removes a claim. "typ" and "kid" go into the header.
func (i *apiIssuer) token(with claims) string {
	i.b.t.Helper()
	now := i.b.Now().Unix()
	all := claims{"iss": "https://api.example", "aud": "bi", "sub": "etl", "email": "etl@example.com", "iat": now - 60, "exp": now + 3000}
	maps.Copy(all, with)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	t := jwt.New(jwt.SigningMethodEdDSA)
	for _, name := range []string{"typ", "kid"} {
		if v, ok := all["header:"+name]; ok {
			t.Header[name] = v
			delete(all, "header:"+name)
		}
	}
	t.Claims = jwt.MapClaims(all)
	signed, err := t.SignedString(i.key)
	if err != nil {
		i.b.t.Fatal(err)
	}
	return signed
}

// startAPI runs a bridge with a provider "api" of kind bearer in front of an app.
func startAPI(t *testing.T, settings ...string) (*bridge, *apiIssuer) {
	t.Helper()
	i := newIssuer("a")
	i.b = start(t, append([]string{"UPSTREAM=" + app(t).URL, "TRUSTED_PROXIES=127.0.0.1", "FORWARD_AUTH=true", "PROVIDERS=api", "PROVIDER_API_KIND=bearer",
		"PROVIDER_API_KEYS=" + i.public(), "PROVIDER_API_AUDIENCE=bi, bi-cli", "PROVIDER_API_ISSUER=https://api.example",
		`PROVIDER_API_GROUP_MAPPINGS={"readers":["Readers"]}`}, settings...)...)
	return i.b, i
}

// An apiDoor is a way to ask who an API client is.
type apiDoor struct {
	name, path string
	headers    []string
}

func apiDoors(b *bridge) []apiDoor {
	proxied := []string{"X-Forwarded-Method: GET", "X-Forwarded-Proto: http", "X-Forwarded-Host: " + strings.TrimPrefix(b.url, "http://"), "X-Forwarded-Uri: /report"}
	return []apiDoor{
		{"verify", "/auth/verify", nil},
		{"forward", "/auth/forward", proxied},
		{"upstream", "/report", nil},
		{"api", "/api/user/current", nil},
	}
}

// A token of a provider of kind bearer is who it says at each door, without an account, a session or an event; one that is
// not good is nobody's, and the answer says so as RFC 6750 wants it. SECURITY H1, H2, H6, J1, J4
func TestBearerAtEachDoor(t *testing.T) {
	b, api := startAPI(t)
	other := newIssuer("o")
	other.b = b
	tampered := func(tok string) string { return tok[:len(tok)-6] + "AAAAAA" }
	now := b.Now().Unix()
	for _, tt := range []struct {
		name  string
		token string
		want  sso.Code
	}{
		{"good", api.token(nil), ""},
		{"for the other audience", api.token(claims{"aud": []string{"x", "bi-cli"}}), ""},
		{"at+jwt", api.token(claims{"header:typ": "at+jwt", "client_id": "cli", "jti": "1"}), ""},
		{"with jku", api.token(claims{"header:kid": "none-such"}), ""}, // a key without a kid is for each
		{"changed", tampered(api.token(nil)), sso.TokenSignature},
		{"of another key", other.token(nil), sso.TokenSignature},
		{"of another issuer", api.token(claims{"iss": "https://idp.example"}), sso.TokenIssuer},
		{"of no issuer", api.token(claims{"iss": nil}), sso.TokenIssuer},
		{"for another audience", api.token(claims{"aud": "x"}), sso.TokenAudience},
		{"without exp", api.token(claims{"exp": nil}), sso.TokenUnbounded},
		{"expired", api.token(claims{"exp": now - 60, "iat": now - 120}), sso.TokenExpired},
		{"for a month", api.token(claims{"exp": now + 30*86400}), sso.TokenUnbounded},
		{"bound to a key", api.token(claims{"cnf": claims{"jkt": "x"}}), sso.TokenType},
		{"a logout token", api.token(claims{"header:typ": "logout+jwt"}), sso.TokenType},
		{"a login token", b.token(claims{"iss": "https://api.example", "aud": "bi", "sub": "x"}), sso.KeyUnknown},
		{"encrypted", "a.b.c.d.e", sso.TokenIssuer},
		{"junk", "junk", sso.TokenIssuer},
		{"megabytes of dots", strings.Repeat(".", 40_000), sso.TokenIssuer},
	} {
		for _, d := range apiDoors(b) {
			resp := b.browser().get(d.path, append(d.headers, "Authorization: Bearer "+tt.token, "Accept: application/json")...)
			if tt.want == "" {
				if resp.StatusCode != http.StatusOK {
					t.Errorf("%s at %s: got %d %s", tt.name, d.name, resp.StatusCode, resp.body)
				}
				continue
			}
			var problem struct{ Code sso.Code }
			json.Unmarshal([]byte(resp.body), &problem)
			if d.name != "verify" && problem.Code != tt.want || resp.StatusCode != http.StatusUnauthorized ||
				resp.Header.Get("Www-Authenticate") != `Bearer realm="ssobridge", error="invalid_token"` || strings.Contains(resp.body, tt.token) {
				t.Errorf("%s at %s: got %d %q, %s; want %s", tt.name, d.name, resp.StatusCode, resp.Header.Get("Www-Authenticate"), resp.body, tt.want)
			}
		}
	}
	if n := b.sessions(); n != 0 {
		t.Errorf("tokens opened %d sessions", n)
	}
	if a := b.account("etl@example.com"); a != nil {
		t.Errorf("an account was made: %+v", a)
	}
	if log := b.log.String(); strings.Contains(log, api.token(nil)) || strings.Contains(log, strings.Split(api.token(nil), ".")[2]) {
		t.Error("a token is in the log")
	}
}

// raw signs a header and claims as they are written.
func (i *apiIssuer) raw(header, payload string) string {
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	return input + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(i.key, []byte(input)))
}

// Each row of what a token must not be, at each door, with a signature that is good: no other check may stand in for the one that is
// missing. SECURITY A1, A2, A3, A4, A5, A6, A7, A8, A9, A11, A12
func TestHostileTokensAtEachDoor(t *testing.T) {
	b, api := startAPI(t)
	var asked atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(elsewhere.Close)
	now := b.Now().Unix()
	payload := fmt.Sprintf(`{"iss":"https://api.example","aud":"bi","sub":"etl","iat":%d,"exp":%d}`, now-60, now+600)
	plus := func(members string) string {
		return api.raw(`{"alg":"EdDSA"}`, payload[:len(payload)-1]+","+members+"}")
	}
	with := func(members string) string { return api.raw(`{"alg":"EdDSA",`+members+`}`, payload) }
	dated := func(name, value string) string {
		return api.raw(`{"alg":"EdDSA"}`, regexp.MustCompile(`"`+name+`":\d+`).ReplaceAllString(payload, `"`+name+`":`+value))
	}
	der, err := base64.StdEncoding.DecodeString(api.public())
	if err != nil {
		t.Fatal(err)
	}
	byHMAC := func(key []byte) string {
		input := strings.Join(strings.Split(api.raw(`{"alg":"HS256"}`, payload), ".")[:2], ".")
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(input))
		return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	good := api.raw(`{"alg":"EdDSA"}`, payload)
	parts := strings.Split(good, ".")
	jwk := fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q}`, base64.RawURLEncoding.EncodeToString(newIssuer("o").key.Public().(ed25519.PublicKey)))
	taken := map[string]string{
		"good": good, "jku": with(fmt.Sprintf(`"jku":%q`, elsewhere.URL)), "x5u": with(fmt.Sprintf(`"x5u":%q`, elsewhere.URL)), "jwk": with(`"jwk":` + jwk),
		"claims that differ in case": plus(`"Sub":"root","SUB":"root","Exp":1`), "a header that differs in case": with(`"Alg":"none","ALG":"HS256"`),
		"exp with a fraction": dated("exp", fmt.Sprintf("%d.5", now+600)), "nbf long ago": plus(`"nbf":-5`),
	}
	refused := map[string]string{
		"not signed": parts[0] + "." + parts[1] + ".", "none": api.raw(`{"alg":"none"}`, payload), "nOnE": api.raw(`{"alg":"nOnE"}`, payload),
		"another name of the algorithm": api.raw(`{"alg":"eddsa"}`, payload), "no algorithm": api.raw(`{}`, payload), "a list of algorithms": api.raw(`{"alg":["EdDSA"]}`, payload),
		"two algorithms": api.raw(`{"alg":"none","alg":"EdDSA"}`, payload), "HMAC by the public key, DER": byHMAC(der), "HMAC by the public key, base64": byHMAC([]byte(api.public())),
		"signed by its jwk": func() string { o := newIssuer("o"); return o.raw(`{"alg":"EdDSA","jwk":`+jwk+`}`, payload) }(),
		"crit":              with(`"crit":["exp"]`), "crit, empty": with(`"crit":[]`), "crit, null": with(`"crit":null`), "b64": with(`"b64":false`),
		"typ of a logout token": with(`"typ":"logout+jwt"`), "typ of an assertion": with(`"typ":"assertion+jwt"`), "typ null": with(`"typ":null`), "typ with a space": with(`"typ":"JWT "`),
		"at+jwt without jti": with(`"typ":"at+jwt"`), "kid a number": with(`"kid":1`),
		"padded": good + "=", "nested": api.raw(`{"alg":"EdDSA","cty":"JWT"}`, good), "encrypted": "e30.e30.e30.e30.e30", "four parts": good + ".x", "JSON": `{"payload":"` + parts[1] + `"}`,
		"a byte order mark": api.raw(`{"alg":"EdDSA"}`, "\ufeff"+payload), "not UTF-8": plus("\"x\":\"\xff\""), "half a surrogate": plus(`"x":"\ud800"`), "two objects": api.raw(`{"alg":"EdDSA"}`, payload+"{}"),
		"a list": api.raw(`{"alg":"EdDSA"}`, "["+payload+"]"), "deep": plus(`"x":` + strings.Repeat("[", 9) + strings.Repeat("]", 9)), "large": plus(`"x":"` + strings.Repeat("x", 8<<10) + `"`),
		"exp twice": plus(fmt.Sprintf(`"exp":%d`, now+900)), "sub twice, escaped": plus(`"\u0073ub":"root"`), "Exp for exp": api.raw(`{"alg":"EdDSA"}`, strings.Replace(payload, `"exp"`, `"Exp"`, 1)),
		"nbf ahead": plus(fmt.Sprintf(`"nbf":%d`, now+600)), "cnf": plus(`"cnf":{"jkt":"x"}`), "cnf, null": plus(`"cnf":null`), "aud twice": plus(`"aud":"bi"`),
	}
	for _, name := range []string{"exp", "iat"} {
		for _, value := range []string{"1e400", "-1e400", "1e300", "253402300800", "-5", `"` + fmt.Sprint(now+60) + `"`, "null", "true", "[1]", "{}", "0x7f", "NaN", fmt.Sprintf("+%d", now), fmt.Sprintf("0%d", now)} {
			refused[name+" "+value] = dated(name, value)
		}
	}
	for _, aud := range []string{`[]`, `["x"]`, `["bi",1]`, `[["bi"]]`, `{"bi":1}`, `null`, `"BI"`, `"bi "`, `"bi\u0000"`} {
		refused["aud "+aud] = api.raw(`{"alg":"EdDSA"}`, strings.Replace(payload, `"bi"`, aud, 1))
	}
	for want, tokens := range map[int]map[string]string{http.StatusOK: taken, http.StatusUnauthorized: refused} {
		for name, text := range tokens {
			for _, d := range apiDoors(b) {
				resp := b.browser().get(d.path, append(d.headers, "Authorization: Bearer "+text, "Accept: application/json")...)
				if resp.StatusCode != want || want == http.StatusOK && d.name == "verify" && resp.Header.Get("Remote-User") != "etl" {
					t.Errorf("%s at %s: got %d %s, want %d", name, d.name, resp.StatusCode, resp.body, want)
				}
			}
		}
	}
	for _, name := range []string{"token", "access_token", "auth_token", "jwt"} { // no parameter is set
		for path, want := range map[string]int{"/report": 401, "/api/user/current": 401, "/auth/verify": 403} {
			if resp := b.browser().get(path+"?"+name+"="+good, "Accept: application/json"); resp.StatusCode != want {
				t.Errorf("%s?%s: got %d, want %d", path, name, resp.StatusCode, want)
			}
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("an address of the token's was asked %d times", n)
	}
}

// What apps get to know of a token's holder: the same at each door, none of it empty, and nothing of the token itself.
func TestBearerIdentity(t *testing.T) {
	b, api := startAPI(t, "PROVIDER_API_CLAIM_GROUPS=realm_access.roles", "PROVIDER_API_PARAMETER=auth_token")
	roles := claims{"realm_access": claims{"roles": []string{"readers", "Administrators", "admin", "none"}}, "department": "data"}
	for _, tt := range []struct {
		claims                    claims
		user, email, name, groups string
	}{
		{claims{"first_name": "Nightly", "last_name": "Job"}, "etl@example.com", "etl@example.com", "Nightly Job", "All Users,Readers"},
		{claims{"email": nil}, "etl", "-", "-", "All Users,Readers"},
		{claims{"email": nil, "sub": "ann@example.com"}, "api:ann@example.com", "-", "-", "All Users,Readers"}, // SECURITY E1
	} {
		maps.Copy(tt.claims, roles)
		tok := api.token(tt.claims)
		resp := b.browser().get("/auth/verify", "Authorization: Bearer "+tok)
		h := resp.Header
		if got := fmt.Sprint(h["Remote-User"], h["Remote-Email"], h["Remote-Groups"], h["Remote-Id"]); got != fmt.Sprint([]string{tt.user}, []string{tt.email}, []string{tt.groups}, []string{"-"}) {
			t.Errorf("got %s, want %s %s %s -", got, tt.user, tt.email, tt.groups)
		}
		for _, at := range []string{"/report?x=1&auth_token=" + tok, "/report?x=1"} {
			header := "Authorization: Bearer " + tok
			if strings.Contains(at, "auth_token") {
				header = "Accept: */*"
			}
			var app map[string]any
			if err := json.Unmarshal([]byte(b.browser().get(at, header).body), &app); err != nil {
				t.Fatal(err)
			}
			if app["Authorization"] != nil || fmt.Sprint(app["X-Path"]) != "[/report?x=1]" || fmt.Sprint(app["Remote-User"]) != "["+tt.user+"]" || fmt.Sprint(app["Remote-Groups"]) != "["+tt.groups+"]" {
				t.Errorf("%.12s: the app got %v", at, app)
			}
		}
		u := b.browser().who("Authorization: Bearer " + tok)
		if u["is_superuser"] != false || fmt.Sprint(u["group_ids"]) != "[1 3]" || u["id"] != 0.0 {
			t.Errorf("current user: %v", u)
		}
	}
	groupsOfTokensFollow(t, b, api, roles)
}

// groupsOfTokensFollow changes groups as another replica does: tokens that are remembered, and those that are seen for the first
// time, have the groups that there are within a second. SECURITY E5
func groupsOfTokensFollow(t *testing.T, b *bridge, api *apiIssuer, with claims) {
	t.Helper()
	remembered := api.token(with)
	groups := func(tok string) string {
		return b.browser().get("/auth/verify", "Authorization: Bearer "+tok).Header.Get("Remote-Groups")
	}
	e := sso.Event{At: b.Now(), Kind: sso.EventGroup, Actor: "test"}
	for i, step := range []struct {
		change func() error
		want   string
	}{
		{func() error { return nil }, "All Users,Readers"},
		{func() error { return b.store.RenameGroup(t.Context(), 3, "Lectors", e) }, "All Users"},
		{func() error { _, err := b.store.CreateGroup(t.Context(), "Readers", e); return err }, "All Users,Readers"},
		{func() error {
			return b.store.DeleteGroup(t.Context(), sso.GroupClearing{Group: sso.Group{ID: 4}, Event: e}, "")
		}, "All Users"},
		{func() error { _, err := b.store.EnsureGroups(t.Context(), []string{"Readers"}, e); return err }, "All Users,Readers"},
	} {
		groups(api.token(claims{"jti": fmt.Sprint("before ", i)})) // the groups are remembered
		if err := step.change(); err != nil {
			t.Fatal(err)
		}
		fresh := 0
		if err := eventually(func() bool {
			fresh++
			again := maps.Clone(with)
			again["jti"] = fmt.Sprint(i, " ", fresh)
			return groups(remembered) == step.want && groups(api.token(again)) == step.want
		}); err != nil {
			t.Errorf("step %d: a token that is remembered has the groups %s, want %s: %v", i, groups(remembered), step.want, err)
		}
	}
}

// No token of an API client reaches what is for administrators, whatever groups it names (SECURITY J5, G2).
func TestBearerIsNoAdministrator(t *testing.T) {
	b, api := startAPI(t, "UPSTREAM=", "PROVIDER_API_GROUP_MAPPINGS={}", "PROVIDER_API_ACCOUNTS=existing")
	c := b.browser()
	c.signIn(claims{"email": "etl@example.com", "groups": []string{"Administrators"}}).want(t, http.StatusFound, "/")
	account := b.account("etl@example.com")
	if err := b.store.AddMember(t.Context(), account.ID, sso.Administrators, sso.MemberByAdmin, sso.Event{At: b.Now(), Actor: "test"}); err != nil {
		t.Fatal(err)
	}
	tok := api.token(claims{"groups": []string{"Administrators"}})
	if u := b.browser().who("Authorization: Bearer " + tok); u["is_superuser"] != false || fmt.Sprint(u["group_ids"]) != "[1]" || u["id"] != float64(account.ID) {
		t.Errorf("current user: %v", u)
	}
	for _, path := range []string{"/admin", "/admin/people", "/api/v1/people", "/api/v1/settings", "//admin", "/Admin/people"} {
		if resp := b.browser().get(path, "Authorization: Bearer "+tok, "Accept: application/json"); resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: got %d", path, resp.StatusCode)
		}
	}
}

// SECURITY J5: two callers in one request are none; what is not ours beside a session is the app's.
func TestBearerBesideASession(t *testing.T) {
	b, api := startAPI(t, "PROVIDER_API_ACCOUNTS=existing")
	c := b.browser()
	c.signIn(nil).want(t, http.StatusFound, "/")
	own, others := api.token(claims{"email": "ann@example.com"}), api.token(nil)
	foreign := api.token(claims{"iss": "https://app.example"})
	ben := b.browser()
	ben.signIn(claims{"email": "etl@example.com"}).want(t, http.StatusFound, "/")
	for _, tt := range []struct {
		name    string
		headers []string
		want    int
		log     string
	}{
		{"of the same account", []string{"Authorization: Bearer " + own}, 200, ""},
		{"of another account", []string{"Authorization: Bearer " + others}, 401, "credentials_conflict"},
		{"not good", []string{"Authorization: Bearer " + own[:len(own)-4] + "AAAA"}, 401, "token_signature"},
		{"the app's own", []string{"Authorization: Bearer " + foreign}, 200, ""},
		{"the app's own, opaque", []string{"Authorization: Bearer abc"}, 200, ""},
		{"Basic", []string{"Authorization: Basic eDp5"}, 200, ""},
		{"twice", []string{"Authorization: Bearer " + own, "Authorization: Bearer " + own}, 401, "credentials_conflict"},
	} {
		for _, d := range apiDoors(b) {
			resp := c.get(d.path, append(d.headers, tt.headers...)...)
			if resp.StatusCode != tt.want {
				t.Errorf("%s at %s: got %d %s, want %d", tt.name, d.name, resp.StatusCode, resp.body, tt.want)
			}
		}
		if !strings.Contains(b.log.String(), tt.log) {
			t.Errorf("%s: the log has no %q", tt.name, tt.log)
		}
	}
	var app map[string]any
	if err := json.Unmarshal([]byte(c.get("/x", "Authorization: Bearer "+foreign).body), &app); err != nil || fmt.Sprint(app["Authorization"]) != "[Bearer "+foreign+"]" {
		t.Errorf("the app did not get its own token: %v, %v", app, err)
	}
	planted := b.browser()
	if resp := planted.get("/auth/verify", "Authorization: Bearer "+own, "Cookie: ssobridge=x"); resp.StatusCode != 401 {
		t.Errorf("beside what is no session: got %d", resp.StatusCode)
	}
}

// A login token is no API client's, and the other way round (SECURITY A12).
func TestBearerIsNoLogin(t *testing.T) {
	b, api := startAPI(t)
	c := b.browser()
	for _, query := range []string{"", "&provider=api"} {
		if resp := c.get("/auth/sso?jwt=" + api.token(nil) + query); resp.StatusCode < 400 || c.email() != "" {
			t.Errorf("%q: got %d, signed in as %q", query, resp.StatusCode, c.email())
		}
	}
	if resp := c.get("/auth/verify", "Authorization: Bearer "+b.token(nil)); resp.StatusCode != 401 {
		t.Errorf("a login token as bearer: got %d", resp.StatusCode)
	}
	c.signIn(nil).want(t, http.StatusFound, "/") // with a second provider that signs nobody in, nothing has to be chosen
	if resp := b.browser().get("/auth/sso"); resp.StatusCode != 302 || !strings.HasPrefix(resp.Header.Get("Location"), "https://idp.example/") {
		t.Errorf("the sign-in begins at %d %q", resp.StatusCode, resp.Header.Get("Location"))
	}
}

// SECURITY D4, E8, J2: with accounts a token is worth what the account is, within a second.
func TestBearerAccounts(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		b, api := startAPI(t, database, "PROVIDER_API_ACCOUNTS=existing")
		tok := "Authorization: Bearer " + api.token(nil)
		if resp := b.browser().get("/auth/verify", tok); resp.StatusCode != 401 {
			t.Errorf("without an account: got %d", resp.StatusCode)
		}
		b.browser().signIn(claims{"email": "etl@example.com"}).want(t, http.StatusFound, "/")
		if resp := b.browser().get("/auth/verify", tok); resp.StatusCode != 200 || resp.Header.Get("Remote-Id") == "-" || resp.Header.Get("Remote-Groups") != "All Users" {
			t.Errorf("with one: got %d %v", resp.StatusCode, resp.Header)
		}
		account := b.account("etl@example.com")
		if err := b.store.SetActive(t.Context(), account.ID, false, sso.Event{At: b.Now(), Actor: "test"}); err != nil {
			t.Fatal(err)
		}
		if err := eventually(func() bool { return b.browser().get("/auth/verify", tok).StatusCode == 403 }); err != nil {
			t.Error(err)
		}
	})
}

// A first sight makes the account, with one event; the next ones write nothing for five minutes.
func TestBearerProvisions(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		b, api := startAPI(t, database, "PROVIDER_API_ACCOUNTS=provision", "PROVIDER_API_GROUP_SYNC=true")
		seen := func(with claims) map[string]any {
			return b.browser().who("Authorization: Bearer " + api.token(with))
		}
		first := seen(claims{"groups": []string{"readers"}})
		if first["id"] == 0.0 || fmt.Sprint(first["group_ids"]) != "[1 3]" {
			t.Fatalf("got %v", first)
		}
		e := b.lastEvent()
		if e.Kind != sso.EventAccount || e.Provider != "api" || !strings.Contains(e.Detail, "account provisioned") {
			t.Errorf("got event %+v", e)
		}
		b.Pass(time.Minute)
		if again := seen(claims{"groups": []string{"readers"}, "jti": "2"}); again["id"] != first["id"] || again["last_login"] == nil {
			t.Errorf("got %v", again)
		}
		if account := b.account("etl@example.com"); !account.LastLogin.Equal(b.Now().Add(-time.Minute)) {
			t.Errorf("written at %v", account.LastLogin)
		}
		b.Pass(5 * time.Minute)
		if moved := seen(claims{"jti": "3", "groups": []string{}}); fmt.Sprint(moved["group_ids"]) != "[1]" {
			t.Errorf("got %v", moved)
		}
		if again := b.lastEvent(); again.ID == e.ID || !strings.Contains(again.Detail, "removed from Readers") {
			t.Errorf("got event %+v", again)
		}
		if n := b.sessions(); n != 0 {
			t.Errorf("%d sessions", n)
		}
	})
}

// An explanation of a pasted token tells what it is for, which provider, which key and which claims it was; a login token stays
// one, and what is refused is what it says that it is.
func TestBearerExplained(t *testing.T) {
	b, api := startAPI(t, "PROVIDER_API_CLAIM_GROUPS=realm.roles")
	for _, tt := range []struct {
		name, token, provider string
		want                  sso.Code
		failed                string
		use                   sso.TokenUse
	}{
		{"good", api.token(claims{"realm": claims{"roles": []string{"readers"}}}), "api", "", "", sso.UseBearer},
		{"for another audience", api.token(claims{"aud": "x"}), "api", sso.TokenAudience, "audience", sso.UseBearer},
		{"of no provider's issuer, and says that it is for an API", api.token(claims{"iss": "x", "header:typ": "at+jwt"}), "", sso.TokenIssuer, "provider", sso.UseBearer},
		{"a login token", b.token(nil), "jwt", "", "", sso.UseLogin},
	} {
		e, err := explain.Pasted(t.Context(), b.sso, tt.token, "")
		failed, said := "", ""
		for _, c := range e.Checks {
			if !c.OK {
				failed += c.Name
			}
			said += c.Name + " " + c.Detail + "\n"
		}
		if err != nil || e.Provider != tt.provider || e.Code != tt.want || e.Accepted != (tt.want == "") || failed != tt.failed || e.Use != tt.use {
			t.Errorf("%s: got %+v, %v", tt.name, e, err)
		}
		if tt.name != "good" {
			continue
		}
		if e.Caller == nil || len(e.SignedIn.Groups) != 2 || e.KeyID == "" || !e.Until.Equal(b.Now().Add(3000*time.Second+30*time.Second)) {
			t.Errorf("%s: got %+v", tt.name, e)
		}
		for _, want := range []string{"provider api: an API client presents", `identity e-mail "etl@example.com" from the claim "email"`, `subject "etl" from the claim "sub"`,
			`groups from the claim "realm.roles"`, e.KeyID} {
			if !strings.Contains(said, want) {
				t.Errorf("%s: no %q in\n%s", tt.name, want, said)
			}
		}
	}
	if n := b.sessions(); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// Anyone can send tokens by the thousand: the log has a few lines of them, the trail none.
func TestBearerFloodIsQuiet(t *testing.T) {
	b, _ := startAPI(t)
	c := b.browser()
	for i := range 60 {
		for _, d := range apiDoors(b) {
			c.get(d.path, append(d.headers, fmt.Sprintf("Authorization: Bearer a.%d.c", i))...)
		}
	}
	if n := strings.Count(b.log.String(), "token of an API client refused"); n == 0 || n > 10 {
		t.Errorf("got %d lines", n)
	}
	if n := strings.Count(b.log.String(), "level=INFO msg=refused"); n > 0 {
		t.Errorf("got %d lines of refusals besides", n)
	}
	if list, _, err := b.store.Events(t.Context(), sso.EventQuery{}); err != nil || len(list) > 1 {
		t.Errorf("got events %+v, %v", list, err)
	}
}

// account is the account of an e-mail; nil: there is none.
func (b *bridge) account(email string) *sso.Account {
	b.t.Helper()
	list, _, err := b.store.Accounts(b.t.Context(), sso.AccountQuery{Search: email})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, a := range list {
		if a.Email == email {
			return &a
		}
	}
	return nil
}

// A provider with which people sign in takes tokens of API clients, too, once BEARER is on. A token is good for one of the two, by
// its audience or, where that does not tell, by its typ. SECURITY J1
func TestBearerOfLogins(t *testing.T) {
	for name, settings := range map[string][]string{
		"by audience": {"JWT_AUDIENCE=bridge"},
		"by typ":      {"JWT_PROFILE=metabase"},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, append([]string{"UPSTREAM=" + app(t).URL, "TRUSTED_PROXIES=127.0.0.1", "FORWARD_AUTH=true", "JWT_BEARER=true", "JWT_BEARER_AUD=bi",
				`JWT_GROUP_MAPPINGS={"readers":["Readers"],"root":["Administrators"]}`, "JWT_GROUP_SYNC=true"}, settings...)...)
			forAPI := claims{"aud": "bi", "sub": "etl", "email": nil, "client_id": "cli", "iss": "x", "jti": "1", "iat": b.Now().Unix(), "groups": []string{"readers", "root"}}
			typed := accessToken(t, b, forAPI)
			plain := b.token(forAPI)
			login := b.token(claims{"aud": "bridge", "iat": b.Now().Unix()})
			want := map[string]bool{typed: true, plain: name == "by audience", login: false}
			for _, d := range apiDoors(b) {
				for text, good := range want {
					resp := b.browser().get(d.path, append(d.headers, "Authorization: Bearer "+text, "Accept: application/json")...)
					if (resp.StatusCode == http.StatusOK) != good || !good && resp.StatusCode != http.StatusUnauthorized {
						t.Errorf("%s: %s: got %d %s, want %v", d.name, text, resp.StatusCode, resp.body, good)
					}
				}
			}
			who := b.browser().who("Authorization: Bearer " + typed)
			if who["id"] != 0.0 || fmt.Sprint(who["group_ids"]) != "[1 3]" || who["is_superuser"] != false {
				t.Errorf("got %v", who)
			}
			for text, want := range map[string]int{typed: 401, login: 302} {
				if resp := b.browser().get("/auth/sso?jwt="+text, "Accept: application/json"); resp.StatusCode != want && !(want == 302 && resp.StatusCode == 200) {
					t.Errorf("signing in with %s: got %d %s, want %d", text, resp.StatusCode, resp.body, want)
				}
			}
		})
	}
}

// What a token of an API client says of groups makes nobody an administrator at the next look, and takes nothing from those who
// are: it may be one that was lent to a script. SECURITY J5, E4
func TestBearerMovesNoAdministrator(t *testing.T) {
	b := start(t, "JWT_BEARER=true", "JWT_BEARER_AUD=bi", "JWT_AUDIENCE=bridge", "JWT_ACCOUNTS=provision", "JWT_GROUP_SYNC=true",
		`JWT_GROUP_MAPPINGS={"readers":["Readers"],"root":["Administrators"]}`)
	ann, ben := b.browser(), b.browser()
	ann.signIn(claims{"aud": "bridge", "groups": []string{"root", "readers"}}).want(t, http.StatusFound, "/")
	ben.signIn(claims{"aud": "bridge", "email": "ben@example.com", "groups": []string{}}).want(t, http.StatusFound, "/")
	for email, groups := range map[string][]string{"ann@example.com": {}, "ben@example.com": {"root", "readers"}} {
		tok := b.token(claims{"aud": "bi", "email": email, "groups": groups})
		if who := b.browser().who("Authorization: Bearer " + tok); who["email"] != email || who["is_superuser"] != false {
			t.Errorf("%s by a token: %v", email, who)
		}
	}
	if who := ann.who(); who["is_superuser"] != true || fmt.Sprint(who["group_ids"]) != "[1 2]" {
		t.Errorf("ann, of whom a token says that she is in no group: %v", who)
	}
	if who := ben.who(); who["is_superuser"] != false || fmt.Sprint(who["group_ids"]) != "[1 3]" {
		t.Errorf("ben, of whom a token says that he is in both: %v", who)
	}
}

// accessToken is a token of the default provider that says to be for an API.
func accessToken(t *testing.T, b *bridge, with claims) string {
	t.Helper()
	all := claims{"exp": b.Now().Add(10 * time.Minute).Unix()}
	maps.Copy(all, with)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	made := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims(all))
	made.Header["typ"] = "at+jwt"
	signed, err := made.SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// A server of the provider can judge login tokens, with no key at all: a token is used once all the same. SECURITY A14, C2
func TestValidatedLogin(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		var status atomic.Int64
		status.Store(http.StatusOK)
		judge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(int(status.Load()))
			w.Write([]byte(`{"sub":"ann","email":"ann@example.com"}`))
		}))
		defer judge.Close()
		b := start(t, database, "JWT_SHARED_SECRET=", "JWT_VALIDATION_URL="+judge.URL)
		made := func(jti string) string { return b.token(claims{"jti": jti, "sub": "ann", "iat": b.Now().Unix()}) }
		first := made("1")
		c := b.browser()
		c.get("/auth/sso?jwt="+first).want(t, http.StatusFound, "/")
		if who := c.who(); who["email"] != "ann@example.com" {
			t.Errorf("got %v", who)
		}
		if resp := b.browser().get("/auth/sso?jwt="+first, "Accept: application/json"); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("the same token in another browser: %d %s", resp.StatusCode, resp.body)
		}
		for code, want := range map[int]int{http.StatusForbidden: http.StatusUnauthorized, http.StatusBadGateway: http.StatusServiceUnavailable} {
			status.Store(int64(code))
			if resp := b.browser().get("/auth/sso?jwt="+made(fmt.Sprint(code)), "Accept: application/json"); resp.StatusCode != want {
				t.Errorf("the server answers %d: got %d %s, want %d", code, resp.StatusCode, resp.body, want)
			}
		}
	})
}
