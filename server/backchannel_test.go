package server_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/explain"
	"github.com/ssobridge/ssobridge/sso/logout"
	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// logoutToken signs a logout token about ann@example.com. A nil value removes a claim; "typ" and "alg" are of the header.
func (b *bridge) logoutToken(with claims) string {
	b.t.Helper()
	all := jwt.MapClaims{
		"iat": b.Now().Unix(), "exp": b.Now().Add(2 * time.Minute).Unix(), "jti": sso.NewSessionID(), "sub": "ann@example.com",
		"events": map[string]any{logout.EventURI: map[string]any{}},
	}
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, all)
	t.Header["typ"] = "logout+jwt"
	for k, v := range with {
		switch of := map[string]any(all); {
		case k == "typ" && v == nil:
			delete(t.Header, k)
		case k == "typ":
			t.Header[k] = v
		case v == nil:
			delete(of, k)
		default:
			of[k] = v
		}
	}
	signed, err := t.SignedString([]byte(secret))
	if err != nil {
		b.t.Fatal(err)
	}
	return signed
}

const backChannelPath = "/auth/sso/backchannel-logout"

// backChannel posts a logout token as an identity provider does, and returns the status and our code.
func (b *bridge) backChannel(token string) (status int, code sso.Code) {
	b.t.Helper()
	resp := b.browser().send("POST", backChannelPath, form("logout_token", token))
	if got := resp.Header.Get("Cache-Control"); got != "no-store" {
		b.t.Errorf("Cache-Control: got %q, want no-store", got)
	}
	var answer struct {
		Error       string   `json:"error"`
		Description string   `json:"error_description"`
		Code        sso.Code `json:"code"`
		Reference   string   `json:"reference"`
	}
	if resp.StatusCode == http.StatusOK {
		return resp.StatusCode, ""
	}
	if err := json.Unmarshal([]byte(resp.body), &answer); err != nil || answer.Error == "" || answer.Description == "" || answer.Reference == "" {
		b.t.Errorf("got %d %s, want an error of OAuth 2.0", resp.StatusCode, resp.body)
	}
	if e := b.lastEvent(); e.Kind != sso.EventLogoutRefused || e.Reference != answer.Reference || e.Code != answer.Code {
		b.t.Errorf("got event %+v, want the refusal of %s", e, answer.Reference)
	}
	return resp.StatusCode, answer.Code
}

