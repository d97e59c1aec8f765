// A Go app with the bridge inside. Once: go mod init app && go get github.com/ssobridge/ssobridge && openssl rand -hex 32 >app.key
// Then, with SSO_SECRET set: SECRET_KEY=$(cat app.key) go run app.go
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"

	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/server/ssobridge"
)

func main() {
	ctx := context.Background()
	bridge, err := ssobridge.Open(ctx, map[string]string{ // the settings of the table, by the same names
		"SITE_URL":                  cmp.Or(os.Getenv("BRIDGE_URL"), "http://localhost:3000"),
		"DATABASE_URL":              "sqlite:app.db",
		"SECRET_KEY":                os.Getenv("SECRET_KEY"), // keep it as long as the database: it opens what is sealed there
		"JWT_IDENTITY_PROVIDER_URI": "http://127.0.0.1:3535/login",
		"JWT_SHARED_SECRET":         os.Getenv("SSO_SECRET"),
	}, slog.Default())
	if err != nil {
		log.Fatal(err)
	}
	go bridge.Run(ctx) // learns what ended elsewhere

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "welcome, anyone") })
	report := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "report for ", server.PrincipalFrom(r.Context()).Account.Email)
	})
	mux.Handle("GET /report", bridge.RequireSignIn()(report))
	mux.Handle("GET /board", bridge.RequireSignIn("Board")(report)) // for a group

	log.Fatal(http.ListenAndServe("127.0.0.1:"+cmp.Or(os.Getenv("PORT"), "3000"), bridge.Mount(mux)))
}
