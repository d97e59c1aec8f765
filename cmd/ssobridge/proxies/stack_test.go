package proxies

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/server/ssobridge"
	"github.com/ssobridge/ssobridge/sso/password"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/token"
)

const secret = "Zt4xQm9vLw2cRk7yBn5pHs8dFg3jTa6eUo1iKxNqWvE"

// A proxy is one of the documented ones. Traefik takes many minutes to build, so it is tried only where
// SSOBRIDGE_TEST_TRAEFIK names it, and its absence is no skip.
type proxy struct {
	name string
	// command prepares dir, where the documented files are, and returns what runs the proxy there; nil: the bridge is the
	// proxy, with UPSTREAM.
	command func(t *testing.T, p proxy, dir string) *exec.Cmd
	place   place
	// settings are of the bridge, "NAME=value", beside those that the documented files ask for.
	settings []string
	// main and http are what an nginx.conf has beside the documented file, and global what a Caddyfile has.
	main, http, global string
	// files are others, by name, in place of the documented ones.
	files map[string]string
	// edit changes a documented file as its comments say; nil: none is changed.
	edit func(text string) string
}

// A place is where browsers find the app and the bridge.
type place int

const (
	plain  place = iota // both at http://localhost:PORT
	secure              // both at https://localhost:PORT
	apart               // at https://app.example.com and https://auth.example.com, by documented files of their own
)

// at returns those proxies that have documented files for a place: the first of them, or all in CI (see [ssotest.First]).
func at(t *testing.T, where place) []proxy {
	var all []proxy
	for _, p := range proxies() {
		if p.place = where; where != apart || p.name != "traefik" {
			all = append(all, p)
		}
	}
	return ssotest.First(all...)
}

// doors returns the ways to the app: through a proxy, or through each in CI (see [ssotest.First]), and the bridge with UPSTREAM.
func doors(t *testing.T) []proxy {
	return append(ssotest.First(proxies()...), proxy{name: "UPSTREAM", place: plain})
}

// cookieName is the name of the session's cookie.
func (p proxy) cookieName() string {
	return [...]string{plain: "ssobridge", secure: "__Host-ssobridge", apart: "__Secure-ssobridge"}[p.place]
}

func proxies() []proxy {
	all := []proxy{
		{name: "nginx", command: nginx},
		{name: "caddy of Debian", command: func(t *testing.T, p proxy, dir string) *exec.Cmd {
			return caddy(t, p, ssotest.Need(t, "caddy", "apt-get install caddy"), dir)
		}},
		{name: "caddy 2.11", command: func(t *testing.T, p proxy, dir string) *exec.Cmd { return caddy(t, p, caddy2(t), dir) }},
	}
	if path := os.Getenv("SSOBRIDGE_TEST_TRAEFIK"); path != "" {
		all = append(all, proxy{name: "traefik", command: func(*testing.T, proxy, string) *exec.Cmd { return exec.Command(path, "--configFile=traefik.yml") }})
	}
	return all
}

// caddy2 returns Caddy's current version, beside which Debian's is old.
func caddy2(t *testing.T) string {
	t.Helper()
	path := os.Getenv("SSOBRIDGE_TEST_CADDY2")
	if path == "" {
		ssotest.Missing(t, "caddy2", "go install github.com/caddyserver/caddy/v2/cmd/caddy@v2.11.9, and SSOBRIDGE_TEST_CADDY2 set to its path")
	}
	return path
}

// nginx runs the documented file as a package's nginx.conf includes it, but with everything it writes in dir.
func nginx(t *testing.T, p proxy, dir string) *exec.Cmd {
	t.Helper()
	path := ssotest.Need(t, "nginx", "apt-get install nginx")
	conf := p.main + "daemon off; master_process off; error_log stderr; pid " + dir + "/nginx.pid; events {}\nhttp { access_log off;\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		conf += kind + "_temp_path " + dir + "/" + kind + ";\n"
	}
	write(t, filepath.Join(dir, "main.conf"), conf+p.http+"\ninclude "+dir+"/nginx.conf; }\n")
	return exec.Command(path, "-p", dir, "-e", "stderr", "-c", dir+"/main.conf")
}

