package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// What tokens of API clients may cost.
const (
	maxRememberedToSession = 1.25
	maxFirstSightToJWT     = 1.5
	maxTokenMemory         = 16.0 // MB for the tokens that are remembered
	maxJunk                = 30.0 // µs of CPU for a token that is not good, besides what bare echo takes for a request
	fetchEvery             = 10 * time.Second
)

// issuer, audience and kid are what the benchmark's tokens for APIs name.
const (
	issuer   = "https://idp.bench.example"
	audience = "bench"
	kid      = "bench-1"
)

// An authority signs tokens with an RSA key of 2,048 bits, and publishes it.
type authority struct {
	key     *rsa.PrivateKey
	url     string
	server  *http.Server
	fetches atomic.Int64 // of its keys
	number  int          // of the last token
}

func newAuthority() (*authority, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := &authority{key: key, url: "http://" + l.Addr().String() + "/keys"}
	a.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		a.fetches.Add(1)
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Write(a.jwks())
	})}
	go a.server.Serve(l)
	return a, nil
}

// A jwk is an RSA key as RFC 7518 §6.3 writes it.
type jwk struct {
	Type      string `json:"kty"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	ID        string `json:"kid"`
	Modulus   string `json:"n"`
	Exponent  string `json:"e"`
}

// jwks is the key set (RFC 7517 §5).
func (a *authority) jwks() []byte {
	encode := base64.RawURLEncoding.EncodeToString
	text, _ := json.Marshal(map[string][]jwk{"keys": {{Type: "RSA", Use: "sig", Algorithm: "RS256", ID: kid,
		Modulus: encode(a.key.N.Bytes()), Exponent: encode(big.NewInt(int64(a.key.E)).Bytes())}}})
	return text
}

// publicKey reads the first key of such a set.
func publicKey(jwks []byte) (*rsa.PublicKey, error) {
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(jwks, &set); err != nil || len(set.Keys) == 0 {
		return nil, fmt.Errorf("not a set with a key: %w", err)
	}
	n, err1 := base64.RawURLEncoding.DecodeString(set.Keys[0].Modulus)
	e, err2 := base64.RawURLEncoding.DecodeString(set.Keys[0].Exponent)
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, errors.Join(err1, err2)
}

// tokens makes n that were never seen before, each for another client.
func (a *authority) tokens(n int) ([]string, error) {
	all := make([]string, n)
	now := time.Now()
	for i := range all {
		a.number++
		t := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"iss": issuer, "aud": audience, "sub": fmt.Sprint("client-", a.number),
			"jti": fmt.Sprint("bench-", a.number), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "groups": []string{"staff"}})
		t.Header["kid"] = kid
		var err error
		if all[i], err = t.SignedString(a.key); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// junk makes n tokens that look good until the signature is checked; every second one names a key that is in no set.
func junk(good string, n int) []string {
	parts := strings.Split(good, ".")
	unknown := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT","kid":"bench-unknown"}`))
	all := make([]string, n)
	for i := range all {
		signature := make([]byte, 256)
		rand.Read(signature)
		signature[0] = 0 // less than the modulus
		header := parts[0]
		if i%2 == 1 {
			header = unknown
		}
		all[i] = header + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(signature)
	}
	return all
}

func present(host, token string) []byte {
	return get(host, "/auth/verify", "Authorization: Bearer "+token)
}

// freshTokens are how many tokens a turn of the first sight takes: to sign one costs the load more than the server pays.
const freshTokens = 3000

