package server_test

import (
	"encoding/hex"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The log of a signature that does not fit says which mistake of a secret it fits, as explain does.
func TestLogNamesTheMistake(t *testing.T) {
	hexSecret := "cf4a4bda929ce929a5a33f315d09e5c7a61b6fec5b047bcf6e8818ba1ba5ea08"
	b := start(t, "JWT_SHARED_SECRET="+hexSecret)
	decoded, err := hex.DecodeString(hexSecret)
	if err != nil {
		t.Fatal(err)
	}
	for what, key := range map[string]string{
		"decoded from hexadecimal": string(decoded), "white space around": hexSecret + "\n", "quotation marks around": `"` + hexSecret + `"`,
		"signs with an empty secret": "",
		"signs with another secret":  "another",
	} {
		login := jwt.MapClaims{"email": "ann@example.com", "exp": b.Now().Add(time.Minute).Unix()}
		signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, login).SignedString([]byte(key))
		if err != nil {
			t.Fatal(err)
		}
		b.browser().get("/auth/sso?jwt="+signed).want(t, 401, "")
		if line := lastLine(b); !strings.Contains(line, "token_signature") || !strings.Contains(line, what) || !strings.Contains(line, "provider=jwt") || strings.Contains(line, hexSecret) { // SECURITY K1
			t.Errorf("%s: got %s", what, line)
		}
		if e := b.lastEvent(); !strings.Contains(e.Detail, what) {
			t.Errorf("%s: got the event %q", what, e.Detail)
		}
	}
	if strings.Contains(b.log.String(), "sha256sum") {
		t.Error("the log says how to compare secrets, which is for explain")
	}
}

// The log names the groups of a person that no mapping knows: a few, cleaned and short, and only where mappings decide.
func TestLogNamesUnmappedGroups(t *testing.T) {
	many := []string{"research", "x\x00\u202e\n" + strings.Repeat("y", 300), "3", "4", "5", "6", "known", "7"}
	b := start(t, "JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"reserch":["Research"],"known":["Known"]}`)
	for _, tt := range []struct {
		groups []string
		want   string
	}{
		{[]string{"research"}, "unmapped_groups=[research]"},
		{[]string{"known"}, ""},
		{many, `unmapped_groups="[research x  ` + strings.Repeat("y", 57) + `… 3 4 5 and 2 more]"`},
	} {
		b.browser().signIn(claims{"groups": tt.groups}).want(t, 302, "/")
		line := lastLine(b)
		if !strings.Contains(line, "level=INFO msg=\"signed in\"") || !strings.Contains(line, tt.want) || strings.Contains(line, "unmapped_groups") != (tt.want != "") {
			t.Errorf("%q: got %s, want %s", tt.groups, line, tt.want)
		}
	}
	plain := startOn(t, b, "JWT_GROUP_SYNC=true")
	plain.browser().signIn(claims{"groups": []string{"research"}, "n": 9}).want(t, 302, "/")
	if line := lastLine(plain); strings.Contains(line, "unmapped_groups") {
		t.Errorf("without mappings: got %s", line)
	}
}

// A proxy that is not set up is a warning once a minute for each cause, however many ask.
func TestProxyRefusedIsAWarning(t *testing.T) {
	b := start(t, "TRUSTED_PROXIES=192.0.2.1", "FORWARD_AUTH=true")
	warnings := func() int { return strings.Count(b.log.String(), "level=WARN msg=refused code=proxy_refused") }
	for range 5 {
		b.browser().get("/auth/forward").want(t, 403, "") // each from another port
	}
	if got := warnings(); got != 1 {
		t.Errorf("of one cause: got %d warnings, want 1", got)
	}
	b.Pass(3 * time.Minute)
	b.browser().get("/auth/forward")
	if got := warnings(); got != 2 {
		t.Errorf("three minutes later: got %d warnings, want 2", got)
	}
}

// TLS on the plain port is one line that says so.
func TestTLSToThePlainPort(t *testing.T) {
	b := start(t)
	for range 3 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		conn.Write([]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("x", 500) + "\r\n\r\n"))
		conn.Read(make([]byte, 10))
		conn.Close()
	}
	if got := strings.Count(b.log.String(), "TLS was spoken"); got != 1 {
		t.Errorf("got %d lines, want 1: %s", got, b.log.String())
	}
	b.browser().get("/healthz").want(t, 200, "")
}

// A token at the end of a path, or behind a semicolon, is read by nothing and so still good: the log does not have it.
func TestLogHasNoTokenOfAPath(t *testing.T) {
	b := start(t)
	for _, before := range []string{"/auth/sso/", "/auth/sso;jwt=", "/", "/login/x=", "//auth/sso/"} {
		tok := b.token(claims{"n": before})
		b.browser().get(before+tok, "Accept: text/html")
		if log := b.log.String(); strings.Contains(log, tok[:len(tok)-1]) || !strings.Contains(log, "[token]") { // SECURITY K1
			t.Errorf("%s: %s", before, lastLine(b))
		}
	}
}
