package demo

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// codeLifetime is how long a code may be redeemed: the bridge does so at once (RFC 6749 §4.1.2, ASVS 10.4.3).
const codeLifetime = time.Minute

// A grant is what a code stands for until the bridge redeems it.
type grant struct {
	person  person
	request loginRequest
	until   time.Time
}

// codes are the codes that were given out, each good once. The zero codes is ready.
type codes struct {
	mu     sync.Mutex
	grants map[string]grant
}

// issue makes a code, and forgets those whose time is over.
func (c *codes) issue(g grant, now time.Time) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.grants == nil {
		c.grants = map[string]grant{}
	}
	for code, old := range c.grants {
		if now.After(old.until) {
			delete(c.grants, code)
		}
	}
	code := rand.Text()
	c.grants[code] = g
	return code
}

// take uses a code up, whatever comes of it: a second try with another verifier is never the bridge's.
func (c *codes) take(code string, now time.Time) (grant, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g, ok := c.grants[code]
	delete(c.grants, code)
	return g, ok && !now.After(g.until)
}

// redeem is POST /token: the bridge brings a code and proves with the verifier that the login is its own.
func (i *idp) redeem(w http.ResponseWriter, req *http.Request) {
	req.Body = http.MaxBytesReader(w, req.Body, 64<<10)
	if err := req.ParseForm(); err != nil {
		refuse(w, "invalid_request", "the form could not be read")
		return
	}
	f := req.PostForm
	if f.Get("grant_type") != "authorization_code" {
		refuse(w, "unsupported_grant_type", "this endpoint redeems codes")
		return
	}
	g, ok := i.codes.take(f.Get("code"), i.now())
	switch {
	case !ok:
		refuse(w, "invalid_grant", "the code is unknown, was used before, or is older than a minute")
		return
	case f.Get("client_id") != g.request.ClientID || f.Get("redirect_uri") != i.callback: // RFC 6749 §4.1.3
		refuse(w, "invalid_grant", "the code was made for another client_id or redirect_uri")
		return
	case !verifies(f.Get("code_verifier"), g.request.CodeChallenge):
		refuse(w, "invalid_grant", "the code_verifier does not fit the code_challenge of this login")
		return
	}
	token, err := i.sign(g.person, g.request)
	if err != nil {
		i.log.Error("demo identity provider: signing", "error", err)
		http.Error(w, "the token could not be signed", http.StatusInternalServerError)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"jwt": token})
}

// verifies is RFC 7636 §4.6 with S256, the one method there is. §4.1: a verifier has 43 to 128 characters.
func verifies(verifier, challenge string) bool {
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

// refuse is RFC 6749 §5.2.
func refuse(w http.ResponseWriter, code, description string) {
	writeJSON(w, http.StatusBadRequest, map[string]string{"error": code, "error_description": description})
}

func writeJSON(w http.ResponseWriter, status int, body map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}
