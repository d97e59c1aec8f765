package token

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// ParseCAs reads the certificates of a ca_file: they take the place of those that the system trusts. name is how messages
// call it. The error wraps [sso.Invalid].
func ParseCAs(name string, pem []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: it has no certificate: give PEM with -----BEGIN CERTIFICATE-----: %w", name, sso.Invalid)
	}
	return pool, nil
}

// parseKeyURL holds an address of a key set to RFC 8725 §3.10 and SECURITY F5: whoever can change what is fetched decides
// who signs in.
func parseKeyURL(text string, inner bool) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("it is no address: give one such as https://idp.example.com/jwks.json")
	}
	address, err := netip.ParseAddr(u.Hostname())
	switch {
	case u.User != nil:
		return nil, errors.New("it has a name or a password in it: keys are public, leave them out")
	case u.Fragment != "":
		return nil, errors.New("it has a #: leave out what follows")
	case u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())):
		return nil, errors.New("it must begin with https://: only this machine itself may be asked with http://")
	case err == nil && !inner && isInner(address) && !address.Unmap().IsLoopback():
		return nil, errInner(address)
	}
	return u, nil
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback() || strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost")
}

// isInner reports whether no key set is to be looked for at an address unless that is said: this machine, its link, and
// where clouds hand out the credentials of the machine (SECURITY G5).
func isInner(a netip.Addr) bool {
	a = a.Unmap()
	if nat64 := netip.MustParsePrefix("64:ff9b::/96"); nat64.Contains(a) { // RFC 6052: an IPv4 address in its last four bytes
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	for _, metadata := range []string{"fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"} {
		if a.WithZone("") == netip.MustParseAddr(metadata) {
			return true
		}
	}
	return a.IsLoopback() || a.IsUnspecified() || a.IsLinkLocalUnicast() || a.IsMulticast()
}

func errInner(a netip.Addr) error {
	return fmt.Errorf("%s is an address of this machine, its link, or the metadata of a cloud: give the address of the identity provider, "+
		"or allow inner addresses", a)
}

// newClient asks as a key set must be asked: TLS checked, within a time, no redirect followed, nothing unpacked, no cookies, no
// connection kept (a set is fetched every few minutes).
func newClient(target *url.URL, o RemoteOptions) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = 32 << 10
	transport.DisableCompression = true
	transport.DisableKeepAlives = true
	transport.TLSClientConfig = &tls.Config{RootCAs: o.CAs, MinVersion: tls.VersionTLS12}
	transport.DialContext = dialer(target, o.Inner)
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dialer looks at the address that a name has at this moment. Behind a proxy that somebody set up for this machine, it is
// the proxy that looks names up.
func dialer(target *url.URL, inner bool) func(ctx context.Context, network, address string) (net.Conn, error) {
	dial := &net.Dialer{Timeout: fetchTimeout}
	local := isLoopback(target.Hostname())
	if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: target}); proxy != nil || err != nil {
		return dial.DialContext
	}
	dial.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		switch {
		case err != nil:
			return err
		case local && !to.Addr().Unmap().IsLoopback(): // where http is good enough, nothing may leave the machine
			return fmt.Errorf("%s is called this machine, and has the address %s", target.Hostname(), to.Addr())
		case !local && !inner && isInner(to.Addr()):
			return errInner(to.Addr())
		}
		return nil
	}
	return dial.DialContext
}

// An answer is a key set as it was fetched.
type answer struct {
	unchanged bool // 304: the keys of before are those of now
	body      []byte
	etag      string
	fresh     time.Duration // how long it need not be asked for again
}

// How long a set is believed: never longer than maxFresh, so that a key that is removed stops working by then; at least
// leastFresh, since some servers forbid to keep anything.
const (
	leastFresh = time.Minute
	usualFresh = 5 * time.Minute
	maxFresh   = 15 * time.Minute
)

// ask fetches a key set. With an etag, the server may answer that nothing changed.
func ask(ctx context.Context, client *http.Client, address, etag string) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	req.Header.Set("User-Agent", "ssobridge")
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	resp, err := client.Do(req)
	if unknown := (x509.UnknownAuthorityError{}); errors.As(err, &unknown) {
		return nil, fmt.Errorf("%w: name the file with its CA in ca_file", withoutURL(err))
	}
	if err != nil {
		return nil, withoutURL(err)
	}
	defer resp.Body.Close()
	a := &answer{fresh: freshness(resp.Header), etag: resp.Header.Get("ETag")}
	switch {
	case resp.StatusCode == http.StatusNotModified && etag != "":
		a.unchanged, a.etag = true, etag
		return a, nil
	case resp.StatusCode >= 300 && resp.StatusCode < 400 && resp.Header.Get("Location") != "":
		return nil, fmt.Errorf("it answered with a redirect to %s, which is not followed: give the address itself", quote(resp.Header.Get("Location")))
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answered with status %d", resp.StatusCode)
	case resp.Header.Get("Content-Encoding") != "" && resp.Header.Get("Content-Encoding") != "identity":
		return nil, fmt.Errorf("it answered with Content-Encoding %s, which was not asked for", quote(resp.Header.Get("Content-Encoding")))
	}
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1)); err != nil {
		return nil, fmt.Errorf("its answer broke off: %w", err)
	}
	if looksLikeHTML(a.body) {
		return nil, errors.New("it answered with a page (HTML): give the address of the key set, such as jwks_uri in its discovery document")
	}
	return a, nil
}

func looksLikeHTML(body []byte) bool {
	return strings.HasPrefix(strings.TrimSpace(string(body[:min(len(body), 100)])), "<")
}

// freshness is RFC 9111 §5.2.2.1, bounded.
func freshness(h http.Header) time.Duration {
	for part := range strings.SplitSeq(strings.ToLower(strings.Join(h.Values("Cache-Control"), ",")), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "no-store", "no-cache":
			return leastFresh
		case "max-age":
			seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if err != nil && !errors.Is(err, strconv.ErrRange) {
				continue
			}
			return max(leastFresh, min(time.Duration(seconds)*time.Second, maxFresh))
		}
	}
	return usualFresh
}

// withoutURL drops the address that net/http puts in front of its errors.
func withoutURL(err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		return ue.Err
	}
	return err
}
