package ssobridge

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/oidc"
)

// What is remembered of a token of an API client ends when the provider has other keys, or names another place for them
// (SECURITY F5).
func TestOpenIDKeysGeneration(t *testing.T) {
	var published [2]string // by the path
	for i := range published {
		key, err := keyset.NewSigningKey()
		if err != nil {
			t.Fatal(err)
		}
		set, err := keyset.PublicJWKS(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		published[i] = string(set)
	}
	var named, passed atomic.Int64
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/0":
			w.Write([]byte(published[0]))
		case "/1":
			w.Write([]byte(published[1]))
		default:
			json.NewEncoder(w).Encode(map[string]string{"issuer": server.URL, "authorization_endpoint": server.URL + "/a", "token_endpoint": server.URL + "/t",
				"jwks_uri": server.URL + map[int64]string{0: "/0", 1: "/1"}[named.Load()]})
		}
	}))
	defer server.Close()
	now := func() time.Time { return time.Unix(1_790_000_000+passed.Load(), 0) }
	log := slog.New(slog.DiscardHandler)
	d, err := oidc.NewDiscovery(server.URL, "", nil, now, log)
	if err != nil {
		t.Fatal(err)
	}
	keys := &openIDKeys{discovery: d, options: keyset.RemoteOptions{Name: "jwks_uri", Now: now, Log: log}}
	seen := map[uint64]bool{keyset.Generation(keys): true}
	for i := range int64(2) {
		named.Store(i)
		if found, err := keys.Keys(t.Context(), ""); err != nil || len(found) != 1 {
			t.Fatalf("got %v, %v", found, err)
		}
		g := keyset.Generation(keys)
		if seen[g] {
			t.Errorf("with the keys of the place %d the generation is that of before: %d", i, g)
		}
		seen[g] = true
		passed.Add(16 * 60)
	}
}
