// Package comingfrom holds the tables for people who come from another system against the server.
package comingfrom

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/server/ssobridge"
	"github.com/ssobridge/ssobridge/sso/password"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/idp"
)

const secret = "0aLwKq3vVn8ZpXy5rT2uJc7dEb1mGhSf9QkWiRoN4xM"

// A row is a line of a table, and what shows that it is true.
type row struct {
	theirs  string            // the first cell
	ours    map[string]string // settings, with the names of the second cell
	besides map[string]string // what it needs besides
	claims  jwt.MapClaims     // of the token; a nil value removes one
	send    string            // the header with the token; "?name=" for a parameter; "" for Authorization
	want    string            // Remote-User and Remote-Groups; "" for 401
	without string            // the same without ours; "" where that is not asked
	needed  bool              // without ours the token is refused
}

// world is what the settings of rows point to.
type world struct {
	key                    *rsa.PrivateKey
	der, pemFile, jwksFile string
	jwks, validation       string // addresses
	realm, groups          string
	private, ca            string // the key set at an address with a certificate of one's own, and the file of who signed that
}

func newWorld(t *testing.T) *world {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	e := base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())
	n := base64.URLEncoding.EncodeToString(append([]byte{0}, key.N.Bytes()...)) // as OpenMetadata writes it
	set := fmt.Sprintf(`{"keys":[{"kty":"RSA","alg":"RS256","use":"sig","kid":"1","n":%q,"e":%q}]}`, n, e)
	w := &world{key: key, der: base64.StdEncoding.EncodeToString(der), pemFile: filepath.Join(t.TempDir(), "key.pem"), jwksFile: filepath.Join(t.TempDir(), "jwks.json")}
	write := func(name string, data []byte) {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(w.pemFile, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	write(w.jwksFile, []byte(strings.ReplaceAll(set, n, base64.RawURLEncoding.EncodeToString(key.N.Bytes()))))
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch at := "http://" + r.Host; r.URL.Path {
		case "/jwks":
			fmt.Fprint(rw, set)
			return
		case "/groups":
			fmt.Fprint(rw, `{"groups":["reader"]}`)
			return
		case "/realm/.well-known/openid-configuration":
			rw.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(rw, `{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":%q,"jwks_uri":%q}`, at+"/realm", at+"/a", at+"/t", at+"/jwks")
			return
		}
		fmt.Fprint(rw, `{"sub":"ann","email":"ann@example.com"}`)
	}))
	t.Cleanup(s.Close)
	private := httptest.NewUnstartedServer(s.Config.Handler)
	private.Config.ErrorLog = log.New(io.Discard, "", 0) // whoever does not know the certificate hangs up
	private.StartTLS()
	t.Cleanup(private.Close)
	w.private, w.ca = private.URL+"/jwks", filepath.Join(t.TempDir(), "ca.pem")
	write(w.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: private.Certificate().Raw}))
	w.jwks, w.validation, w.realm, w.groups = s.URL+"/jwks", s.URL+"/validate", s.URL+"/realm", s.URL+"/groups"
	return w
}

func (w *world) token(t *testing.T, with jwt.MapClaims) string {
	t.Helper()
	now := time.Now().Unix()
	all := jwt.MapClaims{"iss": "https://acme.example", "aud": "bi", "sub": "ann", "email": "ann@example.com", "iat": now - 10, "exp": now + 600}
	maps.Copy(all, with)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, all)
	token.Header["kid"] = "1"
	signed, err := token.SignedString(w.key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// serve runs a server with these settings.
func serve(t *testing.T, settings map[string]string, now func() time.Time) (address string, stop func()) {
	t.Helper()
	l, address := bridgetest.Listen(t)
	env := map[string]string{"SITE_URL": "http://" + address, "DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "b.db"), "SECRET_KEY": strings.Repeat("k", 32),
		"PROVIDERS": "acme"}
	maps.Copy(env, settings)
	return address, serveBy(t, bridgetest.Config(t, env, nil), l, now)
}

func serveBy(t *testing.T, cfg *setting.Config, l net.Listener, now func() time.Time) (stop func()) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	ctx, st := bridgetest.Open(t, cfg, now, quiet)
	runtime, err := ssobridge.NewRuntime(ctx, cfg, st, cfg.SecretKey, now, quiet)
	if err != nil {
		t.Fatal(err)
	}
	srv, err := server.New(server.Options{Store: st, Passwords: &password.Hasher{}, SecretKey: cfg.SecretKey, Now: now, Log: quiet, Version: "test"}, runtime.Live())
	if err != nil {
		t.Fatal(err)
	}
	return bridgetest.Serve(t, srv, l)
}

