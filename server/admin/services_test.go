package admin_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

type madeToken struct {
	Token   string
	Details struct {
		ID, Name, State string
		Groups          []struct{ Name string }
		ExpiresAt       *string `json:"expires_at"`
	}
}

// TestServiceAccountAPI: the life of a service account and its tokens; a token is in the answer that makes it and in no other.
func TestServiceAccountAPI(t *testing.T) {
	b := start(t)
	research, err := b.store.CreateGroup(t.Context(), "Research", sso.Event{Kind: sso.EventGroup})
	if err != nil {
		t.Fatal(err)
	}
	sales, err := b.store.CreateGroup(t.Context(), "Sales", sso.Event{Kind: sso.EventGroup})
	if err != nil {
		t.Fatal(err)
	}
	boss := b.as("root@example.com", sso.Administrators, research.ID)
	var account struct {
		ID     int64
		Active bool
		Tokens int
	}
	if resp := boss.call("POST", "/api/v1/service-accounts", map[string]any{"name": "etl", "label": "Nightly load"}, &account); resp.StatusCode != 200 || !account.Active {
		t.Fatalf("got %d %s", resp.StatusCode, resp.body)
	}
	one := fmt.Sprintf("/api/v1/service-accounts/%d", account.ID)
	for _, tt := range []struct {
		name, method, path string
		body               any
		status             int
		says               string
	}{
		{"the name twice", "POST", "/api/v1/service-accounts", map[string]any{"name": "etl"}, 409, "there already"},
		{"an e-mail as name", "POST", "/api/v1/service-accounts", map[string]any{"name": "ada@example.com"}, 400, "small letters"},
		{"a label of two lines", "POST", "/api/v1/service-accounts", map[string]any{"name": "x", "label": "a\nb"}, 400, "line ends"},
		{"no lifetime", "POST", one + "/tokens", map[string]any{}, 400, "ttl"},
		{"a lifetime that is none", "POST", one + "/tokens", map[string]any{"ttl": "-1"}, 400, "OneHour"},
		{"a group of others", "POST", one + "/tokens", map[string]any{"ttl": "7", "groups": []int64{sales.ID}}, 400, `not in the group \"Sales\"`},
		{"administrators", "POST", one + "/tokens", map[string]any{"ttl": "7", "groups": []int64{sso.Administrators}}, 400, "ever in the group"},
		{"no group", "POST", one + "/tokens", map[string]any{"ttl": "7", "groups": []int64{999}}, 400, "no such group"},
		{"no account", "POST", "/api/v1/service-accounts/999/tokens", map[string]any{"ttl": "7"}, 404, ""},
		{"no token", "DELETE", one + "/tokens/nothing", nil, 404, ""},
		{"a field that is none", "POST", "/api/v1/service-accounts", map[string]any{"name": "x", "groups": []int64{2}}, 400, ""},
	} {
		if resp := boss.call(tt.method, tt.path, tt.body, nil); resp.StatusCode != tt.status || !strings.Contains(resp.body, tt.says) {
			t.Errorf("%s: got %d %s, want %d with %q", tt.name, resp.StatusCode, resp.body, tt.status, tt.says)
		}
	}

	var made, next madeToken
	boss.call("POST", one+"/tokens", map[string]any{"name": "first", "ttl": "Unlimited", "groups": []int64{research.ID}}, &made)
	if strings.Count(made.Token, ".") != 2 || made.Details.State != "works" || made.Details.ExpiresAt != nil || len(made.Details.Groups) != 1 {
		t.Fatalf("made %+v", made.Details)
	}
	boss.call("POST", one+"/tokens/"+made.Details.ID+"/regenerate", map[string]any{"ttl": "OneHour"}, &next)
	if next.Token == made.Token || next.Details.Name != "first" || next.Details.ExpiresAt == nil || len(next.Details.Groups) != 1 {
		t.Errorf("made anew %+v", next.Details)
	}
	list := boss.get(one + "/tokens")
	if strings.Contains(list.body, made.Token) || strings.Contains(list.body, next.Token) || !strings.Contains(list.body, `"revoked"`) {
		t.Errorf("list %s", list.body)
	}
	if resp := boss.call("POST", one+"/tokens/"+made.Details.ID+"/regenerate", map[string]any{}, nil); resp.StatusCode != 409 {
		t.Errorf("of a revoked token: %d %s", resp.StatusCode, resp.body)
	}

	// Two administrators at once: the token ends once.
	other := b.as("second@example.com", sso.Administrators)
	statuses := make([]int, 2)
	var both sync.WaitGroup
	for i, c := range []*browser{boss, other} {
		both.Go(func() {
			statuses[i] = c.call("DELETE", one+"/tokens/"+next.Details.ID, nil, nil).StatusCode
		})
	}
	both.Wait()
	if n := statuses[0] + statuses[1]; n != 204+404 && n != 204+409 {
		t.Errorf("two who revoke one token: %v", statuses)
	}
	for _, e := range b.events(sso.EventService) {
		if strings.Contains(e, made.Token) || strings.Contains(e, made.Token[len(made.Token)-40:]) {
			t.Errorf("an event has the token: %s", e)
		}
	}
	boss.call("PATCH", one, map[string]any{"active": false, "label": "Stopped"}, &account)
	if account.Active || account.Tokens != 0 {
		t.Errorf("stopped: %+v", account)
	}
	if resp := boss.call("POST", one+"/tokens", map[string]any{"ttl": "7"}, nil); resp.StatusCode != 409 {
		t.Errorf("a token of a stopped account: %d %s", resp.StatusCode, resp.body)
	}
	if resp := boss.call("DELETE", one, nil, nil); resp.StatusCode != 204 {
		t.Errorf("delete: %d %s", resp.StatusCode, resp.body)
	}
	if resp := boss.get(one); resp.StatusCode != 404 {
		t.Errorf("deleted: %d", resp.StatusCode)
	}
}

