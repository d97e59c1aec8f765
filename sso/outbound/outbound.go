// Package outbound calls the servers of an identity provider: the one with its keys, the token endpoint. [ParseURL] says which
// addresses may be configured, and [Client] sees that nothing else is reached, waited for or followed (SECURITY A14, F5, G5).
package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// Timeout is how long one call may take, the answer included.
const Timeout = 5 * time.Second

// maxIdle is how many connections to one server are kept for the next calls. Two, as net/http has it, are too few when many people
// come at once: a new connection costs more than all else that a call needs.
const maxIdle = 32

// ParseCAs reads the certificates of a ca_file: they take the place of those that the system trusts. name is how messages
// call it. The error wraps [sso.Invalid].
func ParseCAs(name string, pem []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: it has no certificate: give PEM with -----BEGIN CERTIFICATE-----: %w", name, sso.Invalid)
	}
	return pool, nil
}

// ParseURL reads an address that is asked, not shown to browsers: whoever can change what is fetched from there decides who
// signs in (RFC 8725 §3.10). So it is https, or http on this machine.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("it is no address: give one such as https://idp.example.com/jwks.json")
	}
	address, err := netip.ParseAddr(u.Hostname())
	switch {
	case u.User != nil:
		return nil, errors.New("it has a name or a password in it: leave them out")
	case u.Fragment != "":
		return nil, errors.New("it has a #: leave out what follows")
	case u.Scheme != "https" && !(u.Scheme == "http" && isLocal(u.Hostname())):
		return nil, errors.New("it must begin with https://: only this machine itself may be asked with http://")
	case err == nil && isMetadata(address):
		return nil, errMetadata(address)
	}
	return u, nil
}

// isLocal reports whether a host is this machine by its very name.
func isLocal(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback() || strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost")
}

// isMetadata reports whether no identity provider is at an address: that is where clouds hand out the credentials of the
// machine, its link, or nobody's (SECURITY G5). A name may lead to this machine: what listens there must have its certificate.
func isMetadata(a netip.Addr) bool {
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
	return a.IsUnspecified() || a.IsLinkLocalUnicast() || a.IsMulticast()
}

func errMetadata(a netip.Addr) error {
	return fmt.Errorf("%s is an address of the link of this machine, or of the metadata of a cloud: give the address of the identity provider", a)
}

// Client calls one address: within [Timeout], TLS checked, no redirect followed, nothing unpacked, no cookies. cas nil: those
// that the system trusts. Who reads an answer bounds its size.
func Client(target *url.URL, cas *x509.CertPool) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = 32 << 10
	transport.DisableCompression = true
	transport.MaxIdleConnsPerHost = maxIdle
	transport.TLSClientConfig = &tls.Config{RootCAs: cas, MinVersion: tls.VersionTLS12}
	transport.DialContext = dialer(target)
	return &http.Client{
		Transport:     transport,
		Timeout:       Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dialer looks at the address that a name has at this moment. Behind a proxy that somebody set up for this machine, it is
// the proxy that looks names up.
func dialer(target *url.URL) func(ctx context.Context, network, address string) (net.Conn, error) {
	dial := &net.Dialer{Timeout: Timeout}
	local := isLocal(target.Hostname())
	if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: target}); proxy != nil || err != nil {
		return dial.DialContext
	}
	dial.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		switch {
		case err != nil:
			return err
		case local && !to.Addr().Unmap().IsLoopback(): // where http is good enough, nothing may leave the machine
			return fmt.Errorf("%s is called this machine, and has the address %s: write 127.0.0.1", target.Hostname(), to.Addr())
		case isMetadata(to.Addr()):
			return errMetadata(to.Addr())
		}
		return nil
	}
	return dial.DialContext
}

// WithoutURL drops the address that net/http puts in front of its errors: it may have a code in it.
func WithoutURL(err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		return ue.Err
	}
	return err
}