// benchBearer measures what API clients cost that bring a token with each request.
func benchBearer(ctx context.Context, o options) (table, []target, error) {
	fail := func(err error) (table, []target, error) { return table{}, nil, err }
	idp, err := newAuthority()
	if err != nil {
		return fail(err)
	}
	defer idp.server.Close()
	b, err := o.bearerBridge(ctx, idp, o.signing)
	if err != nil {
		return fail(err)
	}
	defer b.stop()
	unsigned, err := o.bearerBridge(ctx, idp, "off")
	if err != nil {
		return fail(err)
	}
	defer unsigned.stop()
	o.progress(fmt.Sprintf("signing in %d people, signing %d tokens", o.sessions, o.sessions))
	cookies, err := b.signIn(ctx, o.conns, o.sessions)
	if err != nil {
		return fail(err)
	}
	tokens, err := idp.tokens(o.sessions)
	if err != nil {
		return fail(err)
	}
	first, err := once(ctx, b.addr, present(b.addr, tokens[0]))
	if err != nil {
		return fail(err)
	}
	if first.status != 200 {
		return fail(fmt.Errorf("/auth/verify with a fresh token: got status %d, want 200\n%s", first.status, b.tail()))
	}
	echo, echoAddr, err := spawnBare(ctx, o.dir, "echo", first.header)
	if err != nil {
		return fail(err)
	}
	defer echo.stop()
	lib, libAddr, err := spawnBare(ctx, o.dir, "jwt", first.header, bareKeys+"="+string(idp.jwks()))
	if err != nil {
		return fail(err)
	}
	defer lib.stop()

	if err := visit(ctx, b.addr, o.conns, cookies); err != nil {
		return fail(err)
	}
	held, err := b.holds(ctx, func() error { return o.show(ctx, b, tokens) })
	if err != nil {
		return fail(err)
	}
	bareEcho := o.asker("bare echo", echo, echoAddr, tokens, present)
	bareJWT := o.asker("bare echo with golang-jwt, RS256", lib, libAddr, tokens, present)
	session := o.verifier("/auth/verify, sessions", b.process, b.addr, cookies)
	remembered := o.asker("/auth/verify, tokens that are remembered", b.process, b.addr, tokens, present)
	firstSight := o.firstSights("/auth/verify, each token for the first time, ASSERTION=off", unsigned, idp)
	firstSigned := o.firstSights("/auth/verify, each token for the first time, ASSERTION="+o.signing, b, idp)
	flood := o.flood(b, junk(tokens[0], 1000))
	contenders := []*contender{bareEcho, bareJWT, session, remembered, firstSight, firstSigned, flood}
	before, began := idp.fetches.Load(), time.Now()
	if err := measure(ctx, contenders, o.rounds, o.turn, o.progress); err != nil {
		return fail(err)
	}
	allowed := 1 + float64(time.Since(began)/fetchEvery)
	fetches := float64(idp.fetches.Load() - before)
	t := table{
		Name:  fmt.Sprintf("API clients, %d tokens and %d sessions, %d connections, %d rounds of %v", o.sessions, o.sessions, o.conns, o.rounds, o.turn),
		Ratio: "CPU ÷ bare echo",
		Notes: []string{"every server that says yes answers with: " + describe(first.header),
			fmt.Sprintf("a token's first sight costs %.2f times golang-jwt with ASSERTION=%s, where the bridge signs for each what it says of the client",
				ratio(firstSigned, bareJWT, cpu), o.signing),
			fmt.Sprintf("%d tokens hold %.1f MB; the keys were fetched %.0f times while tokens with an unknown key came", o.sessions, held, fetches)},
	}
	for _, c := range contenders {
		t.Rows = append(t.Rows, rowOf(c, ratio(c, bareEcho, cpu)))
	}
	return t, []target{
		atMost("CPU of a remembered token ÷ a session", ratio(remembered, session, cpu), maxRememberedToSession, ""),
		atMost("CPU of a token's first sight ÷ golang-jwt, ASSERTION=off", ratio(firstSight, bareJWT, cpu), maxFirstSightToJWT, ""),
		atMost(fmt.Sprintf("%d remembered tokens", o.sessions), held, maxTokenMemory, " MB"),
		atMost("CPU of a token that is not good, without that of bare echo", max(0.01, flood.figure(cpu)-bareEcho.figure(cpu)), maxJunk, " µs"),
		atMost("fetches of keys while junk came ÷ one in 10 s", max(0.01, fetches/allowed), 1, ""),
	}, nil
}

// bearerBridge starts a bridge that takes the tokens of an authority.
func (o options) bearerBridge(ctx context.Context, idp *authority, assertion string) (*bridge, error) {
	b, _, err := startBridge(ctx, o.program, o.dir, "SSOBRIDGE_ASSERTION="+assertion, "SSOBRIDGE_PROVIDERS=acme", "SSOBRIDGE_PROVIDER_ACME_KIND=bearer",
		"SSOBRIDGE_PROVIDER_ACME_ISSUER="+issuer, "SSOBRIDGE_PROVIDER_ACME_AUDIENCE="+audience, "SSOBRIDGE_PROVIDER_ACME_JWKS_URL="+idp.url)
	return b, err
}

// firstSights presents tokens once each. They are signed before the turn: meanwhile the bridge does what it does at rest.
func (o options) firstSights(name string, b *bridge, idp *authority) *contender {
	var fresh []string
	return &contender{name: name, proc: b.process,
		ready: func(d time.Duration) (err error) {
			fresh, err = idp.tokens(max(1, int(freshTokens*min(1, d.Seconds()))))
			return err
		},
		run: func(ctx context.Context, _ time.Duration) (sample, error) { return o.all(b.addr, fresh).run(ctx, 0) },
	}
}

// flood loads a bridge with tokens that are not good.
func (o options) flood(b *bridge, tokens []string) *contender {
	l := load{addr: b.addr, conns: o.conns, want: 401, next: func(n int64, buf []byte) []byte {
		return append(buf, present(b.addr, tokens[n%int64(len(tokens))])...)
	}}
	return &contender{name: "/auth/verify, tokens that are not good", proc: b.process, run: l.run}
}

// all is a load that sends each token once.
func (o options) all(addr string, tokens []string) load {
	return load{addr: addr, conns: o.conns, want: 200, next: func(n int64, buf []byte) []byte {
		if n >= int64(len(tokens)) {
			return nil
		}
		return append(buf, present(addr, tokens[n])...)
	}}
}

// show presents each token once.
func (o options) show(ctx context.Context, b *bridge, tokens []string) error {
	_, err := o.all(b.addr, tokens).run(ctx, 0)
	return err
}

// holds is how much more memory is in use, in MB, after something was done. It is read where the collector has just been:
// the least of some moments under load.
func (b *bridge) holds(ctx context.Context, do func() error) (float64, error) {
	before, err := b.least(ctx)
	if err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, err
	}
	after, err := b.least(ctx)
	return (after - before) / 1e6, err
}

// least is the smallest size of the heap that 300 looks at /metrics see. The looks themselves make the collector run.
func (b *bridge) least(ctx context.Context) (least float64, err error) {
	for range 300 {
		size, err := b.heap(ctx)
		if err != nil {
			return 0, err
		}
		if least == 0 || size < least {
			least = size
		}
	}
	return least, nil
}

// heap is what the bridge says of its heap: objects in use, and garbage that the collector has not seen.
func (b *bridge) heap(ctx context.Context) (bytes float64, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.addr+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	_, rest, found := strings.Cut(string(text), "\ngo_memstats_heap_alloc_bytes ")
	if err != nil || !found {
		return 0, fmt.Errorf("/metrics: %s without go_memstats_heap_alloc_bytes, %w", resp.Status, err)
	}
	line, _, _ := strings.Cut(rest, "\n")
	return strconv.ParseFloat(line, 64)
}
