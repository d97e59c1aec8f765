package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	ldap "github.com/go-ldap/ldap/v3"
)

// Bounds of what is asked of servers.
const (
	maxConnections = 8                // at once; who comes later waits
	maxIdle        = 2                // kept for the next question
	idleFor        = 20 * time.Second // and closed then
	downFor        = 10 * time.Second // a server that did not answer is asked last
	maxBytes       = 1 << 20          // of the answers to one question
)

// A server is one of LDAP_URL.
type server struct {
	text, network, address, host string
	tls                          bool
	down                         atomic.Int64 // until then, in nanoseconds of the process
}

// parseServer reads an address of LDAP_URL. Errors do not repeat it: there may be a password in it.
func parseServer(text string) (*server, error) {
	if socket, is := strings.CutPrefix(text, "ldapi://"); is { // of this machine: ldapi:///run/slapd/ldapi, or with %2F as OpenLDAP writes it
		path, err := url.PathUnescape(socket)
		if err != nil || !strings.HasPrefix(path, "/") {
			return nil, errors.New("names no socket: write it as ldapi:///run/slapd/ldapi")
		}
		return &server{text: text, network: "unix", address: path}, nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Opaque != "":
		return nil, errors.New("is no address such as ldaps://dc1.example.com")
	case u.User != nil:
		return nil, errors.New("has a name or a password in it: give them as LDAP_BIND_DN and LDAP_BIND_PASSWORD")
	case u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return nil, errors.New("has more than a host and a port: what is looked for is said by LDAP_USER_BASE and LDAP_USER_FILTER")
	}
	s := &server{text: u.Scheme + "://" + u.Host, network: "tcp", host: u.Hostname(), tls: u.Scheme == "ldaps"}
	port := u.Port()
	switch u.Scheme {
	case "ldap", "ldaps":
		if port == "" {
			port = map[string]string{"ldap": "389", "ldaps": "636"}[u.Scheme]
		}
		if s.host == "" {
			return nil, errors.New("names no host: write it as ldaps://dc1.example.com")
		}
		s.address = net.JoinHostPort(s.host, port)
	default:
		return nil, errors.New("begins with none of ldaps://, ldap:// and ldapi://")
	}
	return s, nil
}

// A connection is bound. One question at a time uses it.
type connection struct {
	*ldap.Conn
	raw *counted
}

// counted bounds what one question may read: a library that puts answers into memory would follow a directory that never ends.
type counted struct {
	net.Conn
	left atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	if c.left.Load() <= 0 {
		return 0, fmt.Errorf("the answer has more than %d MiB", maxBytes>>20)
	}
	n, err := c.Conn.Read(b)
	c.left.Add(-int64(n))
	return n, err
}

// kill ends a connection whatever it is doing: [ldap.Conn.Close] would wait for it.
func (c *connection) kill() { c.raw.Close() }

// A pool keeps a few connections for the next question.
type pool struct {
	slots chan struct{}
	mu    sync.Mutex
	idle  []*connection
}

func (p *pool) take() *connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		c := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if !c.IsClosing() {
			return c
		}
	}
	return nil
}

func (p *pool) put(c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == maxIdle || c.IsClosing() {
		c.kill()
		return
	}
	p.idle = append(p.idle, c)
	time.AfterFunc(idleFor, func() { p.forget(c) })
}

// forget closes a connection that nobody has taken since.
func (p *pool) forget(c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, is := range p.idle {
		if is == c {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			c.kill()
			return
		}
	}
}

