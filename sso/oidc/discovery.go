package oidc

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/outbound"
)

// Times of the discovery document.
const (
	documentFresh = 15 * time.Minute
	documentKept  = 24 * time.Hour // how long it is good while its server does not answer
	documentRetry = 10 * time.Second
)

// A Discovery knows the endpoints of one provider, as its discovery document names them. The document is fetched when a
// sign-in needs it, and again when it is older than a quarter of an hour; while it cannot be had, that of before is good for a
// day. It is safe for concurrent use.
type Discovery struct {
	issuer, address string
	cas             *x509.CertPool
	now             func() time.Time
	log             *slog.Logger

	fetching sync.Mutex // held during a fetch: one at a time

	mu     sync.Mutex
	known  *Metadata // nil: never fetched
	status sso.Discovery
	tried  time.Time
}

// NewDiscovery makes a Discovery. address "" is that which follows from the issuer. It fetches nothing yet. Errors wrap
// [sso.Invalid].
func NewDiscovery(issuer, address string, cas *x509.CertPool, now func() time.Time, log *slog.Logger) (*Discovery, error) {
	if address == "" {
		u, err := outbound.ParseURL(issuer)
		if err == nil && u.RawQuery != "" {
			err = errors.New("it has a ?, which no issuer has")
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", err, sso.Invalid)
		}
		for address = issuer; address != "" && address[len(address)-1] == '/'; { // Discovery §4.1
			address = address[:len(address)-1]
		}
		address += WellKnown
	}
	if _, err := outbound.ParseURL(address); err != nil {
		return nil, fmt.Errorf("%w: %w", err, sso.Invalid)
	}
	return &Discovery{issuer: issuer, address: address, cas: cas, now: now, log: log, status: sso.Discovery{Address: address}}, nil
}

// Metadata returns what the provider says of itself. The error wraps [sso.ProviderUnavailable].
func (d *Discovery) Metadata(ctx context.Context) (*Metadata, error) {
	if m, ok := d.fresh(); ok {
		return m, nil
	}
	if m := d.usable(); m == nil {
		d.fetching.Lock()
	} else if !d.fetching.TryLock() { // who can go on with the document of before waits for nobody
		return m, nil
	}
	defer d.fetching.Unlock()
	if m, ok := d.fresh(); ok { // fetched by another one meanwhile
		return m, nil
	}
	d.mu.Lock()
	again := d.now().Sub(d.tried) >= documentRetry
	d.mu.Unlock()
	if again {
		d.fetch(ctx)
	}
	if m := d.usable(); m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("discovery document %s: %s: %w", d.address, d.State().Fault, sso.ProviderUnavailable)
}

// usable is the document of before, as long as it is good.
func (d *Discovery) usable() *Metadata {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil || d.now().Sub(d.status.LastSuccess) > documentKept {
		return nil
	}
	return d.known
}

func (d *Discovery) fresh() (*Metadata, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known, d.known != nil && d.now().Sub(d.status.LastSuccess) < documentFresh
}

// fetch asks for the document. What is wrong with it is in the status.
func (d *Discovery) fetch(ctx context.Context) {
	m, err := d.ask(context.WithoutCancel(ctx)) // others wait for it, too
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tried = d.now()
	if err != nil {
		if d.status.Fault == "" {
			d.status.FaultSince = d.tried
		}
		d.status.Fault = sso.Shorten(err.Error(), 500)
		d.log.WarnContext(ctx, "a discovery document cannot be had", "url", d.address, "fault", d.status.Fault)
		return
	}
	if d.known != nil && !reflect.DeepEqual(d.known, m) {
		d.log.InfoContext(ctx, "a discovery document has changed", "url", d.address, "jwks_uri", m.JWKSURI.String())
	}
	d.known = m
	d.status = sso.Discovery{Address: d.address, LastSuccess: d.tried, Endpoints: endpoints(m)}
}

func (d *Discovery) ask(ctx context.Context) (*Metadata, error) {
	u, err := outbound.ParseURL(d.address)
	if err != nil {
		return nil, err
	}
	client := outbound.Client(u, d.cas)
	defer client.CloseIdleConnections()
	body, err := get(ctx, client, u, "", maxDocument)
	if err != nil {
		return nil, err
	}
	m, err := ParseMetadata(body, d.issuer)
	if err == nil {
		err = d.asSafe(m)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// asSafe refuses endpoints at http where the document is at https. ParseMetadata takes those on this machine, for a provider
// that runs here: one that runs elsewhere would have us call what listens here (SECURITY G5).
func (d *Discovery) asSafe(m *Metadata) error {
	if !strings.HasPrefix(strings.ToLower(d.address), "https:") {
		return nil
	}
	for _, e := range endpoints(m) {
		if !strings.HasPrefix(e.URL, "https:") {
			return fmt.Errorf("its %s is %q: it must begin with https://, as the address of the document does", e.Name, sso.Shorten(e.URL, 200))
		}
	}
	return nil
}

func endpoints(m *Metadata) (all []sso.Endpoint) {
	for _, e := range []struct {
		name string
		u    *url.URL
	}{
		{"authorization_endpoint", m.AuthorizationEndpoint}, {"token_endpoint", m.TokenEndpoint}, {"jwks_uri", m.JWKSURI},
		{"userinfo_endpoint", m.UserinfoEndpoint}, {"end_session_endpoint", m.EndSessionEndpoint},
	} {
		if e.u != nil {
			all = append(all, sso.Endpoint{Name: e.name, URL: e.u.String()})
		}
	}
	return all
}

// State is what is known of the document. It fetches nothing.
func (d *Discovery) State() sso.Discovery {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.status
}

// get asks an address for a JSON document of at most so many bytes. With a bearer it is for the owner of that token.
func get(ctx context.Context, client *http.Client, u *url.URL, bearer string, most int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, outbound.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, outbound.WithoutURL(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the answer: %w", err)
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return nil, fmt.Errorf("it answered with a redirect (%d), which is not followed", resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answered %d", resp.StatusCode)
	case int64(len(body)) > most:
		return nil, fmt.Errorf("it answered more than %d bytes", most)
	case kind != "application/json":
		return nil, fmt.Errorf("it answered with %q; JSON is needed", sso.Shorten(kind, 60))
	}
	return body, nil
}