// TestServiceAccountPages: without script, each form leads on, or says at its field what is wrong and keeps what was typed.
func TestServiceAccountPages(t *testing.T) {
	b := start(t)
	research, err := b.store.CreateGroup(t.Context(), "Research", sso.Event{Kind: sso.EventGroup})
	if err != nil {
		t.Fatal(err)
	}
	boss := b.as("root@example.com", sso.Administrators, research.ID)
	if resp := boss.post("/admin/service-accounts", url.Values{"name": {"Not <b>good</b>"}, "label": {"kept"}}); resp.StatusCode != 400 ||
		!strings.Contains(resp.body, `value="Not &lt;b&gt;good&lt;/b&gt;"`) || !strings.Contains(resp.body, `value="kept"`) {
		t.Errorf("a name that is none: %d", resp.StatusCode)
	}
	boss.post("/admin/service-accounts", url.Values{"name": {"etl"}, "label": {"Nightly <load>"}}).want(t, http.StatusSeeOther, "/admin/service-accounts/1?done=service-made")
	const page = "/admin/service-accounts/1"
	resp := boss.get(page + "?done=service-made")
	if got := dom.Text(resp.body, "h1"); len(got) != 1 || got[0] != "Nightly <load>" || !strings.Contains(resp.body, "Research") {
		t.Errorf("page %q", got)
	}
	resp = boss.post(page+"/tokens", url.Values{"name": {"x"}, "ttl": {"30"}, "groups": {fmt.Sprint(research.ID)}})
	shown := dom.Text(resp.body, "pre")
	if resp.StatusCode != 200 || len(shown) != 1 || strings.Count(shown[0], ".") != 2 {
		t.Fatalf("a token: %d, shown %q", resp.StatusCode, shown)
	}
	if got := resp.Header.Get("Cache-Control"); !strings.Contains(got, "no-store") {
		t.Errorf("the page with the token: Cache-Control %q", got)
	}
	if again := boss.get(page); strings.Contains(again.body, shown[0]) || !strings.Contains(again.body, "Revoke") {
		t.Error("the token is shown twice, or not listed")
	}
	tokens, _, err := b.store.Services().Tokens(t.Context(), 1, sso.Page{})
	if err != nil || len(tokens) != 1 {
		t.Fatal(tokens, err)
	}
	if resp := boss.post(page+"/tokens", url.Values{"token": {tokens[0].ID}}); len(dom.Text(resp.body, "pre")) != 1 {
		t.Errorf("regenerate: %d", resp.StatusCode)
	}
	boss.post(page, url.Values{"do": {"revoke"}, "token": {tokens[0].ID}}).want(t, http.StatusConflict, "")
	if resp := boss.post(page+"/tokens", url.Values{"ttl": {"30"}, "groups": {"2"}}); resp.StatusCode != 400 || !strings.Contains(resp.body, "groups-error") {
		t.Errorf("administrators: %d", resp.StatusCode)
	}
	boss.post(page, url.Values{"do": {"rename"}, "label": {"Other"}}).want(t, http.StatusSeeOther, page+"?done=service-label")
	boss.post(page, url.Values{"do": {"deactivate"}}).want(t, http.StatusSeeOther, page+"?done=service-stopped")
	boss.post(page, url.Values{"do": {"reactivate"}}).want(t, http.StatusSeeOther, page+"?done=service-reactivated")
	boss.post(page, url.Values{"do": {"nothing"}}).want(t, http.StatusBadRequest, "")
	boss.post(page, url.Values{"do": {"delete"}}).want(t, http.StatusSeeOther, "/admin/service-accounts?done=service-deleted")
	boss.get(page).want(t, http.StatusNotFound, "")
	boss.get("/admin/service-accounts/x").want(t, http.StatusNotFound, "")
}
