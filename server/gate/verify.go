package gate

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// The identity headers (CONTRACT 7). All are on every 2xx, none is ever empty: some proxies let the client's own header
// through when ours is absent or empty (SECURITY 0.4).
const (
	headerUser      = "Remote-User"
	headerEmail     = "Remote-Email"
	headerName      = "Remote-Name"
	headerGroups    = "Remote-Groups"
	headerID        = "Remote-Id"
	headerAssertion = "Remote-Assertion"

	noValue = "-"
)

// The places of [answer]'s values.
const (
	valueEmail = iota
	valueName
	valueGroups
	valueID
	valueCount
)

// answer is what a session's requests are answered with, made once a session. The header values are slices of these
// arrays, shared between requests: they must not be written to.
type answer struct {
	values     [valueCount]string
	attributes string // JSON, for the assertion; made once, and smaller than a map

	assertion atomic.Pointer[signed] // nil until it is asked for
	signing   sync.Mutex             // held while a new one is signed
}

// signed is an assertion. It is exchanged as a whole: a request may still be writing the one before.
type signed struct {
	value [1]string
	at    int64 // unix microseconds
}

// good reports whether it can still be handed out. One that was signed later than now cannot: the clock went back.
func (a *signed) good(now time.Time) bool {
	if a == nil {
		return false
	}
	age := now.Sub(time.UnixMicro(a.at))
	return age >= 0 && age < assertionRenew
}

// fill makes the values, as parts of one text: of many sessions, the garbage collector sees few objects.
func (a *answer) fill(p *sso.Principal) {
	names := make([]string, len(p.Groups))
	for i, g := range p.Groups {
		names[i] = headerValue(g.Name)
	}
	attributes, _ := json.Marshal(p.Account.Attributes()) // a map of strings always encodes
	parts := [valueCount]string{headerValue(p.Account.Email), headerValue(cmp.Or(p.Account.CommonName(), p.Username)), strings.Join(names, ","),
		noValue}
	if p.Account.ID != 0 {
		parts[valueID] = strconv.FormatInt(p.Account.ID, 10)
	}
	text := strings.Join(parts[:], "") + string(attributes)
	for i, part := range parts {
		a.values[i], text = text[:len(part)], text[len(part):]
	}
	a.attributes = text
}

func (a *answer) same(b *answer) bool { return a.values == b.values && a.attributes == b.attributes }

// in reports whether the session is in the group of this name.
func (a *answer) in(name string) bool {
	name = headerValue(name) // two names that differ are written differently
	for group := range strings.SplitSeq(a.values[valueGroups], ",") {
		if group == name {
			return true
		}
	}
	return false
}

// groups are the names of the groups as they are.
func (a *answer) groups() []string {
	names := strings.Split(a.values[valueGroups], ",")
	for i, name := range names {
		names[i] = fromHeader(name)
	}
	return names
}

// value is the header value at a place, without making a slice.
func (a *answer) value(i int) []string { return a.values[i : i+1 : i+1] }

