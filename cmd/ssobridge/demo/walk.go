package demo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
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

	location string            // where the last answer sends the browser
	login    string            // address of the IdP's page, to which its form posts
	form     map[string]string // the form's hidden fields
	token    string
}

func newWalk(w *world, out io.Writer) *walk {
	jar, _ := cookiejar.New(nil) // fails never without a public suffix list
	return &walk{world: w, out: out, jar: jar}
}

func (w *walk) run(ctx context.Context) error {
	for _, hop := range []func(context.Context) error{
		w.openPage, w.beginSignIn, w.showLogin, w.pickPerson, w.explain, w.callback, w.arrive, w.whoAmI, w.replay, w.signOut,
	} {
		if err := hop(ctx); err != nil {
			fmt.Fprintf(w.out, "   ✗ %v\n\n", err)
			return fmt.Errorf("the sign-in stopped at hop %d: %w", w.hops, err)
		}
		fmt.Fprintln(w.out)
	}
	fmt.Fprintf(w.out, "the sign-in works: %d hops, every check passed\n", w.hops)
	return nil
}

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
	return w.check(resp.status == http.StatusFound && w.location == w.world.idpURL+"?return_to="+url.QueryEscape(deepLink),
		"it goes to JWT_IDENTITY_PROVIDER_URI, and the page is one encoded parameter, return_to")
}

func (w *walk) showLogin(ctx context.Context) error {
	w.title("The identity provider shows its own login.")
	w.login = w.location
	resp, err := w.get(ctx, w.login)
	if err != nil {
		return err
	}
	w.form = hiddenFields(resp.body)
	return w.check(resp.status == http.StatusOK && w.form["return_to"] == deepLink,
		"the page keeps return_to in a hidden field of its form")
}

func (w *walk) pickPerson(ctx context.Context) error {
	w.title("The person signs in there, as Ada Lovelace.")
	form := url.Values{"person": {"ada"}}
	for name, value := range w.form {
		form.Set(name, value)
	}
	resp, err := w.post(ctx, w.login, form)
	if err != nil {
		return err
	}
	back, err := url.Parse(w.location)
	if err != nil {
		return err
	}
	w.token = back.Query().Get("jwt")
	if err := w.check(resp.status == http.StatusSeeOther && strings.HasPrefix(w.location, w.world.site+"/auth/sso?") &&
		w.token != "" && back.Query().Get("return_to") == deepLink,
		"the identity provider signs a token and sends the browser back with it and with return_to"); err != nil {
		return err
	}
	w.say("the token says %s", payload(w.token))
	return nil
}

// explain has the bridge judge the token as it will in the next hop, and change nothing.
func (w *walk) explain(ctx context.Context) error {
	w.title("What the bridge checks when the token arrives (as ssobridge explain shows it).")
	e := w.world.bridge.Explain(ctx, sso.Callback{Token: w.token, ReturnTo: deepLink})
	for _, c := range e.Checks {
		mark := "✓"
		if !c.OK {
			mark = "✗"
		}
		fmt.Fprintf(w.out, "   %s %-15s %s\n", mark, c.Name, c.Detail)
	}
	return w.check(e.Accepted && e.Identity.Email == "ada@example.com", "accepted")
}

func (w *walk) callback(ctx context.Context) error {
	w.title("The browser brings the token to the bridge.")
	resp, err := w.get(ctx, w.location)
	if err != nil {
		return err
	}
	if err := w.check(resp.status == http.StatusFound && w.location == w.world.site+deepLink,
		"signed in, and sent to the page it wanted; no token is in that address"); err != nil {
		return err
	}
	cookies := resp.header["Set-Cookie"]
	return w.check(len(cookies) == 1 && strings.Contains(cookies[0], "HttpOnly") && strings.Contains(cookies[0], "SameSite=Lax"),
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

// replay is what someone would try who found the token in a log.
func (w *walk) replay(ctx context.Context) error {
	w.title("Somebody else finds the token in a log and tries it.")
	thief := &walk{world: w.world, out: w.out}
	resp, err := thief.get(ctx, w.world.site+"/auth/sso?"+url.Values{"jwt": {w.token}}.Encode())
	if err != nil {
		return err
	}
	return w.check(resp.status == http.StatusUnauthorized && len(resp.header["Set-Cookie"]) == 0,
		"refused: a token opens one session")
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
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	cookieValue = regexp.MustCompile(`^([^=]*)=[^;]*`)
	jwtValue    = regexp.MustCompile(`jwt=[^&]*`)
)

// shorten takes the bulk of a token out of an address.
func shorten(address string) string {
	return jwtValue.ReplaceAllStringFunc(address, func(s string) string {
		return fmt.Sprintf("%s…[%d characters]", s[:min(len(s), 12)], len(s)-len("jwt="))
	})
}

func hiddenFields(page string) map[string]string {
	fields := map[string]string{}
	for _, m := range hiddenField.FindAllStringSubmatch(page, -1) {
		fields[html.UnescapeString(m[1])] = html.UnescapeString(m[2])
	}
	return fields
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