// ask runs a server with these settings and asks who the token is.
func (w *world) ask(t *testing.T, settings map[string]string, send, token string) string {
	t.Helper()
	env := map[string]string{"PROVIDER_ACME_KIND": "bearer", "PROVIDER_ACME_AUDIENCE": "bi", "PROVIDER_ACME_KEYS": w.der}
	maps.Copy(env, settings)
	address, stop := serve(t, env, time.Now)
	defer stop()
	path := "/auth/verify"
	if name, ok := strings.CutPrefix(send, "?"); ok {
		path += "?" + name + token
	}
	r := bridgetest.NewRequest(t, "GET", "http://"+address+path, "")
	switch {
	case strings.HasPrefix(send, "?"):
	case send == "":
		r.Header.Set("Authorization", "Bearer "+token)
	default:
		r.Header.Set(send, token)
	}
	resp, _ := bridgetest.Do(t, bridgetest.NewClient(), r)
	if resp.StatusCode != http.StatusOK {
		return ""
	}
	return resp.Header.Get("Remote-User") + " " + resp.Header.Get("Remote-Groups")
}

func acme(name, value string) map[string]string {
	return map[string]string{"PROVIDER_ACME_" + name: value}
}

// rows are those about tokens of API clients.
func (w *world) rows() []row {
	now := time.Now().Unix()
	mapped := acme("GROUP_MAPPINGS", `{"reader":["Readers"]}`)
	keyless := acme("KEYS", "")
	both := func(a, b map[string]string) map[string]string { maps.Copy(a, b); return a }
	return []row{
		{theirs: "jwt.enabled", ours: acme("ENABLED", "false"), want: ""},
		{theirs: "signing_key", ours: acme("KEYS", w.der), want: "ann@example.com All Users"},
		{theirs: "jwt_header", ours: acme("HEADER", "X-Auth"), send: "X-Auth", want: "ann@example.com All Users"},
		{theirs: "jwt_url_parameter", ours: acme("PARAMETER", "token"), send: "?token=", want: "ann@example.com All Users"},
		{theirs: "subject_key", ours: acme("CLAIM_SUBJECT", "who.name"), claims: jwt.MapClaims{"sub": nil, "email": nil, "who": map[string]any{"name": "bob"}}, want: "bob All Users"},
		{theirs: "roles_key", ours: both(acme("CLAIM_GROUPS", "roles"), acme("GROUP_SEPARATOR", ",")), besides: mapped,
			claims: jwt.MapClaims{"roles": "reader, writer"}, want: "ann@example.com All Users,Readers"},
		{theirs: "required_audience", ours: acme("AUDIENCE", "logs, metrics"), claims: jwt.MapClaims{"aud": "metrics"}, want: "ann@example.com All Users"},
		{theirs: "required_issuer", ours: acme("ISSUER", "https://other.example"), want: ""},
		{theirs: "jwt_clock_skew_tolerance_seconds", ours: acme("LEEWAY", "0s"), claims: jwt.MapClaims{"exp": now - 5}, want: ""},
		{theirs: "openid_connect_url", ours: both(acme("DISCOVERY_URL", w.realm+"/.well-known/openid-configuration"), acme("ISSUER", w.realm)), besides: keyless,
			claims: jwt.MapClaims{"iss": w.realm}, want: "ann@example.com All Users"},
		{theirs: "jwks_uri", ours: acme("JWKS_URL", w.jwks), besides: keyless, want: "ann@example.com All Users"},

		{theirs: "JWT_PUBLIC_KEY", ours: acme("PUBLIC_KEY", "file://"+w.pemFile), besides: keyless, want: "ann@example.com All Users"},
		{theirs: "JWT_ALGORITHM", ours: acme("ALGORITHM", "RS512"), besides: both(acme("PUBLIC_KEY", "file://"+w.pemFile), acme("KEYS", "")), want: ""},
		{theirs: "JWT_AUTHENTICATION_SERVER_URL", ours: both(acme("VALIDATION_URL", w.validation), acme("VALIDATION", "any")), besides: both(acme("AUDIENCE", "any"), acme("KEYS", "")),
			claims: jwt.MapClaims{"aud": nil}, want: "ann@example.com All Users"},
		{theirs: "groups in the token", ours: acme("CLAIM_GROUPS", "groups"), besides: mapped, claims: jwt.MapClaims{"groups": []string{"reader"}}, want: "ann@example.com All Users,Readers"},
		{theirs: "ENABLE_JWT", ours: acme("ENABLED", "false"), want: ""},
		{theirs: "groups from LDAP or an endpoint", ours: both(acme("GROUPS_ORDER", "token,endpoint"), acme("GROUPS_ENDPOINT_URL", w.groups)), besides: mapped, want: "ann@example.com All Users,Readers"},

		{theirs: "AUTHENTICATION_PUBLIC_KEYS", ours: acme("JWKS_URL", w.jwks), besides: keyless, want: "ann@example.com All Users"},
		{theirs: "AUTHENTICATION_AUTHORITY", ours: acme("ISSUER", "https://acme.example/"), want: ""},
		{theirs: "AUTHENTICATION_CLIENT_ID", ours: acme("AUDIENCE", "open-metadata"), want: ""},
		{theirs: "AUTHENTICATION_JWT_PRINCIPAL_CLAIMS", ours: acme("CLAIM_PRINCIPAL", "upn,preferred_username,email"), claims: jwt.MapClaims{"preferred_username": "bob@example.com"}, want: "bob@example.com All Users"},
		{theirs: "principalDomain", ours: acme("PRINCIPAL_DOMAIN", "example.org"), claims: jwt.MapClaims{"email": "bob"}, want: "bob@example.org All Users"},
		{theirs: "allowedDomains", ours: acme("ALLOWED_DOMAINS", "example.org"), want: ""},

		{theirs: "header_name", ours: acme("HEADER", "X-JWT-Assertion"), send: "X-JWT-Assertion", want: "ann@example.com All Users"},
		{theirs: "url_login", ours: acme("PARAMETER", "auth_token"), send: "?auth_token=", want: "ann@example.com All Users"},
		{theirs: "username_claim", ours: acme("CLAIM_PRINCIPAL", "login"), claims: jwt.MapClaims{"login": "bob@example.com"}, want: "bob@example.com All Users"},
		{theirs: "email_claim", ours: acme("CLAIM_EMAIL", "mail"), claims: jwt.MapClaims{"mail": "bob@example.com"}, want: "bob@example.com All Users"},
		{theirs: "key_file", ours: acme("PUBLIC_KEY", w.pemFile), besides: keyless, want: "ann@example.com All Users"},
		{theirs: "jwk_set_file", ours: acme("JWKS_FILE", w.jwksFile), besides: keyless, want: "ann@example.com All Users"},
		{theirs: "jwk_set_url", ours: acme("JWKS_URL", w.jwks), besides: keyless, want: "ann@example.com All Users"},
		{theirs: "expect_claims", ours: acme("REQUIRE", `[{"claim":"azp","values":["cli"]}]`), claims: jwt.MapClaims{"azp": "web"}, want: ""},
		{theirs: "groups_attribute_path", ours: acme("CLAIM_GROUPS", "info.roles"), besides: mapped, claims: jwt.MapClaims{"info": map[string]any{"roles": []string{"reader"}}}, want: "ann@example.com All Users,Readers"},
		{theirs: "role_attribute_path", ours: acme("GROUP_MAPPINGS", `{"editor":["Editors"]}`), claims: jwt.MapClaims{"groups": []string{"editor"}}, want: "ann@example.com All Users,Editors"},
		{theirs: "skip_org_role_sync", ours: acme("GROUP_SYNC", "true"), besides: both(acme("ACCOUNTS", "provision"), mapped), claims: jwt.MapClaims{"groups": []string{"reader"}},
			want: "ann@example.com All Users,Readers", without: "ann@example.com All Users"},
		{theirs: "auto_sign_up", ours: acme("ACCOUNTS", "existing"), want: ""},

		{theirs: "extra_jwt_issuers", ours: both(acme("ISSUER", "https://acme.example"), acme("AUDIENCE", "other")), want: ""},
		{theirs: "skip_jwt_bearer_tokens", ours: acme("KIND", "bearer"), want: "ann@example.com All Users"},
		{theirs: "oidc_extra_audiences", ours: acme("AUDIENCE", "other, bi"), want: "ann@example.com All Users"},
		{theirs: "oidc_jwks_url", ours: acme("JWKS_URL", w.jwks), besides: keyless, want: "ann@example.com All Users"},
		{theirs: "oidc_groups_claim", ours: acme("CLAIM_GROUPS", "roles"), besides: mapped, claims: jwt.MapClaims{"roles": []string{"reader"}}, want: "ann@example.com All Users,Readers"},
		{theirs: "oidc_email_claim", ours: acme("CLAIM_EMAIL", "mail"), claims: jwt.MapClaims{"mail": "bob@example.com"}, want: "bob@example.com All Users"},
		{theirs: "email_domains", ours: acme("ALLOWED_DOMAINS", "example.org"), want: ""},
		{theirs: "allowed_groups", ours: acme("ALLOWED_GROUPS", "staff"), claims: jwt.MapClaims{"groups": []string{"reader"}}, want: ""},

		{theirs: "issuer.url", ours: acme("ISSUER", "https://other.example"), want: ""},
		{theirs: "issuer.discoveryURL", ours: acme("DISCOVERY_URL", w.realm+"/.well-known/openid-configuration"), besides: both(acme("ISSUER", "https://acme.example"), acme("KEYS", "")), want: ""}, // it names another issuer
		{theirs: "issuer.audiences", ours: acme("AUDIENCE", "other"), want: ""},
		{theirs: "claimValidationRules", ours: acme("REQUIRE", `[{"claim":"hd","values":["example.com"]}]`), want: ""},
		{theirs: "claimMappings.username", ours: acme("CLAIM_PRINCIPAL", "login"), claims: jwt.MapClaims{"login": "bob@example.com"}, want: "bob@example.com All Users"},
		{theirs: "issuer.certificateAuthority", ours: acme("CA_FILE", w.ca), besides: both(acme("JWKS_URL", w.private), keyless), want: "ann@example.com All Users", needed: true},
		{theirs: "claimMappings.groups.prefix", ours: acme("GROUP_PREFIX", "k8s:"), besides: acme("GROUP_MAPPINGS", `{"k8s:reader":["Readers"]}`), claims: jwt.MapClaims{"groups": []string{"reader"}}, want: "ann@example.com All Users,Readers"},
	}
}

