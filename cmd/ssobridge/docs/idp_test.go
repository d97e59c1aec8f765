package docs

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/server/product"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/token"
)

// languages are the pages for products that the documents show, and the programs that sign out. prepare returns what runs one of
// them, a page on a port of 127.0.0.1.
var languages = []struct {
	name    string
	page    string // in product
	logout  string
	prepare func(t *testing.T, page string) (run func(port string) *exec.Cmd)
}{
	{"node", "node/page.cjs", "node/logout.cjs", func(t *testing.T, page string) func(string) *exec.Cmd {
		node, modules := ssotest.Need(t, "node", "apt-get install nodejs"), nodeModules(t, "express", "jsonwebtoken")
		return func(string) *exec.Cmd {
			cmd := exec.Command(node, page)
			cmd.Env = []string{"NODE_PATH=" + modules}
			return cmd
		}
	}},
	{"python", "python/page.py", "python/logout.py", func(t *testing.T, page string) func(string) *exec.Cmd {
		const how = "apt-get install python3-jwt"
		python := ssotest.Need(t, "/usr/bin/python3", how) // Debian's, which has Debian's modules
		if exec.Command(python, "-c", "import jwt").Run() != nil {
			ssotest.Missing(t, "python3-jwt", how)
		}
		return func(string) *exec.Cmd { return exec.Command(python, page) }
	}},
	{"php", "php/page.php", "php/logout.php", func(t *testing.T, page string) func(string) *exec.Cmd {
		php := ssotest.Need(t, "php", "apt-get install php-cli")
		return func(port string) *exec.Cmd {
			if port == "" {
				return exec.Command(php, page)
			}
			return exec.Command(php, "-S", "127.0.0.1:"+port, page)
		}
	}},
	{"java", "java/Page.java", "java/Logout.java", func(t *testing.T, page string) func(string) *exec.Cmd {
		java, javac, classes := ssotest.Need(t, "java", "apt-get install openjdk-17-jdk-headless"), ssotest.Need(t, "javac", "apt-get install openjdk-17-jdk-headless"), t.TempDir()
		if out, err := exec.Command(javac, "-d", classes, page).CombinedOutput(); err != nil {
			t.Fatalf("javac: %v\n%s", err, out)
		}
		return func(string) *exec.Cmd {
			return exec.Command(java, "-XX:TieredStopAtLevel=1", "-cp", classes, strings.TrimSuffix(filepath.Base(page), ".java"))
		}
	}},
	{"ruby", "ruby/page.rb", "ruby/logout.rb", func(t *testing.T, page string) func(string) *exec.Cmd {
		ruby := ssotest.Need(t, "ruby", "apt-get install ruby")
		if exec.Command(ruby, "-r", "jwt", "-r", "webrick", "-e", "JWT").Run() != nil {
			ssotest.Missing(t, "ruby-jwt or ruby-webrick", "apt-get install ruby-jwt ruby-webrick")
		}
		return func(string) *exec.Cmd { return exec.Command(ruby, page) }
	}},
	{"go", "go/main.go", "go/logout/main.go", func(t *testing.T, page string) func(string) *exec.Cmd {
		to := filepath.Join(t.TempDir(), "page")
		if out, err := exec.Command("go", "build", "-o", to, page).CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
		return func(string) *exec.Cmd { return exec.Command(to) }
	}},
}

// nodeModules finds a folder that has these npm packages.
func nodeModules(t *testing.T, packages ...string) string {
	t.Helper()
	dir := os.Getenv("SSOBRIDGE_TEST_NODE_MODULES")
	for _, p := range packages {
		if _, err := os.Stat(filepath.Join(dir, p, "package.json")); dir == "" || err != nil {
			ssotest.Missing(t, fmt.Sprintf("npm %v", packages),
				"npm ci in a copy of cmd/ssobridge/interop/testdata, and SSOBRIDGE_TEST_NODE_MODULES set to its node_modules")
		}
	}
	return dir
}

