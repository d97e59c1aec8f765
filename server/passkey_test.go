package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

// A softKey is an authenticator in software: one passkey, whose answers a test can spoil.
type softKey struct {
	key    *ecdsa.PrivateKey
	id     []byte
	handle []byte
	count  uint32
	aaguid string // hex; "": zeros
}

// A spoil changes what a softKey answers; the zero one changes nothing.
type spoil struct {
	origin, rpID, challenge, kind string
	flags                         byte // instead of "present and verified"
	handle                        []byte
	signature                     func([]byte) []byte
	crossOrigin                   bool
}

const (
	userPresent  = 0x01
	userVerified = 0x04
	attested     = 0x40
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func unb64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (s spoil) clientData(kind, challenge, origin string) []byte {
	data, _ := json.Marshal(map[string]any{
		"type": or(s.kind, kind), "challenge": or(s.challenge, challenge), "origin": or(s.origin, origin), "crossOrigin": s.crossOrigin,
	})
	return data
}

func (s spoil) authData(flags byte, count uint32) []byte {
	if s.flags != 0 {
		flags = flags&attested | s.flags
	}
	sum := sha256.Sum256([]byte(or(s.rpID, "localhost")))
	return binary.BigEndian.AppendUint32(append(sum[:], flags), count)
}

// make answers navigator.credentials.create (WebAuthn §5.1.3), without attestation.
func (k *softKey) make(t *testing.T, options map[string]any, origin string, s spoil) map[string]any {
	t.Helper()
	var err error
	if k.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	if k.id == nil {
		k.id = make([]byte, 16)
		rand.Read(k.id)
	}
	k.handle = unb64(t, options["user"].(map[string]any)["id"].(string))
	point, err := k.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	auth := s.authData(userPresent|userVerified|attested, k.count)
	aaguid := make([]byte, 16)
	if _, err := hex.Decode(aaguid, []byte(k.aaguid)); err != nil {
		t.Fatal(err)
	}
	auth = append(auth, aaguid...)
	auth = binary.BigEndian.AppendUint16(auth, uint16(len(k.id)))
	auth = append(auth, k.id...)
	auth = append(auth, 0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20) // COSE: EC2, ES256, P-256
	auth = append(auth, point[1:33]...)
	auth = append(auth, 0x22, 0x58, 0x20)
	auth = append(auth, point[33:]...)
	object := append([]byte("\xa3cfmtdnonegattStmt\xa0hauthData\x58"), byte(len(auth)))
	object = append(object, auth...)
	return map[string]any{"id": b64(k.id), "rawId": b64(k.id), "type": "public-key", "response": map[string]any{
		"clientDataJSON":    b64(s.clientData("webauthn.create", options["challenge"].(string), origin)),
		"attestationObject": b64(object),
	}}
}

// sign answers navigator.credentials.get.
func (k *softKey) sign(t *testing.T, options map[string]any, origin string, s spoil) map[string]any {
	t.Helper()
	client := s.clientData("webauthn.get", options["challenge"].(string), origin)
	auth := s.authData(userPresent|userVerified, k.count)
	hash := sha256.Sum256(client)
	sum := sha256.Sum256(append(append([]byte{}, auth...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, k.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	if s.signature != nil {
		signature = s.signature(signature)
	}
	handle := k.handle
	if s.handle != nil {
		handle = s.handle
	}
	return map[string]any{"id": b64(k.id), "rawId": b64(k.id), "type": "public-key", "response": map[string]any{
		"clientDataJSON": b64(client), "authenticatorData": b64(auth), "signature": b64(signature), "userHandle": b64(handle),
	}}
}

// json posts JSON and reads the answer's.
func (c *browser) json(path string, body any, headers ...string) (response, map[string]any) {
	c.b.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		c.b.t.Fatal(err)
	}
	resp := c.send("POST", path, "application/json\n"+string(data), headers...)
	var out map[string]any
	_ = json.Unmarshal([]byte(resp.body), &out)
	return resp, out
}

// options begins a ceremony.
func (c *browser) options(path string) map[string]any {
	c.b.t.Helper()
	resp, out := c.json(path, map[string]any{})
	options, ok := out["publicKey"].(map[string]any)
	if !ok {
		c.b.t.Fatalf("%s: got %d %s", path, resp.StatusCode, resp.body)
	}
	return options
}

func (c *browser) addPasskey(k *softKey, s spoil) response {
	c.b.t.Helper()
	options := c.options("/auth/passkeys/create")
	resp, _ := c.json("/auth/passkeys/add", map[string]any{"name": "Laptop", "credential": k.make(c.b.t, options, c.b.url, s)})
	return resp
}

func (c *browser) usePasskey(k *softKey, path string, s spoil) response {
	c.b.t.Helper()
	options := c.options("/auth/passkeys/ask")
	k.count++
	resp, _ := c.json(path, map[string]any{"credential": k.sign(c.b.t, options, c.b.url, s), "return_to": "/a"})
	return resp
}

func passkeyBridge(t *testing.T) (b *bridge, owner *browser) {
	t.Helper()
	b = start(t, "SITE_URL=http://localhost:$PORT")
	b.root()
	owner = b.browser()
	owner.password("root@example.com", goodPassword).want(t, 303, "/")
	return b, owner
}

const signInPath = "/auth/passkeys/sign-in"

func TestPasskeyOptions(t *testing.T) {
	b, owner := passkeyBridge(t)
	create := owner.options("/auth/passkeys/create")
	sel, _ := create["authenticatorSelection"].(map[string]any)
	rp, _ := create["rp"].(map[string]any)
	if rp["id"] != "localhost" || sel["userVerification"] != "required" || sel["residentKey"] != "required" || create["attestation"] != "none" {
		t.Errorf("create: got %v, want localhost, user verification, a discoverable credential, no attestation", create)
	}
	if handle := fmt.Sprint(create["user"].(map[string]any)["id"]); len(handle) != 43 {
		t.Errorf("user handle: got %q, want 256 random bits", handle)
	}
	ask := b.browser().options("/auth/passkeys/ask")
	if ask["rpId"] != "localhost" || ask["userVerification"] != "required" || ask["allowCredentials"] != nil {
		t.Errorf("ask: got %v, want no one's credentials named", ask)
	}
	if ask["challenge"] == create["challenge"] || len(ask["challenge"].(string)) < 43 {
		t.Errorf("challenge: got %q, want 256 bits of its own", ask["challenge"])
	}
}

func TestPasskeySignsIn(t *testing.T) {
	b, owner := passkeyBridge(t)
	k := &softKey{}
	if resp := owner.addPasskey(k, spoil{}); resp.StatusCode != 200 {
		t.Fatalf("add: got %d %s", resp.StatusCode, resp.body)
	}
	if e := b.lastEvent(); e.Kind != sso.EventAccount || e.Detail != `passkey added: "Laptop"` || e.Email != "root@example.com" {
		t.Errorf("event: got %+v", e)
	}
	c := b.browser()
	resp := c.usePasskey(k, signInPath, spoil{})
	if resp.StatusCode != 200 || strings.TrimSpace(resp.body) != `{"location":"/a"}` {
		t.Fatalf("sign in: got %d %s", resp.StatusCode, resp.body)
	}
	if who := c.who(); who["email"] != "root@example.com" || who["is_superuser"] != true {
		t.Errorf("signed in: got %v", who)
	}
	if e := b.lastEvent(); e.Kind != sso.EventSignIn || e.Provider != "passkey" {
		t.Errorf("event: got %+v", e)
	}
	if body := owner.get("/auth/passkeys", page).body; !strings.Contains(body, "Laptop") || !strings.Contains(body, "just now") {
		t.Errorf("page: got %s", body)
	}
	// The proof of who it is.
	b.Pass(11 * time.Minute)
	before := c.cookie()
	if resp := c.usePasskey(k, "/auth/confirm/passkey", spoil{}); resp.StatusCode != 200 || c.cookie() == before || c.email() != "root@example.com" {
		t.Errorf("confirm: got %d, same id %v", resp.StatusCode, c.cookie() == before)
	}
	if e := b.lastEvent(); e.Kind != sso.EventProof || e.Detail != "by passkey" {
		t.Errorf("event: got %+v", e)
	}
}

// Each row spoils one thing of an answer that would be accepted; none signs in, and each leaves an event.
func TestPasskeyRefusals(t *testing.T) {
	b, owner := passkeyBridge(t)
	k := &softKey{}
	if resp := owner.addPasskey(k, spoil{}); resp.StatusCode != 200 {
		t.Fatalf("add: got %d %s", resp.StatusCode, resp.body)
	}
	for name, s := range map[string]spoil{
		"another site's origin":   {origin: "https://evil.example"},
		"a sibling's origin":      {origin: "http://sub." + strings.TrimPrefix(b.url, "http://")},
		"another port":            {origin: "http://localhost:1"},
		"another relying party":   {rpID: "evil.example"},
		"another challenge":       {challenge: b64(make([]byte, 32))},
		"the other ceremony":      {kind: "webauthn.create"},
		"user not verified":       {flags: userPresent},
		"user not present":        {flags: userVerified},
		"another account's":       {handle: make([]byte, 32)},
		"no user handle":          {handle: []byte{}},
		"signature of no one":     {signature: func(s []byte) []byte { return s[:len(s)-1] }},
		"signature changed":       {signature: func(s []byte) []byte { s[len(s)-1] ^= 1; return s }},
		"signature empty":         {signature: func([]byte) []byte { return nil }},
		"in a frame of elsewhere": {crossOrigin: true},
	} {
		c := b.browser()
		resp := c.usePasskey(k, signInPath, s)
		if resp.StatusCode != 401 || !strings.Contains(resp.body, `"passkey_refused"`) || c.who() != nil {
			t.Errorf("%s: got %d %s", name, resp.StatusCode, resp.body)
		}
		if e := b.lastEvent(); e.Code != sso.PasskeyRefused || e.Provider != "passkey" || e.Detail == "" || e.AccountID != 0 {
			t.Errorf("%s: event: got %+v, want a refusal that names no account", name, e)
		}
	}
	if resp := b.browser().usePasskey(k, signInPath, spoil{}); resp.StatusCode != 200 {
		t.Errorf("unspoilt: got %d %s", resp.StatusCode, resp.body)
	}
}

// A challenge is good once, in the browser that asked for it, for five minutes, for what it was asked for.
func TestPasskeyChallenge(t *testing.T) {
	b, owner := passkeyBridge(t)
	k := &softKey{}
	if resp := owner.addPasskey(k, spoil{}); resp.StatusCode != 200 {
		t.Fatalf("add: got %d %s", resp.StatusCode, resp.body)
	}
	c := b.browser()
	options := c.options("/auth/passkeys/ask")
	k.count++
	answer := map[string]any{"credential": k.sign(t, options, b.url, spoil{})}
	if resp, _ := b.browser().json(signInPath, answer); resp.StatusCode != 401 {
		t.Errorf("in another browser: got %d, want 401", resp.StatusCode)
	}
	thief := b.browser()
	u, _ := url.Parse(b.url)
	thief.Jar.SetCookies(u, c.Jar.Cookies(u)) // whoever can copy cookies and requests
	if resp, _ := c.json(signInPath, answer); resp.StatusCode != 200 {
		t.Errorf("first use: got %d, want 200", resp.StatusCode)
	}
	if resp, _ := thief.json(signInPath, answer); resp.StatusCode != 401 {
		t.Errorf("second use: got %d, want 401", resp.StatusCode)
	}
	late := b.browser()
	options = late.options("/auth/passkeys/ask")
	b.Pass(5 * time.Minute)
	k.count++
	if resp, _ := late.json(signInPath, map[string]any{"credential": k.sign(t, options, b.url, spoil{})}); resp.StatusCode != 401 {
		t.Errorf("after five minutes: got %d, want 401", resp.StatusCode)
	}
	options = owner.options("/auth/passkeys/create")
	k.count++
	if resp, _ := owner.json(signInPath, map[string]any{"credential": k.sign(t, options, b.url, spoil{})}); resp.StatusCode != 401 {
		t.Errorf("a challenge to make one: got %d, want 401", resp.StatusCode)
	}
	// SECURITY G1
	for _, bad := range []struct {
		body, header string
		status       int
	}{
		{`application/json` + "\n{}", "Sec-Fetch-Site: cross-site", 403},
		{`text/plain` + "\n{}", "Accept: */*", 400},
		{`application/x-www-form-urlencoded` + "\na=b", "Accept: */*", 400},
		{`application/json` + "\n", "Accept: */*", 400},
		{`application/json` + "\n{}", "Accept: */*", 401},
		{`application/json` + "\n[]", "Accept: */*", 400},
		{`application/json` + "\n{\"credential\":{}}", "Accept: */*", 401},
		{`application/json` + "\n{\"credential\":\"x\",\"return_to\":\"//evil.example\"}", "Accept: */*", 400},
	} {
		if resp := b.browser().send("POST", signInPath, bad.body, bad.header); resp.StatusCode != bad.status {
			t.Errorf("%q: got %d, want %d", bad.body, resp.StatusCode, bad.status)
		}
	}
}

// Anyone may send signatures that fit nothing, and each writes a line: there is a limit for a network. SECURITY L2
func TestPasskeyFlood(t *testing.T) {
	b, owner := passkeyBridge(t)
	k := &softKey{}
	if resp := owner.addPasskey(k, spoil{}); resp.StatusCode != 200 {
		t.Fatalf("add: got %d %s", resp.StatusCode, resp.body)
	}
	got := map[int]int{}
	for range 130 {
		c := b.browser()
		c.options("/auth/passkeys/ask")
		resp, _ := c.json(signInPath, map[string]any{"credential": map[string]any{}})
		got[resp.StatusCode]++
	}
	if got[401] != 120 || got[429] != 10 {
		t.Errorf("130 signatures of no one: got %v, want 120 times 401 and 10 times 429", got)
	}
	b.Pass(3 * time.Minute)
	if resp := b.browser().usePasskey(k, signInPath, spoil{}); resp.StatusCode != 200 {
		t.Errorf("later: got %d %s, want 200", resp.StatusCode, resp.body)
	}
}

// A counter that goes back means two copies of what cannot be copied: refused, and administrators are warned.
func TestPasskeyClone(t *testing.T) {
	b, owner := passkeyBridge(t)
	k := &softKey{count: 5}
	if resp := owner.addPasskey(k, spoil{}); resp.StatusCode != 200 {
		t.Fatalf("add: got %d %s", resp.StatusCode, resp.body)
	}
	clone := *k
	if resp := b.browser().usePasskey(k, signInPath, spoil{}); resp.StatusCode != 200 {
		t.Fatalf("the first of the two: got %d %s", resp.StatusCode, resp.body)
	}
	if resp := b.browser().usePasskey(&clone, signInPath, spoil{}); resp.StatusCode != 401 {
		t.Errorf("the copy: got %d, want 401", resp.StatusCode)
	}
	list, _, err := b.store.Events(t.Context(), sso.EventQuery{Kinds: []sso.EventKind{sso.EventWarning}})
	if err != nil || len(list) != 1 || !strings.Contains(list[0].Detail, "may have been copied") || list[0].Email != "root@example.com" {
		t.Errorf("warning: got %+v, %v", list, err)
	}
	// A device that does not count sends 0 each time.
	still := &softKey{}
	if resp := owner.addPasskey(still, spoil{}); resp.StatusCode != 200 {
		t.Fatal(resp.body)
	}
	for range 2 {
		c := b.browser()
		options := c.options("/auth/passkeys/ask")
		if resp, _ := c.json(signInPath, map[string]any{"credential": still.sign(t, options, b.url, spoil{})}); resp.StatusCode != 200 {
			t.Errorf("without a counter: got %d %s", resp.StatusCode, resp.body)
		}
	}
}

// SECURITY G3, E3: making a passkey needs a fresh proof, and an account that may have one.
func TestWhoMayHavePasskeys(t *testing.T) {
	b, owner := passkeyBridge(t)
	b.Pass(10 * time.Minute)
	if resp, out := owner.json("/auth/passkeys/create", map[string]any{}); resp.StatusCode != 403 || out["code"] != "proof_needed" {
		t.Errorf("without a fresh proof: got %d %s", resp.StatusCode, resp.body)
	}
	if body := owner.get("/auth/passkeys", page).body; strings.Contains(body, "passkey.js") || !strings.Contains(body, "/auth/confirm?return_to=%2Fauth%2Fpasskeys") {
		t.Errorf("page without a fresh proof: got %s", body)
	}
	owner.send("POST", "/auth/confirm", form("password", goodPassword)).want(t, 303, "/")

	ann := b.browser()
	ann.signIn(nil)
	ann.get("/auth/passkeys").want(t, 404, "")
	if resp, _ := ann.json("/auth/passkeys/create", map[string]any{}); resp.StatusCode != 404 {
		t.Errorf("someone of the provider: got %d, want 404", resp.StatusCode)
	}
	nobody := b.browser()
	nobody.get("/auth/passkeys", page).want(t, 302, "/login?return_to=%2Fauth%2Fpasskeys")
	for _, path := range []string{"/auth/passkeys", "/auth/passkeys/create", "/auth/passkeys/add", "/auth/confirm/passkey"} {
		if resp, _ := nobody.json(path, map[string]any{}); resp.StatusCode != 401 {
			t.Errorf("%s: nobody got %d, want 401", path, resp.StatusCode)
		}
	}

	// An administrator of the provider may, until the right is gone; a deactivated account may nothing.
	id := int64(ann.who()["id"].(float64))
	cli := sso.Event{At: b.Now(), Kind: sso.EventGroup, Actor: "cli"}
	if err := b.store.AddMember(t.Context(), id, sso.Administrators, sso.MemberByAdmin, cli); err != nil {
		t.Fatal(err)
	}
	ann = b.browser()
	ann.signIn(claims{"jti": "second"})
	k := &softKey{}
	if resp := ann.addPasskey(k, spoil{}); resp.StatusCode != 200 {
		t.Fatalf("administrator of the provider: got %d %s", resp.StatusCode, resp.body)
	}
	// Somebody else's passkey proves nothing about the owner.
	if resp := owner.usePasskey(k, "/auth/confirm/passkey", spoil{}); resp.StatusCode != 401 {
		t.Errorf("confirm with another's: got %d, want 401", resp.StatusCode)
	}
	if err := b.store.RemoveMember(t.Context(), id, sso.Administrators, cli); err != nil {
		t.Fatal(err)
	}
	if resp := b.browser().usePasskey(k, signInPath, spoil{}); resp.StatusCode != 401 {
		t.Errorf("administrator no more: got %d, want 401", resp.StatusCode)
	}
	if err := b.store.AddMember(t.Context(), id, sso.Administrators, sso.MemberByAdmin, cli); err != nil {
		t.Fatal(err)
	}
	if err := b.store.SetActive(t.Context(), id, false, cli); err != nil {
		t.Fatal(err)
	}
	if resp := b.browser().usePasskey(k, signInPath, spoil{}); resp.StatusCode != 401 {
		t.Errorf("deactivated: got %d, want 401", resp.StatusCode)
	}
}

// Rename is at once; remove needs a fresh proof, and nothing of the form is lost. Another's passkey is not there.
func TestChangePasskeys(t *testing.T) {
	b, owner := passkeyBridge(t)
	k := &softKey{}
	if resp := owner.addPasskey(k, spoil{}); resp.StatusCode != 200 {
		t.Fatalf("add: got %d %s", resp.StatusCode, resp.body)
	}
	id := b64(k.id)
	owner.send("POST", "/auth/passkeys", form("id", id, "name", " <b>Phone\n", "do", "rename"), page).want(t, 303, "/auth/passkeys?done=renamed")
	if body := owner.get("/auth/passkeys", page).body; !strings.Contains(body, "&lt;b&gt;Phone") {
		t.Errorf("renamed: got %s", body)
	}
	for _, bad := range []string{form("id", id), form("id", id, "do", "x"), form("id", "x", "do", "remove"), form("do", "remove")} {
		if resp := owner.send("POST", "/auth/passkeys", bad, page); resp.StatusCode != 400 && resp.StatusCode != 404 {
			t.Errorf("%q: got %d, want 400 or 404", bad, resp.StatusCode)
		}
	}
	b.Pass(11 * time.Minute)
	resp := owner.send("POST", "/auth/passkeys", form("id", id, "name", "Phone", "do", "remove"), page)
	u, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || resp.StatusCode != 303 || u.Path != "/auth/confirm" {
		t.Fatalf("remove without a fresh proof: got %d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	resume := u.Query().Get("return_to")
	owner.send("POST", "/auth/confirm", form("password", goodPassword, "return_to", resume), page).want(t, 303, resume)
	if body := owner.get(resume, page).body; !dom.Has(body, `[name="do"][value="remove"]`) || !dom.Has(body, `[value="`+id+`"]`) {
		t.Errorf("resumed: got %s", body)
	}
	owner.send("POST", "/auth/passkeys", form("id", id, "do", "remove"), page).want(t, 303, "/auth/passkeys?done=removed")
	if resp := b.browser().usePasskey(k, signInPath, spoil{}); resp.StatusCode != 401 {
		t.Errorf("removed: got %d, want 401", resp.StatusCode)
	}
	if again := owner.addPasskey(k, spoil{}); again.StatusCode != 200 {
		t.Errorf("added again: got %d %s", again.StatusCode, again.body)
	}
}

// Without passwords a passkey is still the way in when the identity provider does not work, and pages lead to it once there
// is one. Passwords do not open anything.
func TestPasskeysWithoutPasswords(t *testing.T) {
	b, owner := passkeyBridge(t)
	off := startOn(t, b, "SITE_URL=http://localhost:$PORT", "ENABLE_PASSWORD_LOGIN=false")
	if resp := off.browser().get("/login?return_to=/x", page); resp.StatusCode != 302 || !strings.Contains(resp.Header.Get("Location"), "/auth/sso") {
		t.Errorf("/login while nobody has one: got %d to %q, want straight to the product", resp.StatusCode, resp.Header.Get("Location"))
	}
	if body := off.browser().get("/", page).body; strings.Contains(body, "/login") {
		t.Errorf("/ while nobody has one: got %s", body)
	}
	k := &softKey{}
	if resp := owner.addPasskey(k, spoil{}); resp.StatusCode != 200 {
		t.Fatalf("add: got %d %s", resp.StatusCode, resp.body)
	}
	login := off.browser().get("/login?return_to=/x", page)
	if login.StatusCode != 200 || !dom.Has(login.body, `[data-passkey="sign-in"]`) || !strings.Contains(login.body, "/auth/static/passkey.") ||
		!strings.Contains(login.body, "/auth/sso") || dom.Has(login.body, `[name="password"]`) {
		t.Errorf("/login: got %d %s, want the product and a passkey, and no password", login.StatusCode, login.body)
	}
	if body := off.browser().get("/", page).body; !strings.Contains(body, "Sign in with a passkey") {
		t.Errorf("/: got %s, want the way to sign in with a passkey", body)
	}
	c := off.browser()
	if resp := c.usePasskey(k, signInPath, spoil{}); resp.StatusCode != 200 || c.email() != "root@example.com" {
		t.Errorf("sign in: got %d %s as %q", resp.StatusCode, resp.body, c.email())
	}
	if resp := c.addPasskey(&softKey{}, spoil{}); resp.StatusCode != 200 {
		t.Errorf("add another: got %d %s", resp.StatusCode, resp.body)
	}
	off.browser().password("root@example.com", goodPassword).want(t, 404, "")
}

// A passkey to which nobody gave a name has one that says where it is, and the second one of that name another.
func TestPasskeyNames(t *testing.T) {
	b, owner := passkeyBridge(t)
	add := func(k *softKey, agent, name string) {
		t.Helper()
		options := owner.options("/auth/passkeys/create")
		resp, out := owner.json("/auth/passkeys/add", map[string]any{"name": name, "credential": k.make(t, options, b.url, spoil{})}, "User-Agent: "+agent)
		if resp.StatusCode != 200 || out["location"] != "/auth/passkeys?done=added" {
			t.Fatalf("add: got %d %s", resp.StatusCode, resp.body)
		}
	}
	const firefox = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
	add(&softKey{}, firefox, " ")
	add(&softKey{}, firefox, "")
	add(&softKey{aaguid: "fbfc3007154e4ecc8c0b6e020557d7bd"}, firefox, "")
	add(&softKey{}, "x", "")
	add(&softKey{}, firefox, "Mine")
	body := owner.get("/auth/passkeys?done=added", page, "User-Agent: "+firefox).body
	got := dom.Text(body, ".rows strong")
	slices.Sort(got) // they were made at the same moment
	if got := strings.Join(got, ", "); got != "Firefox on Linux, Firefox on Linux 2, Mine, Passkey, iCloud Keychain" {
		t.Errorf("got %s", got)
	}
	if !strings.Contains(body, "The passkey is added.") || !strings.Contains(body, `placeholder="Firefox on Linux"`) || !strings.Contains(body, `class="who-name"`) {
		t.Errorf("got %s, want a notice, the name that a passkey gets, and the header", body)
	}
}

// Before somebody's last way in but the product is removed, the page says what that means, once; the last way in of all
// administrators stays.
func TestLastPasskeyIsAskedFor(t *testing.T) {
	for _, tt := range []struct {
		name     string
		settings []string
		asked    string
		confirm  int
	}{
		{"with a password", nil, "", 0},
		{"without passwords", []string{"ENABLE_PASSWORD_LOGIN=false"}, "through your organization’s sign-in", 303},
		{"without anything", []string{"ENABLE_PASSWORD_LOGIN=false", "JWT_ENABLED=false"}, "You have no other way in.", 409},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, owner := passkeyBridge(t)
			k := &softKey{}
			if resp := owner.addPasskey(k, spoil{}); resp.StatusCode != 200 {
				t.Fatalf("add: got %d %s", resp.StatusCode, resp.body)
			}
			off := startOn(t, b, append([]string{"SITE_URL=http://localhost:$PORT"}, tt.settings...)...)
			c := off.browser()
			if resp := c.usePasskey(k, signInPath, spoil{}); resp.StatusCode != 200 {
				t.Fatalf("sign in: got %d %s", resp.StatusCode, resp.body)
			}
			resp := c.send("POST", "/auth/passkeys", form("id", b64(k.id), "do", "remove"), page)
			if tt.asked == "" {
				resp.want(t, 303, "/auth/passkeys?done=removed")
				return
			}
			if resp.StatusCode != 200 || !strings.Contains(resp.body, tt.asked) || !dom.Has(resp.body, `[name="confirmed"]`) {
				t.Errorf("got %d %s, want it asked", resp.StatusCode, resp.body)
			}
			if got := dom.Text(c.get("/auth/passkeys", page).body, ".rows strong"); len(got) != 1 {
				t.Fatalf("before it is confirmed: got %q", got)
			}
			resp = c.send("POST", "/auth/passkeys", form("id", b64(k.id), "do", "remove", "confirmed", "yes"), page)
			if resp.StatusCode != tt.confirm || tt.confirm == 409 && !strings.Contains(resp.body, "This passkey stays") {
				t.Errorf("confirmed: got %d %s, want %d", resp.StatusCode, resp.body, tt.confirm)
			}
		})
	}
}

// An administrator without a passkey is offered one, where they work, until it is declined in that browser.
func TestPasskeyIsOffered(t *testing.T) {
	const offer = "Add a passkey so that you get in"
	offered := func(c *browser) bool { return strings.Contains(c.get("/auth/account", page).body, offer) }
	b, owner := passkeyBridge(t)
	if body := owner.get("/auth/account", page).body; !strings.Contains(body, offer) || !dom.Has(body, `.offer [name="return_to"][value="/auth/account"]`) {
		t.Error("got no offer")
	}
	owner.send("POST", "/auth/passkeys", form("do", "later", "return_to", "/auth/account"), page).want(t, 303, "/auth/account")
	if resp := owner.send("POST", "/auth/passkeys", form("do", "later", "return_to", "https://evil.example"), page); strings.Contains(resp.Header.Get("Location"), "evil") {
		t.Errorf("got a way to %s", resp.Header.Get("Location"))
	}
	if offered(owner) {
		t.Error("declined: got the offer again")
	}
	other := b.browser()
	other.password("root@example.com", goodPassword).want(t, 303, "/")
	if !offered(other) {
		t.Error("another browser: got no offer")
	}
	if resp := other.addPasskey(&softKey{}, spoil{}); resp.StatusCode != 200 {
		t.Fatalf("add: got %d %s", resp.StatusCode, resp.body)
	}
	if offered(other) {
		t.Error("with a passkey: got the offer")
	}
	ann := b.browser()
	ann.signIn(nil)
	if offered(ann) {
		t.Error("somebody who is no administrator: got the offer")
	}
	plain := start(t)
	plain.root()
	where := plain.browser()
	where.password("root@example.com", goodPassword).want(t, 303, "/")
	if offered(where) {
		t.Error("where passkeys do not work: got the offer")
	}
}

// Where browsers would not do it, there are none.
func TestNoPasskeys(t *testing.T) {
	for _, settings := range [][]string{{}, {"ENABLE_PASSWORD_LOGIN=false"}} {
		b := start(t, settings...)
		if resp, _ := b.browser().json("/auth/passkeys/ask", map[string]any{}); resp.StatusCode != 404 {
			t.Errorf("%v: got %d, want 404", settings, resp.StatusCode)
		}
		if body := b.browser().get("/login", page).body; strings.Contains(body, "/auth/static/passkey.") {
			t.Errorf("%v: got the passkey button", settings)
		}
	}
}

// SECURITY G1: what our script does not send is refused, and no reader takes one of two members for the other.
func TestPasskeyBodiesAreStrict(t *testing.T) {
	_, owner := passkeyBridge(t)
	for _, body := range []string{
		`{"credential":{},"return_to":"/","returnTo":"/x"}`, `{"credential":{},"Return_To":"/"}`, `{"return_to":"/","return_to":"/x"}`,
		`{"credential":{"id":"a","id":"b"}}`, `{"credential":{}} {}`, `[]`, `null`, ``, `{"name":"` + strings.Repeat("a", 64<<10) + `"}`,
	} {
		for _, path := range []string{"/auth/passkeys/sign-in", "/auth/passkeys/add", "/auth/confirm/passkey"} {
			resp := owner.send("POST", path, "application/json\n"+body, "Accept: application/json")
			if resp.StatusCode != 400 || !strings.Contains(resp.body, `"request_malformed"`) {
				t.Errorf("%s with %.60s: got %d %s", path, body, resp.StatusCode, resp.body)
			}
		}
	}
}
