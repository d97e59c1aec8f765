package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// maxOpenIDToJWT is what a sign-in with OpenID Connect may cost, of one with a token of the product that is bound to its browser, too.
const maxOpenIDToJWT = 1.5

// openIDClient is the bridge's client id.
const openIDClient = "bridge"

// visitors is how many people sign in again and again: few, so that each has an account before the first turn.
const visitors = 100

// An openID is an OpenID provider inside bridgebench, so that its work is not measured. It signs in whom the code names.
type openID struct {
	key     *ecdsa.PrivateKey
	url     string
	server  *http.Server
	codes   sync.Map // code → arrival
	rich    atomic.Bool
	fetches atomic.Int64 // of userinfo
}

// An arrival is what a browser brings to the sign-in page of the provider.
type arrival struct {
	person int64
	nonce  string
}

func newOpenID() (*openID, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &openID{key: key, url: "http://" + l.Addr().String()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, map[string]any{"issuer": p.url, "authorization_endpoint": p.url + "/authorize", "token_endpoint": p.url + "/token",
			"jwks_uri": p.url + "/keys", "userinfo_endpoint": p.url + "/userinfo"})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, map[string]any{"keys": []any{p.jwk()}}) })
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", p.userinfo)
	p.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: mux}
	go p.server.Serve(l)
	return p, nil
}

func answerJSON(w http.ResponseWriter, document any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(document)
}

// jwk is the public key (RFC 7518 §6.2.1).
func (p *openID) jwk() map[string]any {
	point, _ := p.key.PublicKey.Bytes() // 4, x and y
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]any{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid, "x": encode(point[1:33]), "y": encode(point[33:])}
}

// token redeems a code (OpenID Connect Core §3.1.3). The access token names the person.
func (p *openID) token(w http.ResponseWriter, r *http.Request) {
	found, known := p.codes.LoadAndDelete(r.PostFormValue("code"))
	if !known {
		http.Error(w, "an unknown code", http.StatusBadRequest)
		return
	}
	v, now := found.(arrival), time.Now()
	claims := jwt.MapClaims{"iss": p.url, "aud": openIDClient, "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(), "nonce": v.nonce}
	for name, value := range person(v.person) {
		if name == "sub" || p.rich.Load() {
			claims[name] = value
		}
	}
	signed, err := p.sign(claims)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answerJSON(w, map[string]any{"id_token": signed, "access_token": fmt.Sprint(v.person), "token_type": "Bearer", "expires_in": 300})
}

func (p *openID) sign(claims jwt.MapClaims) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	t.Header["kid"] = kid
	return t.SignedString(p.key)
}

// userinfo is OpenID Connect Core §5.3.
func (p *openID) userinfo(w http.ResponseWriter, r *http.Request) {
	p.fetches.Add(1)
	var n int64
	if _, err := fmt.Sscanf(r.Header.Get("Authorization"), "Bearer %d", &n); err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	answerJSON(w, person(n))
}

// person is what the provider says of somebody: as much as the tokens of the product say.
func person(n int64) map[string]any {
	return map[string]any{"sub": fmt.Sprint("sub-", n), "email": fmt.Sprintf("member%d@bench.example", n), "email_verified": true,
		"given_name": "Person", "family_name": fmt.Sprint(n), "groups": []string{"staff"}, "department": "Benchmarks"}
}

// A journey is a sign-in of two steps: it begins at the bridge, and ends there with what is brought back.
type journey struct {
	bridge *bridge
	begin  string                                                  // the page that begins it
	back   func(n int64, sent url.Values) (page string, err error) // what the page that it was sent to answers, for sign-in n
	number int64
}

// run signs in for d, one after the other, each in a new browser. With many at once the sign-ins share commits, each kind another
// number of them, and the ratio would be of that.
func (j *journey) run(ctx context.Context, d time.Duration) (sample, error) {
	conn, in, err := dial(ctx, j.bridge.addr)
	if err != nil {
		return sample{}, err
	}
	defer conn.Close()
	in.keep = true
	var s sample
	for began := time.Now(); ctx.Err() == nil && s.elapsed < d; s.elapsed = time.Since(began) {
		one := time.Now()
		if err := j.signIn(conn, in); err != nil {
			return s, fmt.Errorf("%w\n%s", err, j.bridge.tail())
		}
		s.times = append(s.times, time.Since(one))
	}
	s.requests = len(s.times)
	slices.Sort(s.times)
	return s, ctx.Err()
}

// meet lets each visitor sign in once: who is new costs more than who returns.
func meet(ctx context.Context, c *contender) error {
	for n := 0; n < visitors; {
		s, err := c.run(ctx, 100*time.Millisecond)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		n += s.requests
	}
	return nil
}

func (j *journey) signIn(conn net.Conn, in *reader) error {
	a, err := exchange(conn, in, get(j.bridge.addr, j.begin, "Accept: text/html", "Sec-Fetch-Site: none"))
	if err != nil {
		return err
	}
	location, cookies := leads(a)
	to, err := url.Parse(location)
	if err != nil || a.status != http.StatusFound || len(cookies) == 0 {
		return fmt.Errorf("the begin of a sign-in: got status %d to %q, %w", a.status, location, err)
	}
	j.number++
	page, err := j.back(j.number, to.Query())
	if err != nil {
		return err
	}
	a, err = exchange(conn, in, get(j.bridge.addr, page, "Accept: text/html", "Sec-Fetch-Site: cross-site", "Cookie: "+string(bytes.Join(cookies, []byte("; ")))))
	if err != nil {
		return err
	}
	if location, _ := leads(a); a.status != http.StatusFound || location != "/question/1" {
		return fmt.Errorf("the end of a sign-in: got status %d to %q, want 302 to /question/1", a.status, location)
	}
	return signedIn(a)
}

