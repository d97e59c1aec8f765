package explanation_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"html"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/idp"
)

var program bridgetest.Program

func TestMain(m *testing.M) { os.Exit(program.Main(m)) }

const (
	secret        = "kP2vXq8dJm4tYw7nRb3gHs6fLc9zQe5aTu1oViWxEyM"
	other         = "0aLwKq3vVn8ZpXy5rT2uJc7dEb1mGhSf9QkWiRoN4xM"
	remote        = "Zt5Bq9Lm2Xc7Vr4Ny8Kw1Ph6Gd3Fs0Ja"
	administrator = "root@example.com"
	password      = "seven zebras knit quietly"
)

// A world is a bridge that trusts each kind of signer, and the signers.
type world struct {
	site   string
	dir    string
	env    []string
	pair   *rsa.PrivateKey // of the provider keys
	wrong  *rsa.PrivateKey
	own    any // the key of service accounts
	openID *idp.Provider
	client *http.Client
	log    ssotest.Buffer
}

// opaque is what the server says of tokens that are no JWTs.
var opaque = map[string]string{
	"opaque-good":    `{"sub":"ann","aud":"bi","active":true}`,
	"opaque-other":   `{"sub":"ann","aud":"another","active":true}`,
	"opaque-nobody":  `{"aud":"bi","active":true}`,
	"opaque-expired": `{"sub":"ann","aud":"bi","active":true,"exp":1700000000}`,
}

// A kind is one of the tokens that reach a bridge.
type kind struct {
	name     string
	use      sso.TokenUse
	provider string
	key      string // what the name of the key has
	claims   jwt.MapClaims
	sign     func(w *world, t *testing.T, claims jwt.MapClaims, wrong bool) string
	good     func(w *world, t *testing.T) string // nil: claims, signed
	who      string                              // the claims that say who it is
	needs    string                              // the claim that is missing
	missing  sso.Code
	rest     []row // instead of tokens that are signed
}

func hs256(key string) func(*world, *testing.T, jwt.MapClaims, bool) string {
	return func(_ *world, t *testing.T, claims jwt.MapClaims, wrong bool) string {
		if wrong {
			return signed(t, jwt.SigningMethodHS256, []byte(other), nil, claims)
		}
		return signed(t, jwt.SigningMethodHS256, []byte(key), nil, claims)
	}
}

