package storm

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// A site is a bridge with the people who have a session there, and with what became of sign-ins.
type site struct {
	o       Options
	addr    string
	cookies []string
	alone   time.Duration

	mu                   sync.Mutex
	signIns              []time.Duration
	slowest              time.Duration
	shed, wrong, refused int
	first                string
}

// within is how long an answer may take: longer than any may.
const within = 30 * time.Second

// A line is one connection to the bridge, which is dialled anew when it was ended.
type line struct {
	addr string
	conn net.Conn
	in   *bufio.Reader
}

func (l *line) close() {
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}

// ask sends a request of GET, and returns the answer without its body.
func (l *line) ask(path, cookie string) (*http.Response, error) {
	if l.conn == nil {
		conn, err := net.DialTimeout("tcp", l.addr, within)
		if err != nil {
			return nil, err
		}
		l.conn, l.in = conn, bufio.NewReader(conn)
	}
	if err := l.conn.SetDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(l.conn, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/html\r\nCookie: %s\r\n\r\n", path, l.addr, cookie); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if resp.Close || err != nil {
		l.close()
	}
	return resp, err
}

// login is the address by which a new person brings a token.
func (s *site) login() (string, error) {
	token, err := s.o.Sign()
	return "/auth/sso?return_to=%2F&jwt=" + url.QueryEscape(token), err
}

func session(resp *http.Response) string {
	for _, c := range resp.Cookies() {
		if c.Name == "ssobridge" && c.Value != "" {
			return c.Name + "=" + c.Value
		}
	}
	return ""
}

// begin signs in the people who have a session.
func (s *site) begin(ctx context.Context) error {
	l := line{addr: s.addr}
	defer l.close()
	var took []time.Duration
	for len(s.cookies) < sessions && ctx.Err() == nil {
		path, err := s.login()
		if err != nil {
			return err
		}
		began := time.Now()
		resp, err := l.ask(path, "")
		if err != nil {
			return err
		}
		took = append(took, time.Since(began))
		cookie := session(resp)
		if cookie == "" {
			return fmt.Errorf("a sign-in before the storm: got %s", resp.Status)
		}
		s.cookies = append(s.cookies, cookie)
	}
	slices.Sort(took)
	s.alone = took[len(took)/2]
	return ctx.Err()
}

// check asks who somebody is, again and again.
func (s *site) check(ctx context.Context, n int) (took []time.Duration, err error) {
	l := line{addr: s.addr}
	defer l.close()
	for ctx.Err() == nil {
		began := time.Now()
		resp, err := l.ask("/auth/verify", s.cookies[n%len(s.cookies)])
		if err != nil {
			return nil, fmt.Errorf("a check: %w", err)
		}
		took = append(took, time.Since(began))
		if resp.StatusCode != http.StatusOK {
			s.mu.Lock()
			s.refused++
			s.note("a check", resp)
			s.mu.Unlock()
		}
	}
	return took, nil
}

// signIn has new people sign in on one connection, one after the other. Who was told to come later waits for a second.
func (s *site) signIn(ctx context.Context) error {
	l := line{addr: s.addr}
	defer l.close()
	for ctx.Err() == nil {
		path, err := s.login()
		if err != nil {
			return err
		}
		began := time.Now()
		resp, err := l.ask(path, "")
		if err != nil {
			return fmt.Errorf("a sign-in: %w", err)
		}
		if later := s.count(resp, time.Since(began)); later {
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
	return nil
}

// count notes the answer to a sign-in; later: it was shed.
func (s *site) count(resp *http.Response, took time.Duration) (later bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slowest = max(s.slowest, took)
	switch {
	case resp.StatusCode/100 == 3 && session(resp) != "":
		s.signIns = append(s.signIns, took)
	case resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "":
		s.shed++
		return true
	default:
		s.wrong++
		s.note("a sign-in", resp)
	}
	return false
}

func (s *site) note(what string, resp *http.Response) {
	if s.first == "" {
		s.first = strings.TrimSpace(fmt.Sprint(what, " got ", resp.Status, " ", resp.Header.Get("Location")))
	}
}
