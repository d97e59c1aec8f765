// Package assertion is for Go apps behind the bridge: it tells from the header Remote-Assertion who sent a request, by
// proof instead of trust. An app needs nothing else of this module, and the bridge does not use this package.
//
// An assertion is believed if it is a JWT of type assertion+jwt, signed with ES256 or EdDSA by a key that the bridge publishes at
// /.well-known/jwks.json, made by this bridge (iss) for the apps behind it (aud), and not expired. No other header is read.
package assertion

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Header is the header that carries the assertion.
const Header = "Remote-Assertion"

// How the key set is kept. The bridge publishes a key an hour before it signs and an hour after, and lets caches keep the
// set for five minutes.
const (
	fresh   = 5 * time.Minute
	stale   = time.Hour   // longer than that the keys are not believed while the bridge does not answer
	pause   = time.Second // between two requests, whatever assertions come
	timeout = 5 * time.Second
	maxSet  = 256 << 10
)

// leeway is how far the clocks of the app and the bridge may differ.
const leeway = 30 * time.Second

// A Verifier verifies the assertions of one bridge. The zero Verifier refuses all of them. It may be used by many
// goroutines, and must not be copied.
type Verifier struct {
	Bridge string           // the bridge's SITE_URL, such as https://auth.example.com, and its PATH_PREFIX if it has one
	Client *http.Client     // fetches the keys; nil: waits 5 seconds, and follows no redirect
	Now    func() time.Time // nil: time.Now

	mu    sync.Mutex
	keys  jose.JSONWebKeySet
	read  time.Time // when keys were read
	tried time.Time // when it was tried last
	err   error     // what came of it

	reading chan struct{} // closed when they have been read; nil: nobody is reading
}

// A Person is whom the bridge says a request comes from.
type Person struct {
	ID         string            `json:"sub"` // the account's number, which never changes
	Email      string            `json:"email"`
	Name       string            `json:"name"` // first and last name, else the e-mail
	Groups     []string          `json:"groups"`
	Attributes map[string]string `json:"attributes"`
}

// Person returns who sent a request. The error says why the assertion is not believed, for the log and not for whoever
// sent it; it quotes no token.
func (v *Verifier) Person(r *http.Request) (Person, error) {
	values := r.Header.Values(Header)
	switch {
	case len(values) == 0:
		return Person{}, errors.New("no " + Header + ": the request did not come through the bridge")
	case len(values) > 1:
		return Person{}, errors.New("more than one " + Header)
	case values[0] == "-":
		return Person{}, errors.New("nobody is signed in: the bridge lets anyone see this page")
	}
	p, err := v.verify(r.Context(), values[0])
	if err != nil {
		return Person{}, fmt.Errorf("%s: %w", Header, err)
	}
	return p, nil
}

func (v *Verifier) verify(ctx context.Context, text string) (Person, error) {
	t, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA}) // RFC 8725 §3.1
	if err != nil {
		return Person{}, errors.New("not a JWT that is signed with ES256 or EdDSA")
	}
	header := t.Headers[0]
	if typ := header.ExtraHeaders[jose.HeaderType]; typ != "assertion+jwt" { // RFC 8725 §3.11
		return Person{}, errors.New("another kind of token: its typ is not assertion+jwt")
	}
	keys, err := v.keysFor(ctx, header.KeyID)
	if err != nil {
		return Person{}, err
	}
	var claims jwt.Claims
	var person Person
	if err := t.Claims(keys, &claims, &person); errors.Is(err, jose.ErrCryptoFailure) {
		return Person{}, errors.New("the signature does not fit")
	} else if err != nil {
		return Person{}, fmt.Errorf("claims: %w", err)
	}
	return person, v.check(claims)
}

// check judges what is signed: RFC 7519 §4.1.
func (v *Verifier) check(c jwt.Claims) error {
	if c.Expiry == nil || c.Subject == "" {
		return errors.New("it has no exp or no sub")
	}
	if c.Issuer != v.site() {
		return fmt.Errorf("it is of the bridge %q, and this app expects that of %q: Bridge must be SITE_URL, letter by letter", c.Issuer, v.site())
	}
	return c.ValidateWithLeeway(jwt.Expected{AnyAudience: jwt.Audience{v.site()}, Time: v.now()}, leeway)
}

// root is where the bridge's paths begin: it has no slash at its end, and people write one.
func (v *Verifier) root() string { return strings.TrimSuffix(v.Bridge, "/") }

// site is SITE_URL, which is who makes the assertions.
func (v *Verifier) site() string {
	scheme, rest, _ := strings.Cut(v.root(), "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

func (v *Verifier) now() time.Time {
	if v.Now != nil {
		return v.Now()
	}
	return time.Now()
}

// keysFor returns the bridge's keys. They are read again when they are old, and when none has this kid: after
// "keys rotate --compromised" a new one signs at once. Nobody waits for that who has keys that will do: a bridge that does
// not answer must not stop the app.
func (v *Verifier) keysFor(ctx context.Context, kid string) (jose.JSONWebKeySet, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now()
	known, age := len(v.keys.Key(kid)) > 0, now.Sub(v.read)
	if v.reading == nil && (!known || age >= fresh) && now.Sub(v.tried) >= pause {
		v.tried, v.reading = now, make(chan struct{})
		go v.refresh(context.WithoutCancel(ctx), now, v.reading)
	}
	if done := v.reading; done != nil && (!known || age >= stale || age >= 2*fresh && v.err == nil) {
		v.mu.Unlock()
		select {
		case <-done:
		case <-ctx.Done():
		}
		v.mu.Lock()
	}
	switch {
	case len(v.keys.Key(kid)) == 0:
		return jose.JSONWebKeySet{}, cmp.Or(v.err, ctx.Err(), errors.New("its key is not one of the bridge's"))
	case now.Sub(v.read) >= stale: // whoever stopped waiting for new ones included
		return jose.JSONWebKeySet{}, cmp.Or(v.err, ctx.Err(), errors.New("the keys of the bridge are too old"))
	}
	return v.keys, nil
}

// refresh reads the keys, and closes done.
func (v *Verifier) refresh(ctx context.Context, now time.Time, done chan struct{}) {
	set, err := v.fetch(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.err = err; err == nil {
		v.keys, v.read = set, now
	}
	v.reading = nil
	close(done)
}

func (v *Verifier) fetch(ctx context.Context) (set jose.JSONWebKeySet, err error) {
	if v.Bridge == "" {
		return set, errors.New("the Verifier's Bridge is empty: it must be the bridge's SITE_URL")
	}
	address := v.root() + "/.well-known/jwks.json"
	defer func() {
		if err != nil {
			err = fmt.Errorf("keys of the bridge: %s: %w", address, err)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return set, err
	}
	stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := cmp.Or(v.Client, stay).Do(req)
	if err != nil {
		return set, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return set, fmt.Errorf("answered %s", resp.Status)
	}
	return set, json.NewDecoder(io.LimitReader(resp.Body, maxSet)).Decode(&set)
}