func signed(t *testing.T, method jwt.SigningMethod, key any, header map[string]any, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	maps.Copy(token.Header, header)
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func ofOpenID(w *world, t *testing.T, claims jwt.MapClaims, wrong bool) string {
	text := w.openID.Sign(claims)
	if wrong {
		return otherSignature(text)
	}
	return text
}

// otherSignature is the token with a signature of the right length that does not fit.
func otherSignature(text string) string {
	cut := strings.LastIndex(text, ".") + 10
	return text[:cut] + map[bool]string{true: "B", false: "A"}[text[cut] == 'A'] + text[cut+1:]
}

func serviceToken(w *world, t *testing.T, claims jwt.MapClaims, wrong bool) string {
	key := w.own
	if wrong {
		key = w.wrong
	}
	return signed(t, jwt.SigningMethodRS512, key, map[string]any{"typ": "at+jwt"}, claims)
}

func saved(name string) func(*world, *testing.T) string {
	return func(w *world, t *testing.T) string {
		text, err := os.ReadFile(filepath.Join(w.dir, ".auth", name+".token"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
}

func kinds(w *world) []kind {
	api := func(issuer string) jwt.MapClaims {
		return jwt.MapClaims{"iss": issuer, "aud": "bi", "sub": "ann", "groups": []string{"reader"}}
	}
	service := func(name string) jwt.MapClaims {
		return jwt.MapClaims{"iss": w.site, "aud": w.site + "/service", "sub": name, "jti": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
	}
	return []kind{
		{name: "login", use: sso.UseLogin, provider: "jwt", key: "secret ", claims: jwt.MapClaims{"iss": "https://product.example", "email": "ann@example.com", "aud": "bridge"}, sign: hs256(secret),
			who: `e-mail "ann@example.com" from the claim "email"`, needs: "email", missing: sso.TokenEmailMissing},
		{name: "API client, key", use: sso.UseBearer, provider: "keys", claims: api("https://keys.example"),
			sign: func(w *world, t *testing.T, claims jwt.MapClaims, wrong bool) string {
				return signed(t, jwt.SigningMethodRS256, map[bool]*rsa.PrivateKey{false: w.pair, true: w.wrong}[wrong], nil, claims)
			}, who: `subject "ann" from the claim "sub"`, needs: "sub", missing: sso.TokenSubjectMissing},
		{name: "API client, key set", use: sso.UseBearer, provider: "fetched", key: "key-1", claims: api("https://fetched.example"), sign: ofOpenID,
			who: `subject "ann" from the claim "sub"`, needs: "sub", missing: sso.TokenSubjectMissing},
		{name: "API client, server asked", use: sso.UseBearer, provider: "remote", claims: api("https://remote.example"), sign: hs256(remote),
			who: `subject "ann" from the claim "sub"`, needs: "sub", missing: sso.TokenSignature},
		{name: "API client, opaque", use: sso.UseBearer, provider: "opaque", who: `subject "ann" from the claim "sub"`, rest: []row{
			{"good", "opaque-good", ""}, {"expired", "opaque-expired", sso.TokenExpired}, {"wrong key", "opaque-unknown", sso.TokenSignature},
			{"wrong audience", "opaque-other", sso.TokenAudience}, {"missing claim", "opaque-nobody", sso.TokenSignature}}},
		{name: "service account", use: sso.UseService, provider: "service", claims: service("etl"), sign: serviceToken, good: saved("etl"),
			who: `"etl"`, needs: "jti", missing: sso.TokenIDMissing},
		{name: "system token", use: sso.UseService, provider: "service", claims: service("system"), sign: serviceToken, good: saved("system"),
			who: `"system"`, needs: "jti", missing: sso.TokenIDMissing},
		{name: "ID token", use: sso.UseLogin, provider: "openid", key: "key-1", claims: jwt.MapClaims{"iss": w.openID.URL, "aud": "ssobridge", "sub": "ann-1", "email": "ann@acme.example", "email_verified": true, "nonce": "n"},
			sign: ofOpenID, who: `e-mail "ann@acme.example" from the claim "email"`, needs: "sub", missing: sso.TokenSubjectMissing},
	}
}

// A row is a token of a kind, and what must be said of it.
type row struct {
	name, token string
	code        sso.Code
}

func (k kind) rows(t *testing.T, w *world) []row {
	t.Helper()
	if k.rest != nil {
		return k.rest
	}
	now := time.Now().Unix()
	with := func(more jwt.MapClaims) jwt.MapClaims {
		c := jwt.MapClaims{"iat": now - 5, "exp": now + 300}
		maps.Copy(c, k.claims)
		maps.Copy(c, more)
		maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
		return c
	}
	good := ""
	if k.good != nil {
		good = k.good(w, t)
	} else {
		good = k.sign(w, t, with(nil), false)
	}
	return []row{
		{"good", good, ""},
		{"expired", k.sign(w, t, with(jwt.MapClaims{"iat": now - 1000, "exp": now - 700}), false), sso.TokenExpired},
		{"wrong key", k.sign(w, t, with(nil), true), sso.TokenSignature},
		{"wrong audience", k.sign(w, t, with(jwt.MapClaims{"aud": "another"}), false), sso.TokenAudience},
		{"missing claim", k.sign(w, t, with(jwt.MapClaims{k.needs: nil}), false), k.missing},
	}
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), openID: idp.New(t), site: "http://localhost:" + ssotest.FreePort(t), client: bridgetest.NewClient()}
	var err error
	for _, key := range []**rsa.PrivateKey{&w.pair, &w.wrong} {
		if *key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			t.Fatal(err)
		}
	}
	public, err := x509.MarshalPKIXPublicKey(&w.pair.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "keys.pem"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o600); err != nil {
		t.Fatal(err)
	}
	endpoint := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		claims := jwt.MapClaims{}
		if r.URL.Path == "/opaque" { // the token is the name of its claims
			answer, known := opaque[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
			if !known {
				answer = `{"active":false}`
			}
			_, _ = rw.Write([]byte(answer))
			return
		}
		_, err := jwt.NewParser(jwt.WithoutClaimsValidation()).ParseWithClaims(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), claims, func(*jwt.Token) (any, error) { return []byte(remote), nil })
		if err != nil {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(rw).Encode(map[string]any{"sub": claims["sub"]})
	}))
	t.Cleanup(endpoint.Close)
	w.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir}
	for name, value := range map[string]string{
		"SITE_URL": w.site, "LISTEN": "127.0.0.1:" + w.site[len("http://localhost:"):], "DRAIN_TIME": "0", "ADMIN_EMAIL": administrator, "ADMIN_PASSWORD": password,
		"JWT_SHARED_SECRET": secret, "JWT_IDENTITY_PROVIDER_URI": "http://127.0.0.1:9/login", "JWT_ISSUER": "https://product.example", "JWT_AUDIENCE": "bridge",
		"SERVICE_KEY_FILE": filepath.Join(w.dir, ".auth", "id_rsa"), "PROVIDERS": "keys,fetched,remote,opaque,openid",
		"PROVIDER_KEYS_KIND": "bearer", "PROVIDER_KEYS_ISSUER": "https://keys.example", "PROVIDER_KEYS_AUDIENCE": "bi", "PROVIDER_KEYS_PUBLIC_KEY": filepath.Join(w.dir, "keys.pem"),
		"PROVIDER_FETCHED_KIND": "bearer", "PROVIDER_FETCHED_ISSUER": "https://fetched.example", "PROVIDER_FETCHED_AUDIENCE": "bi", "PROVIDER_FETCHED_JWKS_URL": w.openID.URL + "/jwks",
		"PROVIDER_REMOTE_KIND": "bearer", "PROVIDER_REMOTE_ISSUER": "https://remote.example", "PROVIDER_REMOTE_AUDIENCE": "bi", "PROVIDER_REMOTE_VALIDATION_URL": endpoint.URL + "/validate",
		"PROVIDER_OPAQUE_KIND": "bearer", "PROVIDER_OPAQUE_AUDIENCE": "bi", "PROVIDER_OPAQUE_VALIDATION_URL": endpoint.URL + "/opaque",
		"PROVIDER_OPENID_KIND": "oidc", "PROVIDER_OPENID_ISSUER": w.openID.URL, "PROVIDER_OPENID_CLIENT_ID": "ssobridge", "PROVIDER_OPENID_CLIENT_SECRET": secret + "x",
	} {
		w.env = append(w.env, "SSOBRIDGE_"+name+"="+value)
	}
	for _, args := range [][]string{{"tokens", "init"}, {"tokens", "create", "etl", "--ttl", "1"}} {
		if out, status := w.command(t, args...); status != 0 {
			t.Fatalf("%q: %s", args, out)
		}
	}
	private, err := os.ReadFile(filepath.Join(w.dir, ".auth", "id_rsa"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(private)
	if w.own, err = x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
		t.Fatal(err)
	}
	serve := exec.Command(program.Path(t), "serve")
	serve.Dir, serve.Env = w.dir, w.env
	ssotest.Process{Cmd: serve, Log: &w.log, Ready: func() error {
		resp, err := http.Get(w.site + "/readyz")
		if err == nil {
			resp.Body.Close()
		}
		return err
	}}.Start(t)
	if resp, body := w.post(t, "/login", "application/x-www-form-urlencoded\n"+url.Values{"email": {administrator}, "password": {password}}.Encode()); resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("the administrator: %d %s", resp.StatusCode, body)
	}
	return w
}

