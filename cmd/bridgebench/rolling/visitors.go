package rolling

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// clients come at once.
const clients = 8

// checks follow each sign-in.
const checks = 4

// The ways in which people come, in the order of results.
const (
	byGet = iota
	byPost
	checked
	kinds
)

var names = [kinds]string{"sign-ins by GET", "sign-ins by POST", "checks (/auth/verify)"}

// visitors are the people who come, and what became of it.
type visitors struct {
	o      Options
	site   string
	client *http.Client
	people atomic.Int64
	counts [kinds]struct{ asked, failed, longest atomic.Int64 }

	mu     sync.Mutex
	failed string // what the first failure was
}

func newVisitors(o Options, site string) *visitors {
	return &visitors{o: o, site: site, client: &http.Client{
		Timeout:       30 * time.Second,
		Transport:     &http.Transport{MaxIdleConnsPerHost: clients},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// come has new people sign in, by GET and by POST in turn, and be checked, until it is enough. What was sent is waited for.
func (v *visitors) come(ctx context.Context, enough func() bool) error {
	for kind := byGet; !enough() && ctx.Err() == nil; kind = byPost - kind {
		session, email, err := v.signIn(ctx, kind)
		if err != nil {
			return err
		}
		for n := 0; n < checks && session != nil && !enough(); n++ {
			if err := v.check(ctx, session, email); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *visitors) signIn(ctx context.Context, kind int) (session *http.Cookie, email string, err error) {
	token, email, err := v.o.Sign(v.people.Add(1))
	if err != nil {
		return nil, "", err
	}
	form := url.Values{"jwt": {token}, "return_to": {"/"}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.site+"/auth/sso?"+form, nil)
	if kind == byPost && err == nil {
		req, err = http.NewRequestWithContext(ctx, http.MethodPost, v.site+"/auth/sso", strings.NewReader(form))
	}
	if err != nil {
		return nil, "", err
	}
	if kind == byPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Accept", "text/html")
	v.ask(kind, req, func(resp *http.Response) bool {
		for _, c := range resp.Cookies() {
			if c.Name == "ssobridge" && c.Value != "" {
				session = c
			}
		}
		return resp.StatusCode/100 == 3 && session != nil
	})
	return session, email, nil
}

func (v *visitors) check(ctx context.Context, session *http.Cookie, email string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.site+"/auth/verify", nil)
	if err != nil {
		return err
	}
	req.AddCookie(session)
	v.ask(checked, req, func(resp *http.Response) bool {
		return resp.StatusCode == http.StatusOK && resp.Header.Get("Remote-Email") == email
	})
	return nil
}

// ask sends a request and counts it.
func (v *visitors) ask(kind int, req *http.Request, good func(*http.Response) bool) {
	began := time.Now()
	resp, err := v.client.Do(req)
	count := &v.counts[kind]
	took := int64(time.Since(began))
	for old := count.longest.Load(); took > old && !count.longest.CompareAndSwap(old, took); old = count.longest.Load() {
	}
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	if err == nil && !good(resp) {
		err = fmt.Errorf("got %s", resp.Status)
	}
	if err != nil {
		v.fail(kind, err)
	}
	count.asked.Add(1)
}

func (v *visitors) fail(kind int, err error) {
	v.counts[kind].failed.Add(1)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.failed == "" {
		v.failed = names[kind] + ": " + err.Error()
	}
}

func (v *visitors) first() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.failed
}

func (v *visitors) asked() (n int64) {
	for i := range v.counts {
		n += v.counts[i].asked.Load()
	}
	return n
}

func (v *visitors) results() (all []Result) {
	for i := range v.counts {
		c := &v.counts[i]
		all = append(all, Result{names[i], c.asked.Load(), c.failed.Load(), time.Duration(c.longest.Load())})
	}
	return all
}
