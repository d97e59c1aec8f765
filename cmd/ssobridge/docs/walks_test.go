package docs

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/idp"
)

// A walk is what somebody who comes from another system has, and what the recipe for it makes of that.
type walk struct {
	recipe string
	have   string // what is typed where the other system has been set up: its files in an empty folder
	method jwt.SigningMethod
	key    string        // the file of the other system that signs
	claims jwt.MapClaims // as the other system signs them; none: the recipe gets the token
	who    string        // Remote-User
	groups string        // Remote-Groups
}

const ownPair = "openssl genrsa -out private_key.pem 2048 2>/dev/null\n" + // as OpenMetadata's documents have it
	"openssl pkcs8 -topk8 -inform PEM -outform DER -in private_key.pem -out private_key.der -nocrypt\n" +
	"openssl rsa -in private_key.pem -pubout -outform DER -out public_key.der 2>/dev/null"

var walks = []walk{
	{recipe: "opensearch", have: "openssl rand 48 >secret\nbase64 secret >signing_key", method: jwt.SigningMethodHS256, key: "secret",
		claims: jwt.MapClaims{"sub": "ann", "roles": "reader"}, who: "ann", groups: "All Users,Readers"},
	{recipe: "okera", have: "openssl genrsa -out id_rsa 2048 2>/dev/null", method: jwt.SigningMethodRS512, key: "id_rsa",
		claims: jwt.MapClaims{"sub": "ann", "iss": "okera.com", "groups": []string{"analysts"}, "iat": nil, "exp": time.Now().Add(76 * 24 * time.Hour).Unix()},
		who:    "ann", groups: "All Users,Analysts"},
	{recipe: "openmetadata", have: ownPair, who: "ingestion-bot", groups: "All Users,Bots"},
	{recipe: "openmetadata signs", have: ownPair, method: jwt.SigningMethodRS256, key: "private_key.der",
		claims: jwt.MapClaims{"iss": "open-metadata.org", "sub": "ingestion-bot", "email": "ingestion-bot@openmetadata.org", "isBot": true, "tokenType": "BOT",
			"exp": time.Now().Add(30 * 24 * time.Hour).Unix()},
		who: "ingestion-bot@openmetadata.org", groups: "All Users"},
	{recipe: "keycloak", have: "true", who: "service-account-cli", groups: "All Users,Readers"},
}

// A folder is where somebody follows a recipe.
type folder struct {
	dir   string
	ports *strings.Replacer
	env   []string
}

func (f folder) sh(script string) *exec.Cmd {
	cmd := exec.Command("sh", "-e", "-c", "exec 2>&1\n"+f.ports.Replace(script))
	cmd.Dir, cmd.Env = f.dir, f.env
	return cmd
}

// run runs what is typed and returns what it printed.
func (f folder) run(t *testing.T, script string) string {
	t.Helper()
	out, err := f.sh(script).CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v\n%s", script, err, out)
	}
	return string(out)
}

// TestWalks follows each recipe for what somebody has of another system, as it stands there; only the ports and the address of
// the realm are others.
func TestWalks(t *testing.T) {
	ssotest.Need(t, "openssl", "apt-get install openssl")
	ssotest.Need(t, "curl", "apt-get install curl")
	app, ask := startApp(t), marked(t, "walk: ask").code
	realm := startRealm(t)
	for _, w := range walks {
		t.Run(w.recipe, func(t *testing.T) {
			site := ssotest.FreePort(t)
			f := folder{dir: t.TempDir(), env: environ("CLIENT_SECRET=s3cret", "SSOBRIDGE_DRAIN_TIME=0", "SSOBRIDGE_SITE_URL=http://localhost:"+site),
				ports: strings.NewReplacer("localhost:3000", "localhost:"+site, "http://127.0.0.1:8000", app, "https://sso.example.com", realm.URL, "./ssobridge serve", "exec ./ssobridge serve --listen 127.0.0.1:"+site)}
			if err := os.Symlink(program.Path(t), filepath.Join(f.dir, "ssobridge")); err != nil {
				t.Fatal(err)
			}
			f.run(t, w.have)
			got := strings.TrimSpace(f.run(t, marked(t, "walk: "+w.recipe).code+"\nprintf '\\n%s' \"$TOKEN\""))
			token := got[strings.LastIndex(got, "\n")+1:]
			if w.claims != nil {
				token = w.sign(t, f.dir, nil)
			}
			process(t, f.sh(marked(t, "walk: serve").code), "http://localhost:"+site+"/readyz")

			said := f.ask(t, ask, token)
			if n := strings.Count(said, "HTTP/1.1 200"); n != 2 || !strings.Contains(said, `["`+w.who+`",`) || !strings.Contains(said, `"`+w.groups+`"`) ||
				!strings.Contains(said, "\nRemote-User: "+w.who+"\r") || !strings.Contains(said, "\naccepted; nothing was changed") {
				t.Errorf("the token: got %d times 200, want 2, %s in %s\n%s", n, w.who, w.groups, said)
			}
			for code, refused := range w.refused(t, f.dir, token) {
				said := f.ask(t, ask, refused)
				if n := strings.Count(said, "HTTP/1.1 401"); n != 2 || !strings.Contains(said, `"code":"`+code+`"`) || !strings.Contains(said, "\nrefused: "+code+"\n") || !strings.Contains(said, "\nwhat to change: ") {
					t.Errorf("want %s: got %d times 401, want 2\n%s", code, n, said)
				}
			}
		})
	}
}