func (w *world) command(t *testing.T, args ...string) (out string, status int) {
	t.Helper()
	cmd := exec.Command(program.Path(t), args...)
	cmd.Dir, cmd.Env = w.dir, w.env
	b, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(b), cmd.ProcessState.ExitCode()
}

func (w *world) post(t *testing.T, path, body string) (*http.Response, string) {
	t.Helper()
	r := bridgetest.NewRequest(t, "POST", w.site+path, body)
	r.Header.Set("Origin", w.site)
	return bridgetest.Do(t, w.client, r)
}

type explained struct {
	Accepted                      bool
	Provider, Key, Caller, Advice string
	Use                           sso.TokenUse
	Code                          sso.Code
	Checks                        []sso.Check
}

// names are settings in a text; SSO_SECRET is a variable of the product.
var names = regexp.MustCompile(`\b[A-Z]{2,}(?:_[A-Z]+)+\b`)

// TestKinds has each kind of token explained by the page and the API of a bridge that runs, and by the command beside it: all
// say whose it is, which key verified it, which claim says who it is, and of a refusal what to do.
func TestKinds(t *testing.T) {
	w := start(t)
	cfg, faults := setting.Resolve(setting.Inputs{Environ: w.env})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for i, k := range kinds(w) {
		for j, r := range k.rows(t, w) {
			t.Run(k.name+", "+r.name, func(t *testing.T) {
				got := w.explained(t, r.token)
				if got.Accepted != (r.code == "") || got.Code != r.code || got.Use != k.use || got.Provider != k.provider || (got.Advice == "") != got.Accepted {
					t.Errorf("got %+v, want code %q of %s, for a %s", got, r.code, k.provider, k.use)
				}
				asked := k.rest != nil || k.provider == "remote"
				if known := got.Key != ""; known == (asked || r.code == sso.TokenSignature) || !strings.Contains(got.Key, k.key) && known {
					t.Errorf("the key: got %q, want one with %q unless the signature is wrong", got.Key, k.key)
				}
				if got.Accepted && !strings.Contains(got.details(), k.who) {
					t.Errorf("who it is: got %s, want %s", got.details(), k.who)
				}
				for _, name := range names.FindAllString(got.Advice+got.details(), -1) {
					if cfg.Find(name) == nil && name != "SSO_SECRET" {
						t.Errorf("%s is no setting: %s\n%s", name, got.Advice, got.details())
					}
				}
				if text := got.Advice + got.details(); k.provider != "jwt" && strings.Contains(text, "redirect:") {
					t.Errorf("it speaks of a redirect: %s", text)
				}
				w.says(t, r.token, got, j == 0 || j == 1+i%4)
			})
		}
	}
}

