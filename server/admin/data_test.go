package admin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
)

// What is kept of a person is counted and handed out on the person's page and by the API, and deleted by who confirms it.
func TestPersonDataAndPurge(t *testing.T) {
	b := start(t)
	c := b.admin()
	group := b.group("Sales")
	ann, bob := b.account("ann@example.com", group), b.account("bob@example.com", group)
	b.as("ann@example.com")
	var kept sso.Kept
	c.call("GET", fmt.Sprintf("/api/v1/people/%d/kept", ann), nil, &kept)
	if kept.Sessions != 1 || kept.Groups != 1 || kept.Events == 0 {
		t.Errorf("kept: got %+v", kept)
	}
	page := c.get(fmt.Sprint("/admin/people/", ann)).body
	if want := fmt.Sprintf("events: %d", kept.Events); !strings.Contains(page, want) {
		t.Errorf("the page does not say %q", want)
	}
	for _, path := range []string{"/admin/people/%d/data", "/api/v1/people/%d/data"} {
		resp := c.get(fmt.Sprintf(path, ann))
		var data struct {
			Email    string
			Sessions []any
			Events   []any
		}
		if err := json.Unmarshal([]byte(resp.body), &data); err != nil || data.Email != "ann@example.com" || len(data.Sessions) != 1 || len(data.Events) != kept.Events ||
			!strings.Contains(resp.Header.Get("Content-Disposition"), fmt.Sprintf("person-%d.json", ann)) {
			t.Errorf("%s: got %v, %v and %.300s", path, err, resp.Header, resp.body)
		}
	}
	if resp := c.get("/api/v1/people/999/data"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("of nobody: got %d", resp.StatusCode)
	}

	purge := fmt.Sprintf("/people/%d/purge", ann)
	for _, form := range [][]string{{"email", "ann@example.com"}, {"sure", "yes"}, {"sure", "yes", "email", "bob@example.com"}} {
		resp := c.form(purge, form...)
		if resp.StatusCode != http.StatusBadRequest || !strings.Contains(resp.body, "Confirm that this is meant") || b.find("ann@example.com").ID != ann {
			t.Errorf("%v: got %d, want to be asked to confirm", form, resp.StatusCode)
		}
	}
	if resp := c.form(purge, "sure", "yes", "email", "ann@example.com"); resp.StatusCode != http.StatusSeeOther || !strings.HasSuffix(resp.Header.Get("Location"), "/admin/people?done=purged") {
		t.Errorf("confirmed: got %d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	if resp := c.get(fmt.Sprint("/admin/people/", ann)); resp.StatusCode != http.StatusNotFound {
		t.Errorf("afterwards: got %d", resp.StatusCode)
	}

	for query, want := range map[string]int{"": http.StatusBadRequest, "?email=ann@example.com": http.StatusBadRequest} {
		if resp := c.call("DELETE", fmt.Sprintf("/api/v1/people/%d%s", bob, query), nil, nil); resp.StatusCode != want {
			t.Errorf("DELETE %s: got %d, want %d", query, resp.StatusCode, want)
		}
	}
	var done struct{ Events int }
	if resp := c.call("DELETE", fmt.Sprintf("/api/v1/people/%d?email=bob@example.com", bob), nil, &done); resp.StatusCode != http.StatusOK {
		t.Errorf("DELETE: got %d", resp.StatusCode)
	}
	root := b.find("root@example.com")
	if resp := c.call("DELETE", fmt.Sprintf("/api/v1/people/%d?email=root@example.com", root.ID), nil, nil); resp.StatusCode != http.StatusConflict {
		t.Errorf("the only administrator: got %d, want 409", resp.StatusCode)
	}
	events, _, err := b.store.Events(t.Context(), sso.EventQuery{AccountID: ann, Page: sso.Page{Limit: 1}})
	if err != nil || len(events) != 1 || events[0].Actor != "root@example.com" || !strings.Contains(events[0].Detail, "purged") {
		t.Errorf("the event: got %+v, %v", events, err)
	}
}