func caddy(t *testing.T, p proxy, path, dir string) *exec.Cmd {
	t.Helper()
	write(t, filepath.Join(dir, "main"), "{\n\tadmin off\n\tdefault_bind 127.0.0.1\n\tauto_https disable_redirects\n"+p.global+"}\nimport Caddyfile\n")
	cmd := exec.Command(path, "run", "--adapter", "caddyfile", "--config", "main")
	cmd.Env = []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir}
	return cmd
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A stack is a proxy with an app and a bridge behind it.
type stack struct {
	t     *testing.T
	proxy proxy
	addr  string // of the proxy
	app   *app
	stop  func() // ends the bridge
	log   *ssotest.Buffer
}

// site is the origin of the app.
func (s *stack) site() string {
	_, port, _ := net.SplitHostPort(s.addr)
	return [...]string{plain: "http://localhost:" + port, secure: "https://localhost:" + port, apart: "https://app.example.com"}[s.proxy.place]
}

// bridgeSite is SITE_URL.
func (s *stack) bridgeSite() string {
	return strings.Replace(s.site(), "app.", "auth.", 1)
}

// dial opens a connection to the proxy, as clients of a site do.
func (s *stack) dial(site string) (net.Conn, error) {
	if s.proxy.place == plain {
		return net.Dial("tcp", s.addr)
	}
	u, err := url.Parse(site)
	if err != nil {
		return nil, err
	}
	return tls.Dial("tcp", s.addr, &tls.Config{ServerName: u.Hostname(), InsecureSkipVerify: true})
}

// client reaches every site through the proxy. It keeps cookies, and follows no redirect by itself.
func (s *stack) client() *http.Client {
	c := bridgetest.NewClient()
	dial := func(site string) func(context.Context, string, string) (net.Conn, error) {
		return func(_ context.Context, _, addr string) (net.Conn, error) {
			if strings.HasPrefix(addr, "127.0.0.1:") { // the identity provider
				return net.Dial("tcp", addr)
			}
			return s.dial(site + addr)
		}
	}
	c.Transport = &http.Transport{DisableKeepAlives: true, DialContext: dial("http://"), DialTLSContext: dial("https://")}
	return c
}

// start runs a stack on free ports. A port could be taken by another process before the proxy has it; then the proxy
// says so and the test fails.
func start(t *testing.T, p proxy) *stack {
	t.Helper()
	return startWith(t, p, startApp(t))
}

// startWith is start with another app.
func startWith(t *testing.T, p proxy, a *app) *stack {
	t.Helper()
	s := &stack{t: t, proxy: p, app: a, log: &ssotest.Buffer{}}
	if p.command == nil {
		var l net.Listener
		l, s.addr = bridgetest.Listen(t)
		s.startBridge(l)
		return s
	}
	s.addr = "127.0.0.1:" + ssotest.FreePort(t)
	dir := t.TempDir()
	cmd := p.command(t, p, dir) // skips before anything is started
	l, bridge := bridgetest.Listen(t)
	s.startBridge(l)
	names := s.names(dir, bridge)
	for _, name := range []string{"nginx.conf", "ssobridge-down.html", "ssobridge-app.conf", "ssobridge-ask.conf", "Caddyfile", "ssobridge.caddy", "traefik.yml", "dynamic.yml"} {
		from := name
		if p.place == apart {
			from = strings.NewReplacer("nginx.conf", "nginx-hosts.conf", "Caddyfile", "Caddyfile-hosts").Replace(name)
		}
		text, other := p.files[name]
		if !other {
			text = documented(t, from)
		}
		if p.edit != nil {
			text = p.edit(text)
		}
		write(t, filepath.Join(dir, name), names.Replace(text))
	}
	s.run(cmd, dir)
	return s
}