// Who is signed out at the provider is signed out here, with each session, on each replica. SECURITY D9
func TestBackChannelLogout(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		b := start(t, database)
		other := startOn(t, b, database, "SITE_URL="+b.url)
		site, err := url.Parse(b.url)
		if err != nil {
			t.Fatal(err)
		}
		type person struct {
			*browser
			address, sub, sid string
		}
		people := []*person{
			{address: "ann@example.com"}, {address: "ann@example.com"},
			{address: "bob@example.com", sub: "7", sid: "phone"}, {address: "bob@example.com", sub: "7", sid: "desk"}, {address: "bob@example.com", sub: "7"},
			{address: "eve@example.com", sub: "ann@example.com\u2028", sid: "7"},
		}
		for _, p := range people {
			p.browser = b.browser()
			c := claims{"email": p.address, "iat": b.Now().Unix(), "jti": sso.NewSessionID()}
			if p.sub != "" {
				c["sub"] = p.sub
			}
			if p.sid != "" {
				c["sid"] = p.sid
			}
			p.signIn(c).want(t, http.StatusFound, "/")
		}
		in := func() (all string) {
			for _, p := range people {
				all += map[bool]string{true: "x", false: "."}[p.email() != ""]
			}
			return all
		}
		for _, tt := range []struct {
			name   string
			with   claims
			want   string
			detail string
		}{
			{"a subject that nobody has", claims{"sub": "8"}, "xxxxxx", "no session was open"},
			{"a session that nobody has", claims{"sub": nil, "sid": "tablet"}, "xxxxxx", "no session was open"},
			{"one session, and what may be it", claims{"sub": "7", "sid": "desk"}, "xxx..x", "2 sessions ended"},
			{"a session alone", claims{"sub": nil, "sid": "phone"}, "xx...x", "1 session ended"},
			{"a person by e-mail", claims{"sub": "ANN@example.com"}, ".....x", "2 sessions ended"},
			{"a subject of odd runes", claims{"sub": "ann@example.com\u2028"}, "......", "1 session ended"},
			{"a subject that was signed out", claims{"sub": "ann@example.com\x00"}, "......", "no session was open"},
		} {
			if status, code := b.backChannel(b.logoutToken(tt.with)); status != http.StatusOK {
				t.Errorf("%s: got %d %s", tt.name, status, code)
			}
			if got := in(); got != tt.want {
				t.Errorf("%s: signed in are %s, want %s", tt.name, got, tt.want)
			}
			if e := b.lastEvent(); e.Kind != sso.EventSignOut || e.Actor != "identity provider" || !strings.Contains(e.Detail, tt.detail) || e.Provider != "jwt" || e.Proof == "" {
				t.Errorf("%s: got event %+v", tt.name, e)
			}
		}
		for i, p := range people {
			var status int
			for range 100 { // within a second, on a machine that has the time
				req := bridgetest.NewRequest(t, http.MethodGet, other.url+"/auth/verify", "")
				for _, c := range p.Jar.Cookies(site) {
					req.AddCookie(c)
				}
				if status = other.browser().do(req).StatusCode; status == http.StatusUnauthorized {
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
			if status != http.StatusUnauthorized {
				t.Errorf("person %d at the other replica: got %d", i, status)
			}
		}
		metrics := b.browser().get("/metrics").body
		for _, line := range []string{`ssobridge_logout_tokens_total{outcome="ended"} 4`, `ssobridge_logout_tokens_total{outcome="no_session"} 3`} {
			if !strings.Contains(metrics, line) {
				t.Errorf("/metrics has no %s", line)
			}
		}
	})
}

