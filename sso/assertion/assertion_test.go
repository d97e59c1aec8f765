package assertion_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso/assertion"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/token"
)

var start = time.Unix(1_800_000_000, 0)

// A bridge publishes keys, and signs.
type bridge struct {
	*httptest.Server
	t      testing.TB
	keys   atomic.Pointer[[]*keyset.SigningKey]
	down   atomic.Bool
	asked  atomic.Int32
	answer func(w http.ResponseWriter) // nil: the keys
}

func newBridge(t testing.TB) *bridge {
	b := &bridge{t: t}
	b.keys.Store(&[]*keyset.SigningKey{newKey(t)})
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.asked.Add(1)
		switch {
		case b.down.Load():
			http.Error(w, "down", http.StatusServiceUnavailable)
		case r.URL.Path != "/.well-known/jwks.json":
			http.NotFound(w, r)
		case b.answer != nil:
			b.answer(w)
		default:
			var public []keyset.Key
			for _, k := range *b.keys.Load() {
				public = append(public, k.Public())
			}
			set, err := keyset.PublicJWKS(public...)
			if err != nil {
				t.Error(err)
			}
			w.Write(set)
		}
	}))
	t.Cleanup(b.Close)
	return b
}

func newKey(t testing.TB) *keyset.SigningKey {
	t.Helper()
	k, err := keyset.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// claims are those that the bridge at site makes at start.
func claims(site string) map[string]any {
	return map[string]any{"iss": site, "aud": site, "sub": "7", "iat": start.Unix(), "exp": start.Add(5 * time.Minute).Unix(),
		"email": "zoe@example.com", "name": "Zoë Lee", "groups": []string{"All Users", "R&D"}, "attributes": map[string]string{"team": "a"}}
}

func sign(t testing.TB, k *keyset.SigningKey, claims map[string]any, typ string) string {
	t.Helper()
	text, err := k.Sign(claims, typ)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func request(values ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, value := range values {
		r.Header.Add(assertion.Header, value)
	}
	return r
}

func at(now time.Time) func() time.Time { return func() time.Time { return now } }

func TestPerson(t *testing.T) {
	b := newBridge(t)
	want := assertion.Person{ID: "7", Email: "zoe@example.com", Name: "Zoë Lee", Groups: []string{"All Users", "R&D"},
		Attributes: map[string]string{"team": "a"}}
	for _, site := range []string{b.URL, b.URL + "/"} {
		v := &assertion.Verifier{Bridge: site, Now: at(start)}
		for range 3 {
			got, err := v.Person(request(sign(t, (*b.keys.Load())[0], claims(b.URL), "assertion+jwt")))
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%s: %v (-want +got):\n%s", site, err, diff)
			}
		}
	}
	if n := b.asked.Load(); n != 2 {
		t.Errorf("two apps asked for the keys %d times, want once each", n)
	}
}

// Each row breaks one thing. SECURITY F4, J1
func TestPersonRefuses(t *testing.T) {
	b := newBridge(t)
	key := (*b.keys.Load())[0]
	with := func(name string, value any) map[string]any {
		c := maps.Clone(claims(b.URL))
		if c[name] = value; value == nil {
			delete(c, name)
		}
		return c
	}
	good := sign(t, key, claims(b.URL), "assertion+jwt")
	parts := strings.Split(good, ".")
	login, err := token.Mint(strings.Repeat("s3cret-", 6), claims(b.URL))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		values []string
		want   string // in the error
	}{
		"none":                   {nil, "did not come through the bridge"},
		"nobody":                 {[]string{"-"}, "nobody is signed in"},
		"two":                    {[]string{good, good}, "more than one"},
		"empty":                  {[]string{""}, "not a JWT"},
		"junk":                   {[]string{"a.b.c"}, "not a JWT"},
		"a login token":          {[]string{login}, "signed with ES256"},
		"another kind":           {[]string{sign(t, key, claims(b.URL), "at+jwt")}, "typ"},
		"another's key":          {[]string{sign(t, newKey(t), claims(b.URL), "assertion+jwt")}, "not one of the bridge's"},
		"another's signature":    {[]string{parts[0] + "." + parts[1] + "." + strings.Split(sign(t, newKey(t), claims(b.URL), "assertion+jwt"), ".")[2]}, "signature"},
		"another person":         {[]string{parts[0] + "." + strings.Split(sign(t, key, with("email", "eve@example.com"), "assertion+jwt"), ".")[1] + "." + parts[2]}, "signature"},
		"another issuer":         {[]string{sign(t, key, with("iss", "http://127.0.0.1:1"), "assertion+jwt")}, "Bridge must be SITE_URL"},
		"no issuer":              {[]string{sign(t, key, with("iss", nil), "assertion+jwt")}, "Bridge must be SITE_URL"},
		"another audience":       {[]string{sign(t, key, with("aud", "x"), "assertion+jwt")}, "aud"},
		"no audience":            {[]string{sign(t, key, with("aud", nil), "assertion+jwt")}, "aud"},
		"expired":                {[]string{sign(t, key, with("exp", start.Unix()-31), "assertion+jwt")}, "exp"},
		"no expiry":              {[]string{sign(t, key, with("exp", nil), "assertion+jwt")}, "no exp"},
		"expiry null":            {[]string{sign(t, key, map[string]any{"iss": b.URL, "aud": b.URL, "sub": "7", "exp": nil}, "assertion+jwt")}, "no exp"},
		"nobody's":               {[]string{sign(t, key, with("sub", nil), "assertion+jwt")}, "no sub"},
		"made in the future":     {[]string{sign(t, key, with("iat", start.Unix()+31), "assertion+jwt")}, "iat"},
		"groups that are a text": {[]string{sign(t, key, with("groups", "x"), "assertion+jwt")}, "claims"},
	} {
		v := &assertion.Verifier{Bridge: b.URL, Now: at(start)}
		p, err := v.Person(request(tt.values...))
		if err == nil || !strings.Contains(err.Error(), tt.want) || p.Email != "" {
			t.Errorf("%s: got %+v, %v; want an error with %q", name, p, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), parts[2]) {
			t.Errorf("%s: the error quotes the token: %v", name, err)
		}
	}
	if _, err := new(assertion.Verifier).Person(request(good)); err == nil {
		t.Error("the zero Verifier accepts")
	}
}

