package store_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
	"github.com/ssobridge/ssobridge/store"
)

// childEnv makes the test program a process that signs people in until it is killed; its value is the database's URL.
const childEnv = "SSOBRIDGE_STORE_TEST_CHILD"

// child prints a session's hash once the login was answered.
func child() int {
	s, err := store.Open(context.Background(), os.Getenv(childEnv), store.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	answered := make(chan string)
	for worker := range 4 {
		go func() {
			for i := 0; ; i++ {
				x, in := conformance.Arrival(time.Now(), groups(person(fmt.Sprintf("w%dp%d@example.com", worker, i)), "Sales", "HR"), standard)
				if _, err := s.SignIn(context.Background(), x, in); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				answered <- hex.EncodeToString(in.Session.Hash[:])
			}
		}()
	}
	for line := range answered {
		fmt.Println(line)
	}
	return 0
}

// What was answered is kept when the process is killed (kill -9), and nothing is half-written.
func TestKilled(t *testing.T) {
	db := open(t, "sqlite:"+t.TempDir()+"/test.db")
	db.ensure(t, "Sales", "HR")
	for round := range 3 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+db.url)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var answered []sso.SessionHash
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var h sso.SessionHash
			if n, err := hex.Decode(h[:], lines.Bytes()); err != nil || n != len(h) {
				break // cut off by the kill
			}
			answered = append(answered, h)
			if len(answered) == 20+7*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil || len(answered) < 20 {
			t.Fatalf("the process ended by itself after %d logins: %v", len(answered), err)
		}
		for _, h := range answered {
			p, err := db.Principal(t.Context(), h)
			if err != nil {
				t.Fatalf("an answered login is lost: %v", err)
			}
			if names(p.Groups) != "All Users, HR, Sales" {
				t.Errorf("account %d is in %s", p.Account.ID, names(p.Groups))
			}
		}
		accounts, sessions, members := db.count(t, "accounts"), db.count(t, "sessions"), db.count(t, "memberships")
		if proofs, events := db.count(t, "proofs"), db.count(t, "events"); sessions != accounts || proofs != sessions ||
			events != sessions+2 || members != 2*accounts { // two events are of the groups
			t.Errorf("half-written: %d accounts, %d sessions, %d proofs, %d events, %d memberships", accounts, sessions, proofs, events, members)
		}
		var check string
		if err := db.raw(t).QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&check); err != nil || check != "ok" {
			t.Errorf("integrity check: %s, %v", check, err)
		}
		if _, err := db.raw(t).ExecContext(t.Context(), "DELETE FROM memberships; DELETE FROM sessions; DELETE FROM proofs; DELETE FROM accounts; DELETE FROM events WHERE kind = 'sign_in'"); err != nil {
			t.Fatal(err)
		}
	}
}
