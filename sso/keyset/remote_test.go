package keyset_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/outbound"
	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// idp publishes keys, and misbehaves as it is told.
type idp struct {
	*httptest.Server
	fetches atomic.Int64
	mu      sync.Mutex
	answer  http.HandlerFunc
}

func newIDP(t *testing.T, keys ...string) *idp {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	p := &idp{}
	p.publish(keys...)
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.fetches.Add(1)
		p.mu.Lock()
		answer := p.answer
		p.mu.Unlock()
		answer(w, r)
	}))
	p.Config.ErrorLog = log.New(io.Discard, "", 0)
	p.Start()
	t.Cleanup(p.Close)
	return p
}

func (p *idp) answers(f http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = f
}

func (p *idp) says(body string) {
	p.answers(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) })
}

func (p *idp) publish(keys ...string) { p.says(set(keys...)) }

func (p *idp) down() {
	p.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
}

// remote is the key set of a provider, its clock, and what it logs.
type remote struct {
	*keyset.Remote
	clock *clock
	log   *bytes.Buffer
}

func newRemote(t *testing.T, p *idp) remote {
	t.Helper()
	c, out := newClock(), new(bytes.Buffer)
	r, err := keyset.NewRemote(p.URL, keyset.RemoteOptions{Name: "jwks_url", Now: c.now, Log: slog.New(slog.NewTextHandler(out, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return remote{r, c, out}
}

// find is what the set says of a kid: "" when there is a key.
func (r remote) find(t *testing.T, kid string) sso.Code {
	t.Helper()
	keys, err := r.Keys(t.Context(), kid)
	if err == nil && len(keys) == 0 {
		t.Errorf("kid %q: no key, and no error", kid)
	}
	return sso.CodeOf(err)
}

func (r remote) wants(t *testing.T, step, kid string, want sso.Code) {
	t.Helper()
	if got := r.find(t, kid); got != want {
		t.Errorf("%s: kid %q: got %q (%s), want %q", step, kid, got, r.Status().Fault, want)
	}
}

func (p *idp) wantFetches(t *testing.T, step string, want int64) {
	t.Helper()
	if got := p.fetches.Load(); got != want {
		t.Errorf("%s: %d fetches, want %d", step, got, want)
	}
}

// SECURITY F5, L7: kids that nobody knows cannot be used to flood the identity provider.
func TestRemoteJunk(t *testing.T) {
	p := newIDP(t, ed("a", '1'))
	r := newRemote(t, p)
	junk := func(step string) {
		ssotest.AtOnce(8, func(i int) {
			for j := range 125 {
				r.wants(t, step, fmt.Sprintf("junk %d %d", i, j), sso.KeyUnknown)
			}
		})
	}
	junk("at first")
	p.wantFetches(t, "1,000 junk kids at first", 1)
	r.clock.add(9 * time.Second)
	junk("after 9 s")
	p.wantFetches(t, "1,000 junk kids after 9 s", 1)
	r.clock.add(time.Second)
	junk("after 10 s")
	p.wantFetches(t, "1,000 junk kids after 10 s", 2)
	for range 1000 { // a bad signature
		r.wants(t, "known", "a", "")
		r.wants(t, "no kid", "", "")
	}
	p.wantFetches(t, "1,000 times a known kid", 2)
	p.down()
	r.clock.add(10 * time.Second)
	ssotest.AtOnce(8, func(i int) {
		for j := range 125 {
			r.wants(t, "down", fmt.Sprintf("junk %d %d", i, j), sso.ProviderUnavailable)
		}
	})
	p.wantFetches(t, "1,000 junk kids while it is down", 3)
}

// SECURITY F4, F5
func TestRemoteRotation(t *testing.T) {
	p := newIDP(t, ed("a", '1'))
	r := newRemote(t, p)
	r.wants(t, "at first", "a", "")
	generation := r.Generation()
	r.clock.add(time.Second)
	p.publish(ed("a", '1'), ed("b", '2'))
	r.wants(t, "rotated just before signing", "b", "")
	r.wants(t, "the old one goes on", "a", "")
	p.wantFetches(t, "rotated", 2)
	if got := r.Generation(); got == generation {
		t.Errorf("generation: got %d before and after", got)
	}
	generation = r.Generation()
	p.publish(ed("b", '2'))
	r.wants(t, "removed, and still fresh", "a", "")
	r.clock.add(5 * time.Minute)
	r.wants(t, "removed, and the set is old", "a", sso.KeyUnknown)
	r.wants(t, "the other one", "b", "")
	p.wantFetches(t, "removed", 3)
	if got := r.Generation(); got == generation {
		t.Errorf("generation: got %d before and after", got)
	}
	p.publish(ed("b", '3'))
	if err := r.Fetch(t.Context()); err != nil {
		t.Errorf("fetch now: %v", err)
	}
	p.wantFetches(t, "fetch now", 4)
	if !strings.Contains(r.log.String(), "a key set has changed") {
		t.Errorf("the log does not tell of new keys:\n%s", r.log)
	}
}

// SECURITY A13, F5: keys are good for a day while their server is away, and then nothing is accepted.
func TestRemoteDown(t *testing.T) {
	p := newIDP(t, ed("a", '1'))
	r := newRemote(t, p)
	p.down()
	r.wants(t, "never seen", "a", sso.ProviderUnavailable)
	r.wants(t, "again", "a", sso.ProviderUnavailable)
	p.wantFetches(t, "down from the beginning", 1)
	if line := r.log.String(); !strings.Contains(line, "nobody whose token it would verify can sign in") || strings.Contains(line, "keys of before") {
		t.Errorf("there are no keys of before, and the log says: %s", line)
	}
	p.publish(ed("a", '1'))
	r.clock.add(10 * time.Second)
	r.wants(t, "up", "a", "")
	p.down()
	since := r.clock.now()
	for r.clock.now().Before(since.Add(24 * time.Hour)) {
		r.clock.add(30 * time.Minute)
		r.wants(t, "down for "+r.clock.now().Sub(since).String(), "a", "")
		r.wants(t, "down, unknown", "b", sso.ProviderUnavailable)
	}
	if line := r.log.String(); strings.Count(line, "the keys of before stay for a day") != 1 {
		t.Errorf("the log says: %s", line)
	}
	if s := r.Status(); s.Fault != "it answered with status 502" || !s.LastSuccess.Equal(since) || s.FaultSince.IsZero() {
		t.Errorf("status: %+v", s)
	}
	generation := r.Generation()
	r.clock.add(time.Second)
	if r.Generation() == generation {
		t.Error("that the keys are no longer believed is no change")
	}
	r.clock.add(10 * time.Second)
	r.wants(t, "down for more than a day", "a", sso.ProviderUnavailable)
	r.wants(t, "down for more than a day", "", sso.ProviderUnavailable)
	p.publish(ed("a", '1'))
	r.clock.add(10 * time.Second)
	r.wants(t, "up again", "a", "")
	if s := r.Status(); s.Fault != "" || !s.FaultSince.IsZero() || !s.LastSuccess.Equal(r.clock.now()) || len(s.Keys) != 1 || s.Keys[0].Origin != p.URL {
		t.Errorf("status: %+v", s)
	}
}

// SECURITY A3, F5: what a Verifier does with keys that are fetched. Nothing in a token makes a request but an unknown kid, and
// that one only to the configured address.
func TestRemoteVerifier(t *testing.T) {
	p := newIDP(t, jwk(rsaMembers(), "kid", "a"))
	r := newRemote(t, p)
	v := verifier(t, sso.Standard)
	v.Keys = r
	var paths []string
	keys := says(set(jwk(rsaMembers(), "kid", "a")))
	p.answers(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path)
		keys(w, r)
	})
	evil := func(kid string, more map[string]any) string {
		unsigned := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"email": "ada@example.com", "exp": 1790000060})
		unsigned.Header["kid"] = kid
		for name, value := range more {
			unsigned.Header[name] = value
		}
		signed, err := unsigned.SignedString(rsaKey())
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	forged := func(kid string) string {
		signed := evil(kid, nil)
		return signed[:len(signed)-8] + "AAAAAAAA"
	}
	for _, step := range []struct {
		name, token string
		down        bool
		want        sso.Code
		fetches     int
	}{
		{"good", evil("a", nil), false, "", 1},
		{"jku and its like", evil("a", map[string]any{"jku": p.URL + "/evil", "x5u": p.URL + "/evil", "jwk": map[string]any{"kty": "RSA"}}), false, "", 1},
		{"forged", forged("a"), false, sso.TokenSignature, 1},
		{"an unknown kid that is an address", evil(p.URL+"/evil", map[string]any{"jku": p.URL + "/evil"}), false, sso.KeyUnknown, 2},
		{"an unknown kid that is a path", evil("../../evil", nil), false, sso.KeyUnknown, 2},
		{"HS256 with the public key", raw(`{"alg":"HS256","kid":"a"}`, "{}", jwk(rsaMembers(), "kid", "a")), false, sso.KeyUnknown, 2},
		{"down, and known", evil("a", nil), true, "", 2},
		{"down, and unknown", evil("b", nil), true, sso.ProviderUnavailable, 3},
		{"down, and forged", forged("a"), true, sso.TokenSignature, 3},
	} {
		if step.down {
			r.clock.add(10 * time.Second)
			keys = status(500)
		}
		if got := judge(t, v, step.token).Err; sso.CodeOf(got) != step.want {
			t.Errorf("%s: got %v, want %q", step.name, got, step.want)
		}
		if len(paths) != step.fetches {
			t.Errorf("%s: %d fetches, want %d", step.name, len(paths), step.fetches)
		}
	}
	if i := slices.IndexFunc(paths, func(path string) bool { return path != "/" }); i >= 0 {
		t.Errorf("%s was asked for", paths[i])
	}
	keys = says(set(ed("c", '3'), jwk(rsaMembers(), "kid", "a")))
	if err := r.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.Status().Keys; len(got) != 2 || !got[0].LastUsed.IsZero() || got[1].LastUsed.IsZero() {
		t.Errorf("status after another key came: got %+v, want the use of the one that was used", got)
	}
}

// A server that is away makes nobody wait who has a key, but for the first try.
func TestRemoteNobodyWaits(t *testing.T) {
	p := newIDP(t, ed("a", '1'))
	r := newRemote(t, p)
	r.wants(t, "at first", "a", "")
	p.down()
	r.clock.add(5 * time.Minute)
	r.wants(t, "old", "a", "")
	p.wantFetches(t, "old", 2)
	held := make(chan struct{})
	p.answers(func(http.ResponseWriter, *http.Request) { <-held })
	r.clock.add(10 * time.Second)
	atOnce, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10 {
		if _, err := r.Keys(atOnce, "a"); err != nil {
			t.Errorf("while it hangs: got %v, want the key", err)
		}
	}
	p.publish(ed("a", '1'))
	close(held)
	r.Fetch(t.Context())
}

// An answer that is refused leaves the keys of before.
func TestRemoteAnswers(t *testing.T) {
	large := make([]string, 101)
	for i := range large {
		large[i] = ed(fmt.Sprint(i), byte(i))
	}
	private := jwk(rsaMembers(), "kid", "p", "d", "AQAB")
	secrets := jwk(octMembers(32), "kid", "s")
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		fault  string
	}{
		"HTML":               {says("<!DOCTYPE html><title>Sign in</title>"), "HTML"},
		"empty":              {says(""), "not a JWK"},
		"no keys":            {says(`{"keys":[]}`), "1 to 100 keys"},
		"null":               {says(`{"keys":null}`), "1 to 100 keys"},
		"an error":           {says(`{"error":"x"}`), "needs either kty or keys"},
		"a name twice":       {says(`{"keys":[],"keys":[` + ed("b", '2') + `]}`), "occurs twice"},
		"kid twice":          {says(set(ed("b", '2'), ed("b", '3'))), `two keys have the kid "b"`},
		"a secret":           {says(set(secrets)), "must be replaced"},
		"a secret among":     {says(set(ed("b", '2'), secrets)), "mixed"},
		"a private key":      {says(set(ed("b", '2'), private)), "must be replaced"},
		"a secret as RSA":    {says(set(ed("b", '2'), jwk(rsaMembers(), "k", "AQAB"))), "must be replaced"},
		"101 keys":           {says(set(large...)), "1 to 100 keys"},
		"large":              {says(set(ed("b", '2')) + strings.Repeat(" ", 256<<10)), "at most 262144 bytes"},
		"none is usable":     {says(set(jwk(rsaMembers(), "kid", "b", "use", "enc"))), "no key of the set can be used"},
		"status 404":         {status(404), "status 404"},
		"status 304":         {status(304), "status 304"},
		"a redirect":         {http.RedirectHandler("https://elsewhere.example.com/", http.StatusFound).ServeHTTP, "https://elsewhere.example.com/"},
		"a gzip bomb":        {bomb, "Content-Encoding"},
		"closed mid-way":     {closed, "broke off"},
		"closed at once":     {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		"50 MB":              {megabytes(50), "at most 262144 bytes"},
		"a header of 100 KB": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 100<<10)) }, "headers"},
	} {
		p := newIDP(t, ed("a", '1'))
		r := newRemote(t, p)
		r.wants(t, name, "a", "")
		p.answers(test.answer)
		r.clock.add(10 * time.Second)
		r.wants(t, name, "b", sso.ProviderUnavailable)
		r.wants(t, name, "a", "")
		if got := r.Status(); !strings.Contains(got.Fault, test.fault) || len(got.Keys) != 1 {
			t.Errorf("%s: got %+v, want the fault %q", name, got, test.fault)
		}
		if !strings.Contains(r.log.String(), "level=WARN") {
			t.Errorf("%s: not in the log:\n%s", name, r.log)
		}
	}
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func bomb(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	z.Write(bytes.Repeat([]byte(" "), 10<<20))
	z.Close()
}

