package interop

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/chromium"
	"github.com/ssobridge/ssobridge/sso/ssotest/postgres"
	"github.com/ssobridge/ssobridge/sso/ssotest/slapd"
)

// dexConfig has %[1]s for Dex's address, %[2]s for the port of the bridge, %[3]s for that of a directory and %[4]s for the storage.
const dexConfig = `
issuer: http://%[1]s/dex
storage: %[4]s
web: { http: %[1]q }
oauth2: { skipApprovalScreen: true, grantTypes: [authorization_code, refresh_token], pkce: { enforce: true, codeChallengeMethodsSupported: [S256] } }
staticClients:
- id: ssobridge
  name: ssobridge
  secret: client-secret-client-secret-client-secret
  redirectURIs: ["http://localhost:%[2]s/auth/oidc/dex/callback"]
  postLogoutRedirectURIs: ["http://localhost:%[2]s/auth/logout"]
  backchannelLogoutURI: http://127.0.0.1:%[2]s/auth/oidc/dex/backchannel-logout
enablePasswordDB: true
staticPasswords: # the password is "password"
- { email: ada@example.org, hash: "$2a$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W", username: ada, name: Ada Lovelace, preferredUsername: ada,
    emailVerified: true, userID: 08a8684b-db88-4b73-90a9-3cd1661f5466, groups: [research, staff] }
connectors:
- type: ldap
  id: ldap
  name: LDAP
  config:
    host: 127.0.0.1:%[3]s
    insecureNoSSL: true
    bindDN: uid=ssobridge,dc=example,dc=org
    bindPW: reader
    userSearch: { baseDN: "ou=people,dc=example,dc=org", filter: "(objectClass=inetOrgPerson)", username: uid, idAttr: uid, emailAttr: mail, nameAttr: cn, preferredUsernameAttr: uid }
    groupSearch:
      baseDN: ou=groups,dc=example,dc=org
      filter: (objectClass=groupOfNames)
      userMatchers: [ { userAttr: DN, groupAttr: member, recursionGroupAttr: member } ]
      nameAttr: cn
`

