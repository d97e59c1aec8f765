// Package idp is an OpenID provider for tests: one that does all as it should, and what a test makes it do wrong.
package idp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Provider is a running OpenID provider. Whoever comes to its sign-in page is signed in at once as the person of Claims. The
// funcs change what it answers; nil changes nothing. Set fields before it is used, or between two sign-ins.
type Provider struct {
	*httptest.Server
	Claims map[string]any // of the person; "sub" among them
	Now    func() time.Time

	Document func(map[string]any)           // of discovery
	Callback func(url.Values)               // what the browser brings back
	Header   func(map[string]any)           // of ID tokens
	IDToken  func(map[string]any)           // claims
	Signed   func(token string) string      // the whole ID token
	Token    func(map[string]any)           // the answer of the token endpoint
	Userinfo func(map[string]any)           // the answer of the userinfo endpoint
	JWKS     func(keys []any) any           // the key set
	Before   map[string]http.HandlerFunc    // handlers in the place of those of a path
	codes    map[string]map[string][]string // the requests that got a code

	AnyVerifier bool // the code verifier is not looked at

	refreshes

	mu    sync.Mutex
	key   *ecdsa.PrivateKey
	kid   string
	asked []string
	form  url.Values
	auth  string
}

// New runs a provider until the test ends.
func New(t testing.TB) *Provider {
	t.Helper()
	p := &Provider{Now: time.Now, codes: map[string]map[string][]string{}, Before: map[string]http.HandlerFunc{},
		Claims: map[string]any{"sub": "ada-1", "email": "ada@example.com", "email_verified": true, "given_name": "Ada", "family_name": "Lovelace", "groups": []any{"research"}}}
	p.Rotate(t, "key-1")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.document)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", p.userinfo)
	mux.HandleFunc("GET /jwks", p.ServeJWKS)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asked = append(p.asked, r.URL.Path)
		instead := p.Before[r.URL.Path]
		p.mu.Unlock()
		if instead != nil {
			instead(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

// Rotate makes another key, with which ID tokens are signed from now on.
func (p *Provider) Rotate(t testing.TB, kid string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.kid = key, kid
}

// Asked are the paths that were asked for, and forgets them.
func (p *Provider) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked
	p.asked = nil
	return asked
}

// Redemption is what the last request to the token endpoint had.
func (p *Provider) Redemption() (form url.Values, authorization string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.form, p.auth
}

func (p *Provider) document(w http.ResponseWriter, _ *http.Request) {
	d := map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/jwks",
		"userinfo_endpoint": p.URL + "/userinfo", "response_types_supported": []any{"code"}, "subject_types_supported": []any{"public"},
		"id_token_signing_alg_values_supported": []any{"ES256"},
	}
	answer(w, d, p.Document)
}

func answer(w http.ResponseWriter, d map[string]any, change func(map[string]any)) {
	if change != nil {
		change(d)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(d)
}

func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	code := rand.Text()
	p.mu.Lock()
	p.codes[code] = asked
	p.mu.Unlock()
	back := url.Values{"code": {code}, "state": {asked.Get("state")}}
	if p.Callback != nil {
		p.Callback(back)
	}
	http.Redirect(w, r, asked.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	p.mu.Lock()
	p.form, p.auth = r.PostForm, r.Header.Get("Authorization")
	asked, known := p.codes[r.PostForm.Get("code")]
	delete(p.codes, r.PostForm.Get("code"))
	p.mu.Unlock()
	if r.PostForm.Get("grant_type") == "refresh_token" {
		p.refresh(w, r)
		return
	}
	verified := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	proven := p.AnyVerifier || base64.RawURLEncoding.EncodeToString(verified[:]) == url.Values(asked).Get("code_challenge")
	if !known || !proven || url.Values(asked).Get("redirect_uri") != r.PostForm.Get("redirect_uri") {
		refuse(w, "invalid_grant")
		return
	}
	claims, access := p.claims(url.Values(asked).Get("client_id"))
	claims["nonce"] = url.Values(asked).Get("nonce")
	given := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300}
	if slices.Contains(strings.Fields(url.Values(asked).Get("scope")), "offline_access") {
		given["refresh_token"] = p.RefreshToken(asked)
	}
	if p.IDToken != nil {
		p.IDToken(claims)
	}
	given["id_token"] = p.Sign(claims)
	answer(w, given, p.Token)
}

func refuse(w http.ResponseWriter, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": code})
}

// claims are those of an ID token, and the access token beside it.
func (p *Provider) claims(client string) (claims map[string]any, access string) {
	access = rand.Text()
	hash := sha256.Sum256([]byte(access))
	now := p.Now().Unix()
	claims = map[string]any{"iss": p.URL, "aud": client, "iat": now, "exp": now + 300, "auth_time": now,
		"at_hash": base64.RawURLEncoding.EncodeToString(hash[:16])}
	maps.Copy(claims, p.Claims)
	return claims, access
}

// Sign makes an ID token of claims.
func (p *Provider) Sign(claims map[string]any) string {
	p.mu.Lock()
	key, kid := p.key, p.kid
	p.mu.Unlock()
	header := map[string]any{"alg": "ES256", "kid": kid, "typ": "JWT"}
	if p.Header != nil {
		p.Header(header)
	}
	input := part(header) + "." + part(claims)
	hash := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, hash[:])
	if err != nil {
		panic(err)
	}
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	token := input + "." + base64.RawURLEncoding.EncodeToString(signature)
	if p.Signed != nil {
		token = p.Signed(token)
	}
	return token
}

func part(members map[string]any) string {
	raw, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	answer(w, maps.Clone(p.Claims), p.Userinfo)
}

// Key is the public key as JWK.
func (p *Provider) Key() map[string]any {
	p.mu.Lock()
	defer p.mu.Unlock()
	point, err := p.key.PublicKey.Bytes() // 4, x and y
	if err != nil {
		panic(err)
	}
	return map[string]any{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": p.kid,
		"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:])}
}

// ServeJWKS answers with the key set.
func (p *Provider) ServeJWKS(w http.ResponseWriter, _ *http.Request) {
	var keys any = []any{p.Key()}
	if p.JWKS != nil {
		keys = p.JWKS(slices.Clone(keys.([]any)))
	}
	answer(w, map[string]any{"keys": keys}, nil)
}