// names puts this stack's addresses in place of the documented ones, and where there is TLS, a certificate.
func (s *stack) names(dir, bridge string) *strings.Replacer {
	port := s.addr[strings.LastIndex(s.addr, ":"):]
	all := []string{"127.0.0.1:3000", bridge, "127.0.0.1:8000", s.app.addr, "root /etc/nginx", "root " + dir, "root * /etc/caddy", "root * " + dir}
	if s.proxy.place == plain {
		return strings.NewReplacer(append(all, `":8080"`, `"`+s.addr+`"`, "listen 8080", "listen "+s.addr, ":8080 {", port+" {")...)
	}
	cert, key := certificate(s.t, dir)
	caddyTLS := "\n\ttls " + cert + " " + key + "\n"
	return strings.NewReplacer(append(all,
		"listen 8080;", "listen "+s.addr+" ssl; ssl_certificate "+cert+"; ssl_certificate_key "+key+";",
		"listen 443", "listen "+s.addr, "/etc/ssl/example.com.pem", cert, "/etc/ssl/example.com.key", key,
		":8080 {", "https://localhost"+port+" {"+caddyTLS,
		"\nauth.example.com {", "\nhttps://auth.example.com"+port+" {"+caddyTLS, "\napp.example.com {", "\nhttps://app.example.com"+port+" {"+caddyTLS,
		`":8080"`, `"`+s.addr+`"`+"\n    http:\n      tls: {}")...)
}

// certificate makes one for the names of the documented files, signed by itself.
func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost", "*.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
	return cert, key
}

// documented is a file of the folder of its proxy, as an operator copies it.
func documented(t *testing.T, name string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("*", name))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s is in %q: %v; want one folder", name, found, err)
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (s *stack) run(cmd *exec.Cmd, dir string) {
	t := s.t
	t.Helper()
	cmd.Dir = dir
	// Ready is who lets the bridge answer: Traefik listens before it has its routes. It may end late, with streams open.
	ssotest.Process{Cmd: cmd, Log: s.log, Grace: 5 * time.Second, Ready: func() error {
		resp, err := s.client().Get(s.bridgeSite() + "/.well-known/jwks.json")
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.Header.Get("X-Request-Id") == "" {
			return fmt.Errorf("got %s that is not the bridge's", resp.Status)
		}
		return nil
	}}.Start(t)
}

// startBridge runs a bridge configured as the documented files ask, or with UPSTREAM.
func (s *stack) startBridge(l net.Listener) {
	t := s.t
	t.Helper()
	provider := "http://" + startProvider(t) + "/?site=" + url.QueryEscape(s.bridgeSite())
	base := map[string]string{
		"SITE_URL": s.bridgeSite(), "TRUSTED_PROXIES": "127.0.0.1",
		"DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "bridge.db"), "SECRET_KEY": secret,
		"JWT_IDENTITY_PROVIDER_URI": provider, "JWT_SHARED_SECRET": secret,
		"ACCESS_RULES": `[{"path":"/public","allow":"public"},{"path":"/sales","allow":["Sales"]},{"path":"/things","methods":["DELETE"],"allow":["Sales"]}]`,
	}
	if s.proxy.command == nil {
		base["UPSTREAM"], base["TRUSTED_PROXIES"] = "http://"+s.app.addr, ""
	}
	if s.proxy.place == apart {
		base["COOKIE_DOMAIN"], base["ALLOWED_ORIGINS"] = "example.com", s.site()
	}
	cfg := bridgetest.Config(t, base, s.proxy.settings)
	log := slog.New(slog.NewTextHandler(s.log, nil))
	ctx, st := bridgetest.Open(t, cfg, time.Now, log)
	b, _, err := ssobridge.Bridge(ctx, cfg, st, time.Now, log)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssobridge.NewSigner(ctx, st, cfg.Assertion, time.Now, log)
	if err != nil {
		t.Fatal(err)
	}
	srv, err := server.New(server.Options{
		Signer: signer, Store: st, Passwords: &password.Hasher{}, SecretKey: cfg.SecretKey, Now: time.Now, Log: log,
	}, server.Live{Config: cfg, Bridge: b})
	if err != nil {
		t.Fatal(err)
	}
	s.stop = bridgetest.Serve(t, srv, l)
}