// The keys are read again when they are old, or when a new one signs at once; an outage of the bridge is bridged for an hour.
func TestKeysChange(t *testing.T) {
	b := newBridge(t)
	now := start
	v := &assertion.Verifier{Bridge: b.URL, Now: func() time.Time { return now }}
	person := func(k *keyset.SigningKey) error {
		c := claims(b.URL)
		c["iat"], c["exp"] = now.Unix(), now.Add(5*time.Minute).Unix()
		_, err := v.Person(request(sign(t, k, c, "assertion+jwt")))
		return err
	}
	old, next := (*b.keys.Load())[0], newKey(t)
	wantErr := func(what string, err error, want string) {
		t.Helper()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", what, err, want)
		}
	}
	wantErr("at first", person(old), "")
	for range 100 {
		wantErr("a key that is not there", person(next), "not one of the bridge's")
	}
	if n := b.asked.Load(); n != 1 {
		t.Errorf("asked %d times within a second, want once", n)
	}
	b.keys.Store(&[]*keyset.SigningKey{next}) // keys rotate --compromised
	now = now.Add(time.Second)
	wantErr("the new key, a second later", person(next), "")
	wantErr("the old one", person(old), "not one of the bridge's")

	b.down.Store(true)
	now = now.Add(59 * time.Minute)
	wantErr("while the bridge is down", person(next), "")
	now = now.Add(time.Minute)
	wantErr("an hour after the keys were read", person(next), "503")
	b.down.Store(false)
	now = now.Add(time.Second)
	wantErr("when it is back", person(next), "")
}

