// The sign-in page of a product, for JWT_BINDING pkce: a code goes through the browser, and the token from server to server.
package main

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"github.com/golang-jwt/jwt/v5"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"
)

const page = `<!doctype html><html lang="en"><title>Sign in</title><h1>Sign in</h1><form method="post"><label>E-mail
<input name="email"></label> <label>Password <input name="password" type="password"></label> <button>Sign in</button></form>`

var callback, client = os.Getenv("BRIDGE_URL") + "/auth/sso", os.Getenv("JWT_CLIENT_ID") // BRIDGE_URL is the bridge's SITE_URL
var users = map[string]string{"ann@example.com": "correct horse", "bob@example.com": "battery staple"}
var codes sync.Map // what each code stands for; with several processes: a table that all of them see

func login(w http.ResponseWriter, r *http.Request) {
	q, email := r.URL.Query(), r.PostFormValue("email") // the form posts to its own address: what the bridge sent is still there
	if password, ok := users[email]; !ok || password != r.PostFormValue("password") ||
		q.Get("client_id") != client || q.Get("redirect_uri") != callback || q.Get("code_challenge_method") != "S256" {
		http.Error(w, "unknown e-mail or password, or not a request of the bridge", http.StatusUnauthorized)
		return
	}
	code, now := rand.Text(), time.Now()
	codes.Store(code, jwt.MapClaims{"email": email, "groups": []string{"sales"}, "iat": now.Unix(), "exp": now.Unix() + 60,
		"jti": rand.Text(), "nonce": q.Get("nonce"), "code_challenge": q.Get("code_challenge")})
	time.AfterFunc(time.Minute, func() { codes.Delete(code) }) // the bridge comes at once
	http.Redirect(w, r, callback+"?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode(), http.StatusSeeOther)
}

func token(w http.ResponseWriter, r *http.Request) {
	found, _ := codes.LoadAndDelete(r.PostFormValue("code")) // good once
	claims, ok := found.(jwt.MapClaims)
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier"))) // RFC 7636, S256
	w.Header().Set("Content-Type", "application/json")
	if !ok || r.PostFormValue("client_id") != client || r.PostFormValue("redirect_uri") != callback || subtle.ConstantTimeCompare(
		[]byte(base64.RawURLEncoding.EncodeToString(challenge[:])), []byte(claims["code_challenge"].(string))) != 1 {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
		return
	}
	signed, _ := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(os.Getenv("JWT_SHARED_SECRET")))
	fmt.Fprintf(w, `{"jwt":%q}`, signed)
}

func main() {
	http.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page) })
	http.HandleFunc("POST /login", login)
	http.HandleFunc("POST /token", token)
	fmt.Println(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