// Each way in which a logout token can be wrong has its code, and leaves the session where it is. SECURITY D9
func TestBackChannelRefusals(t *testing.T) {
	b := start(t, "JWT_ISSUER=product", "JWT_AUDIENCE=bridge", "PROVIDERS=acme", "PROVIDER_ACME_SHARED_SECRET=3JqYyvT8sWk2nLr5Xa7mZd1cFhB9gPeUoQ4iKxMzN60",
		"PROVIDER_ACME_IDENTITY_PROVIDER_URI=https://acme.example/login", "PROVIDER_ACME_ISSUER=acme")
	ann := b.browser()
	ann.signIn(claims{"iss": "product", "aud": "bridge", "sub": "7", "sid": "s", "iat": b.Now().Unix()}).want(t, http.StatusFound, "/")
	bob := b.browser()
	bob.signIn(claims{"iss": "product", "aud": "bridge", "email": "bob@example.com", "sub": "8", "sid": "bobs", "iat": b.Now().Unix()}).want(t, http.StatusFound, "/")
	good := func(with claims) string {
		all := claims{"iss": "product", "aud": "bridge", "sub": "7"}
		for k, v := range with {
			all[k] = v
		}
		return b.logoutToken(all)
	}
	forged := func(header, key string) string {
		_, payload, _ := strings.Cut(good(nil), ".")
		payload, _, _ = strings.Cut(payload, ".")
		input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + payload
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(input))
		return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	now := b.Now()
	for _, tt := range []struct {
		name  string
		token string
		want  sso.Code
	}{
		{"no events", good(claims{"events": nil}), sso.LogoutEvent},
		{"another event", good(claims{"events": map[string]any{"http://schemas.openid.net/event/other": map[string]any{}}}), sso.LogoutEvent},
		{"an event that is no object", good(claims{"events": map[string]any{logout.EventURI: true}}), sso.LogoutEvent},
		{"events that are a list", good(claims{"events": []any{logout.EventURI}}), sso.LogoutEvent},
		{"a nonce", good(claims{"nonce": "n"}), sso.LogoutNonce},
		{"another audience", good(claims{"aud": "other"}), sso.TokenAudience},
		{"no audience", good(claims{"aud": nil}), sso.TokenAudience},
		{"another issuer", good(claims{"iss": "evil"}), sso.RequestMalformed}, // of no provider
		{"the issuer of another provider", good(claims{"iss": "acme"}), sso.TokenSignature},
		{"neither sub nor sid", good(claims{"sub": nil}), sso.LogoutSubject},
		{"an empty sub", good(claims{"sub": "", "sid": "s"}), sso.LogoutSubject},
		{"a sid that is a list", good(claims{"sid": []any{"s"}}), sso.LogoutSubject},
		{"the sid of another person", good(claims{"sid": "bobs"}), sso.LogoutSession},
		{"no exp", good(claims{"exp": nil}), sso.TokenUnbounded},
		{"exp passed", good(claims{"exp": now.Add(-time.Minute).Unix()}), sso.TokenExpired},
		{"no iat", good(claims{"iat": nil}), sso.TokenUnbounded},
		{"iat old", good(claims{"iat": now.Add(-151 * time.Second).Unix(), "exp": now.Add(time.Hour).Unix()}), sso.TokenTooOld},
		{"iat in the future", good(claims{"iat": now.Add(31 * time.Second).Unix()}), sso.TokenFromFuture},
		{"no jti", good(claims{"jti": nil}), sso.TokenIDMissing},
		{"a jti that is a number", good(claims{"jti": 7}), sso.TokenIDMissing},
		{"the type of a login", good(claims{"typ": "JWT"}), sso.TokenType},
		{"the type of an access token", good(claims{"typ": "at+jwt"}), sso.TokenType},
		{"a login token", b.token(claims{"iss": "product", "aud": "bridge", "sub": "7", "iat": now.Unix(), "jti": "x"}), sso.TokenType},
		{"alg none", forged(`{"alg":"none","typ":"logout+jwt"}`, secret), sso.TokenSignature},
		{"another alg of the secret", forged(`{"alg":"HS384","typ":"logout+jwt"}`, secret), sso.KeyUnknown},
		{"another secret", forged(`{"alg":"HS256","typ":"logout+jwt"}`, "another"), sso.TokenSignature},
		{"nothing", "", sso.RequestMalformed},
		{"no token", "a.b", sso.RequestMalformed},
	} {
		if status, code := b.backChannel(tt.token); status != http.StatusBadRequest || code != tt.want {
			t.Errorf("%s: got %d %s, want 400 %s", tt.name, status, code, tt.want)
		}
		if ann.email() == "" || bob.email() == "" {
			t.Fatalf("%s: a session was ended", tt.name)
		}
		if tt.want == sso.LogoutSession || strings.Count(tt.token, ".") != 2 || tt.name == "a login token" {
			continue
		}
		if e, err := explain.Pasted(t.Context(), b.sso, tt.token, ""); err != nil || e.Code != tt.want || e.Use != sso.UseLogout {
			t.Errorf("%s, explained: got %s %q %v, want %s", tt.name, e.Use, e.Code, err, tt.want)
		}
	}
	if e, err := explain.Pasted(t.Context(), b.sso, good(nil), ""); err != nil || !e.Accepted || e.Provider != "jwt" || ann.email() == "" {
		t.Errorf("a good one, explained: got %+v %v", e, err)
	}
}