// What the document says that its pages are good for: everything, up to the strictest.
var demands = map[string][]string{
	"metabase": {"SSOBRIDGE_JWT_PROFILE=metabase"},
	"standard": nil,
	"strict with state": {"SSOBRIDGE_JWT_PROFILE=strict", "SSOBRIDGE_JWT_BINDING=state", "SSOBRIDGE_JWT_ISSUER=my-product",
		"SSOBRIDGE_JWT_AUDIENCE=$BRIDGE"},
	"strict with pkce": {"SSOBRIDGE_JWT_PROFILE=strict", "SSOBRIDGE_JWT_BINDING=pkce", "SSOBRIDGE_JWT_CLIENT_ID=bridge",
		"SSOBRIDGE_JWT_ISSUER=my-product", "SSOBRIDGE_JWT_AUDIENCE=$BRIDGE"},
}

// TestIdentityProviders signs people in through the pages of the documents, with the real program.
func TestIdentityProviders(t *testing.T) {
	app := startApp(t)
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			run := l.prepare(t, filepath.Join(root, "server", "product", filepath.FromSlash(l.page)))
			for _, name := range ssotest.Some(l.name, slices.Sorted(maps.Keys(demands))...) {
				settings := demands[name]
				t.Run(name, func(t *testing.T) {
					idpPort, site := ssotest.FreePort(t), "http://localhost:"+ssotest.FreePort(t)
					idp := "http://127.0.0.1:" + idpPort + "/login"
					cmd := run(idpPort)
					cmd.Env = append(cmd.Env, environ("BRIDGE_URL="+site, "SSO_SECRET="+secret, "PORT="+idpPort)...)
					process(t, cmd, idp)
					startBridge(t, site, idp, app, settings)
					signIn(t, site, idp)
				})
			}
		})
	}
}

// TestShownPages holds the pages that administrators are shown to those that are run here.
func TestShownPages(t *testing.T) {
	shown, err := product.Pages("", "")
	if err != nil {
		t.Fatal(err)
	}
	var run, files []string
	for _, l := range languages {
		run = append(run, l.page)
	}
	for _, p := range shown {
		files = append(files, p.File)
	}
	slices.Sort(run)
	slices.Sort(files)
	if !slices.Equal(run, files) {
		t.Errorf("administrators are shown %q, and the tests run %q", files, run)
	}
}

// TestSignOuts ends a session with each of the programs that the documents show, at a bridge that looks at iss and aud.
func TestSignOuts(t *testing.T) {
	site := "http://localhost:" + ssotest.FreePort(t)
	startBridge(t, site, "http://127.0.0.1:9/login", "", []string{"SSOBRIDGE_JWT_ISSUER=my-product", "SSOBRIDGE_JWT_AUDIENCE=$BRIDGE"})
	for _, l := range ssotest.Some("sign-outs", languages...) {
		t.Run(l.name, func(t *testing.T) {
			env := environ("BRIDGE_URL="+site, "SSO_SECRET="+secret)
			login, err := token.Mint(secret, map[string]any{"email": l.name + "@example.com", "iss": "my-product", "aud": site, "iat": time.Now().Unix() - 1, "jti": l.name})
			if err != nil {
				t.Fatal(err)
			}
			jar, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			browser := &http.Client{Jar: jar}
			who := func() int { return visit(t, browser, http.MethodGet, site+"/api/user/current", nil).status }
			visit(t, browser, http.MethodGet, site+"/auth/sso?jwt="+login, nil)
			if got := who(); got != http.StatusOK {
				t.Fatalf("signed in: got %d", got)
			}
			run := l.prepare(t, filepath.Join(root, "server", "product", filepath.FromSlash(l.logout)))
			for _, sub := range []string{"nobody@example.com", l.name + "@example.com"} {
				cmd := run("")
				cmd.Args = append(cmd.Args, sub)
				cmd.Env = append(cmd.Env, env...)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				want := map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[strings.HasPrefix(sub, "nobody")]
				if got := who(); got != want {
					t.Errorf("after the sign-out of %s: got %d, want %d", sub, got, want)
				}
			}
			cmd := run("")
			cmd.Args = append(cmd.Args, "ada@example.com")
			cmd.Env = append(cmd.Env, append(env, "SSO_SECRET="+strings.ToUpper(secret))...)
			if cmd.Run() == nil {
				t.Error("with another secret it says nothing of what went wrong")
			}
		})
	}
}

