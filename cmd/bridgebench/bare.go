package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"
)

// The bare servers are what the bridge is measured against: the same answer, header for header, from a handler that does
// nothing else. They run as child processes of bridgebench, so that each has times of its own.

// bareHeader carries the header that a bare server answers with, as JSON, in the child's environment.
const bareHeader = "BRIDGEBENCH_HEADER"

// asAnswered leaves the fields that net/http writes by itself out of a header.
func asAnswered(header []field) []field {
	var own []field
	for _, f := range header {
		switch f.Name {
		case "Date", "Content-Length", "Connection":
		default:
			own = append(own, f)
		}
	}
	return own
}

// bareKeys carries the JWK Set of the tokens that the bare server "jwt" takes, in the child's environment.
const bareKeys = "BRIDGEBENCH_KEYS"

// spawnBare starts a bare server ("nethttp", "echo" or "jwt") that answers with header.
func spawnBare(ctx context.Context, dir, kind string, header []field, env ...string) (*process, string, error) {
	text, err := json.Marshal(asAnswered(header))
	if err != nil {
		return nil, "", err
	}
	addr, err := freePort()
	if err != nil {
		return nil, "", err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	cmd := exec.CommandContext(ctx, self, "child-"+kind, addr)
	cmd.Env = append(append(os.Environ(), bareHeader+"="+string(text)), env...)
	p, err := spawn(dir, kind, cmd)
	if err != nil {
		return nil, "", err
	}
	if err := p.answers(ctx, addr, "/healthz"); err != nil {
		p.stop()
		return nil, "", err
	}
	return p, addr, nil
}

// serveBare is the child: it serves until it is ended.
func serveBare(kind, addr string) error {
	var header []field
	if err := json.Unmarshal([]byte(os.Getenv(bareHeader)), &header); err != nil {
		return fmt.Errorf("%s: %w", bareHeader, err)
	}
	handler := bareNetHTTP(header)
	switch kind {
	case "echo":
		handler = bareEcho(header)
	case "jwt":
		var err error
		if handler, err = bareJWT(header); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return (&http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}).Serve(l)
}

func bareNetHTTP(header []field) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /auth/verify", func(w http.ResponseWriter, _ *http.Request) {
		set(w.Header(), header)
		w.WriteHeader(http.StatusOK)
	})
	return mux
}

func bareEcho(header []field) http.Handler {
	e := newEcho()
	answer := func(c echo.Context) error {
		set(c.Response().Header(), header)
		return c.NoContent(http.StatusOK)
	}
	e.GET("/auth/verify", answer)
	e.GET("/auth/forward", answer)
	return e
}

// bareJWT checks a token (RS256, issuer and audience) as golang-jwt does, and keeps nothing of it.
func bareJWT(header []field) (http.Handler, error) {
	key, err := publicKey([]byte(os.Getenv(bareKeys)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", bareKeys, err)
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired())
	e := newEcho()
	e.GET("/auth/verify", func(c echo.Context) error {
		token := strings.TrimPrefix(c.Request().Header.Get("Authorization"), "Bearer ")
		if _, err := parser.Parse(token, func(*jwt.Token) (any, error) { return key, nil }); err != nil {
			return c.NoContent(http.StatusUnauthorized)
		}
		set(c.Response().Header(), header)
		return c.NoContent(http.StatusOK)
	})
	return e, nil
}

func newEcho() *echo.Echo {
	e := echo.New()
	e.GET("/healthz", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	return e
}

func set(h http.Header, fields []field) {
	for _, f := range fields {
		h.Add(f.Name, f.Value)
	}
}

// describe names the header's fields, for the reader of the table.
func describe(header []field) string {
	names := make([]string, 0, len(header))
	for _, f := range asAnswered(header) {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}
