// The sign-in page of a product, for JWT_BINDING state: the state goes back as it came, the nonce into the token.
package main

import (
	"crypto/rand"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The form posts to its own address, so what the bridge sent in the query comes along.
const page = `<!doctype html><html lang="en"><title>Sign in</title><h1>Sign in</h1>
<form method="post"><label>E-mail <input name="email"></label>
<label>Password <input name="password" type="password"></label> <button>Sign in</button></form></html>`

var (
	callback = os.Getenv("BRIDGE_URL") + "/auth/sso" // BRIDGE_URL is the bridge's SITE_URL
	secret   = []byte(os.Getenv("JWT_SHARED_SECRET"))
	users    = map[string]struct{ password, first, last, group string }{
		"ann@example.com": {"correct horse", "Ann", "Lee", "sales"},
		"bob@example.com": {"battery staple", "Bob", "Ray", "support"},
	}
)

func login(w http.ResponseWriter, r *http.Request) {
	q, email := r.URL.Query(), r.PostFormValue("email")
	u, ok := users[email]
	if !ok || u.password != r.PostFormValue("password") {
		http.Error(w, "unknown e-mail or password", http.StatusUnauthorized)
		return
	}
	now := time.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"email": email, "first_name": u.first, "last_name": u.last, "groups": []string{u.group},
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": rand.Text(), "nonce": q.Get("nonce"),
	}).SignedString(secret)
	if err != nil {
		log.Fatal(err)
	}
	back := url.Values{"jwt": {token}, "state": {q.Get("state")}}
	http.Redirect(w, r, callback+"?"+back.Encode(), http.StatusSeeOther)
}

func main() {
	http.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		if !r.URL.Query().Has("state") { // who comes here first begins at the bridge
			http.Redirect(w, r, callback, http.StatusSeeOther)
			return
		}
		fmt.Fprint(w, page)
	})
	http.HandleFunc("POST /login", login)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
