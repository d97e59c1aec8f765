package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A site is a bridge with its database and the people who sign in there.
type site struct {
	o        Options
	database string // as the bridge is told
	behind   string // as we ask it; "" is the same
	client   *http.Client
	people   atomic.Int64
	journal  *journal

	mu     sync.Mutex
	bridge Bridge
}

func newSite(o Options) *site {
	return &site{
		o: o, journal: newJournal(),
		client: &http.Client{
			Timeout:       30 * time.Second,
			Transport:     &http.Transport{MaxIdleConnsPerHost: clients + 1},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// clients sign in at once.
const clients = 8

func (s *site) addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bridge.Addr()
}

// signInAll has new people sign in until stop is called.
func (s *site) signInAll(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	var enough atomic.Bool
	for range clients {
		running.Go(func() {
			for !enough.Load() && ctx.Err() == nil {
				if s.signIn(ctx).session == "" {
					pause(ctx, 10*time.Millisecond)
				}
			}
		})
	}
	return func() {
		enough.Store(true) // what was sent is waited for
		running.Wait()
		cancel()
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// signIn brings the token of a new person, and writes into the journal what came of it.
func (s *site) signIn(ctx context.Context) *attempt {
	a := &attempt{began: time.Now()}
	var err error
	if a.token, a.email, err = s.o.Sign(s.people.Add(1)); err != nil {
		return a
	}
	a.session, err = s.present(ctx, a.token)
	a.ended = time.Now()
	if err == nil || !neverSent(err) {
		s.journal.add(a)
	}
	return a
}

// neverSent reports whether the bridge was not there to be asked.
func neverSent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// present brings a token and returns the session cookie that was set for it, "" for none.
func (s *site) present(ctx context.Context, token string) (session string, err error) {
	form := url.Values{"jwt": {token}, "return_to": {"/"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.addr()+"/auth/sso", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "text/html")
	status, cookies, _, err := s.do(req)
	if err != nil {
		return "", err
	}
	for _, c := range cookies {
		if c.Name == "ssobridge" && c.Value != "" {
			return c.Value, nil
		}
	}
	if status == http.StatusTooManyRequests {
		return "", errors.New("the bridge throttles us")
	}
	return "", nil
}

// current is whose session it is; "" when it is none that is good.
func (s *site) current(ctx context.Context, session string) (email string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr()+"/api/user/current", nil)
	if err != nil {
		return "", err
	}
	req.AddCookie(&http.Cookie{Name: "ssobridge", Value: session})
	status, _, body, err := s.do(req)
	switch {
	case err != nil:
		return "", err
	case status == http.StatusUnauthorized:
		return "", nil
	case status != http.StatusOK:
		return "", fmt.Errorf("GET /api/user/current: got status %d", status)
	}
	var u struct {
		Email  string            `json:"email"`
		Groups []json.RawMessage `json:"groups"`
	}
	if err := json.Unmarshal(body, &u); err != nil || len(u.Groups) != 2 {
		return "", err // without the group that the token gave it is half a sign-in
	}
	return u.Email, nil
}

func (s *site) do(req *http.Request) (status int, cookies []*http.Cookie, body []byte, err error) {
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, resp.Cookies(), body, err
}

// recoverWithin is how long is waited for a bridge.
const recoverWithin = 30 * time.Second

// recovered signs people in from the end of a fault on, and returns when the first was answered.
func (s *site) recovered(ctx context.Context, over time.Time) (time.Duration, error) {
	for time.Since(over) < recoverWithin && ctx.Err() == nil {
		limit, cancel := context.WithTimeout(ctx, time.Second)
		a := s.signIn(limit)
		cancel()
		if a.session != "" {
			return a.ended.Sub(over), nil
		}
		pause(ctx, 5*time.Millisecond)
	}
	return 0, fmt.Errorf("no sign-in was answered within %v of the fault's end", recoverWithin)
}

// kill ends the bridge at once, and starts it anew.
func (s *site) kill(times int) fault {
	return fault{
		name: "kill -9 of the bridge", times: times,
		begin: func(context.Context) error { s.bridge.Kill(); return nil },
		end: func(ctx context.Context) (time.Time, error) {
			over := time.Now()
			b, err := s.o.Start(ctx, s.database)
			if err != nil {
				return over, err
			}
			s.mu.Lock()
			s.bridge = b
			s.mu.Unlock()
			return over, nil
		},
	}
}
