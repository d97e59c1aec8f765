package sso

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/sso/urltext"
)

// A Callback is what came to /auth/sso. [ParseCallback] reads what the request says; the rest is filled in by whoever
// received it.
type Callback struct {
	Token     string
	Code      string // the PKCE variant: instead of a token
	State     string
	ReturnTo  string
	IDPError  string // error=… of RFC 6749 §4.1.2.1: the IdP says no
	IDPText   string // error_description=…: why, in its words
	Provider  string // which one is meant; "" when the request does not say
	Issuer    string // iss: of an answer who gives it (RFC 9207), else with whom a sign-in should begin
	Page      string // the provider to whose own page it came; "": it came to /auth/sso
	Handoff   string // names a form that another site posted and that the server has kept
	LoginHint string // whom the IdP should offer to sign in
	Again     bool   // the sign-in begins once more, see server: a browser that is signed in by now need not
	LastLook  bool   // Again, for a browser that was signed in a moment ago: it is looked for its newer session this once
	Another   bool   // somebody else should sign in than the one who has a session at the IdP
	Switch    bool   // the person agreed to switch accounts, which counts only when our own page says so

	// Empty says that a token, a code, a state or an error came without a value.
	Empty bool
	// Sent are the names of all parameters, sorted, fit for a log. Their values are not.
	Sent []string
	// Elsewhere is the path of a pasted address that is not the one where sign-ins end; "" when it is.
	Elsewhere string

	Flow      *Flow        // from the cookie of this browser that State names; nil: it brought none that can be opened
	NoFlow    error        // why Flow is nil, for who configures the IdP; wraps FlowMissing or FlowMismatch. nil: not known
	Current   *Principal   // who is signed in on this browser; nil: no one
	Besides   []*Principal // of whom live sessions are named by several cookies, which are no one's (SECURITY C8)
	Reference string
	Peer      string
	Network   string // of the peer
	UserAgent string

	// Navigation says that a browser loads a page, which may be sent on to another one: where nothing needs to be opened it
	// is, instead of a refusal.
	Navigation bool

	// Pasted says that no browser brought it, but somebody who asks what a sign-in with it would meet. What the cookies of
	// the browser know is not known then.
	Pasted Pasted
}

// Pasted says how much of a callback somebody pasted.
type Pasted uint8

// What somebody may paste.
const (
	NotPasted     Pasted = iota
	PastedToken          // what will come beside it is not known
	PastedAddress        // all that the IdP sent the browser back with: what is missing will be missing
)

// ParseCallback reads the query and the body of a request to /auth/sso, and is the only reader of both: the sign-in,
// explain and the try-it page agree on what a request says. contentType is the body's, without parameters; an empty body
// has none.
//
// Each parameter may come once, wherever it stands: of two, two readers could take different ones (SECURITY B4). Errors
// are [RequestMalformed].
func ParseCallback(query, contentType string, body []byte) (Callback, error) {
	values, err := ParseQuery(query)
	if err != nil {
		return Callback{}, err
	}
	more, err := ParseBody(contentType, body)
	if err != nil {
		return Callback{}, err
	}
	for name, v := range more {
		values[name] = append(values[name], v...)
	}
	return callbackOf(values)
}

func callbackOf(values url.Values) (Callback, error) {
	cb := Callback{Sent: shownNames(values)}
	for _, p := range [...]struct {
		to      *string
		answers bool
		names   []string // of one parameter
	}{
		{&cb.Token, true, []string{"jwt"}},
		{&cb.Code, true, []string{"code"}},
		{&cb.State, true, []string{"state"}},
		{&cb.IDPError, true, []string{"error"}},
		{&cb.IDPText, false, []string{"error_description"}},
		{&cb.ReturnTo, false, []string{"return_to", "redirect", "target_link_uri"}},
		{&cb.Issuer, false, []string{"iss"}},
		{&cb.LoginHint, false, []string{"login_hint"}},
		{&cb.Provider, false, []string{"provider", "preferred_method"}},
		{&cb.Handoff, false, []string{"handoff"}},
	} {
		var all []string
		for _, name := range p.names {
			all = append(all, values[name]...)
		}
		if len(all) > 1 {
			return Callback{}, fmt.Errorf("%s came %d times: %w", strings.Join(p.names, " or "), len(all), RequestMalformed)
		}
		if len(all) == 1 {
			*p.to = all[0]
			cb.Empty = cb.Empty || p.answers && all[0] == ""
		}
	}
	cb.Switch = slices.Equal(values["switch"], []string{"yes"})
	cb.Another = slices.Equal(values["another"], []string{"yes"})
	cb.LastLook = slices.Equal(values["again"], []string{"last"})
	cb.Again = cb.LastLook || slices.Equal(values["again"], []string{"yes"})
	return cb, nil
}

// Answers reports whether a parameter came which only an identity provider sends: a token, a code, an error, or a state,
// which one that forgot the rest sends alone. Without any a request begins a sign-in; to begin after an answer would go in
// circles.
func (cb Callback) Answers() bool {
	return cb.Token != "" || cb.Code != "" || cb.State != "" || cb.IDPError != "" || cb.Empty
}