// Each option of the tables does here what it does there, under the name that the table gives.
func TestComingFrom(t *testing.T) {
	w := newWorld(t)
	table := readTable(t)
	if got := w.ask(t, nil, "", w.token(t, nil)); got != "ann@example.com All Users" {
		t.Fatalf("without any option: got %q", got)
	}
	for _, r := range w.rows() {
		t.Run(r.theirs, func(t *testing.T) {
			cell, ok := table[r.theirs]
			if !ok {
				t.Fatal("it is in no table")
			}
			delete(table, r.theirs)
			settings := maps.Clone(r.besides)
			if settings == nil {
				settings = map[string]string{}
			}
			for name, value := range r.ours {
				settings[name] = value
				if !strings.Contains(cell, "`"+name+"`") {
					t.Errorf("the row does not name %s: %s", name, cell)
				}
			}
			if got := w.ask(t, settings, r.send, w.token(t, r.claims)); got != r.want {
				t.Errorf("got %q, want %q", got, r.want)
			}
			if r.without == "" && !r.needed {
				return
			}
			if got := w.ask(t, r.besides, r.send, w.token(t, r.claims)); got != r.without {
				t.Errorf("without it: got %q, want %q", got, r.without)
			}
		})
	}
	for theirs := range table {
		if !strings.HasPrefix(theirs, "MB_") && !slices.Contains(ownKeys(), theirs) && forPeople()[theirs] == "" {
			t.Errorf("no test is about %s", theirs)
		}
	}
}

