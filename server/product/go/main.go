// A sign-in page as a product may have it, in front of its own accounts. In a clone of this repository: go run ./server/product/go
// Elsewhere: go mod init page && go get github.com/golang-jwt/jwt/v5 && go run main.go
package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

type person struct {
	password, first, last string
	groups                []string
}

func main() {
	bridge := cmp.Or(os.Getenv("BRIDGE_URL"), "http://localhost:3000")
	secret := []byte(os.Getenv("SSO_SECRET")) // the bridge's JWT_SHARED_SECRET
	if len(secret) == 0 {
		log.Fatal("SSO_SECRET is not set")
	}
	people := map[string]person{ // stands for your accounts
		"ada@example.com": {"correct horse", "Ada", "Lovelace", []string{"research"}},
	}
	const form = `<!doctype html><title>Sign in</title><form method="post">
<input name="email" type="email"> <input name="password" type="password"> <button>Sign in</button></form>`

	http.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, form) })
	http.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		email := r.PostFormValue("email")
		p, known := people[email]
		if !known || p.password != r.PostFormValue("password") {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, form)
			return
		}

		now, query, back := time.Now(), r.URL.Query(), url.Values{}
		claims := jwt.MapClaims{
			"email": email, "first_name": p.first, "last_name": p.last, "groups": p.groups,
			"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": rand.Text(), "iss": "my-product", "aud": bridge,
		}
		for _, name := range []string{"nonce", "code_challenge"} {
			if query.Has(name) {
				claims[name] = query.Get(name)
			}
		}
		for _, name := range []string{"return_to", "state"} {
			if query.Has(name) {
				back.Set(name, query.Get(name))
			}
		}
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(secret)
		if err != nil {
			http.Error(w, "the token could not be signed", http.StatusInternalServerError)
			return
		}
		back.Set("jwt", token)
		http.Redirect(w, r, bridge+"/auth/sso?"+back.Encode(), http.StatusSeeOther)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+cmp.Or(os.Getenv("PORT"), "3535"), nil))
}