// startBridge runs the program on the port of site. An empty app is none.
func startBridge(t *testing.T, site, idp, app string, settings []string) {
	t.Helper()
	cmd := exec.Command(program.Path(t), "serve", "--listen", "127.0.0.1:"+strings.TrimPrefix(site, "http://localhost:"))
	cmd.Dir = t.TempDir()
	cmd.Env = environ("SSOBRIDGE_DRAIN_TIME=0", "SSOBRIDGE_JWT_SHARED_SECRET="+secret, "SSOBRIDGE_JWT_IDENTITY_PROVIDER_URI="+idp, "SSOBRIDGE_UPSTREAM="+app,
		"SSOBRIDGE_JWT_GROUP_SYNC=true", `SSOBRIDGE_JWT_GROUP_MAPPINGS={"research":["Research","Staff"]}`)
	for _, s := range settings {
		cmd.Env = append(cmd.Env, strings.ReplaceAll(s, "$BRIDGE", site))
	}
	process(t, cmd, site+"/readyz")
}

// startApp runs an app that says what it was told.
func startApp(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		h := r.Header
		json.NewEncoder(w).Encode([]string{h.Get("Remote-User"), h.Get("Remote-Name"), h.Get("Remote-Groups"), r.URL.RequestURI()})
	})
	port := ssotest.FreePort(t)
	s := &http.Server{Addr: "127.0.0.1:" + port, Handler: mux}
	go s.ListenAndServe()
	t.Cleanup(func() { s.Close() })
	return "http://" + s.Addr
}

// signIn opens a deep link signed out, fails once at the login form, signs in, and expects to be where it wanted to go.
func signIn(t *testing.T, site, idp string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	const wanted = "/reports/7?tab=2&x=%2F%2F&y=a%20b"
	form := visit(t, browser, http.MethodGet, site+wanted, nil)
	if !strings.HasPrefix(form.url, idp+"?") || !strings.Contains(form.body, "<form") {
		t.Fatalf("a deep link signed out: got %d %s %s, want the login form", form.status, form.url, form.body)
	}
	wrong := visit(t, browser, http.MethodPost, form.url, url.Values{"email": {"ada@example.com"}, "password": {"wrong"}})
	if wrong.status != http.StatusUnauthorized || !strings.Contains(wrong.body, "<form") {
		t.Errorf("a wrong password: got %d %s, want 401 and the form again", wrong.status, wrong.body)
	}
	nobody := visit(t, browser, http.MethodPost, form.url, url.Values{"email": {"constructor"}})
	if nobody.status != http.StatusUnauthorized {
		t.Errorf("nobody: got %d %s, want 401", nobody.status, nobody.url)
	}
	in := visit(t, browser, http.MethodPost, form.url, url.Values{"email": {"ada@example.com"}, "password": {"correct horse"}})
	const app = `["ada@example.com","Ada Lovelace","All Users,Research,Staff","/reports/7?tab=2\u0026x=%2F%2F\u0026y=a%20b"]`
	if in.status != http.StatusOK || strings.TrimSpace(in.body) != app || in.url != site+wanted {
		t.Errorf("signed in: got %d %s %s, want 200 %s %s", in.status, in.url, in.body, site+wanted, app)
	}
}

type visited struct {
	status    int
	url, body string
}

// visit requests a page as a browser does.
func visit(t *testing.T, browser *http.Client, method, address string, form url.Values) visited {
	t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, body := bridgetest.Do(t, browser, req)
	return visited{resp.StatusCode, resp.Request.URL.String(), body}
}