// ownKeys are the options about the bridge's own key and tokens, which are read under the names that others gave them.
func ownKeys() []string {
	return []string{"RSA_PRIVATE_KEY_FILE_PATH", "RSA_PUBLIC_KEY_FILE_PATH", "JWT_ISSUER", "JWT_KEY_ID", "SYSTEM_TOKEN"}
}

// OpenMetadata's private_key.der and public_key.der are taken under its names. That they sign is shown by TestServiceKeyFile of server/ssobridge, and what the commands do with
// the file of the system token by the script "services" of cmd/ssobridge.
func TestComingFromWithOwnKeys(t *testing.T) {
	dir, table := t.TempDir(), readTable(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	private, err1 := x509.MarshalPKCS8PrivateKey(key)
	public, err2 := x509.MarshalPKIXPublicKey(&key.PublicKey)
	environ := []string{"JWT_ISSUER=open-metadata.org", "JWT_KEY_ID=Gb389a"}
	for name, data := range map[string][]byte{"RSA_PRIVATE_KEY_FILE_PATH": private, "RSA_PUBLIC_KEY_FILE_PATH": public} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, data, 0o600); err != nil || err1 != nil || err2 != nil {
			t.Fatal(err, err1, err2)
		}
		environ = append(environ, name+"="+file)
	}
	environ = append(environ, "SSOBRIDGE_SYSTEM_TOKEN_FILE="+filepath.Join(dir, "system.token"), "SSOBRIDGE_DATABASE_URL=sqlite:"+filepath.Join(dir, "b.db"), "SSOBRIDGE_SECRET_KEY="+strings.Repeat("k", 32))
	cfg, faults := setting.Resolve(setting.Inputs{Environ: environ})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, theirs := range ownKeys() {
		ours := strings.Split(table[theirs]+"``", "`")[1]
		if value := cfg.Text(ours); value == "" || theirs != "SYSTEM_TOKEN" && cfg.Source(ours).Name != theirs {
			t.Errorf("%s: %s is %q from %v", theirs, ours, value, cfg.Source(ours))
		}
	}
}

