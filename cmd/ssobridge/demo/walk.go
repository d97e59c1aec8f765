package demo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// deepLink is the page of the app that the walk wants.
const deepLink = "/reports/7?tab=2"

// A walk is one sign-in, hop by hop, as a browser does it: real requests, a jar of cookies, and redirects that are looked
// at before they are followed. It ends at the first hop that is not as it should be.
type walk struct {
	world *world
	out   io.Writer
	jar   http.CookieJar
	hops  int

	location string     // where the last answer sends the browser
	login    string     // address of the IdP's page, to which its form posts
	asked    url.Values // what the bridge asks the IdP, in that address
	brought  string     // the address that signed the browser in
	token    string     // "" when a code takes its place
}

func newWalk(w *world, out io.Writer) *walk {
	jar, _ := cookiejar.New(nil) // fails never without a public suffix list
	return &walk{world: w, out: out, jar: jar}
}

func (w *walk) run(ctx context.Context) error {
	for _, hop := range w.course() {
		if err := hop(ctx); err != nil {
			fmt.Fprintf(w.out, "   ✗ %v\n\n", err)
			return fmt.Errorf("the sign-in stopped at hop %d: %w", w.hops, err)
		}
		fmt.Fprintln(w.out)
	}
	fmt.Fprintf(w.out, "the sign-in works: %d hops, every check passed\n", w.hops)
	return nil
}

// course is the hops of the binding in force.
func (w *walk) course() []func(context.Context) error {
	all := []func(context.Context) error{w.openPage, w.beginSignIn, w.showLogin, w.pickPerson}
	if w.binding() != sso.BindingPKCE { // a code shows nothing of what it stands for
		all = append(all, w.explain)
	}
	if w.binding() != sso.BindingOff {
		all = append(all, w.elsewhere)
	}
	return append(all, w.callback, w.arrive, w.whoAmI, w.replay, w.signOut)
}

func (w *walk) binding() sso.Binding { return w.world.cfg.JWT.Binding }

func (w *walk) openPage(ctx context.Context) error {
	w.title("A browser that is not signed in opens a page of the app.")
	resp, err := w.get(ctx, w.world.site+deepLink)
	if err != nil {
		return err
	}
	return w.check(resp.status == http.StatusFound && w.location == w.world.site+"/auth/sso?redirect="+url.QueryEscape(deepLink),
		"the app saw nothing of it: the bridge sends the browser to sign in, and notes the page it wanted")
}

func (w *walk) beginSignIn(ctx context.Context) error {
	w.title("The bridge sends it on to the identity provider.")
	resp, err := w.get(ctx, w.location)
	if err != nil {
		return err
	}
	to, err := url.Parse(w.location)
	if err != nil {
		return err
	}
	q := to.Query()
	if w.binding() == sso.BindingOff {
		return w.check(resp.status == http.StatusFound && w.location == w.world.idpURL+"?return_to="+url.QueryEscape(deepLink),
			"it goes to JWT_IDENTITY_PROVIDER_URI, and the page is one encoded parameter, return_to")
	}
	if err := w.check(resp.status == http.StatusFound && strings.HasPrefix(w.location, w.world.idpURL+"?") && q.Get("state") != "" &&
		q.Get("nonce") != "" && !q.Has("return_to") && setCookie(resp, "ssobridge-flow-") != "",
		"it goes to JWT_IDENTITY_PROVIDER_URI with a state and a nonce; a sealed cookie keeps both and the page that was wanted"); err != nil {
		return err
	}
	if w.binding() == sso.BindingState {
		return nil
	}
	return w.check(q.Get("response_type") == "code" && q.Get("client_id") == clientID && q.Get("redirect_uri") == w.world.site+"/auth/sso" &&
		q.Get("code_challenge") != "" && q.Get("code_challenge_method") == "S256",
		"it asks for a code, and sends the hash of a secret that the cookie keeps: the code_challenge (RFC 7636)")
}

func (w *walk) showLogin(ctx context.Context) error {
	w.title("The identity provider shows its own login.")
	w.login = w.location
	resp, err := w.get(ctx, w.login)
	if err != nil {
		return err
	}
	page, err := url.Parse(w.login)
	if err != nil {
		return err
	}
	w.asked = page.Query()
	want := map[sso.Binding]string{sso.BindingOff: "return_to", sso.BindingState: "state", sso.BindingPKCE: "code_challenge"}[w.binding()]
	return w.check(resp.status == http.StatusOK && w.asked.Get(want) != "" && strings.Contains(resp.body, `<form method="post">`),
		"its form has no action, so it posts to this address, and what the bridge sent, such as %s, comes along", want)
}

