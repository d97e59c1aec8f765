package readme

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// statements are the security checklist: what must hold for each release, and can be tried from outside. A test that
// proves one names it in a comment, "// SECURITY C1"; so does code that exists because of one.
var statements = []struct{ id, says string }{
	// Tokens.
	{"A1", "the algorithms are an explicit list for each issuer; none, None and hs256 are refused"},
	{"A2", "a key has one algorithm, checked when it is used; a public key never verifies an HMAC"},
	{"A3", "jku, x5u, x5c, jwk and kid choose no key outside the configured set, and cause no request"},
	{"A4", "any crit is refused, and b64:false"},
	{"A5", "compact form only: three parts of base64url, without padding, white space or line end"},
	{"A6", "header and claims are one UTF-8 JSON object each, no name twice, bounded in depth and size; else refused, never a 5xx"},
	{"A7", "exp is a finite number in the future; leeway at most 60 s"},
	{"A8", "iat within the max-age and not in the future; the lifetime is capped"},
	{"A9", "nbf is honoured"},
	{"A10", "iss equals the configured issuer, and the key belongs to it"},
	{"A11", "aud contains the configured audience"},
	{"A12", "typ is absent or that of a login; other kinds of tokens are refused"},
	{"A13", "the same bytes get the same verdict on every replica, and verification fails closed"},
	{"A14", "answers of the IdP are bounded in time and size, no redirect is followed, and they are bound to this token"},
	// Where people are sent.
	{"B1", "every Location is on SITE_URL's origin or a configured one, as browsers read it"},
	{"B2", "return_to is decoded once, checked, written anew; never echoed"},
	{"B3", "a refused return_to uses no token up"},
	{"B4", "a parameter that comes twice is 400"},
	{"B5", "no token, code or session id is in a redirect of the bridge; /auth/sso is no-referrer and no-store"},
	{"B6", "the redirect after a POST is 303"},
	{"B7", "only the configured IdP is redirected to, with return_to as one parameter"},
	{"B8", "Host and X-Forwarded-… of untrusted peers change no URL"},
	// Replay, and logins that somebody else began.
	{"C1", "a token opens at most one session: across replicas, restarts and 100 presentations at once"},
	{"C2", "a token that is encoded anew is the same token"},
	{"C3", "the record of use outlives the token and is written with the session or not at all"},
	{"C4", "strict: the answer belongs to a flow of this browser; single use, ten minutes"},
	{"C5", "unbound: another account on this browser is not replaced without asking"},
	{"C6", "PKCE: S256 only, compared in constant time, codes bound to client and flow; never without a verifier"},
	{"C7", "HEAD, prefetch and sub-resources open no session and use no token up"},
	// Sessions.
	{"D1", "the cookie is __Host-, Secure, HttpOnly, SameSite, Path=/ and small"},
	{"D2", "the id is random, 128 bits or more; only its hash is kept"},
	{"D3", "a new id at each login and privilege change; one that a client chose is never valid"},
	{"D4", "logout, deactivation, revocation and a new password end sessions on every replica within 1 s"},
	{"D5", "idle and absolute lifetimes are enforced on the server"},
	{"D6", "a cookie that is tampered with, garbage, or there twice is no cookie; never 5xx, never 2xx"},
	{"D7", "no other site can sign someone out"},
	// Accounts and groups.
	{"E1", "a person is (issuer, subject); e-mail addresses have one spelling each"},
	{"E2", "a token never takes over an account with a password, unless linking is on"},
	{"E3", "accounts without a password cannot get or use one"},
	{"E4", "Administrators comes only from an explicit mapping"},
	{"E5", "a group that is lost is lost in running sessions too"},
	{"E6", "the last administrator stays; a broken groups claim changes nothing"},
	{"E7", "reserved names in the token set nothing"},
	{"E8", "a deactivated account stays out; provisioning off lets nobody new in"},
	{"E9", "two logins of one new person make one account; two people are never mixed up"},
	{"E10", "claims are bounded, and data everywhere"},
	// Keys.
	{"F1", "short and guessable secrets are refused"},
	{"F2", "keys and secrets are encrypted under a key outside the database"},
	{"F3", "secrets are never shown, not even to administrators"},
	{"F4", "during a rotation both keys are good and no login fails; afterwards the old one is refused"},
	{"F5", "key sets: https, bounded, removed keys stop working, ambiguous sets are refused"},
	{"F6", "the bridge publishes public members only"},
	{"F7", "there is no default secret and no default administrator"},
	// Administration.
	{"G1", "what changes something is an unsafe method from our own pages"},
	{"G2", "every path under /admin and /api/v1 refuses all but administrators, in every encoding"},
	{"G3", "changes of keys, IdP and administrators' mappings need a recent proof and are in the trail"},
	{"G4", "a change that would lock everybody out is refused"},
	{"G5", "URLs that the bridge fetches cannot reach inner addresses unless allowed"},
	// In front of apps.
	{"H1", "2xx only for a good session of an active account, whatever else is sent"},
	{"H2", "all identity headers on every 2xx, one value each, ASCII, never empty"},
	{"H3", "identity headers that a client sends are ignored, in every spelling"},
	{"H4", "the original request is believed from trusted peers only; ambiguous paths are denied"},
	{"H5", "hop-by-hop tricks change nothing"},
	{"H6", "the cookie and service tokens never reach the app; answers are no-store"},
	// Passwords.
	{"I1", "Argon2id; 15 characters or more; common ones refused"},
	{"I2", "guesses are throttled by account, by network and in all, by all replicas together; no owner is locked out for good"},
	{"I3", "unknown, SSO-only, deactivated and wrong are one answer in the same time"},
	{"I4", "hashing is limited, so that guesses cannot starve sign-ins"},
	// Service tokens.
	{"J1", "a type of their own; never good as a login, nor a login as one"},
	{"J2", "revoking one acts on the bridge's own checks in time"},
	{"J3", "one may never do more than who made it"},
	{"J4", "they are taken from the header only, and never echoed"},
	// Logs and errors.
	{"K1", "no token, cookie, secret or password in logs, metrics or events"},
	{"K2", "each login's outcome is recorded"},
	{"K3", "people see one sentence and a reference, no internals and no echo"},
	// The rest.
	{"L1", "security headers on every answer; unknown methods 405"},
	{"L2", "limits and time-outs: slow connections do not stop logins"},
	{"L3", "files are 0600, else the start is refused; backups keep secrets encrypted"},
	{"L4", "database down, full, read-only or locked: 503, fails closed, recovers by itself"},
	{"L5", "a panic is a 500 of its own request"},
	{"L6", "releases are reproducible, with a list of what is in them"},
}