// readTable returns the rest of each row by its first cell.
func readTable(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\| (.*)$").FindAllStringSubmatch(string(text), -1) {
		table[strings.ReplaceAll(m[1], "`", "")] = m[2]
	}
	if len(table) < 30 {
		t.Fatalf("only %d rows were found", len(table))
	}
	return table
}

// Metabase's names are read as they are: each sets what the table says.
func TestComingFromMetabase(t *testing.T) {
	for theirs, cell := range readTable(t) {
		if !strings.HasPrefix(theirs, "MB_") {
			continue
		}
		value := map[string]string{"MB_JWT_IDENTITY_PROVIDER_URI": "https://idp.example/login", "MB_JWT_SHARED_SECRET": secret, "MB_JWT_GROUP_MAPPINGS": `{"a":[7]}`,
			"MB_JWT_ATTRIBUTE_EMAIL": "mail", "MB_SESSION_COOKIE_SAMESITE": "strict", "MB_SESSION_TIMEOUT": `{"amount":120,"unit":"minutes"}`}[theirs]
		if value == "" {
			value = "false"
		}
		cfg, _ := setting.Resolve(setting.Inputs{Environ: []string{theirs + "=" + value}})
		name := strings.Split(cell, "`")[1]
		if got := cfg.Text(name); got != value || cfg.Source(name).Name != theirs {
			t.Errorf("%s: %s is %q from %v, want %q", theirs, name, got, cfg.Source(name), value)
		}
	}
}

// forPeople are options about people who sign in with OpenID Connect, and a value for ours.
func forPeople() map[string]string {
	return map[string]string{"cookie_refresh": "10m", "cookie_expire": "30m", "whitelist_domains": "https://app.example.com", "backend_logout_url": "https://acme.example/logout"}
}