func (w *walk) pickPerson(ctx context.Context) error {
	w.title("The person signs in there, as Ada Lovelace.")
	resp, err := w.post(ctx, w.login, url.Values{"person": {"ada"}})
	if err != nil {
		return err
	}
	back, err := url.Parse(w.location)
	if err != nil {
		return err
	}
	q := back.Query()
	sent := resp.status == http.StatusSeeOther && strings.HasPrefix(w.location, w.world.site+"/auth/sso?") && q.Get("state") == w.asked.Get("state")
	if w.binding() == sso.BindingPKCE {
		return w.check(sent && q.Get("code") != "" && !q.Has("jwt"),
			"the identity provider sends the browser back with a code, good once and for a minute, and the state; no token")
	}
	w.token = q.Get("jwt")
	what := "return_to"
	if w.binding() == sso.BindingState {
		what = "the state"
	}
	if err := w.check(sent && w.token != "" && q.Get("return_to") == w.asked.Get("return_to"),
		"the identity provider signs a token and sends the browser back with it and with %s", what); err != nil {
		return err
	}
	w.say("the token says %s", payload(w.token))
	return nil
}

// explain has the bridge judge the token as it will in the next hop, and change nothing.
func (w *walk) explain(ctx context.Context) error {
	w.title("What the bridge checks when the token arrives (as ssobridge explain shows it).")
	e := w.world.bridge.Runtime.Live().Bridge.Explain(ctx, sso.Callback{Token: w.token, ReturnTo: w.asked.Get("return_to"), State: w.asked.Get("state"), Pasted: sso.PastedAddress})
	for _, c := range e.Checks {
		mark := "✓"
		if !c.OK {
			mark = "✗"
		}
		fmt.Fprintf(w.out, "   %s %-15s %s\n", mark, c.Name, c.Detail)
	}
	return w.check(e.Accepted && e.Identity.Email == "ada@example.com", "accepted")
}

// elsewhere is login CSRF: an attacker signs in as himself and gives somebody else the last link. It must neither sign
// that person in nor spoil the login.
func (w *walk) elsewhere(ctx context.Context) error {
	w.title("That very address is opened in another browser first.")
	other := &walk{world: w.world, out: w.out}
	resp, err := other.get(ctx, w.location)
	if err != nil {
		return err
	}
	return w.check(resp.status == http.StatusUnauthorized && len(resp.header["Set-Cookie"]) == 0,
		"refused: that browser did not begin this login; nothing is used up")
}

// sessionCookie is how the cookie of a session begins.
const sessionCookie = "ssobridge="

// setCookie is the line that sets a cookie whose name begins so; "" when there is none.
func setCookie(resp *answer, begins string) string {
	for _, line := range resp.header["Set-Cookie"] {
		if strings.HasPrefix(line, begins) {
			return line
		}
	}
	return ""
}

func (w *walk) callback(ctx context.Context) error {
	if w.binding() == sso.BindingPKCE {
		w.title("The browser brings the code to the bridge, which fetches the token at the identity provider's /token.")
	} else {
		w.title("The browser brings the token to the bridge.")
	}
	w.brought = w.location
	resp, err := w.get(ctx, w.location)
	if err != nil {
		return err
	}
	if w.binding() == sso.BindingPKCE {
		if err := w.check(resp.status == http.StatusFound,
			"the bridge showed the secret behind the code_challenge, and the identity provider answered with the token"); err != nil {
			return err
		}
	}
	if err := w.check(resp.status == http.StatusFound && w.location == w.world.site+deepLink,
		"signed in, and sent to the page it wanted; no token is in that address"); err != nil {
		return err
	}
	session := setCookie(resp, sessionCookie)
	return w.check(strings.Contains(session, "HttpOnly") && strings.Contains(session, "SameSite=Lax"),
		"it got a session: a random id in a cookie that scripts cannot read")
}

