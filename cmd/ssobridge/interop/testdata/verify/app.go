// An app behind ssobridge that believes signed assertions only:
// go mod init app && go get github.com/ssobridge/ssobridge && BRIDGE_URL=http://localhost:3000 go run app.go
package main

import (
	"cmp"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/ssobridge/ssobridge/sso/assertion"
)

func main() {
	bridge := assertion.Verifier{Bridge: os.Getenv("BRIDGE_URL")} // SITE_URL, letter by letter, and PATH_PREFIX if there is one
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		who, err := bridge.Person(r)
		if err != nil {
			log.Print(err)
			http.Error(w, "no valid assertion", http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, "hello %s, %s", who.Name, who.Email)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+cmp.Or(os.Getenv("PORT"), "8000"), nil))
}