// visit is what somebody meets who signs in, comes back later, and signs out.
type visit struct {
	returned  string // where the sign-in ended that began at an app on another site; "" where it was refused
	refreshed bool   // the provider was asked again about a session that had been open for eleven minutes
	signedOut string // where the browser goes after the sign-out; "": nowhere
	expired   bool   // a session ends after 31 minutes
}

func visitWith(t *testing.T, settings map[string]string) (v visit) {
	t.Helper()
	p, clock := idp.New(t), ssotest.NewClock(time.Now().Truncate(time.Second))
	p.Now = clock.Now
	env := map[string]string{"PROVIDER_ACME_KIND": "oidc", "PROVIDER_ACME_ISSUER": p.URL, "PROVIDER_ACME_CLIENT_ID": "bi", "PROVIDER_ACME_CLIENT_SECRET": secret,
		"PROVIDER_ACME_SCOPES": "openid profile email offline_access"}
	maps.Copy(env, settings)
	address, stop := serve(t, env, clock.Now)
	defer stop()
	client := bridgetest.NewClient()
	signIn := func(returnTo string) string {
		at := "http://" + address + "/auth/sso?return_to=" + url.QueryEscape(returnTo)
		for range 3 { // to the provider, back, and on
			resp, _ := bridgetest.Do(t, client, bridgetest.NewRequest(t, "GET", at, ""))
			if at = resp.Header.Get("Location"); resp.StatusCode != http.StatusFound {
				return ""
			}
		}
		return at
	}
	v.returned = signIn("https://app.example.com/wanted")
	if v.returned == "" && signIn("/wanted") != "/wanted" {
		t.Fatal("nobody can sign in")
	}
	clock.Pass(11 * time.Minute)
	for end := time.Now().Add(3 * time.Second); !v.refreshed && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if resp, _ := bridgetest.Do(t, client, bridgetest.NewRequest(t, "GET", "http://"+address+"/auth/verify", "")); resp.StatusCode != http.StatusOK {
			t.Fatalf("after the sign-in: got %d", resp.StatusCode)
		}
		asked, _ := p.Refreshes()
		v.refreshed = asked > 0
		if settings == nil && time.Until(end) < 2*time.Second { // it never comes
			break
		}
	}
	out := bridgetest.NewRequest(t, "POST", "http://"+address+"/auth/logout", "")
	out.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, body := bridgetest.Do(t, client, out)
	var said struct {
		URL string `json:"logout_url"`
	}
	if err := json.Unmarshal([]byte(body), &said); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("the sign-out: got %d %s", resp.StatusCode, body)
	}
	v.signedOut = said.URL
	if at := signIn("/wanted"); at != "/wanted" {
		t.Fatalf("the second sign-in leads to %q", at)
	}
	clock.Pass(31 * time.Minute)
	later, _ := bridgetest.Do(t, client, bridgetest.NewRequest(t, "GET", "http://"+address+"/auth/verify", ""))
	v.expired = later.StatusCode == http.StatusUnauthorized
	return v
}

// Each has the effect that the table says, and without it there is none.
func TestComingFromForPeople(t *testing.T) {
	table, settings := readTable(t), map[string]string{}
	for theirs, value := range forPeople() {
		settings[strings.Split(table[theirs]+"``", "`")[1]] = value
	}
	if got, want := visitWith(t, settings), (visit{"https://app.example.com/wanted", true, "https://acme.example/logout", true}); got != want {
		t.Errorf("with the options: got %+v, want %+v", got, want)
	}
	if got, want := visitWith(t, nil), (visit{}); got != want {
		t.Errorf("without the options: got %+v, want %+v", got, want)
	}
}

// A name that has no counterpart is answered with what to do instead.
func TestComingFromNothing(t *testing.T) {
	_, faults := setting.Resolve(setting.Inputs{Environ: []string{"MB_SESSION_SECRET_KEY=x"}})
	if len(faults) != 1 || !strings.Contains(faults[0].String(), "SECRET_KEY: leave it out") {
		t.Errorf("got %v", faults)
	}
}
