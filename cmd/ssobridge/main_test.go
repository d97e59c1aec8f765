package main

import (
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/postgres"
	"github.com/ssobridge/ssobridge/sso/token"
)

// built is the real program, which scripts run. It starts sooner than this very binary, which is "ssobridge", too: that one has
// the race detector where tests have it.
var built bridgetest.Program

func TestMain(m *testing.M) { testscript.Main(stopping{m}, map[string]func(){"ssobridge": main}) }

// stopping ends the PostgreSQL server when the tests have run.
type stopping struct{ *testing.M }

func (m stopping) Run() int {
	defer postgres.Stop()
	return built.Main(m.M)
}

// secret is a shared secret as a product would have it; testdata/script knows it too, and its JWK.
const secret = "kP2vXq8dJm4tYw7nRb3gHs6fLc9zQe5aTu1oViWxEyM"

func TestScripts(t *testing.T) {
	bin := t.TempDir()
	if err := os.Symlink(built.Path(t), filepath.Join(bin, "ssobridge")); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", bin+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("PORT", ssotest.FreePort(t))
			e.Setenv("PORT2", ssotest.FreePort(t))
			e.Setenv("SECRET", secret)
			if filepath.Base(e.WorkDir) == "script-copy" {
				e.Setenv("POSTGRES", postgres.Database(t))
			}
			login, err := token.Mint(secret, map[string]any{"email": "ada@example.com", "exp": time.Now().Add(5 * time.Minute).Unix()})
			e.Setenv("TOKEN", login)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"visit":  visit,
			"answer": answer,
			"mode":   mode,
			"sql":    runSQL,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// visit is "visit STATUS": a browser opens the link that the last command printed, and does not follow.
func visit(ts *testscript.TestScript, neg bool, args []string) {
	fetch(ts, args[0], strings.TrimSpace(ts.ReadFile("stdout")), neg)
}

// answer is "answer STATUS URL": asks until there is an answer, for a server that is just starting.
func answer(ts *testscript.TestScript, neg bool, args []string) { fetch(ts, args[0], args[1], neg) }

func fetch(ts *testscript.TestScript, want, url string, neg bool) {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		resp, err := client.Get(url)
		if err != nil && time.Now().Before(deadline) {
			continue
		}
		ts.Check(err)
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if (resp.Status[:3] == want) == neg {
			ts.Fatalf("%s: got status %s, want %s\n%s", url, resp.Status, want, body)
		}
		return
	}
}

// mode is "mode 0600 FILE".
func mode(ts *testscript.TestScript, neg bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); (got == args[0]) == neg {
		ts.Fatalf("%s: got mode %s, want %s", args[1], got, args[0])
	}
}

// runSQL is "sql FILE STATEMENT", past the program.
func runSQL(ts *testscript.TestScript, neg bool, args []string) {
	db, err := sql.Open("sqlite", "file:"+ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(args[1])
	ts.Check(err)
}
