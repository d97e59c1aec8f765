package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// secret is what the benchmark's identity provider signs with: as long as what "openssl rand -hex 32" prints, since a start
// takes time to judge it. It protects nothing: the bridge that knows it listens on loopback for as long as the benchmark runs.
const secret = "5c1f0b9e7d3a48626f90e1b7c4d8a2359e06f7b1d4c83a5210fe9b6d7ca45e83"

// A bridge is a running ssobridge serve with a database of its own.
type bridge struct {
	*process
	addr string
	dir  string
}

// startBridge starts the program on an empty database in a new folder under dir, and returns how long it took until it
// answered /healthz.
func startBridge(ctx context.Context, program, dir string, settings ...string) (*bridge, time.Duration, error) {
	dir, err := os.MkdirTemp(dir, "bridge")
	if err != nil {
		return nil, 0, err
	}
	return startBridgeIn(ctx, program, dir, "sqlite:"+filepath.Join(dir, "bench.db"), settings...)
}

// startBridgeIn starts the program in a folder, on a database. settings are further ones, NAME=value.
func startBridgeIn(ctx context.Context, program, dir, database string, settings ...string) (*bridge, time.Duration, error) {
	addr, err := freePort()
	if err != nil {
		return nil, 0, err
	}
	return startBridgeAt(ctx, program, dir, addr, database, settings...)
}

// startBridgeAt does so at an address.
func startBridgeAt(ctx context.Context, program, dir, addr, database string, settings ...string) (*bridge, time.Duration, error) {
	cmd := exec.CommandContext(ctx, program, "serve")
	cmd.Dir = dir
	cmd.Env = []string{ // nothing of the caller's environment may change what is measured
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir,
		"SSOBRIDGE_LISTEN=" + addr,
		"SSOBRIDGE_SITE_URL=http://" + addr,
		"SSOBRIDGE_TRUSTED_PROXIES=127.0.0.1", // for /auth/forward
		"SSOBRIDGE_DATABASE_URL=" + database,
		"SSOBRIDGE_SECRET_KEY=" + secret,
		"SSOBRIDGE_JWT_IDENTITY_PROVIDER_URI=http://127.0.0.1:9/sign-in",
		"SSOBRIDGE_JWT_SHARED_SECRET=" + secret,
		"SSOBRIDGE_JWT_GROUP_SYNC=true",
		`SSOBRIDGE_JWT_GROUP_MAPPINGS={"staff":["` + group + `"]}`,
		"SSOBRIDGE_LOG_FORMAT=json",
		"SSOBRIDGE_DRAIN_TIME=0",
	}
	cmd.Env = append(cmd.Env, settings...)
	began := time.Now()
	p, err := spawn(dir, "ssobridge", cmd)
	if err != nil {
		return nil, 0, err
	}
	if err := p.answers(ctx, addr, "/healthz"); err != nil {
		p.stop()
		return nil, 0, err
	}
	return &bridge{process: p, addr: addr, dir: dir}, time.Since(began), nil
}

// group is the group that every person of the benchmark is put into.
const group = "Staff"

// email names the people of the benchmark.
func email(person int64) string { return fmt.Sprintf("person%d@bench.example", person) }

// token is what an identity provider signs at each redirect, as Metabase's examples do. number makes tokens for the same
// person in the same second differ.
func token(person, number int64, now time.Time, nonce string) (string, error) {
	claims := jwt.MapClaims{
		"email":      email(person),
		"first_name": "Person",
		"last_name":  fmt.Sprint(person),
		"groups":     []string{"staff"},
		"department": "Benchmarks",
		"jti":        fmt.Sprint("bench-", number),
		"iat":        now.Unix(),
		"exp":        now.Add(10 * time.Minute).Unix(),
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
}

// login is the request by which a browser brings a token.
func login(addr, token string) []byte {
	return get(addr, "/auth/sso?jwt="+url.QueryEscape(token)+"&return_to=%2Fquestion%2F1", "Accept: text/html")
}

// logins makes the requests of n logins, person by person from first on.
func logins(addr string, number *int64, first int64, n int, people int64) ([][]byte, error) {
	now := time.Now()
	requests := make([][]byte, n)
	for i := range requests {
		*number++
		t, err := token(first+int64(i)%people, *number, now, "")
		if err != nil {
			return nil, err
		}
		requests[i] = login(addr, t)
	}
	return requests, nil
}

// signIn signs in as n people, one session each, and returns the session cookies as name=value.
func (b *bridge) signIn(ctx context.Context, conns, n int) ([]string, error) {
	var number int64
	requests, err := logins(b.addr, &number, 0, n, int64(n))
	if err != nil {
		return nil, err
	}
	cookies := make([]string, n)
	l := b.logins(conns, requests)
	l.answer = func(i int64, a answer) error {
		cookies[i] = string(a.cookie)
		return signedIn(a)
	}
	if _, err := l.run(ctx, 0); err != nil {
		return nil, fmt.Errorf("signing in: %w\n%s", err, b.tail())
	}
	return cookies, nil
}

// logins is the load of logins.
func (b *bridge) logins(conns int, requests [][]byte) load {
	return load{
		addr: b.addr, conns: conns, want: 302,
		next: func(n int64, buf []byte) []byte {
			if n >= int64(len(requests)) {
				return nil
			}
			return append(buf, requests[n]...)
		},
		answer: func(_ int64, a answer) error { return signedIn(a) },
	}
}

func signedIn(a answer) error {
	if len(a.cookie) == 0 {
		return fmt.Errorf("the answer to a login set no cookie %q", sessionCookie)
	}
	return nil
}
