package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/templates"
)

// maxBody bounds what may be posted to the sign-in: a token is at most 8 KiB.
const maxBody = 64 << 10

// handleSSO is GET and POST /auth/sso: without a token the way to the identity provider, with one (or a code) the way in.
func (s *Server) handleSSO(c echo.Context) error {
	l, r := s.live.Load(), c.Request()
	if r.Method == http.MethodHead { // mail scanners and chat previews look at links; they sign no one in (SECURITY C7)
		return c.NoContent(http.StatusOK)
	}
	if prefetch(r) {
		c.Response().Header().Set("Retry-After", "0") // browsers drop a prefetched 503 and ask again when it is wanted
		return c.NoContent(http.StatusServiceUnavailable)
	}
	in, err := readParams(r)
	if err != nil {
		return err
	}
	if err := l.checkProvider(in.provider); err != nil {
		return err
	}
	api := jsonClient(r)
	if subresource(r) && !api {
		return fmt.Errorf("a sign-in as a sub-resource (Sec-Fetch-Dest: %q): %w", r.Header.Get("Sec-Fetch-Dest"), sso.CrossOrigin)
	}
	taken := in.handoff != ""
	if taken {
		if in, err = s.takeHandoff(r, l, in.handoff); err != nil {
			s.noteLostHandoff(r, l, err)
			return err
		}
	}
	switch {
	case !in.callback() && api:
		return s.loginURLAsJSON(c, l, in)
	case !in.callback():
		return s.begin(c, l, in)
	case api:
		return s.signInAPI(c, l, in)
	case !taken && l.viaHandoff(r):
		return s.keepHandoff(c, l, in)
	}
	return s.signIn(c, l, in)
}

// begin sends the browser to the identity provider.
func (s *Server) begin(c echo.Context, l *live, in params) error {
	loginURL, flow, err := l.bridge.Begin(in.returnTo)
	if err != nil {
		return err
	}
	if flow != nil {
		if err := s.setFlowCookie(c, l, flow); err != nil {
			return err
		}
	}
	return c.Redirect(http.StatusFound, loginURL)
}

// signIn signs a browser in.
func (s *Server) signIn(c echo.Context, l *live, in params) error {
	r := c.Request()
	current, err := s.principal(r, l)
	if err != nil {
		return err
	}
	cb := s.callback(r, l, in)
	cb.Current = current
	if s.isTrial(r, l, cb) {
		return s.endTrial(c, l, cb)
	}
	cb.Switch = in.switchTo && !l.crossSite(r) && r.Method == http.MethodPost // only our own page can ask
	login, err := s.runLogin(r, l, cb)
	if ask, ok := errors.AsType[*sso.SwitchNeeded](err); ok {
		return s.askSwitch(c, l, in, current, ask.To)
	}
	if cb.Flow != nil {
		s.endFlow(c, l, in.state, err)
	}
	if err != nil {
		return err
	}
	if !login.Resumed {
		s.logSignIn(r, cb, login)
		s.endReplaced(r, l)
		l.setSessionCookie(c.Response(), login.SessionID)
	}
	return s.goOn(c, login.ReturnTo)
}

// goOn sends a signed-in browser to where it wanted to go; after a POST with 303, so that the token is not posted on
// (SECURITY B6).
func (s *Server) goOn(c echo.Context, to string) error {
	if c.Request().Method == http.MethodPost {
		return c.Redirect(http.StatusSeeOther, to)
	}
	return c.Redirect(http.StatusFound, to)
}

