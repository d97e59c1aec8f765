package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/server/ssobridge"
	"github.com/ssobridge/ssobridge/sso/token"
)

// A bridge in front of a program's own net/http mux: public pages, pages for everyone who is signed in, pages for a group.
func Example_netHTTP() {
	ctx, stop := context.WithCancel(context.Background())
	bridge, err := ssobridge.Open(ctx, exampleSettings(), slog.New(slog.DiscardHandler))
	if err != nil {
		panic(err)
	}
	ended := make(chan error)
	go func() { ended <- bridge.Run(ctx) }()

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "welcome, anyone") })
	report := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "report for ", server.PrincipalFrom(r.Context()).Account.Email)
	})
	mux.Handle("GET /report", bridge.RequireSignIn()(report))
	mux.Handle("GET /board", bridge.RequireSignIn("Board")(report))

	app := bridge.Mount(mux) // http.ListenAndServe(":3000", app)

	visit(app, "/", nil)
	visit(app, "/report", nil)
	cookie := visit(app, "/auth/sso?return_to=/report&jwt="+exampleToken(), nil)
	visit(app, "/report", cookie)
	visit(app, "/board", cookie)
	stop()
	<-ended

	// Output:
	// GET / 200 welcome, anyone
	// GET /report 302 /auth/sso?redirect=%2Freport
	// GET /auth/sso 302 /report
	// GET /report 200 report for ada@example.com
	// GET /board 403
}

// A bridge in someone's own echo app: it answers its paths before echo routes, and guards a group of routes.
func Example_echo() {
	ctx, stop := context.WithCancel(context.Background())
	bridge, err := ssobridge.Open(ctx, exampleSettings(), slog.New(slog.DiscardHandler))
	if err != nil {
		panic(err)
	}
	ended := make(chan error)
	go func() { ended <- bridge.Run(ctx) }()

	e := echo.New()
	e.Pre(echo.WrapMiddleware(bridge.Mount))
	private := e.Group("/private", echo.WrapMiddleware(bridge.RequireSignIn()))
	private.GET("/hello", func(c echo.Context) error {
		return c.String(http.StatusOK, "hello "+server.PrincipalFrom(c.Request().Context()).Account.CommonName())
	})

	visit(e, "/private/hello", nil)
	cookie := visit(e, "/auth/sso?jwt="+exampleToken(), nil)
	visit(e, "/private/hello", cookie)
	stop()
	<-ended

	// Output:
	// GET /private/hello 302 /auth/sso?redirect=%2Fprivate%2Fhello
	// GET /auth/sso 302 /
	// GET /private/hello 200 hello Ada Lovelace
}

const exampleSecret = "pX7vQm2kTz9rLw4nYc8sJd5hGb1fUe6a"

// exampleSettings are those of the README, by the same names. A real program keeps its database, and SECRET_KEY with it.
func exampleSettings() map[string]string {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	return map[string]string{
		"SITE_URL":                  "http://localhost:3000",
		"DATABASE_URL":              "sqlite:" + filepath.Join(dir, "bridge.db"),
		"SECRET_KEY":                "32 bytes from a generator, not this",
		"JWT_IDENTITY_PROVIDER_URI": "https://product.example/login",
		"JWT_SHARED_SECRET":         exampleSecret,
	}
}

// exampleToken is what the product's login page signs.
func exampleToken() string {
	signed, err := token.Mint(exampleSecret, map[string]any{
		"email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace", "exp": time.Now().Add(time.Minute).Unix(),
	})
	if err != nil {
		panic(err)
	}
	return signed
}

// visit opens a page as a browser does, prints what came, and returns the cookie that was set.
func visit(app http.Handler, path string, cookie *http.Cookie) *http.Cookie {
	r, w := httptest.NewRequest(http.MethodGet, path, nil), httptest.NewRecorder()
	r.Header.Set("Accept", "text/html")
	if cookie != nil {
		r.AddCookie(cookie)
	}
	app.ServeHTTP(w, r)
	fmt.Print(r.Method, " ", r.URL.Path, " ", w.Code)
	switch {
	case w.Code == http.StatusFound:
		fmt.Println(" " + w.Header().Get("Location"))
	case w.Code == http.StatusOK:
		fmt.Println(" " + w.Body.String())
	default:
		fmt.Println()
	}
	for _, c := range w.Result().Cookies() {
		return c
	}
	return nil
}