// A logout token is for one request, and that is a form. SECURITY D9
func TestBackChannelRequests(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		b := start(t, database)
		other := startOn(t, b, database, "SITE_URL="+b.url)
		ann := b.browser()
		ann.signIn(claims{"iat": b.Now().Unix()}).want(t, http.StatusFound, "/")
		good := b.logoutToken(nil)
		for _, tt := range []struct {
			name, method, path, body string
			want                     int
		}{
			{"GET", "GET", backChannelPath + "?logout_token=" + good, "", http.StatusMethodNotAllowed},
			{"HEAD", "HEAD", backChannelPath + "?logout_token=" + good, "", http.StatusMethodNotAllowed},
			{"JSON", "POST", backChannelPath, "application/json\n" + `{"logout_token":"` + good + `"}`, http.StatusUnsupportedMediaType},
			{"a text", "POST", backChannelPath, "text/plain\nlogout_token=" + good, http.StatusUnsupportedMediaType},
			{"in the address", "POST", backChannelPath + "?logout_token=" + good, form("a", "b"), http.StatusBadRequest},
			{"two tokens", "POST", backChannelPath, form("logout_token", good, "logout_token", good), http.StatusBadRequest},
			{"a broken form", "POST", backChannelPath, "application/x-www-form-urlencoded\nlogout_token=%zz", http.StatusBadRequest},
			{"a large body", "POST", backChannelPath, form("logout_token", good, "more", strings.Repeat("x", 1<<20)), http.StatusRequestEntityTooLarge},
			{"a provider that is not there", "POST", backChannelPath + "?provider=acme", form("logout_token", good), http.StatusBadRequest},
		} {
			if resp := b.browser().send(tt.method, tt.path, tt.body); resp.StatusCode != tt.want || !strings.Contains(resp.Header.Get("Cache-Control"), "no-store") {
				t.Errorf("%s: got %d %q, want %d", tt.name, resp.StatusCode, resp.Header.Get("Cache-Control"), tt.want)
			}
			if ann.email() == "" {
				t.Fatalf("%s: the session was ended", tt.name)
			}
		}
		// Once, on any replica and with many at once; a token that was refused for its request was not used.
		accepted := make([]bool, 8)
		ssotest.AtOnce(len(accepted), func(i int) {
			resp, err := http.PostForm([]string{b.url, other.url}[i%2]+backChannelPath, url.Values{"logout_token": {good}})
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			accepted[i] = resp.StatusCode == http.StatusOK
		})
		n := 0
		for _, ok := range accepted {
			if ok {
				n++
			}
		}
		if n != 1 {
			t.Errorf("one token eight times: accepted %d times, want once", n)
		}
		if _, code := b.backChannel(good); code != sso.TokenReplayed {
			t.Errorf("again: got %s, want %s", code, sso.TokenReplayed)
		}
		if n := b.sessions(); n != 0 {
			t.Errorf("%d sessions live", n)
		}
	})
}

// A token of one kind is none of the other, whatever of its header is left out. SECURITY A12
func TestLogoutTokenIsNoLogin(t *testing.T) {
	b := start(t, "JWT_ATTRIBUTE_EMAIL=sub", "PROVIDERS=api", "PROVIDER_API_KIND=bearer", "PROVIDER_API_SHARED_SECRET="+secret, "PROVIDER_API_AUDIENCE=api",
		"PROVIDER_API_CLAIM_EMAIL=sub", "JWT_AUDIENCE=bridge", "JWT_ISSUER=product", "PROVIDER_API_ISSUER=product")
	for _, typ := range []any{nil, "JWT", "logout+jwt"} {
		login := b.logoutToken(claims{"typ": typ, "aud": "bridge", "iss": "product"})
		if resp := b.browser().get("/auth/sso?jwt=" + login); resp.StatusCode != http.StatusUnauthorized || b.sessions() != 0 {
			t.Errorf("typ %v at /auth/sso: got %d", typ, resp.StatusCode)
		}
		if e := b.lastEvent(); e.Code != sso.TokenType {
			t.Errorf("typ %v at /auth/sso: got %s, want %s", typ, e.Code, sso.TokenType)
		}
		api := b.logoutToken(claims{"typ": typ, "aud": "api", "iss": "product"})
		if resp := b.browser().get("/auth/verify", "Authorization: Bearer "+api); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("typ %v as bearer: got %d", typ, resp.StatusCode)
		}
	}
	// The counterparts, without the event, are good: it is the event that was refused.
	login := b.logoutToken(claims{"typ": nil, "aud": "bridge", "iss": "product", "events": nil})
	b.browser().get("/auth/sso?jwt="+login).want(t, http.StatusFound, "/")
	api := b.logoutToken(claims{"typ": nil, "aud": "api", "iss": "product", "events": nil})
	if resp := b.browser().get("/auth/verify", "Authorization: Bearer "+api); resp.StatusCode != http.StatusOK {
		t.Errorf("a bearer token: got %d %s", resp.StatusCode, resp.body)
	}
}

