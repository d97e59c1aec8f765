package server_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// While both replicas are busy, what ends a session or a membership at one acts at the other within a second.
// SECURITY D4, E5
func TestRevocationReachesReplicasUnderLoad(t *testing.T) {
	a := start(t, "JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"staff":["Staff"]}`)
	b := startOn(t, a, "JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"staff":["Staff"]}`, "SITE_URL="+a.url)
	const people = 24
	cookies := make([]string, people)
	for i := range cookies {
		resp := a.browser().signIn(claims{"email": string(rune('a'+i)) + "@example.com", "groups": []string{"staff"}})
		resp.want(t, http.StatusFound, "/")
		cookies[i], _, _ = strings.Cut(resp.Header.Get("Set-Cookie"), ";")
	}
	at := func(r *bridge, path, cookie string) int {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+path, nil)
		req.Header.Set("Cookie", cookie)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return 0
		}
		resp.Body.Close()
		return resp.StatusCode
	}

	var load sync.WaitGroup
	var over atomic.Bool
	var asked atomic.Int64
	for n := range 8 {
		load.Go(func() {
			for i := n; !over.Load(); i++ {
				at(b, "/auth/verify?group=Staff", cookies[i%people])
				asked.Add(1)
			}
		})
	}
	defer load.Wait()
	defer over.Store(true)

	event := sso.Event{At: time.Now(), Kind: sso.EventSession, Actor: "test"}
	for person, tt := range []struct {
		name   string
		change func(person int, account sso.Account) error
		want   int
	}{
		{"sign-out", func(person int, _ sso.Account) error {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, a.url+"/auth/logout", nil)
			req.Header.Set("Cookie", cookies[person])
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err == nil {
				resp.Body.Close()
			}
			return err
		}, http.StatusUnauthorized},
		{"revocation", func(_ int, account sso.Account) error {
			_, err := a.store.EndSessions(t.Context(), account.ID, event)
			return err
		}, http.StatusUnauthorized},
		{"deactivation", func(_ int, account sso.Account) error {
			return a.store.SetActive(t.Context(), account.ID, false, event)
		}, http.StatusUnauthorized},
		{"a lost group", func(person int, account sso.Account) error {
			resp := a.browser().signIn(claims{"email": account.Email, "groups": []string{}})
			resp.want(t, http.StatusFound, "/")
			return nil
		}, http.StatusForbidden},
	} {
		account, err := a.store.AccountByEmail(t.Context(), string(rune('a'+person))+"@example.com")
		if err != nil {
			t.Fatal(err)
		}
		if got := at(b, "/auth/verify?group=Staff", cookies[person]); got != http.StatusOK {
			t.Errorf("before %s: got %d, want 200", tt.name, got)
		}
		if err := tt.change(person, account); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got := at(a, "/auth/verify?group=Staff", cookies[person]); tt.name == "sign-out" && got != tt.want {
			t.Errorf("%s where it happened: got %d, want %d at once", tt.name, got, tt.want)
		}
		time.Sleep(time.Second)
		if got := at(b, "/auth/verify?group=Staff", cookies[person]); got != tt.want {
			t.Errorf("a second after %s at the other replica: got %d, want %d", tt.name, got, tt.want)
		}
	}
	if got := at(b, "/auth/verify?group=Staff", cookies[people-1]); got != http.StatusOK {
		t.Errorf("someone else, after %d requests: got %d, want 200", asked.Load(), got)
	}
}
