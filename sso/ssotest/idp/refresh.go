package idp

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"sync"
)

// refreshes is what a provider knows of refresh tokens: each is good once, and a new one comes with its answer.
type refreshes struct {
	Refreshing func(form url.Values) // is called while a refresh runs; nil: nothing is
	Switched   func() string         // the error of refreshes, such as "invalid_grant"; nil or "": none

	rmu    sync.Mutex
	good   map[string]url.Values // the requests that led to them
	given  []string
	asked  int
	now    int
	atMost int
}

// RefreshToken makes a refresh token, as for this request to the sign-in page.
func (f *refreshes) RefreshToken(asked url.Values) string {
	f.rmu.Lock()
	defer f.rmu.Unlock()
	token := rand.Text()
	if f.good == nil {
		f.good = map[string]url.Values{}
	}
	f.good[token] = asked
	f.given = append(f.given, token)
	return token
}

// RefreshTokens are all that were given.
func (f *refreshes) RefreshTokens() []string {
	f.rmu.Lock()
	defer f.rmu.Unlock()
	return slices.Clone(f.given)
}

// Refreshes says how many refreshes there were, and how many ran at once at most.
func (f *refreshes) Refreshes() (asked, atMost int) {
	f.rmu.Lock()
	defer f.rmu.Unlock()
	return f.asked, f.atMost
}

func (f *refreshes) begin() {
	f.rmu.Lock()
	defer f.rmu.Unlock()
	f.asked++
	f.now++
	f.atMost = max(f.atMost, f.now)
}

func (f *refreshes) end() {
	f.rmu.Lock()
	defer f.rmu.Unlock()
	f.now--
}

// take uses up a refresh token.
func (f *refreshes) take(token string) (asked url.Values, good bool) {
	f.rmu.Lock()
	defer f.rmu.Unlock()
	asked, good = f.good[token]
	delete(f.good, token)
	return asked, good
}

func (p *Provider) refresh(w http.ResponseWriter, r *http.Request) {
	p.begin()
	defer p.end()
	if p.Refreshing != nil {
		p.Refreshing(r.PostForm)
	}
	if p.Switched != nil && p.Switched() != "" {
		refuse(w, p.Switched())
		return
	}
	asked, good := p.take(r.PostForm.Get("refresh_token"))
	if !good {
		refuse(w, "invalid_grant")
		return
	}
	claims, access := p.claims(asked.Get("client_id"))
	given := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "refresh_token": p.RefreshToken(asked)}
	if p.IDToken != nil {
		p.IDToken(claims)
	}
	given["id_token"] = p.Sign(claims)
	answer(w, given, p.Token)
}