// A sign-in that was under way opens nothing once the sign-out was answered; the next one does. SECURITY D9
func TestSignInUnderWay(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		b := start(t, database, "JWT_ATTRIBUTE_SUBJECT=uid")
		at := b.Now().Unix()
		for n, kind := range []string{"sub", "uid", "sub and sid", "sid"} {
			sub, uid, sid := fmt.Sprint("7-", n), fmt.Sprint("u-", n), fmt.Sprint("s-", n)
			notice := map[string]claims{"sub": {"sub": sub}, "uid": {"sub": uid}, "sub and sid": {"sub": sub, "sid": sid}, "sid": {"sub": nil, "sid": sid}}[kind]
			if status, code := b.backChannel(b.logoutToken(notice)); status != http.StatusOK {
				t.Fatalf("%s: got %d %s", kind, status, code)
			}
			for _, tt := range []struct {
				name string
				with claims
				want bool
			}{
				{"signed before", claims{"iat": at - 1}, false},
				{"signed in the same second", nil, false},
				{"signed after", claims{"iat": at + 1}, true},
				{"without iat, signed before", claims{"iat": nil, "exp": at + 600}, false},
				{"without iat, signed after", claims{"iat": nil, "exp": at + 601}, true},
				{"another person", claims{"email": "bob@example.com", "uid": "bob", "sub": "8", "sid": "t"}, true},
			} {
				all := claims{"email": fmt.Sprintf("ann%d@example.com", n), "uid": uid, "sub": sub, "sid": sid, "iat": at, "jti": sso.NewSessionID()}
				for k, v := range tt.with {
					all[k] = v
				}
				someone := b.browser()
				resp := someone.signIn(all)
				if got := someone.email() != ""; got != tt.want || !got && (resp.StatusCode != http.StatusUnauthorized || b.lastEvent().Code != sso.SignedOut) {
					t.Errorf("%s, %s: signed in %v, want %v; %d %s", kind, tt.name, got, tt.want, resp.StatusCode, b.lastEvent().Detail)
				}
			}
		}
	})
}

// However logins and sign-outs meet, no session lives whose token is older than a sign-out that was answered. SECURITY D9
func TestLogoutsAndLoginsAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		b := start(t, database)
		other := startOn(t, b, database, "SITE_URL="+b.url)
		for round := range 12 {
			email := fmt.Sprintf("person%d@example.com", round) // new people: there is no row of theirs to wait for
			ssotest.AtOnce(8, func(i int) {
				at := []string{b.url, other.url}[i/2%2]
				var resp *http.Response
				var err error
				if i < 6 {
					resp, err = http.PostForm(at+"/auth/sso", url.Values{"jwt": {b.token(claims{"email": email, "iat": b.Now().Unix(), "jti": sso.NewSessionID()})}})
				} else {
					resp, err = http.PostForm(at+backChannelPath, url.Values{"logout_token": {b.logoutToken(claims{"sub": email})}})
				}
				if err != nil {
					t.Error(err)
					return
				}
				resp.Body.Close()
				if i >= 6 && resp.StatusCode != http.StatusOK {
					t.Errorf("a sign-out: got %d", resp.StatusCode)
				}
			})
			if n := b.sessions(); n != 0 {
				t.Fatalf("round %d: %d sessions live after the sign-outs were answered", round, n)
			}
		}
	})
}