// startProvider runs an identity provider where everyone is Ann, and returns the address of its sign-in page.
func startProvider(t *testing.T) string {
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signed, err := mint(nil)
		if err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		q := r.URL.Query()
		back := url.Values{"jwt": {signed}}
		for _, name := range []string{"return_to", "state"} {
			if q.Has(name) {
				back.Set(name, q.Get(name))
			}
		}
		http.Redirect(w, r, q.Get("site")+"/auth/sso?"+back.Encode(), http.StatusFound)
	}))
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	l, address := bridgetest.Listen(t)
	srv := &http.Server{Handler: h, MaxHeaderBytes: 1 << 20}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	return address
}

func mint(with map[string]any) (string, error) {
	claims := map[string]any{
		"email": "ann@example.com", "first_name": "Ann", "last_name": "Lee", "exp": time.Now().Add(5 * time.Minute).Unix(),
		"jti": fmt.Sprint(serial.Add(1)),
	}
	for k, v := range with {
		claims[k] = v
	}
	return token.Mint(secret, claims)
}

var serial atomic.Int64

// An app reports every request it got.
type app struct {
	addr string
	got  atomic.Int64 // requests
}

type report struct {
	Method, URI, Host string
	Header            http.Header
	Size              int64       // of the body
	Trailer           http.Header // what came after it
}

func startApp(t *testing.T) *app {
	a := &app{}
	a.addr = serve(t, a)
	return a
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.got.Add(1)
	if protocol := r.Header.Get("Upgrade"); protocol == "websocket" || protocol != "" && r.URL.Path == "/tunnel" {
		echo(w, protocol)
		return
	}
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><p id="who">%s | %s | %s | %s</p>`, r.Header.Get("Remote-User"), r.Header.Get("Remote-Name"),
			r.Header.Get("Remote-Groups"), strings.ReplaceAll(r.RequestURI, "&", "&amp;"))
		return
	}
	size, _ := io.Copy(io.Discard, r.Body)
	json.NewEncoder(w).Encode(report{r.Method, r.RequestURI, r.Host, r.Header, size, r.Trailer})
}

// echo is a WebSocket, or whatever was asked for, as far as proxies look.
func echo(w http.ResponseWriter, protocol string) {
	conn, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocol)
	io.Copy(conn, rw)
}

// An answer is what a client got.
type answer struct {
	*http.Response
	body string
}

// send writes a request byte by byte as given: no library mends it. Each header is one line without its end.
func (s *stack) send(method, target string, headers ...string) answer {
	s.t.Helper()
	return s.sendTo(s.site(), method, target, headers...)
}

func (s *stack) sendTo(site, method, target string, headers ...string) answer {
	s.t.Helper()
	_, host, _ := strings.Cut(site, "://")
	return s.sendLines(site, method+" "+target+" HTTP/1.1", append([]string{"Host: " + host}, headers...)...)
}

// sendLines is sendTo where the request line is the caller's, and so is Host.
func (s *stack) sendLines(site, line string, headers ...string) answer {
	s.t.Helper()
	conn, err := s.dial(site)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	head := line + "\r\n"
	if !strings.Contains(strings.ToLower(strings.Join(headers, "\n")), "connection:") {
		head += "Connection: close\r\n"
	}
	for _, h := range headers {
		head += h + "\r\n"
	}
	go io.WriteString(conn, head+"\r\n") // a proxy may answer, and stop reading, in the middle
	method, _, _ := strings.Cut(line, " ")
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, &http.Request{Method: method})
	for err == nil && resp.StatusCode == http.StatusContinue { // the answer comes after it
		resp, err = http.ReadResponse(in, &http.Request{Method: method})
	}
	if err != nil {
		return answer{&http.Response{StatusCode: 0, Status: err.Error(), Header: http.Header{}}, ""} // cut off
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return answer{resp, string(body)}
}

// signIn returns the session of a new sign-in through the proxy.
func (s *stack) signIn(with map[string]any) string {
	s.t.Helper()
	signed, err := mint(with)
	if err != nil {
		s.t.Fatal(err)
	}
	resp := s.sendTo(s.bridgeSite(), "GET", "/auth/sso?jwt="+signed)
	for _, c := range resp.Cookies() {
		if c.Name == s.proxy.cookieName() && c.Value != "" {
			return c.Value
		}
	}
	s.t.Fatalf("no session: %s %v %s", resp.Status, resp.Header, resp.body)
	return ""
}