func (w *walk) arrive(ctx context.Context) error {
	w.title("The browser is back at the page.")
	resp, err := w.get(ctx, w.location)
	if err != nil {
		return err
	}
	for _, want := range []string{"ada@example.com", "Ada Lovelace", "All Users,Research,Staff"} {
		if err := w.check(resp.status == http.StatusOK && strings.Contains(resp.body, want), "the app knows: %s", want); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) whoAmI(ctx context.Context) error {
	w.title("A program asks the bridge who is signed in.")
	resp, err := w.get(ctx, w.world.site+"/api/user/current")
	if err != nil {
		return err
	}
	var user struct {
		Email      string                  `json:"email"`
		Attributes map[string]string       `json:"login_attributes"`
		Groups     []struct{ Name string } `json:"groups"`
	}
	if err := json.Unmarshal([]byte(resp.body), &user); err != nil {
		return fmt.Errorf("the answer is not JSON: %w", err)
	}
	var groups []string
	for _, g := range user.Groups {
		groups = append(groups, g.Name)
	}
	slices.Sort(groups)
	return w.check(user.Email == "ada@example.com" && user.Attributes["department"] == "Research" &&
		slices.Equal(groups, []string{sso.AllUsersName, "Research", "Staff"}),
		"%s, with the token's attributes, in the groups %s", user.Email, strings.Join(groups, ", "))
}

// replay is what someone would try who found the address in a log.
func (w *walk) replay(ctx context.Context) error {
	w.title("Somebody else finds that address in a log and tries it.")
	thief := &walk{world: w.world, out: w.out}
	resp, err := thief.get(ctx, w.brought)
	if err != nil {
		return err
	}
	// Unbound it could be the same person's second tab: whoever it is may sign in once more at the product.
	opened := setCookie(resp, sessionCookie) != ""
	again := w.binding() == sso.BindingOff && resp.status == http.StatusFound && strings.HasPrefix(resp.header.Get("Location"), "/auth/sso?")
	if err := w.check(!opened && (again || resp.status == http.StatusUnauthorized),
		"it opens nothing: a token works once, and opens one session"); err != nil || w.binding() != sso.BindingPKCE {
		return err
	}
	brought, err := url.Parse(w.brought)
	if err != nil {
		return err
	}
	resp, err = thief.post(ctx, w.world.cfg.JWT.TokenURI.String(), url.Values{"grant_type": {"authorization_code"},
		"code": {brought.Query().Get("code")}, "client_id": {clientID}, "redirect_uri": {w.world.site + "/auth/sso"},
		"code_verifier": {strings.Repeat("guess", 10)}})
	if err != nil {
		return err
	}
	return w.check(resp.status == http.StatusBadRequest && strings.Contains(resp.body, "invalid_grant"),
		"refused by the identity provider, too: a code works once, and only with the secret behind the code_challenge")
}

func (w *walk) signOut(ctx context.Context) error {
	w.title("The person signs out.")
	if _, err := w.post(ctx, w.world.site+"/auth/logout", url.Values{}); err != nil {
		return err
	}
	resp, err := w.get(ctx, w.world.site+"/api/user/current")
	if err != nil {
		return err
	}
	return w.check(resp.status == http.StatusUnauthorized, "the session is over on the server, whatever the browser keeps")
}

func (w *walk) title(text string) {
	w.hops++
	fmt.Fprintf(w.out, "%d. %s\n", w.hops, text)
}

func (w *walk) say(format string, args ...any) { fmt.Fprintf(w.out, "     "+format+"\n", args...) }

// check prints what held, or returns it as the error.
func (w *walk) check(ok bool, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if !ok {
		return errors.New("not so: " + text)
	}
	fmt.Fprintf(w.out, "   ✓ %s\n", text)
	return nil
}

// An answer is a response with its body read.
type answer struct {
	status int
	header http.Header
	body   string
}

func (w *walk) get(ctx context.Context, address string) (*answer, error) {
	return w.do(ctx, http.MethodGet, address, nil)
}

func (w *walk) post(ctx context.Context, address string, form url.Values) (*answer, error) {
	return w.do(ctx, http.MethodPost, address, form)
}

// do makes one request, shows it and its answer, and follows nothing.
func (w *walk) do(ctx context.Context, method, address string, form url.Values) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", req.URL.Scheme+"://"+req.URL.Host)
	}
	client := &http.Client{
		Jar:           w.jar,
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	w.say("%s %s", method, shorten(address))
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	a := &answer{resp.StatusCode, resp.Header, string(body)}
	w.say("%s", resp.Status)
	w.location = ""
	if to, err := resp.Location(); err == nil {
		w.location = to.String()
		w.say("Location: %s", shorten(resp.Header.Get("Location")))
	}
	for _, c := range resp.Header["Set-Cookie"] {
		w.say("Set-Cookie: %s", cookieValue.ReplaceAllString(c, "$1=…"))
	}
	return a, nil
}

var (
	cookieValue = regexp.MustCompile(`^([^=]*)=[^;]*`)
	longValue   = regexp.MustCompile(`(jwt|state|nonce|code|code_challenge)=([^&]{8})([^&]{8,})`)
)

// shorten takes the bulk of a token and of random values out of an address.
func shorten(address string) string {
	return longValue.ReplaceAllStringFunc(address, func(s string) string {
		m := longValue.FindStringSubmatch(s)
		return fmt.Sprintf("%s=%s…[%d characters]", m[1], m[2], len(m[2])+len(m[3]))
	})
}

// payload is what a token says, for people to read; it is verified elsewhere.
func payload(token string) string {
	_, rest, _ := strings.Cut(token, ".")
	middle, _, _ := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.DecodeString(middle)
	if err != nil {
		return "nothing that can be read"
	}
	return string(raw)
}
