package admin_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

// The page and the API say which source knows a name, what, and in how many milliseconds; whoever is no administrator learns nothing.
func TestGroupSources(t *testing.T) {
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("user") {
		case "ada@example.com":
			io.WriteString(w, `{"groups":["research","<script>north"]}`)
		case "down":
			w.WriteHeader(http.StatusBadGateway)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer endpoint.Close()
	b := start(t, "JWT_GROUP_SYNC=true", "JWT_GROUPS_ORDER=token,endpoint", "JWT_GROUPS_ENDPOINT_URL="+endpoint.URL)
	c := b.admin()
	for _, tt := range []struct {
		name, source, code, said string
		groups                   int
	}{
		{"ada@example.com", "endpoint", "", "2 groups: research", 2},
		{"eve", "", "", "does not know the person", 0},
		{"down", "", "groups_unavailable", "answered with status 502", 0},
	} {
		var got struct {
			Provider, Source, Code string
			Groups                 []string
			Asked                  []struct {
				Source, Said string
				Milliseconds *int64
			}
		}
		resp := c.call("POST", "/api/v1/group-sources/lookup", map[string]string{"name": tt.name}, &got)
		if resp.StatusCode != http.StatusOK || got.Provider != "jwt" || got.Source != tt.source || got.Code != tt.code || len(got.Groups) != tt.groups ||
			len(got.Asked) != 2 || !strings.HasPrefix(got.Asked[1].Said, tt.said) || got.Asked[1].Milliseconds == nil {
			t.Errorf("%s: got %d, %+v", tt.name, resp.StatusCode, got)
		}
		page := c.post("/admin/group-sources", url.Values{"name": {tt.name}})
		if page.StatusCode != http.StatusOK || !strings.Contains(page.body, tt.said) || strings.Contains(page.body, "<script>north") || strings.Contains(page.body, "refused") != (tt.code != "") {
			t.Errorf("%s: page: got %d\n%s", tt.name, page.StatusCode, page.body)
		}
	}
	for _, name := range []string{"", " ", strings.Repeat("x", 255), "a\nb"} {
		if page := c.post("/admin/group-sources", url.Values{"name": {name}}); page.StatusCode != http.StatusBadRequest || !dom.Has(page.body, `[id="name-error"]`) {
			t.Errorf("%.10q: got %d, want 400 with an error at the field", name, page.StatusCode)
		}
	}
	if resp := c.call("POST", "/api/v1/group-sources/lookup", map[string]string{"name": "ada", "provider": "acme"}, nil); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("another provider: got %d", resp.StatusCode)
	}
	if resp := b.as("eve@example.com").call("POST", "/api/v1/group-sources/lookup", map[string]string{"name": "ada@example.com"}, nil); resp.StatusCode != http.StatusForbidden { // SECURITY G2
		t.Errorf("no administrator: got %d", resp.StatusCode)
	}
	none := start(t)
	if page := none.admin().post("/admin/group-sources", url.Values{"name": {"ada"}}); page.StatusCode != http.StatusBadRequest || !strings.Contains(page.body, "All groups come from the token") {
		t.Errorf("without sources: got %d", page.StatusCode)
	}
}