// ask asks as the documents say. The last command fails when the token is refused.
func (f folder) ask(t *testing.T, script, token string) string {
	t.Helper()
	f.env = append(f.env, "TOKEN="+token)
	return f.run(t, strings.TrimSpace(script)+" || true")
}

// refused are tokens that are not good, each with its code.
func (w walk) refused(t *testing.T, dir, token string) map[string]string {
	t.Helper()
	cut := strings.LastIndex(token, ".") + 10
	changed := token[:cut] + map[bool]string{true: "B", false: "A"}[token[cut] == 'A'] + token[cut+1:]
	if w.claims == nil {
		return map[string]string{"token_signature": changed}
	}
	return map[string]string{"token_signature": changed, "token_expired": w.sign(t, dir, jwt.MapClaims{"exp": time.Now().Add(-time.Hour).Unix(), "iat": time.Now().Add(-2 * time.Hour).Unix()})}
}

// sign signs as the other system does.
func (w walk) sign(t *testing.T, dir string, with jwt.MapClaims) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, w.key))
	if err != nil {
		t.Fatal(err)
	}
	var key any = data
	if !strings.HasPrefix(w.method.Alg(), "HS") {
		if block, _ := pem.Decode(data); block != nil {
			data = block.Bytes
		}
		if key, err = x509.ParsePKCS8PrivateKey(data); err != nil {
			t.Fatal(err)
		}
	}
	claims := jwt.MapClaims{"iat": time.Now().Unix(), "exp": time.Now().Add(10 * time.Minute).Unix()}
	maps.Copy(claims, w.claims)
	maps.Copy(claims, with)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	signed, err := jwt.NewWithClaims(w.method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// startRealm is a realm of Keycloak that knows one client, which has a service account.
func startRealm(t *testing.T) *idp.Provider {
	t.Helper()
	const at = "/realms/main"
	p := idp.New(t)
	p.Before[at+"/.well-known/openid-configuration"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		of := p.URL + at + "/protocol/openid-connect"
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": p.URL + at, "authorization_endpoint": of + "/auth", "token_endpoint": of + "/token", "jwks_uri": of + "/certs"})
	}
	p.Before[at+"/protocol/openid-connect/certs"] = p.ServeJWKS
	p.Before[at+"/protocol/openid-connect/token"] = func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("grant_type") != "client_credentials" || r.FormValue("client_id") != "cli" || r.FormValue("client_secret") != "s3cret" {
			http.Error(w, `{"error":"unauthorized_client"}`, http.StatusUnauthorized)
			return
		}
		now := time.Now().Unix()
		token := p.Sign(map[string]any{"exp": now + 300, "iat": now, "jti": "trrtcc:1", "iss": p.URL + at, "aud": "account", "sub": "dc1ad2a5-ddf6-4bd4-8ca0-7c6ae7ac6c1e", "typ": "Bearer", "azp": "cli", "acr": "1",
			"realm_access": map[string]any{"roles": []string{"default-roles-main", "offline_access", "uma_authorization", "reader"}}, "scope": "profile email",
			"clientHost": "127.0.0.1", "email_verified": false, "preferred_username": "service-account-cli", "client_id": "cli"})
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "expires_in": 300, "refresh_expires_in": 0, "token_type": "Bearer", "not-before-policy": 0, "scope": "profile email"})
	}
	return p
}
