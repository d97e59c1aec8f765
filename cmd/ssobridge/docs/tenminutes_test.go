package docs

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// The ten minutes of the front page, typed as they stand there; only the ports are free ones and the folder is empty.
func TestTenMinutes(t *testing.T) {
	ssotest.Need(t, "openssl", "apt-get install openssl")
	site, page, app := ssotest.FreePort(t), ssotest.FreePort(t), ssotest.FreePort(t)
	ports := strings.NewReplacer(":3000", ":"+site, ":3535", ":"+page, ":8000", ":"+app)
	dir := t.TempDir()
	sh := func(script string, env ...string) *exec.Cmd {
		cmd := exec.Command("sh", "-e", "-c", "exec 2>&1\n"+script)
		cmd.Dir, cmd.Env = dir, environ(env...)
		return cmd
	}
	if out, err := sh(ports.Replace(marked(t, "settings: env").code)).CombinedOutput(); err != nil {
		t.Fatalf("the settings: %v\n%s", err, out)
	}
	// go run would look for the module in the empty folder, and leave its program behind when it is ended.
	built := t.TempDir()
	for mark, p := range map[string]struct{ port, path string }{"terminal: product": {page, "/login"}, "terminal: app": {app, "/"}} {
		typed := marked(t, mark).code
		_, folder, found := strings.Cut(strings.TrimSpace(typed), "go run ")
		if !found {
			t.Fatalf("%s: no go run in %q", mark, typed)
		}
		program := filepath.Join(built, filepath.Base(folder))
		build := exec.Command("go", "build", "-o", program, folder)
		build.Dir = root
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("go build %s: %v\n%s", folder, err, out)
		}
		process(t, sh(strings.Replace(typed, "go run "+folder, "exec "+program, 1), "PORT="+p.port), "http://127.0.0.1:"+p.port+p.path)
	}
	process(t, sh(". ./sso.env\n"+program.Path(t)+" check\nexec "+program.Path(t)+" serve --listen 127.0.0.1:"+site), "http://localhost:"+site+"/readyz")

	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	form := visit(t, browser, http.MethodGet, "http://localhost:"+site, nil)
	in := visit(t, browser, http.MethodPost, form.url, url.Values{"email": {"ada@example.com"}, "password": {"correct horse"}})
	for _, want := range []string{"Ada Lovelace", "ada@example.com", "All Users,Research", `href="/auth/logout"`} {
		if !strings.Contains(in.body, want) {
			t.Errorf("signed in: got %d %s %s, want %q", in.status, in.url, in.body, want)
		}
	}
	out := visit(t, browser, http.MethodPost, "http://localhost:"+site+"/auth/logout", nil)
	if again := visit(t, browser, http.MethodGet, "http://localhost:"+site, nil); !strings.Contains(again.url, "/login") {
		t.Errorf("signed out (%d %s): got %s, want the product's login", out.status, out.url, again.url)
	}
}