// claimed are the statements that have a test, and must keep it.
const claimed = `
A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14
B1 B2 B3 B4 B5 B6 B7 B8
C1 C2 C3 C4 C5 C6 C7
D1 D2 D3 D4 D5 D6 D7
E1 E2 E3 E4 E5 E6 E7 E8 E9 E10
F1 F2 F3 F4 F5 F6 F7
G1 G2 G3 G4
H1 H2 H3 H4 H5 H6
I1 I2 I3 I4
J1
K1 K2 K3
L1 L2 L3 L4 L5
`

// TestSecurityStatements fails for a claimed statement that no test names any more, and lists those without a test.
func TestSecurityStatements(t *testing.T) {
	named := namedStatements(t)
	var ids []string
	for _, s := range statements {
		ids = append(ids, s.id)
		switch isClaimed, files := slices.Contains(strings.Fields(claimed), s.id), named[s.id]; {
		case isClaimed && len(files) == 0:
			t.Errorf("no test names SECURITY %s any more: %s", s.id, s.says)
		case !isClaimed && len(files) > 0:
			t.Logf("could be claimed: %s is named in %s", s.id, strings.Join(files, ", "))
		case !isClaimed:
			t.Logf("without a test: %s, %s", s.id, s.says)
		}
	}
	for id, files := range named {
		if !slices.Contains(ids, id) {
			t.Errorf("%s: SECURITY %s is no statement of the checklist", strings.Join(files, ", "), id)
		}
	}
}

// namedStatements are the statements that comments in tests name, with the files.
func namedStatements(t *testing.T) map[string][]string {
	t.Helper()
	list := regexp.MustCompile(`SECURITY ((?:[A-Z][0-9]+(?:, (?:and )?| and )?)+)`)
	one := regexp.MustCompile(`[A-Z][0-9]+`)
	named := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "readme"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(data)) {
			_, comment, isComment := strings.Cut(line, "//")
			if !isComment {
				continue
			}
			for _, m := range list.FindAllStringSubmatch(comment, -1) {
				for _, id := range one.FindAllString(m[1], -1) {
					if name, _ := filepath.Rel(root, path); !slices.Contains(named[id], name) {
						named[id] = append(named[id], name)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return named
}