// NoAnswer is the error of an answer of the identity provider that has none of [Callback.Answers], or that went elsewhere.
func (cb Callback) NoAnswer() error {
	switch {
	case cb.Elsewhere != "":
		return fmt.Errorf("the address leads to %q, and sign-ins end at /auth/sso: %w", Truncate(CleanText(cb.Elsewhere), 100), SignInCircle)
	case len(cb.Sent) == 0:
		return fmt.Errorf("no parameter came: %w", SignInCircle)
	}
	return fmt.Errorf("neither a token nor a code came, only these parameters: %s: %w", strings.Join(cb.Sent, ", "), SignInCircle)
}

// ParseQuery parses a query as browsers write it. IdP pages of all ages write a bare ";" or "%", which net/url would
// refuse together with everything else in the query. Its cost grows with the length alone (SECURITY L7).
func ParseQuery(raw string) (url.Values, error) {
	if q, err := url.ParseQuery(raw); err == nil {
		return q, nil
	}
	q, err := url.ParseQuery(escapeBare(raw))
	if err != nil {
		return nil, fmt.Errorf("query: %w: %w", err, RequestMalformed)
	}
	return q, nil
}

// escapeBare escapes what net/url refuses in a query.
func escapeBare(raw string) string {
	var b strings.Builder
	b.Grow(len(raw) + len(raw)/2)
	for i := range len(raw) {
		switch c := raw[i]; {
		case c == ';':
			b.WriteString("%3B")
		case c == '%' && !(i+2 < len(raw) && urltext.IsHex(raw[i+1]) && urltext.IsHex(raw[i+2])):
			b.WriteString("%25")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// ParseBody reads a form, or a JSON object of strings. Errors are [RequestMalformed].
func ParseBody(contentType string, body []byte) (url.Values, error) {
	if len(body) == 0 {
		return nil, nil
	}
	switch contentType {
	case "application/x-www-form-urlencoded":
		return ParseQuery(string(body))
	case "application/json":
		return parseStrings(body)
	}
	return nil, fmt.Errorf("the body is %q, not a form or JSON: %w", Truncate(CleanText(contentType), 100), RequestMalformed)
}

// parseStrings reads the strings of one JSON object. Names are compared exactly, unlike json.Unmarshal does, and a name
// that comes twice gives two values.
func parseStrings(raw []byte) (url.Values, error) {
	malformed := fmt.Errorf("the body is not one JSON object: %w", RequestMalformed)
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
		} else if name == "jwt" || name == "return_to" || name == "redirect" {
			return nil, fmt.Errorf("%s is not a string: %w", name, RequestMalformed)
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

// maxShown bounds the names of parameters that a log line has.
const maxShown = 20

func shownNames(values url.Values) []string {
	shown := map[string]bool{}
	for name := range values {
		shown[urltext.ShownName(name)] = true
	}
	all := make([]string, 0, len(shown))
	for name := range shown {
		all = append(all, name)
	}
	slices.Sort(all)
	return all[:min(len(all), maxShown)]
}

// ParsePasted reads what somebody pasted who asks about a sign-in: a token, or the address that the identity provider sent
// the browser to, with or without its host. An address is read as /auth/sso would read it. Errors are [RequestMalformed].
func ParsePasted(text string) (Callback, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "jwt=") {
		text = "?" + text
	}
	if !strings.Contains(text, "://") && !strings.Contains(text, "?") && !strings.HasPrefix(text, "/") { // no token has these
		return Callback{Token: text, Empty: text == "", Pasted: PastedToken}, nil
	}
	text, fragment, _ := strings.Cut(text, "#")
	path, query, _ := strings.Cut(text, "?")
	cb, err := ParseCallback(query, "", nil)
	if err != nil {
		return Callback{}, err
	}
	cb.Pasted, cb.Elsewhere = PastedAddress, elsewhere(path)
	if provider := ownPage(cb.Elsewhere); provider != "" {
		cb.Elsewhere, cb.Page, cb.Provider = "", provider, provider
	}
	if hidden, err := url.ParseQuery(fragment); err == nil {
		for _, name := range shownNames(hidden) {
			cb.Sent = append(cb.Sent, "#"+name) // browsers keep fragments to themselves (RFC 9110 §4.2.5)
		}
	}
	return cb, nil
}

// ownPage is the provider whose callbacks come to a path; "" for another path.
func ownPage(path string) string {
	_, rest, _ := strings.Cut(path, "/auth/oidc/")
	name, ok := strings.CutSuffix(rest, "/callback")
	if !ok || strings.Contains(name, "/") {
		return ""
	}
	return name
}

// elsewhere is the path of an address, "" when sign-ins end there.
func elsewhere(address string) string {
	path := address
	if _, rest, found := strings.Cut(address, "://"); found {
		_, path, _ = strings.Cut(rest, "/")
	}
	if path = "/" + strings.Trim(path, "/"); address == "" || strings.HasSuffix(path, "/auth/sso") {
		return ""
	}
	return path
}