// with asks a question on a connection that is there, else on a new one to the first server that answers.
func (d *Directory) with(ctx context.Context, ask func(*connection) error) error {
	select {
	case d.pool.slots <- struct{}{}:
		defer func() { <-d.pool.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if c := d.pool.take(); c != nil {
		// It may have died while nobody used it, and a firewall may have forgotten it without a word.
		if err := d.on(ctx, c, d.o.Timeout/2, ask); !lost(err) {
			return err
		}
	}
	var failed []string
	for _, s := range d.inOrder() {
		err := d.onServer(ctx, s, ask)
		if !lost(err) {
			return err
		}
		s.down.Store(time.Now().Add(downFor).UnixNano())
		failed = append(failed, s.text+": "+reason(err))
		if ctx.Err() != nil {
			break
		}
	}
	return errors.New(strings.Join(failed, "; "))
}

// inOrder are the servers as they are written, those that did not answer lately behind the others.
func (d *Directory) inOrder() (order []*server) {
	var last []*server
	for _, s := range d.servers {
		if time.Now().UnixNano() < s.down.Load() {
			last = append(last, s)
		} else {
			order = append(order, s)
		}
	}
	return append(order, last...)
}

func (d *Directory) onServer(ctx context.Context, s *server, ask func(*connection) error) error {
	began := time.Now()
	c, err := d.connect(ctx, s)
	if err != nil {
		return err
	}
	return d.on(ctx, c, d.o.Timeout-time.Since(began), ask)
}

// on asks on a connection, within the time. It goes back into the pool if it is still good.
func (d *Directory) on(ctx context.Context, c *connection, within time.Duration, ask func(*connection) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("no whole answer within %v", d.o.Timeout))
	defer cancel()
	c.raw.left.Store(maxBytes)
	stop := context.AfterFunc(ctx, c.kill)
	err := ask(c)
	if !stop() && err != nil {
		return &lostError{context.Cause(ctx)}
	}
	if lost(err) {
		c.kill()
		return err
	}
	d.pool.put(c)
	return err
}

// A lostError is of a server that does not answer as it should: another one is asked.
type lostError struct{ err error }

func (l *lostError) Error() string { return l.err.Error() }
func (l *lostError) Unwrap() error { return l.err }

func lost(err error) bool {
	_, is := errors.AsType[*lostError](err)
	return is
}

// judged is an error of go-ldap. What is no answer of the server in the words of the protocol, or says that it cannot now, is
// a lostError.
func judged(err error) error {
	le, answered := errors.AsType[*ldap.Error](err)
	switch {
	case err == nil:
		return nil
	case !answered || ldap.IsErrorAnyOf(err, ldap.LDAPResultBusy, ldap.LDAPResultUnavailable) || le.ResultCode >= ldap.ErrorNetwork:
		return &lostError{errors.New(reason(err))}
	}
	return err
}

// connect makes a connection that is safe and bound.
func (d *Directory) connect(ctx context.Context, s *server) (*connection, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.o.Timeout, fmt.Errorf("no answer within %v", d.o.Timeout))
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, s.network, s.address)
	if err != nil {
		return nil, &lostError{orCause(ctx, err)}
	}
	c := &connection{raw: &counted{Conn: raw}}
	c.raw.left.Store(maxBytes)
	stop := context.AfterFunc(ctx, c.kill)
	if err = d.secure(ctx, s, c); err == nil {
		err = d.bind(c)
	}
	if !stop() || err != nil {
		c.kill()
		if ctx.Err() != nil {
			return nil, &lostError{context.Cause(ctx)}
		}
		return nil, err
	}
	return c, nil
}

// secure makes the connection one that nobody on the way can read, where it has to be.
func (d *Directory) secure(ctx context.Context, s *server, c *connection) error {
	config := &tls.Config{ServerName: s.host, RootCAs: d.o.CAs, MinVersion: tls.VersionTLS12}
	var stream net.Conn = c.raw
	if s.tls {
		secured := tls.Client(c.raw, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			return &lostError{fmt.Errorf("TLS: %w", err)}
		}
		stream = secured
	} else if at, ok := c.raw.RemoteAddr().(*net.TCPAddr); ok && !d.o.StartTLS && !d.o.Insecure && !at.IP.IsLoopback() {
		return fmt.Errorf("%s is called this machine, and has the address %s: use ldaps:// or LDAP_STARTTLS", s.host, at.IP)
	}
	c.Conn = ldap.NewConn(stream, s.tls)
	c.SetTimeout(2 * d.o.Timeout) // the context of a question ends it before
	c.Start()
	if s.tls || s.network == "unix" || !d.o.StartTLS {
		return nil
	}
	if err := c.StartTLS(config); err != nil { // and never goes on without (SECURITY G5)
		return &lostError{fmt.Errorf("StartTLS: %s", reason(err))}
	}
	return nil
}

func (d *Directory) bind(c *connection) error {
	if d.o.BindDN != "" {
		if err := c.Bind(d.o.BindDN, d.o.BindPassword); ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
			return errors.New("the directory does not accept LDAP_BIND_DN with LDAP_BIND_PASSWORD")
		} else if err != nil {
			return fmt.Errorf("signing in as LDAP_BIND_DN: %w", judged(err))
		}
	}
	if d.o.Nested != NestedChain {
		return nil
	}
	// OpenLDAP answers the rule of Active Directory with nothing, as if nobody were in any group.
	root, err := c.search("", ldap.ScopeBaseObject, "(objectClass=*)", 1, "supportedCapabilities")
	switch {
	case err != nil:
		return fmt.Errorf("asking what the server can do: %w", err)
	case len(root) != 1 || !slices.Contains(root[0].GetEqualFoldAttributeValues("supportedCapabilities"), activeDirectory):
		return errors.New("LDAP_NESTED is chain, and this server is no Active Directory: set it to recursive")
	}
	return nil
}

func orCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

var errTooMany = errors.New("the directory found more entries than it gives")

// search returns at most limit entries, or errTooMany. Addresses of other servers are not followed: those that come beside
// entries, as from Active Directory at the root of a domain, mean nothing; one in place of an answer is an error.
func (c *connection) search(base string, scope int, filter string, limit int, attributes ...string) ([]*ldap.Entry, error) {
	request := ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, limit+1, 0, false, filter, attributes, nil)
	request.EnforceSizeLimit = true
	result, err := c.Search(request)
	switch {
	case errors.Is(err, ldap.ErrSizeLimitExceeded) || ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded):
		return nil, errTooMany
	case ldap.IsErrorWithCode(err, ldap.LDAPResultReferral):
		return nil, errors.New("the directory refers to another server, which is not followed: name that one in LDAP_URL")
	case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject):
		return nil, fmt.Errorf("there is no %s, or LDAP_BIND_DN may not see it", base)
	case err != nil:
		return nil, judged(err)
	case len(result.Entries) > limit:
		return nil, errTooMany
	}
	return result.Entries, nil
}