// startDex runs Dex, with sessions or without, and with a directory behind it, and a bridge that has nothing but them. Dex takes ten minutes to
// build: nil where SSOBRIDGE_TEST_DEX does not name it, and its absence is no skip.
func startDex(t *testing.T, sessions bool, storage func() string, more ...string) (b *bridge, people *slapd.Directory) {
	t.Helper()
	path := os.Getenv("SSOBRIDGE_TEST_DEX")
	if path == "" {
		return nil, nil
	}
	chromium.InCI(t)
	people = slapd.Start(t)
	port, dex := ssotest.FreePort(t), "127.0.0.1:"+ssotest.FreePort(t)
	config := filepath.Join(t.TempDir(), "dex.yaml")
	text := dexConfig
	if sessions {
		text += "sessions: { absoluteLifetime: 1h, validIfNotUsedFor: 30m, rememberMeCheckedByDefault: true }\n"
	}
	if err := os.WriteFile(config, fmt.Appendf(nil, text, dex, port, slapd.Port(people.URL), storage()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "serve", config)
	cmd.Env = append(os.Environ(), fmt.Sprintf("DEX_SESSIONS_ENABLED=%v", sessions))
	ssotest.Process{Cmd: cmd, Log: &ssotest.Buffer{}, Ready: func() error {
		resp, err := http.Get("http://" + dex + "/dex/.well-known/openid-configuration")
		if err == nil {
			resp.Body.Close()
		}
		return err
	}}.Start(t)
	return startOpenIDBridge(t, port, map[string]string{"dex": "http://" + dex + "/dex"}, []string{"dex"}, more...), people
}

// atDex signs somebody in at a page of Dex, of its own people or of the directory.
func atDex(connector, name, password string) chromedp.Tasks {
	return chromedp.Tasks{
		chromedp.Click(`a[href*="/auth/`+connector+`"]`, chromedp.ByQuery), chromedp.WaitVisible("input[name=login]", chromedp.ByQuery),
		chromedp.SendKeys("input[name=login]", name, chromedp.ByQuery), chromedp.SendKeys("input[name=password]", password+"\r", chromedp.ByQuery),
	}
}

// TestDexInBrowser is TestOpenIDInBrowser with Dex.
func TestDexInBrowser(t *testing.T) {
	b, people := startDex(t, true, func() string { return "{ type: memory }" })
	if b == nil {
		return
	}
	deep := b.url("/question/1?x=1&y=%2F%2F")
	t.Run("sign-out", func(t *testing.T) {
		yes := chromedp.Tasks{chromedp.Click(`//button[contains(., "Log Out")]`), chromedp.WaitVisible(`//h2[text()="Logged Out"]`)}
		b.signsOutAtBothEnds(t, atDex("local", "ada@example.org", "password"), chromedp.Tasks{}, // id_token_hint: it need not ask
			chromedp.Tasks{chromedp.Navigate(b.issuer("dex") + "/logout"), yes})
	})
	t.Run("directory", func(t *testing.T) {
		dn := "uid=grace," + slapd.People
		people.AddPerson(t, dn, "Grace Hopper", "mail", "grace@example.org", "userPassword", "nanosecond")
		people.AddGroup(t, "navy", dn)
		people.Delete(t, "cn=research,"+slapd.Groups)
		people.AddGroup(t, "research", "cn=navy,"+slapd.Groups)
		var address, who string
		if err := chromedp.Run(browser(t), chromedp.Navigate(deep), atDex("ldap", "grace", "nanosecond"), arrived(&address, &who)); err != nil {
			t.Fatal(err)
		}
		if want := "grace@example.org | Grace Hopper | All Users,Research | /question/1?x=1&y=%2F%2F"; address != deep || who != want {
			t.Errorf("got %s as %q, want %s as %q", address, who, deep, want)
		}
		people.Delete(t, dn)
		var page string
		err := chromedp.Run(browser(t), chromedp.Navigate(deep), atDex("ldap", "grace", "nanosecond"), chromedp.WaitVisible("#login-error", chromedp.ByQuery),
			chromedp.Location(&address), chromedp.Text("body", &page, chromedp.ByQuery))
		if err != nil || !strings.HasPrefix(address, b.issuer("dex")) || !strings.Contains(page, "Invalid") {
			t.Errorf("once the person is deleted: %v, the browser is at %s: %s", err, address, page)
		}
	})
}

// TestDexRefresh: a person who is deleted from the directory loses the session, and somebody else does not. It takes minutes: the
// bridge asks once in a minute, and Dex answers 500, so that the session ends with its grace. Where Dex has sessions it does not ask
// the directory again, and with its storage in memory it does not answer.
func TestDexRefresh(t *testing.T) {
	inPostgres := func() string {
		u, err := url.Parse(postgres.InCI(t))
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("{ type: postgres, config: { host: %s, port: %s, user: postgres, database: postgres, ssl: { mode: disable } } }", u.Hostname(), u.Port())
	}
	b, people := startDex(t, false, inPostgres, "SSOBRIDGE_PROVIDER_DEX_REFRESH_EVERY=1m", "SSOBRIDGE_PROVIDER_DEX_REFRESH_GRACE=1m", "SSOBRIDGE_PROVIDER_DEX_SCOPES=openid email profile groups offline_access")
	if b == nil {
		return
	}
	dn := "uid=grace," + slapd.People
	people.AddPerson(t, dn, "Grace Hopper", "mail", "grace@example.org", "userPassword", "nanosecond")
	sessions := map[string]*http.Cookie{}
	for name, at := range map[string]chromedp.Tasks{"ada": atDex("local", "ada@example.org", "password"), "grace": atDex("ldap", "grace", "nanosecond")} {
		var address, who string
		ctx := browser(t)
		if err := chromedp.Run(ctx, chromedp.Navigate(b.url("/")), at, arrived(&address, &who), chromedp.ActionFunc(func(ctx context.Context) error {
			cookies, err := network.GetCookies().Do(ctx)
			for _, c := range cookies {
				if c.Name == "ssobridge" {
					sessions[name] = &http.Cookie{Name: c.Name, Value: c.Value}
				}
			}
			return err
		})); err != nil || sessions[name] == nil {
			t.Fatalf("%s: %v, at %s as %q", name, err, address, who)
		}
	}
	people.Delete(t, dn)
	status := map[string]int{}
	for begun := time.Now(); time.Since(begun) < 4*time.Minute && status["grace"] != http.StatusUnauthorized; time.Sleep(time.Second) {
		for name, session := range sessions {
			_, status[name] = b.current(session)
		}
	}
	if status["ada"] != http.StatusOK || status["grace"] != http.StatusUnauthorized {
		t.Errorf("ada %d, grace %d; want 200 and 401", status["ada"], status["grace"])
	}
}