// askSwitch names both accounts and lets the person decide. The token stays unspent, in the form of our own page.
func (s *Server) askSwitch(c echo.Context, l *live, in params, from *sso.Principal, to sso.Identity) error {
	next := templates.Person{Email: to.Email}
	if to.FirstName != nil || to.LastName != nil {
		next.Name = strings.TrimSpace(deref(to.FirstName) + " " + deref(to.LastName))
	}
	stay, err := l.bridge.Return.Parse(in.returnTo)
	if err != nil {
		return err
	}
	return s.page(c.Response(), http.StatusOK, templates.Switch{
		Layout: s.layout(l), From: person(from.Account), To: next, JWT: in.jwt, ReturnTo: stay, Stay: stay,
	})
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func person(a sso.Account) templates.Person {
	return templates.Person{Name: a.CommonName(), Email: a.Email}
}

// loginURLAsJSON is the first step of embedding clients (CONTRACT 3).
func (s *Server) loginURLAsJSON(c echo.Context, l *live, in params) error {
	if in.returnTo != "" {
		if _, err := l.bridge.Return.Parse(in.returnTo); err != nil {
			return err
		}
	}
	if l.bridge.Provider == nil {
		return sso.Disabled
	}
	return c.JSON(http.StatusOK, map[string]string{"url": l.bridge.Provider.URI.String(), "method": "jwt"})
}

// signInAPI answers a program: the session's id in the body, and no cookie.
func (s *Server) signInAPI(c echo.Context, l *live, in params) error {
	login, err := s.openAPISession(c, l, in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{
		"status": "ok", "id": login.SessionID, "exp": login.Claims["exp"], "iat": login.Claims["iat"],
	})
}

// handleToSession is POST /auth/sso/to_session, for clients that manage the session themselves.
func (s *Server) handleToSession(c echo.Context) error {
	in, err := readParams(c.Request())
	if err != nil {
		return err
	}
	login, err := s.openAPISession(c, s.live.Load(), in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"session_token": login.SessionID})
}

func (s *Server) openAPISession(c echo.Context, l *live, in params) (*sso.Login, error) {
	cb := s.callback(c.Request(), l, in)
	login, err := s.runLogin(c.Request(), l, cb)
	if err != nil {
		return nil, err
	}
	s.logSignIn(c.Request(), cb, login)
	return login, nil
}

// runLogin runs a login, and counts it. A question to the person ([sso.SwitchNeeded]) is neither a sign-in nor a refusal.
func (s *Server) runLogin(r *http.Request, l *live, cb sso.Callback) (*sso.Login, error) {
	began := time.Now()
	login, err := l.bridge.SignIn(r.Context(), cb)
	if _, ask := errors.AsType[*sso.SwitchNeeded](err); !ask {
		s.metrics.SignedIn(login, time.Since(began))
	}
	return login, err
}

func (s *Server) callback(r *http.Request, l *live, in params) sso.Callback {
	flow, noFlow := s.flowOf(r, l, in.state)
	noteWanted(r, l, in.returnTo, flow)
	return sso.Callback{
		Token: in.jwt, Code: in.code, State: in.state, ReturnTo: in.returnTo, IDPError: in.idpError,
		Flow: flow, NoFlow: noFlow, Reference: reference(r), Peer: l.peer(r), UserAgent: r.UserAgent(),
	}
}

func (s *Server) logSignIn(r *http.Request, cb sso.Callback, login *sso.Login) {
	s.Log.InfoContext(r.Context(), "signed in", "account", login.Session.AccountID, "provider", login.Session.Provider,
		"reference", cb.Reference, "peer", cb.Peer, "request_id", requestID(r))
}

// params are what a request to /auth/sso says. Each may come once, in the query or in the body.
type params struct {
	jwt, code, state, returnTo, idpError, provider, handoff string

	switchTo bool
}

// callback: a state alone is one, too, of an identity provider that forgot the rest; to begin anew would go in circles.
func (p params) callback() bool {
	return p.jwt != "" || p.code != "" || p.idpError != "" || p.state != ""
}

// readParams reads query and body. A parameter that comes twice is refused, wherever it stands: two readers could take
// different ones (SECURITY B4).
func readParams(r *http.Request) (params, error) {
	values, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return params{}, err
	}
	if r.Method == http.MethodPost {
		body, err := bodyOf(r)
		if err != nil {
			return params{}, err
		}
		for k, v := range body {
			values[k] = append(values[k], v...)
		}
	}
	var p params
	for _, f := range []struct {
		to    *string
		names []string
	}{
		{&p.jwt, []string{"jwt"}},
		{&p.returnTo, []string{"return_to", "redirect"}},
		{&p.code, []string{"code"}},
		{&p.state, []string{"state"}},
		{&p.idpError, []string{"error"}},
		{&p.provider, []string{"provider", "preferred_method"}},
		{&p.handoff, []string{"handoff"}},
	} {
		var all []string
		for _, name := range f.names {
			all = append(all, values[name]...)
		}
		if len(all) > 1 {
			return params{}, fmt.Errorf("%s came %d times: %w", strings.Join(f.names, " or "), len(all), sso.RequestMalformed)
		}
		if len(all) == 1 {
			*f.to = all[0]
		}
	}
	p.switchTo = slices.Equal(values["switch"], []string{"yes"})
	return p, nil
}