// leads is where an answer sends a browser, and the cookies that it brings along next time.
func leads(a answer) (location string, cookies [][]byte) {
	for _, f := range a.header {
		switch f.Name {
		case "Location":
			location = f.Value
		case "Set-Cookie":
			pair, _, _ := bytes.Cut([]byte(f.Value), []byte(";"))
			cookies = append(cookies, pair)
		}
	}
	return location, cookies
}

// throughProduct is a sign-in with a token of the product that is bound to its browser. The token says the same of the person as the
// provider does.
func throughProduct(b *bridge, sign func(jwt.MapClaims) (string, error)) *journey {
	return &journey{bridge: b, begin: "/auth/sso?provider=jwt&redirect=%2Fquestion%2F1", back: func(n int64, sent url.Values) (string, error) {
		now := time.Now()
		claims := jwt.MapClaims{"iss": product, "aud": openIDClient, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(), "nonce": sent.Get("nonce")}
		maps.Copy(claims, person(n%visitors))
		claims["email"] = email(n % visitors) // an account of another provider would not be taken over
		t, err := sign(claims)
		return "/auth/sso?" + url.Values{"jwt": {t}, "state": {sent.Get("state")}}.Encode(), err
	}}
}

// withSecret signs as most products do.
func withSecret(claims jwt.MapClaims) (string, error) {
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
}

// product is the issuer of the product's tokens, which is nobody else's.
const product = "https://product.bench.example"

// throughProvider is a sign-in with OpenID Connect.
func throughProvider(b *bridge, p *openID, rich bool) *journey {
	return &journey{bridge: b, begin: "/auth/sso?provider=acme&redirect=%2Fquestion%2F1", back: func(n int64, sent url.Values) (string, error) {
		if sent.Get("code_challenge") == "" {
			return "", errors.New("no code challenge came")
		}
		code := rand.Text()
		p.rich.Store(rich)
		p.codes.Store(code, arrival{person: n % visitors, nonce: sent.Get("nonce")})
		return "/auth/oidc/acme/callback?" + url.Values{"code": {code}, "state": {sent.Get("state")}}.Encode(), nil
	}}
}

// benchOpenID measures whole sign-ins with OpenID Connect, from the app's page to the session, beside those with a token of the product.
func benchOpenID(ctx context.Context, o options) (table, []target, error) {
	fail := func(err error) (table, []target, error) { return table{}, nil, err }
	p, err := newOpenID()
	if err != nil {
		return fail(err)
	}
	defer p.server.Close()
	b, _, err := startBridge(ctx, o.program, o.dir, "SSOBRIDGE_JWT_BINDING=state", "SSOBRIDGE_JWT_JWKS_URL="+p.url+"/keys", "SSOBRIDGE_JWT_AUDIENCE="+openIDClient,
		"SSOBRIDGE_PROVIDERS=acme", "SSOBRIDGE_PROVIDER_ACME_KIND=oidc",
		"SSOBRIDGE_PROVIDER_ACME_ISSUER="+p.url, "SSOBRIDGE_PROVIDER_ACME_CLIENT_ID="+openIDClient, "SSOBRIDGE_PROVIDER_ACME_GROUP_SYNC=true",
		`SSOBRIDGE_PROVIDER_ACME_GROUP_MAPPINGS={"staff":["`+group+`"]}`)
	if err != nil {
		return fail(err)
	}
	defer b.stop()
	var contenders []*contender
	contend := func(name string, j *journey) *contender {
		c := &contender{name: name, proc: b.process, run: j.run}
		contenders = append(contenders, c)
		return c
	}
	product := contend("sign-in with a token of the product", throughProduct(b, p.sign))
	contend("the same, signed with the shared secret", throughProduct(b, withSecret))
	full := contend("OpenID Connect, all claims in the ID token", throughProvider(b, p, true))
	contend("OpenID Connect, claims in userinfo", throughProvider(b, p, false))
	for _, c := range contenders {
		if err := meet(ctx, c); err != nil {
			return fail(err)
		}
	}
	if err := measure(ctx, contenders, o.rounds, o.turn, o.progress); err != nil {
		return fail(err)
	}
	t := table{
		Name:  fmt.Sprintf("sign-ins of returning people, bound to their browsers, one after the other, %d rounds of %v", o.rounds, o.turn),
		Ratio: "CPU ÷ token",
		Notes: []string{"a sign-in is two requests: its begin at /auth/sso, and what the browser brings back; the identity provider's own work is not measured",
			"tokens of the product and ID tokens are signed with ES256, and say the same of the person"},
	}
	for _, c := range contenders {
		t.Rows = append(t.Rows, rowOf(c, ratio(c, product, cpu)))
	}
	return t, []target{atMost("CPU of a sign-in with OpenID Connect ÷ with a token", ratio(full, product, cpu), maxOpenIDToJWT, "")}, nil
}
