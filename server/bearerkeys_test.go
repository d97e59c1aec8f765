package server_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"crypto/ed25519"
)

// A published is a server with the keys of issuers. Nil: it is down.
type published struct{ set atomic.Pointer[string] }

func publish(t *testing.T) (*published, string) {
	p := &published{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		set := p.set.Load()
		if set == nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.Header().Set("Cache-Control", "max-age=60")
		w.Write([]byte(*set))
	}))
	t.Cleanup(server.Close)
	return p, server.URL
}

// keys publishes those of issuers, by their place.
func (p *published) keys(issuers ...*apiIssuer) {
	set := `{"keys":[`
	for i, issuer := range issuers {
		if i > 0 {
			set += ","
		}
		set += fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":%q,"x":%q}`, issuer.kid(), base64.RawURLEncoding.EncodeToString(issuer.key.Public().(ed25519.PublicKey)))
	}
	set += "]}"
	p.set.Store(&set)
}

func (i *apiIssuer) kid() string { return fmt.Sprintf("%x", i.key.Public().(ed25519.PublicKey)[:4]) }

// While the published keys cannot be had, nobody can say whether a token is good: that is 503 with Retry-After at each door, never a no
// (SECURITY A13, J4). A key that is published no more opens nothing, from the next reading on, and a token of it that is remembered
// neither (SECURITY A12).
func TestPublishedKeysAtTheDoors(t *testing.T) {
	p, address := publish(t)
	b, _ := startAPI(t, "PROVIDER_API_KEYS=", "PROVIDER_API_JWKS_URL="+address)
	first, second := newIssuer("f"), newIssuer("s")
	first.b, second.b = b, b
	made := func(i *apiIssuer) string { return i.token(claims{"header:kid": i.kid()}) }
	one, two := made(first), made(second)
	ask := func(d apiDoor, text string) response {
		return b.browser().get(d.path, append(d.headers, "Authorization: Bearer "+text, "Accept: application/json")...)
	}
	everywhere := func(what, text string, want int) {
		t.Helper()
		for _, d := range apiDoors(b) {
			resp := ask(d, text)
			if resp.StatusCode != want || (resp.Header.Get("Retry-After") != "") != (want == http.StatusServiceUnavailable) {
				t.Errorf("%s, %s: got %d, Retry-After %q, want %d", what, d.name, resp.StatusCode, resp.Header.Get("Retry-After"), want)
			}
		}
	}
	everywhere("down from the beginning", one, http.StatusServiceUnavailable)
	p.keys(first, second)
	b.Pass(11 * time.Second)
	everywhere("there", one, http.StatusOK)
	everywhere("there, of the second key", two, http.StatusOK)
	p.keys(second)
	b.Pass(61 * time.Second) // the answer said that it is good for a minute
	for end := time.Now().Add(20 * time.Second); ask(apiDoors(b)[0], one).StatusCode != http.StatusUnauthorized; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the token of a key that is published no more is taken")
		}
	}
	everywhere("published no more", one, http.StatusUnauthorized)
	everywhere("published still", two, http.StatusOK)
	p.set.Store(nil)
	b.Pass(61 * time.Second)
	everywhere("down, of a known key", two, http.StatusOK)
	everywhere("down, of a kid that nobody knows", made(first), http.StatusServiceUnavailable)
}

// A token is judged by the keys of the provider whose iss it has, and by no other key that the bridge knows: not by that of another
// provider of whose kid it is, nor by that of the provider that takes the rest. SECURITY A3, A10
func TestKeysOfAnotherProvider(t *testing.T) {
	jwk := func(i *apiIssuer, kid string) string {
		return fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":%q,"x":%q}`, kid, base64.RawURLEncoding.EncodeToString(i.key.Public().(ed25519.PublicKey)))
	}
	second, rest := newIssuer("s"), newIssuer("r")
	b, first := startAPI(t, "PROVIDERS=api,second,rest", "PROVIDER_API_KEYS="+jwk(newIssuer("a"), "one"),
		"PROVIDER_SECOND_KIND=bearer", "PROVIDER_SECOND_KEYS="+jwk(second, "two"), "PROVIDER_SECOND_AUDIENCE=bi", "PROVIDER_SECOND_ISSUER=https://second.example",
		"PROVIDER_REST_KIND=bearer", "PROVIDER_REST_KEYS="+jwk(rest, "three"), "PROVIDER_REST_AUDIENCE=bi")
	second.b, rest.b = b, b
	const api, other, any = "https://api.example", "https://second.example", "https://any.example"
	for _, tt := range []struct {
		key      *apiIssuer
		iss, kid string
		want     int
	}{
		{first, api, "one", 200}, {second, other, "two", 200}, {rest, any, "three", 200},
		{first, api, "", 200}, {second, other, "", 200}, {rest, any, "", 200},
		{second, api, "two", 401}, {second, api, "one", 401}, {second, api, "", 401}, // signed by another provider
		{first, other, "one", 401}, {first, other, "two", 401}, {first, other, "", 401},
		{first, api, "two", 401}, {second, other, "one", 401}, // with the kid of another provider
		{rest, api, "three", 401}, {rest, api, "one", 401}, {rest, api, "", 401},
		{first, any, "one", 401}, {first, any, "three", 401}, {first, any, "", 401}, {first, api + "/", "one", 401}, {first, "", "one", 401},
	} {
		with := claims{"iss": tt.iss}
		if tt.kid != "" {
			with["header:kid"] = tt.kid
		}
		text := tt.key.token(with)
		for _, d := range apiDoors(b) {
			if resp := b.browser().get(d.path, append(d.headers, "Authorization: Bearer "+text, "Accept: application/json")...); resp.StatusCode != tt.want {
				t.Errorf("iss %q, kid %q, %s: got %d %s, want %d", tt.iss, tt.kid, d.name, resp.StatusCode, resp.body, tt.want)
			}
		}
	}
}

// The keys that an OpenID provider publishes have the same force for tokens of API clients.
func TestOpenIDKeysAtTheDoors(t *testing.T) {
	w := startOpenID(t, "PROVIDER_ACME_BEARER=true", "PROVIDER_ACME_BEARER_AUD=bi")
	w.idp.Before["/jwks"] = func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Cache-Control", "max-age=60")
		w.idp.ServeJWKS(rw, r)
	}
	text := w.idp.Sign(map[string]any{"iss": w.idp.URL, "aud": "bi", "sub": "etl", "iat": w.Now().Unix(), "exp": w.Now().Unix() + 86000})
	ask := func() int { return w.browser().get("/auth/verify", "Authorization: Bearer "+text).StatusCode }
	if got := ask(); got != http.StatusOK {
		t.Fatalf("got %d", got)
	}
	w.idp.Rotate(t, "next")
	w.Pass(61 * time.Second) // a token is remembered for longer
	for end := time.Now().Add(20 * time.Second); ask() != http.StatusUnauthorized; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the token of a key that is published no more is taken")
		}
	}
}
