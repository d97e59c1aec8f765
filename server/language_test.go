package server_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

// People read pages in the language of their browser, and whatever its header says they get a page. What programs get, and the text
// for the administrator, stay English.
func TestPagesSpeakTheReadersLanguage(t *testing.T) {
	b := start(t, "SITE_NAME=Acme Reports", "JWT_LABEL=Acme", "UPSTREAM="+app(t).URL, `ACCESS_RULES=[{"path":"/sales","allow":["Sales"]}]`)
	for accept, want := range map[string][2]string{
		"de-AT,de;q=0.9,en;q=0.8": {"de", "Weiter mit Acme"}, "fr": {"fr", "Continuer avec Acme"}, "es-MX": {"es", "Continuar con Acme"}, "pt-BR": {"pt", "Continuar com Acme"},
		"ja": {"ja", "Acme で続ける"}, "en-US": {"en", "Continue with Acme"}, "nl": {"en", "Continue with Acme"}, strings.Repeat("de-CH;q=0.9,", 900): {"en", "Continue with Acme"},
	} {
		resp := b.browser().get("/login", page, "Accept-Language: "+accept)
		if got := dom.Text(resp.body, "main a.button"); resp.StatusCode != 200 || len(got) != 1 || got[0] != want[1] || !dom.Has(resp.body, `html[lang="`+want[0]+`"][dir="ltr"]`) {
			t.Errorf("%.30s: got %d with %q in %v, want %q", accept, resp.StatusCode, got, dom.Attr(resp.body, "html", "lang"), want)
		}
		if vary, cache := resp.Header.Get("Vary"), resp.Header.Get("Cache-Control"); !strings.Contains(vary, "Accept-Language") || !strings.Contains(vary, "Cookie") || cache != "no-store" {
			t.Errorf("%.30s: got Vary %q and Cache-Control %q", accept, vary, cache)
		}
	}
	const german = "Accept-Language: de"
	c := b.browser()
	c.signIn(nil)
	if own := c.get("/auth/account", page, german); !dom.Has(own.body, `html[lang="de"]`) || dom.Text(own.body, "h1")[0] != "Hallo, Ann Lee" {
		t.Errorf("the own sessions: got %s", own.body)
	}
	if own := c.get("/auth/account", page, german); !strings.Contains(own.body, "über Acme") {
		t.Errorf("the own sessions: got %s, want the name of the provider that people know", own.body)
	}
	for _, method := range []string{"GET", "POST"} { // at the app, where another part of the bridge answers
		who := c
		if method == "POST" {
			who = b.browser()
		}
		resp := who.send(method, "/sales", "", page, german)
		if !dom.Has(resp.body, `html[lang="de"]`) || dom.Has(resp.body, `main a.button:contains("Sign in")`) {
			t.Errorf("%s at the app: got %d %s", method, resp.StatusCode, resp.body)
		}
		onlyGerman(t, method+" /sales", resp.body)
	}
	if resp := b.browser().get("/auth/sso?jwt=x", "Accept: application/json", german); !strings.Contains(resp.body, "Message seems corrupt or manipulated") || strings.Contains(resp.Header.Get("Vary"), "Language") {
		t.Errorf("a program: got %s, Vary %q", resp.body, resp.Header.Get("Vary"))
	}
	for _, code := range sso.Codes() {
		err := fmt.Errorf("on purpose: %w", code)
		b.meddler.refuse.Store(&err)
		resp := b.browser().get("/auth/sso?jwt="+b.token(claims{"jti": string(code)}), page, german)
		if code == sso.TokenReplayed {
			continue
		}
		onlyGerman(t, string(code), resp.body)
		if report := dom.Text(resp.body, ".report pre"); len(report) != 1 || !strings.Contains(report[0], "Time: ") {
			t.Errorf("%s: the text for the administrator is %q", code, report)
		}
	}
}

// onlyGerman looks for a heading, an advice or a button that is no text of the German table.
func onlyGerman(t *testing.T, what, body string) {
	t.Helper()
	data, err := os.ReadFile("../templates/words/de.json")
	texts, german := map[string]string{}, map[string]bool{}
	if err == nil {
		err = json.Unmarshal(data, &texts)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		german[strings.Join(strings.Fields(text), " ")] = true
	}
	for _, text := range dom.Text(body, "h1, h2, .advice li, main .button, summary, header a.skip") {
		if !german[text] {
			t.Errorf("%s: %q is no text of the German table", what, text)
		}
	}
}