func closed(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	io.WriteString(w, `{"keys":[`)
}

func megabytes(n int) http.HandlerFunc {
	block := bytes.Repeat([]byte(" "), 1<<20)
	return func(w http.ResponseWriter, _ *http.Request) {
		for range n {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}
}

// SECURITY A14: 50 MB are not read.
func TestRemoteAllocates(t *testing.T) {
	p := newIDP(t, ed("a", '1'))
	r := newRemote(t, p)
	p.answers(megabytes(50))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r.wants(t, "50 MB", "a", sso.ProviderUnavailable)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 8<<20 {
		t.Errorf("%d bytes were allocated, server included; want 8 MB at most", got)
	}
}

// Keys that cannot be read, or are not for us, are left out; the others are good.
func TestRemoteLeavesOut(t *testing.T) {
	padded := rsaMembers()
	padded["n"] = padded["n"].(string) + "=="
	p := newIDP(t, ed("a", '1'), `{"kty":"RSA","kid":"b"}`, `{"kty":"XYZ"}`, jwk(rsaMembers(), "kid", "c", "use", "enc"),
		jwk(padded, "kid", "d"), `{"kty":"RSA","kid":7}`, `{"kty":"RSA","kid":"e","n":"AQAB","e":"AQAB"}`)
	r := newRemote(t, p)
	for kid, want := range map[string]sso.Code{"a": "", "b": sso.KeyUnknown, "c": sso.KeyUnknown, "d": "", "e": sso.KeyUnknown} {
		r.wants(t, "", kid, want)
	}
	got := r.Status()
	if got.Fault != "" || len(got.LeftOut) != 3 || len(got.Keys) != 2 {
		t.Errorf("got %+v, want two keys, and three left out", got)
	}
	if n := strings.Count(r.log.String(), "left out"); n != 1 {
		t.Errorf("the log tells of it %d times, want once:\n%s", n, r.log)
	}
}

// One fetch is for all, and nobody waits longer than their own context lets them.
func TestRemoteSlow(t *testing.T) {
	p := newIDP(t)
	release := make(chan struct{})
	p.answers(func(w http.ResponseWriter, _ *http.Request) {
		<-release
		io.WriteString(w, set(ed("a", '1')))
	})
	r := newRemote(t, p)
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Keys(impatient, "a"); sso.CodeOf(err) != sso.ProviderUnavailable {
		t.Errorf("a caller who does not wait: got %v, want %q", err, sso.ProviderUnavailable)
	}
	var waiting sync.WaitGroup
	for range 100 {
		waiting.Go(func() { r.wants(t, "waiting", "a", "") })
	}
	close(release)
	waiting.Wait()
	p.wantFetches(t, "101 callers", 1)
}

// A server that sends a byte now and then is cut off.
func TestRemoteDrips(t *testing.T) {
	p := newIDP(t)
	p.answers(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			io.WriteString(w, " ")
			w.(http.Flusher).Flush()
			time.Sleep(time.Millisecond)
		}
	})
	r, err := keyset.NewRemote(p.URL, keyset.RemoteOptions{Now: newClock().now, Log: slog.New(slog.DiscardHandler), Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Keys(t.Context(), "a"); sso.CodeOf(err) != sso.ProviderUnavailable || !strings.Contains(err.Error(), "within 50ms") {
		t.Errorf("got %v, want %q after 50 ms", err, sso.ProviderUnavailable)
	}
}

func TestRemoteFreshness(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"":                           5 * time.Minute,
		"public":                     5 * time.Minute,
		"max-age=120":                2 * time.Minute,
		"public, Max-Age=\"120\"":    2 * time.Minute,
		"max-age=86400":              15 * time.Minute,
		"max-age=99999999999":        15 * time.Minute,
		"max-age=0":                  time.Minute,
		"no-cache":                   time.Minute,
		"no-store, max-age=600":      time.Minute,
		"max-age=-1":                 5 * time.Minute,
		"max-age=x":                  5 * time.Minute,
		"s-maxage=5, max-age=120, x": 2 * time.Minute,
	} {
		p := newIDP(t)
		p.answers(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", header)
			io.WriteString(w, set(ed("a", '1')))
		})
		r := newRemote(t, p)
		r.wants(t, header, "a", "")
		r.clock.add(want - 1)
		r.wants(t, header, "a", "")
		p.wantFetches(t, header+": before its time", 1)
		r.clock.add(1)
		r.wants(t, header, "a", "")
		p.wantFetches(t, header+": at its time", 2)
	}
}