// A bridge that takes connections and does not answer does not stop the app.
func TestBridgeHangs(t *testing.T) {
	b := newBridge(t)
	now := start
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	v := &assertion.Verifier{Bridge: b.URL, Now: func() time.Time { return now }, Client: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if now.After(start) {
			<-hang
		}
		return http.DefaultTransport.RoundTrip(r)
	})}}
	for _, after := range []time.Duration{0, 6 * time.Minute} {
		now = start.Add(after)
		c := claims(b.URL)
		c["iat"], c["exp"] = now.Unix(), now.Add(5*time.Minute).Unix()
		for range 3 {
			answered := make(chan error, 1)
			go func() {
				_, err := v.Person(request(sign(t, (*b.keys.Load())[0], c, "assertion+jwt")))
				answered <- err
			}()
			select {
			case err := <-answered:
				if err != nil {
					t.Errorf("after %v: got %v, want the person", after, err)
				}
			case <-time.After(time.Minute):
				t.Fatalf("after %v: waits for the bridge", after)
			}
		}
	}
}

// Old keys are believed no longer because a request ends before new ones come.
func TestOldKeysAndAnImpatientRequest(t *testing.T) {
	b := newBridge(t)
	now := start
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	v := &assertion.Verifier{Bridge: b.URL, Now: func() time.Time { return now }, Client: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if b.asked.Load() > 0 {
			<-hang
		}
		return http.DefaultTransport.RoundTrip(r)
	})}}
	for _, tt := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {2 * time.Hour, false}} {
		now = start.Add(tt.after)
		c := claims(b.URL)
		c["iat"], c["exp"] = now.Unix(), now.Add(5*time.Minute).Unix()
		ctx, cancel := context.WithCancel(t.Context())
		if !tt.want {
			cancel()
		}
		_, err := v.Person(request(sign(t, (*b.keys.Load())[0], c, "assertion+jwt")).WithContext(ctx))
		if got := err == nil; got != tt.want {
			t.Errorf("after %v: got %v, want the person: %t", tt.after, err, tt.want)
		}
		cancel()
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What is no key set believes nobody, and is not followed elsewhere.
func TestKeySetsThatAreNone(t *testing.T) {
	elsewhere := newBridge(t)
	for name, answer := range map[string]func(http.ResponseWriter){
		"a page":    func(w http.ResponseWriter) { fmt.Fprint(w, "<!doctype html>") },
		"no keys":   func(w http.ResponseWriter) { fmt.Fprint(w, `{"keys":[]}`) },
		"too large": func(w http.ResponseWriter) { fmt.Fprint(w, strings.Repeat(" ", 300<<10), `{"keys":[]}`) },
		"a redirect": func(w http.ResponseWriter) {
			w.Header().Set("Location", elsewhere.URL+"/.well-known/jwks.json")
			w.WriteHeader(302)
		},
	} {
		b := newBridge(t)
		b.answer = answer
		v := &assertion.Verifier{Bridge: b.URL, Now: at(start)}
		key := (*elsewhere.keys.Load())[0]
		if p, err := v.Person(request(sign(t, key, claims(b.URL), "assertion+jwt"))); err == nil {
			t.Errorf("%s: got %+v", name, p)
		}
	}
	if n := elsewhere.asked.Load(); n != 0 {
		t.Errorf("another host was asked %d times", n)
	}
}

func FuzzPerson(f *testing.F) {
	b := newBridge(f)
	f.Add(sign(f, (*b.keys.Load())[0], claims(b.URL), "assertion+jwt"))
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIiwidHlwIjoiYXNzZXJ0aW9uK2p3dCJ9.e30.")
	v := &assertion.Verifier{Bridge: b.URL, Now: at(start)}
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := v.Person(request(text)); (err == nil) != (p.Email == "zoe@example.com") {
			t.Errorf("got %+v, %v", p, err)
		}
	})
}