func (e explained) details() string {
	all := make([]string, 0, len(e.Checks))
	for _, c := range e.Checks {
		all = append(all, c.Name+" "+c.Detail)
	}
	return strings.Join(all, "\n")
}

func (w *world) explained(t *testing.T, token string) (got explained) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"token": token})
	if err != nil {
		t.Fatal(err)
	}
	_, answer := w.post(t, "/api/v1/explain", "application/json\n"+string(body))
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	return got
}

// says holds the page, and the command if it is asked, to what the API said.
func (w *world) says(t *testing.T, token string, got explained, command bool) {
	t.Helper()
	_, page := w.post(t, "/admin/try", "application/x-www-form-urlencoded\n"+url.Values{"token": {token}}.Encode())
	said := map[string]string{"page": html.UnescapeString(page)}
	if command {
		status := 0
		if said["command"], status = w.command(t, "explain", token); (status == 0) != got.Accepted {
			t.Errorf("the command: status %d", status)
		}
	}
	for where, text := range said {
		for _, want := range []string{got.Provider, got.Key, got.Advice, got.Caller} {
			if !strings.Contains(text, want) {
				t.Errorf("the %s does not say %q:\n%s", where, want, text)
			}
		}
		for _, c := range got.Checks {
			if detail := digits.ReplaceAllString(c.Detail, "N"); !strings.Contains(digits.ReplaceAllString(text, "N"), detail) && !slices.Contains([]string{"signature", "single_use"}, c.Name) {
				t.Errorf("the %s does not say of %s: %s", where, c.Name, c.Detail)
			}
		}
	}
}

// digits are those of times, which pass.
var digits = regexp.MustCompile(`[0-9]+`)
