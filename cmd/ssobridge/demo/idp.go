package demo

import (
	"bytes"
	"crypto/rand"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// A person is someone the demo's product knows.
type person struct {
	ID         string // in the login form
	Email      string
	First      string
	Last       string
	Role       string
	Department string // travels as an attribute of the product's own
	Groups     []string
}

// people are the three whom the demo IdP can sign in. Grace's it-admins is mapped to Administrators.
func people() []person {
	return []person{
		{"ada", "ada@example.com", "Ada", "Lovelace", "Analyst", "Research", []string{"research", "staff"}},
		{"grace", "grace@example.com", "Grace", "Hopper", "Administrator", "Operations", []string{"it-admins", "staff"}},
		{"alan", "alan@example.com", "Alan", "Turing", "Guest", "Visitors", []string{}},
	}
}

// An idp is a product with a login page of its own, as small as it can be: pick a person, and it signs what it knows of
// them and sends the browser back. A real one asks for a password where this one shows three buttons; the rest is all
// that an identity provider has to do.
type idp struct {
	callback string // the bridge's /auth/sso; tokens and codes go nowhere else, whatever a request says
	secret   string
	now      func() time.Time
	log      *slog.Logger
	codes    codes
}

// clientID is the name under which the demo IdP knows the bridge.
const clientID = "ssobridge-demo"

// A loginRequest is what the bridge sends along with the browser, in the query. The form has no action: it posts to the
// page's own address, which keeps the query without hidden fields, and so browsers carry even the #fragment of a deep link
// through. Back goes what belongs to the login: return_to and state in the URL, nonce and code_challenge inside the signature.
type loginRequest struct {
	ReturnTo, State, Nonce                                                  string
	ResponseType, ClientID, RedirectURI, CodeChallenge, CodeChallengeMethod string
}

func (i *idp) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", http.RedirectHandler("/login", http.StatusSeeOther))
	mux.HandleFunc("GET /login", i.showLogin)
	mux.HandleFunc("POST /login", i.login)
	mux.HandleFunc("POST /token", i.redeem)
	mux.HandleFunc("GET /style.css", serveStyle)
	// A form that ends in a redirect needs the place it redirects to in form-action: browsers follow the whole chain.
	return guard("default-src 'none'; style-src 'self'; form-action 'self' "+i.callback+
		"; base-uri 'none'; frame-ancestors 'none'", mux)
}

// readRequest takes the parameters of the bridge from a query. ok is false when they ask for something that
// this IdP does not do.
func (i *idp) readRequest(q url.Values) (r loginRequest, ok bool) {
	r = loginRequest{
		q.Get("return_to"), q.Get("state"), q.Get("nonce"), q.Get("response_type"), q.Get("client_id"), q.Get("redirect_uri"),
		q.Get("code_challenge"), q.Get("code_challenge_method"),
	}
	switch {
	case r.RedirectURI != "" && r.RedirectURI != i.callback: // RFC 9700 §4.1: compared exactly with the registered one
		return r, false
	case r.CodeChallenge != "" && r.CodeChallengeMethod != "S256": // RFC 7636 §4.2: plain protects nothing
		return r, false
	case r.ResponseType == "code": // no code without a challenge (SECURITY C6)
		return r, r.ClientID == clientID && r.CodeChallenge != "" && r.RedirectURI != ""
	}
	return r, r.ResponseType == ""
}

func (i *idp) showLogin(w http.ResponseWriter, req *http.Request) {
	if _, ok := i.readRequest(req.URL.Query()); !ok {
		i.refuseRequest(w)
		return
	}
	render(w, i.log, "login.html", struct{ People []person }{people()})
}

// login is the moment in which the product vouches for a person.
func (i *idp) login(w http.ResponseWriter, req *http.Request) {
	req.Body = http.MaxBytesReader(w, req.Body, 64<<10)
	if err := req.ParseForm(); err != nil {
		http.Error(w, "the form could not be read", http.StatusBadRequest)
		return
	}
	r, ok := i.readRequest(req.URL.Query())
	if !ok {
		i.refuseRequest(w)
		return
	}
	n := slices.IndexFunc(people(), func(p person) bool { return p.ID == req.PostForm.Get("person") })
	if n < 0 {
		http.Error(w, "no such person", http.StatusBadRequest)
		return
	}
	back, err := i.outcome(people()[n], r)
	if err != nil {
		i.log.Error("demo identity provider: signing", "error", err)
		http.Error(w, "the token could not be signed", http.StatusInternalServerError)
		return
	}
	http.Redirect(w, req, i.callback+"?"+back.Encode(), http.StatusSeeOther)
}

func (i *idp) refuseRequest(w http.ResponseWriter) {
	http.Error(w, "this identity provider knows the client "+clientID+", sends people back to "+i.callback+
		" only, and knows the challenge method S256 only", http.StatusBadRequest)
}

// outcome is what the browser takes back: a code where one was asked for, else the token itself.
func (i *idp) outcome(p person, r loginRequest) (url.Values, error) {
	back := url.Values{}
	if r.ResponseType == "code" {
		back.Set("code", i.codes.issue(grant{p, r, i.now().Add(codeLifetime)}, i.now()))
	} else {
		token, err := i.sign(p, r)
		if err != nil {
			return nil, err
		}
		back.Set("jwt", token)
	}
	if r.ReturnTo != "" {
		back.Set("return_to", r.ReturnTo)
	}
	if r.State != "" {
		back.Set("state", r.State)
	}
	return back, nil
}

// sign makes the token: who it is, for the next minute, once.
func (i *idp) sign(p person, r loginRequest) (string, error) {
	now := i.now()
	claims := jwt.MapClaims{
		"email": p.Email, "first_name": p.First, "last_name": p.Last, "groups": p.Groups, "department": p.Department,
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": rand.Text(),
	}
	if r.Nonce != "" {
		claims["nonce"] = r.Nonce
	}
	if r.CodeChallenge != "" {
		claims["code_challenge"] = r.CodeChallenge
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(i.secret))
}

//go:embed pages
var pages embed.FS

// render writes a page once it is whole.
func render(w http.ResponseWriter, log *slog.Logger, name string, data any) {
	var page bytes.Buffer
	t, err := template.ParseFS(pages, "pages/"+name)
	if err == nil {
		err = t.Execute(&page, data)
	}
	if err != nil {
		log.Error("demo page", "page", name, "error", err)
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(page.Bytes())
}

func serveStyle(w http.ResponseWriter, req *http.Request) {
	http.ServeFileFS(w, req, pages, "pages/style.css")
}

// guard sets the headers that every page of the demo has. no-referrer: the next page must not learn a URL with a token.
func guard(policy string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, req)
	})
}
