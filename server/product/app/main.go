// An app without a login of its own: it says who the bridge says is there. In a clone of this repository:
// go run ./server/product/app
package main

import (
	"cmp"
	"fmt"
	"html"
	"log"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		h := r.Header
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><title>App</title><p>Hello %s (%s).<p>Your groups: %s.<p><a href="/auth/logout">Sign out</a>`,
			html.EscapeString(h.Get("Remote-Name")), html.EscapeString(h.Get("Remote-User")), html.EscapeString(h.Get("Remote-Groups")))
	})
	// Only the bridge can reach it here; whoever else could would choose who they are.
	log.Fatal(http.ListenAndServe("127.0.0.1:"+cmp.Or(os.Getenv("PORT"), "8000"), nil))
}
