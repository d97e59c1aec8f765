//go:build unix

package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso/setting"
)

// ends runs the program, which must end by itself, and returns what it said and its exit status.
func ends(t *testing.T, dir string, environ []string, args ...string) (said string, status int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Error(err)
		return
	}
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, self)
	cmd.Args, cmd.Dir, cmd.Env = append([]string{"ssobridge"}, args...), dir, environ
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Errorf("ssobridge %s with %v did not end; it said: %s", strings.Join(args, " "), environ, out)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		status = exit.ExitCode()
	}
	return string(out), status
}

// A namedFile is a setting whose value is the name of a file, and what makes that file be read.
type namedFile struct {
	name, value string // of the environment
	says        string // what the refusal names
	besides     []string
	command     []string // nil: serve
}

// pipe is one of its own: whoever gives it up lets go of all others that wait for it.
func pipe(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// filesOf are all settings of the table that name a file, each as a pipe that nobody writes to.
func filesOf(t *testing.T, dir string) (all []namedFile) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, _ := x509.MarshalPKCS8PrivateKey(key) // of a key that was just made
	good := filepath.Join(dir, "private.der")
	if err := os.WriteFile(good, der, 0o600); err != nil {
		t.Fatal(err)
	}
	besides := map[string][]string{
		"PROVIDER_ACME_CA_FILE":   {"SSOBRIDGE_PROVIDER_ACME_JWKS_URL=https://127.0.0.1:9/keys"},
		"LDAP_CA_FILE":            {"SSOBRIDGE_LDAP_URL=ldaps://127.0.0.1:9", "SSOBRIDGE_LDAP_USER_BASE=dc=example", "SSOBRIDGE_LDAP_GROUP_BASE=dc=example", "SSOBRIDGE_PROVIDER_ACME_GROUPS_ORDER=token,ldap"},
		"SERVICE_PUBLIC_KEY_FILE": {"SSOBRIDGE_SERVICE_KEY_FILE=" + good, "SSOBRIDGE_SERVICE_ISSUER=bridge"},
		"SERVICE_KEY_FILE":        {"SSOBRIDGE_SERVICE_ISSUER=bridge"},
	}
	cfg, _ := setting.Resolve(setting.Inputs{Environ: []string{"SSOBRIDGE_PROVIDERS=acme", "SSOBRIDGE_PROVIDER_ACME_KIND=bearer"}})
	for _, s := range cfg.Table() {
		file := pipe(t)
		row := namedFile{name: "SSOBRIDGE_" + s.Name, value: file, says: s.Name, besides: besides[s.Name]}
		switch {
		case s.Secret:
			row.name += "_FILE"
		case s.Name == "DATABASE_URL":
			row.value, row.says = "sqlite:"+file, file
		case s.Name == "SYSTEM_TOKEN_FILE":
			row.says, row.command = "it is no file", []string{"tokens", "show", "system"}
		case strings.HasPrefix(s.Name, "JWT_") || s.Type != "file" && s.Type != "list of files": // JWT_ is another provider
			continue
		}
		all = append(all, row)
	}
	return append(all, namedFile{name: "SSOBRIDGE_PROVIDER_ACME_KEYS", value: `[{"file":"` + pipe(t) + `","alg":"RS256"}]`, says: "PROVIDER_ACME_KEYS"},
		namedFile{name: "SSOBRIDGE_PROVIDER_ACME_KEYS", value: `[{"jwks_file":"` + pipe(t) + `"}]`, says: "PROVIDER_ACME_KEYS"},
		namedFile{name: "RSA_PRIVATE_KEY_FILE_PATH", value: pipe(t), says: "RSA_PRIVATE_KEY_FILE_PATH", besides: []string{"JWT_ISSUER=bridge"}},
		namedFile{name: "MB_JWT_SHARED_SECRET_FILE", value: pipe(t), says: "JWT_SHARED_SECRET"},
		namedFile{name: "SSOBRIDGE_CONFIG", value: pipe(t), says: "it is no file"},
		namedFile{name: "SSOBRIDGE_JWT_LABEL", value: "x", says: "--password-file", command: []string{"users", "create", "ann@example.com", "--password-file", pipe(t)}},
		namedFile{name: "SSOBRIDGE_JWT_LABEL", value: "x", says: "--jwk", command: []string{"tokens", "verify", "--jwk", pipe(t), "a.b.c"}},
		namedFile{name: "SSOBRIDGE_JWT_LABEL", value: "x", says: "no file", besides: []string{"SSOBRIDGE_SECRET_KEY=" + strings.Repeat("k", 40) + "9"}, command: []string{"restore", pipe(t)}})
}

// A pipe that nobody writes to, in the place of a file that a setting or a flag names, ends the program with a message. It used to
// wait for ever.
func TestNoPipeIsWaitedFor(t *testing.T) {
	t.Parallel()
	rows := filesOf(t, t.TempDir())
	if names := len(rows); names < 20 {
		t.Fatalf("got %d settings that name a file: that cannot be all", names)
	}
	var running sync.WaitGroup
	for _, row := range rows {
		own := t.TempDir()
		running.Go(func() {
			environ := slices.Concat([]string{"SSOBRIDGE_LISTEN=127.0.0.1:0", "SSOBRIDGE_PROVIDERS=acme", "SSOBRIDGE_PROVIDER_ACME_KIND=bearer",
				"SSOBRIDGE_PROVIDER_ACME_AUDIENCE=any", "SSOBRIDGE_PROVIDER_ACME_JWKS_URL=http://127.0.0.1:9/keys"}, row.besides, []string{row.name + "=" + row.value})
			args := row.command
			if args == nil {
				args = []string{"serve"}
			}
			said, status := ends(t, own, environ, args...)
			if status == 0 || !strings.Contains(said, row.says) {
				t.Errorf("%s=%s: got status %d, want a refusal that names %s: %s", row.name, row.value, status, row.says, said)
			}
		})
	}
	running.Wait()
}

// A secret comes out of what a shell makes of <(…), and out of stdin, as from a file.
func TestSecretsFromAShell(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "ssobridge")); err != nil {
		t.Fatal(err)
	}
	const secret = "0aLwKq3vVn8ZpXy5rT2uJc7dEb1mGhSf9QkWiRoN4xM"
	for name, script := range map[string]string{
		"<(…)":       "SSOBRIDGE_SECRET_KEY_FILE=<(sleep 1; echo " + secret + ") exec ssobridge check",
		"/dev/stdin": "echo " + secret + " | SSOBRIDGE_SECRET_KEY_FILE=/dev/stdin ssobridge check",
		"--config":   "exec ssobridge check --config <(echo secret_key: " + secret + ")",
	} {
		cmd := exec.CommandContext(t.Context(), bash, "-c", script)
		cmd.Dir, cmd.Env = t.TempDir(), []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "the settings are good") {
			t.Errorf("%s: got %v: %s", name, err, out)
		}
	}
}