func TestRemoteETag(t *testing.T) {
	p := newIDP(t)
	keys, sent := set(ed("a", '1')), []string{}
	p.answers(func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Header.Get("If-None-Match"))
		w.Header().Set("ETag", `"1"`) // it never changes, although the keys do
		if r.Header.Get("If-None-Match") == `"1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		io.WriteString(w, keys)
	})
	r := newRemote(t, p)
	r.wants(t, "at first", "a", "")
	r.clock.add(5 * time.Minute)
	r.wants(t, "not modified", "a", "")
	if s := r.Status(); !s.LastSuccess.Equal(r.clock.now()) || s.Fault != "" {
		t.Errorf("not modified: %+v", s)
	}
	keys = set(ed("b", '2'))
	r.wants(t, "a new kid is asked for in full", "b", "")
	if got := fmt.Sprintf("%q", sent); got != `["" "\"1\"" ""]` {
		t.Errorf("If-None-Match: got %s", got)
	}
}

// SECURITY F5, A14: over TLS, and only with a certificate that is trusted.
func TestRemoteTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(says(set(ed("a", '1'))))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	pool, err := outbound.ParseCAs("ca_file", ca)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, url string
		cas       *x509.CertPool
		want      sso.Code
		fault     string
	}{
		{"trusted", server.URL, pool, "", ""},
		{"of the system", server.URL, nil, sso.ProviderUnavailable, "CA_FILE"},
		{"another name", strings.Replace(server.URL, "127.0.0.1", "localhost", 1), pool, sso.ProviderUnavailable, "certificate"},
	} {
		r, err := keyset.NewRemote(test.url, keyset.RemoteOptions{CAs: test.cas, Now: newClock().now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Keys(t.Context(), "a")
		if sso.CodeOf(err) != test.want || !strings.Contains(r.Status().Fault, test.fault) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}

// SECURITY F5
func TestRemoteAddresses(t *testing.T) {
	for address, want := range map[string]sso.Code{"https://idp.example.com/jwks": "", "http://idp.example.com/jwks": sso.Invalid, "https://169.254.169.254/": sso.Invalid} {
		if _, err := keyset.NewRemote(address, keyset.RemoteOptions{Name: "jwks_url"}); sso.CodeOf(err) != want {
			t.Errorf("%s: got %v, want %q", address, err, want)
		}
	}
}
