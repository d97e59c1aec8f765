// An app behind ssobridge that believes signed assertions only: BRIDGE=http://localhost:3000 PORT=8000 go run app.go
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

var bridge = os.Getenv("BRIDGE")

type person struct {
	jwt.Claims
	Email      string            `json:"email"`
	Groups     []string          `json:"groups"`
	Attributes map[string]string `json:"attributes"`
}

func who(r *http.Request) (p person, err error) {
	t, err := jwt.ParseSigned(r.Header.Get("Remote-Assertion"), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || t.Headers[0].ExtraHeaders["typ"] != "assertion+jwt" {
		return p, errors.New("no assertion")
	}
	if err := t.Claims(bridgeKeys.get(), &p); err != nil {
		return p, err
	}
	return p, p.Validate(jwt.Expected{Issuer: bridge, AnyAudience: []string{bridge}, Time: time.Now()})
}

// bridgeKeys are read again every five minutes: they rotate, and are there for an hour before they sign.
var bridgeKeys keys

type keys struct {
	mu   sync.Mutex
	set  jose.JSONWebKeySet
	read time.Time
}

func (k *keys) get() jose.JSONWebKeySet {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.read) > 5*time.Minute {
		if resp, err := http.Get(bridge + "/.well-known/jwks.json"); err == nil {
			defer resp.Body.Close()
			var set jose.JSONWebKeySet
			if json.NewDecoder(resp.Body).Decode(&set) == nil {
				k.set, k.read = set, time.Now()
			}
		}
	}
	return k.set
}

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		p, err := who(r)
		if err != nil {
			http.Error(w, "no valid assertion", http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, "hello %s of %s", p.Email, p.Attributes["department"])
	})
	fmt.Println(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