// queryOf parses a query as browsers write it. IdP pages of all ages write a bare ";" or "%", which net/url would refuse
// together with everything else in the query.
func queryOf(raw string) (url.Values, error) {
	if q, err := url.ParseQuery(raw); err == nil {
		return q, nil
	}
	q, err := url.ParseQuery(escapeBare(raw))
	if err != nil {
		return nil, fmt.Errorf("query: %w: %w", err, sso.RequestMalformed)
	}
	return q, nil
}

// escapeBare escapes what net/url refuses in a query. Its cost grows with the length alone (SECURITY L7).
func escapeBare(raw string) string {
	var b strings.Builder
	b.Grow(len(raw) + len(raw)/2)
	for i := range len(raw) {
		switch c := raw[i]; {
		case c == ';':
			b.WriteString("%3B")
		case c == '%' && !(i+2 < len(raw) && isHex(raw[i+1]) && isHex(raw[i+2])):
			b.WriteString("%25")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// bodyOf reads a form, or a JSON object of strings.
func bodyOf(r *http.Request) (url.Values, error) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("body: %w: %w", err, sso.RequestMalformed)
	case len(raw) > maxBody:
		return nil, fmt.Errorf("the body is larger than %d bytes: %w", maxBody, sso.RequestMalformed)
	case len(raw) == 0:
		return nil, nil
	}
	switch kind := bodyKind(r); kind {
	case "application/x-www-form-urlencoded":
		return queryOf(string(raw))
	case "application/json":
		return jsonValues(raw)
	default:
		return nil, fmt.Errorf("the body is %q, not a form or JSON: %w", kind, sso.RequestMalformed)
	}
}

// jsonValues reads the strings of one JSON object. Names are compared exactly, unlike json.Unmarshal does, and a name
// that comes twice gives two values.
func jsonValues(raw []byte) (url.Values, error) {
	malformed := fmt.Errorf("the body is not one JSON object: %w", sso.RequestMalformed)
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, malformed
	}
	values := url.Values{}
	for dec.More() {
		tok, err := dec.Token()
		name, ok := tok.(string)
		if err != nil || !ok {
			return nil, malformed
		}
		var v any
		if dec.Decode(&v) != nil {
			return nil, malformed
		}
		if s, ok := v.(string); ok {
			values[name] = append(values[name], s)
		} else if name == "jwt" || name == "return_to" {
			return nil, fmt.Errorf("%s is not a string: %w", name, sso.RequestMalformed)
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, malformed
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed
	}
	return values, nil
}

// checkProvider holds ?provider= against the providers there are. There is one, "jwt".
func (l *live) checkProvider(name string) error {
	if name == "" || l.bridge.Provider == nil || name == l.bridge.Provider.Name {
		return nil
	}
	return fmt.Errorf("no provider %q: %w", sso.Truncate(sso.CleanText(name), 50), sso.RequestMalformed)
}

// jsonClient reports whether the answer is for a program: an embedding client of Metabase's, or one that takes JSON only.
func jsonClient(r *http.Request) bool {
	switch r.Header.Get("X-Metabase-Client") {
	case "embedding-sdk-react", "embedding-simple":
		return true
	}
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html")
}

// prefetch: the browser guesses that the link may be wanted.
func prefetch(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch") || strings.Contains(r.Header.Get("Purpose"), "prefetch")
}

// subresource: the link stands in an image, a script and the like of some page, which no person chose to follow.
func subresource(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	return mode != "" && mode != "navigate" && mode != "nested-navigate"
}

// noteWanted notes where a sign-in was to end, for the page that says it failed: the flow knows best.
func noteWanted(r *http.Request, l *live, returnTo string, flow *sso.Flow) {
	info := infoOf(r)
	if info == nil {
		return
	}
	if flow != nil {
		info.wanted = flow.ReturnTo
	} else if to, err := l.bridge.Return.Parse(returnTo); err == nil {
		info.wanted = to
	}
}

// wantedPath is where the person of a refused request wanted to go, as far as it may be believed.
func wantedPath(r *http.Request, l *live) string {
	if info := infoOf(r); info != nil && info.wanted != "" {
		return info.wanted
	}
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return "/"
	}
	for _, name := range []string{"return_to", "redirect"} {
		if v := q[name]; len(v) == 1 {
			if to, err := l.bridge.Return.Parse(v[0]); err == nil {
				return to
			}
		}
	}
	return "/"
}

// loginPath begins a sign-in that ends at to.
func loginPath(to string) string {
	if to == "/" {
		return "/auth/sso"
	}
	return "/auth/sso?redirect=" + url.QueryEscape(to)
}
