// Package validation asks a server of the identity provider whether a token is good, as Okera does
// (JWT_AUTHENTICATION_SERVER_URL): POST with the token as bearer, and an answer 200 with a JSON object that has a sub.
package validation

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/outbound"
	"github.com/ssobridge/ssobridge/sso/strictjson"
)

// Bounds (SECURITY A14).
const (
	Remembered = time.Minute // for so long at most a good answer is believed; whoever asked remembers it
	refusedFor = 10 * time.Second
	maxAnswer  = 64 << 10
	maxDepth   = 8
	maxRefused = 10_000 // tokens whose refusal is remembered
	atOnce     = 16     // questions, so that a flood of tokens is none of questions
)

// An Endpoint is the server that is asked. It is safe for concurrent use. There is one question at a time about a token, and who
// asks meanwhile gets its answer.
type Endpoint struct {
	address string
	client  *http.Client
	now     func() time.Time
	turns   *turns

	mu      sync.Mutex
	asking  map[[sha256.Size]byte]*question
	refused map[[sha256.Size]byte]refusal // bound to the whole token, never to a part of it (CVE-2026-33496)
}

type question struct {
	done   chan struct{}
	claims sso.Claims
	err    error
}

type refusal struct {
	until time.Time
	err   error
}

// New makes an endpoint of an address: https, or http on this machine. name is what messages call it. Errors wrap
// [sso.Invalid].
func New(name, address string, cas *x509.CertPool, now func() time.Time) (*Endpoint, error) {
	u, err := outbound.ParseURL(address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, err, sso.Invalid)
	}
	return &Endpoint{address: u.String(), client: outbound.Client(u, cas), now: now, turns: newTurns(atOnce),
		asking: map[[sha256.Size]byte]*question{}, refused: map[[sha256.Size]byte]refusal{}}, nil
}

// Validate returns what the server says of a token that it takes, and until when that may be believed. It returns
// [sso.TokenSignature] when the server does not take the token, and [sso.ProviderUnavailable] when it cannot be asked.
// network is where the token came from.
func (e *Endpoint) Validate(ctx context.Context, network, token string) (sso.Claims, time.Time, error) {
	key, now := sha256.Sum256([]byte(token)), e.now()
	e.mu.Lock()
	if r, ok := e.refused[key]; ok && now.Before(r.until) {
		e.mu.Unlock()
		return nil, time.Time{}, r.err
	}
	q := e.asking[key]
	if q == nil {
		q = &question{done: make(chan struct{})}
		e.asking[key] = q
		go e.ask(context.WithoutCancel(ctx), key, network, token, q) // others wait for it, too
	}
	e.mu.Unlock()
	select {
	case <-q.done:
		return q.claims, now.Add(Remembered), q.err
	case <-ctx.Done():
		return nil, time.Time{}, fmt.Errorf("the validation server has not answered yet: %w: %w", context.Cause(ctx), sso.ProviderUnavailable)
	}
}

// ask asks one question and hands its answer to all that wait.
func (e *Endpoint) ask(ctx context.Context, key [sha256.Size]byte, network, token string, q *question) {
	ctx, cancel := context.WithTimeout(ctx, outbound.Timeout)
	defer cancel()
	if err := e.turns.take(ctx, network); err != nil {
		q.err = fmt.Errorf("%w: %w", err, sso.ProviderUnavailable)
	} else {
		q.claims, q.err = e.call(ctx, token)
		e.turns.done(network)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.asking, key)
	if sso.CodeOf(q.err) == sso.TokenSignature {
		if len(e.refused) >= maxRefused {
			clear(e.refused)
		}
		e.refused[key] = refusal{e.now().Add(refusedFor), q.err}
	}
	close(q.done)
}

func (e *Endpoint) call(ctx context.Context, token string) (sso.Claims, error) {
	away := func(err error) error {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("it did not answer within %v", outbound.Timeout)
		}
		return fmt.Errorf("the validation server: %w: %w", outbound.WithoutURL(err), sso.ProviderUnavailable)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.address, nil)
	if err != nil {
		return nil, away(err)
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := e.client.Do(r)
	if err != nil {
		return nil, away(err)
	}
	defer resp.Body.Close()
	switch status := resp.StatusCode; {
	case status >= 400 && status < 500 && status != http.StatusTooManyRequests && status != http.StatusRequestTimeout:
		return nil, fmt.Errorf("the validation server does not take the token: it answered %d: %w", status, sso.TokenSignature)
	case status != http.StatusOK:
		return nil, away(fmt.Errorf("it answered %d", status))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, away(err)
	case len(body) > maxAnswer:
		return nil, away(fmt.Errorf("its answer is larger than %d bytes", maxAnswer))
	}
	return read(body)
}

// read reads an answer. One without a sub that is a text says nothing good about the token.
func read(body []byte) (sso.Claims, error) {
	claims, err := strictjson.Object(body, maxDepth)
	if err != nil {
		return nil, fmt.Errorf("the validation server's answer is no JSON object: %w", sso.TokenSignature)
	}
	if active, sent := claims["active"]; sent && active != true { // RFC 7662 §2.2
		return nil, fmt.Errorf("the validation server says that the token is not active: %w", sso.TokenSignature)
	}
	if sub, ok := claims["sub"].(string); !ok || sub == "" {
		return nil, fmt.Errorf("the validation server's answer has no sub that is a text: %w", sso.TokenSignature)
	}
	return claims, nil
}