// headerValue writes text as one line of printable ASCII. What is not is percent-encoded as UTF-8, in the manner of
// RFC 8187 §3.2; so is "%" itself, and the comma, which separates groups.
func headerValue(s string) string {
	plain := s != ""
	for i := range len(s) {
		plain = plain && plainByte(s[i])
	}
	if plain && s != noValue && s[0] != ' ' && s[len(s)-1] != ' ' {
		return s
	}
	if s == "" {
		return noValue
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; plainByte(c) && !(c == ' ' && (i == 0 || i == len(s)-1)) && s != noValue {
			b.WriteByte(c)
		} else {
			const hex = "0123456789ABCDEF"
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// fromHeader is the text that [headerValue] wrote as this value.
func fromHeader(value string) string {
	if value == noValue {
		return ""
	}
	text, _ := url.PathUnescape(value) // headerValue writes nothing that is refused
	return text
}

func plainByte(c byte) bool { return c >= ' ' && c < 0x7f && c != '%' && c != ',' }

// setIdentity writes all identity headers, replacing whatever was there. A nil entry is anyone, on a public path.
func (g *Gate) setIdentity(h http.Header, e *entry) {
	if e == nil {
		h[headerUser], h[headerEmail], h[headerName], h[headerGroups], h[headerID], h[headerAssertion] = nobody, nobody, nobody, nobody, nobody, nobody
		return
	}
	a := &e.answer
	h[headerUser], h[headerEmail], h[headerName] = a.value(valueEmail), a.value(valueEmail), a.value(valueName)
	h[headerGroups], h[headerID] = a.value(valueGroups), a.value(valueID)
	if e.token != nil {
		h[headerUser] = e.token.user[:]
	}
	h[headerAssertion] = g.assertion(e)
}

// assertionLifetime and assertionRenew: an app gets an assertion that is good for at least half of its five minutes.
const (
	assertionLifetime = 5 * time.Minute
	assertionRenew    = assertionLifetime / 2
)

// An assertion is what Remote-Assertion says. The apps behind one bridge share an audience, as they share the session.
type assertion struct {
	Issuer     string          `json:"iss"`
	Audience   string          `json:"aud"`
	Subject    string          `json:"sub"`
	IssuedAt   int64           `json:"iat"`
	Expires    int64           `json:"exp"`
	Email      string          `json:"email"`
	Name       string          `json:"name"`
	Groups     []string        `json:"groups"`
	Attributes json.RawMessage `json:"attributes"`
}

// assertion returns the signed assertion of a session, signing at most once in [assertionRenew].
func (g *Gate) assertion(e *entry) []string {
	s := g.settings.Load()
	if g.signer == nil || s.Config.Assertion == setting.AssertionOff {
		return nobody
	}
	a, now := &e.answer, g.web.Now()
	if known := a.assertion.Load(); known.good(now) {
		return known.value[:]
	}
	a.signing.Lock()
	defer a.signing.Unlock()
	if known := a.assertion.Load(); known.good(now) { // another request was first
		return known.value[:]
	}
	site := string(s.Config.SiteURL)
	text, err := g.signer.SignAssertion(assertion{
		Issuer:     site,
		Audience:   site,
		Subject:    e.subject(),
		IssuedAt:   now.Unix(),
		Expires:    now.Add(assertionLifetime).Unix(),
		Email:      fromHeader(a.values[valueEmail]),
		Name:       fromHeader(a.values[valueName]),
		Groups:     a.groups(),
		Attributes: json.RawMessage(a.attributes),
	})
	if err != nil {
		g.web.Log.Error("assertion not signed", "error", err)
		return []string{noValue}
	}
	made := &signed{[1]string{text}, now.UnixMicro()}
	a.assertion.Store(made)
	return made.value[:]
}

// nobody is a header value that answers share: read only.
var nobody = []string{noValue}

// Verify answers GET /auth/verify for nginx auth_request and the like: 200 with the identity headers, 401 not signed in,
// 403 in none of the named groups, or asked in a way that is not understood. It reads no header about the original request,
// and does no more work than a look into memory.
func (g *Gate) Verify(w http.ResponseWriter, r *http.Request) {
	if !g.asksAsGet(w, r) {
		return
	}
	s := g.settings.Load()
	if len(s.Config.AccessRules) > 0 && !s.warnedOfRules.Load() {
		s.warnOfRules(g.web.Log, r)
	}
	asked, err := s.readAsks(r, &s.verify)
	if err != nil {
		g.logAsks(r, s, err)
		g.answerVerify(w, http.StatusForbidden)
		return
	}
	e, err := g.check(r, s)
	switch {
	case err != nil:
		g.denyVerify(w, r, err)
		return
	case len(asked.groups) > 0 && !e.inAny(asked.groups):
		// The proxy shows a page of its own, which says nothing: the id of the answer is the reference.
		id := w.Header()["X-Request-Id"][0]
		g.web.LogRefusal(r, http.StatusForbidden, sso.Forbidden, id, id, notIn(e, asked.groups))
		g.answerVerify(w, http.StatusForbidden)
		return
	}
	g.setIdentity(w.Header(), e)
	g.answerVerify(w, http.StatusOK)
}

// asksAsGet reports whether a proxy asks with GET or HEAD; else the request is answered.
func (g *Gate) asksAsGet(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	g.answerVerify(w, http.StatusMethodNotAllowed)
	return false
}

// check returns the entry of whoever a request acts for: a session, or a token.
func (g *Gate) check(r *http.Request, s *settings) (*entry, error) {
	hash, ok := s.sessionOf(r)
	if !ok {
		hash, ok = s.sessionInQuery(r)
	}
	if s.bearers != nil {
		if t, err := s.bearers.tokenOf(r); t != nil || err != nil {
			return g.checkToken(r, t, err, hash, ok)
		}
	}
	if !ok {
		return nil, sso.NotSignedIn
	}
	return g.principals.find(r.Context(), hash)
}

// denyVerify answers what is no 2xx, and fails closed: without the database no one is signed in (SECURITY L4).
func (g *Gate) denyVerify(w http.ResponseWriter, r *http.Request, err error) {
	code := sso.CodeOf(err)
	switch status := code.Status(); {
	case code == sso.NotSignedIn || status == http.StatusUnauthorized:
		w.Header()["Www-Authenticate"] = web.Challenge(r, err)
		g.answerVerify(w, http.StatusUnauthorized)
	case status == http.StatusForbidden:
		g.answerVerify(w, status)
	default:
		if !web.IsTokenError(err) {
			g.web.Log.Error("session not checked", "code", code, "error", err)
		}
		w.Header().Set("Retry-After", web.RetryAfter)
		g.answerVerify(w, http.StatusServiceUnavailable)
	}
}

func (g *Gate) answerVerify(w http.ResponseWriter, status int) {
	w.WriteHeader(status) // net/http adds the length, in less time than it takes to write, sort and read one of ours
	g.web.Metrics.Verified(status)
}
