package oidc

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// A provider that hangs while its document is old keeps nobody waiting who can go on with the document of before.
func TestDiscoveryHangs(t *testing.T) {
	var hangs atomic.Bool
	asked, release := make(chan bool, 10), make(chan bool)
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	mux.HandleFunc(WellKnown, func(w http.ResponseWriter, _ *http.Request) {
		if hangs.Load() {
			asked <- true
			<-release
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(written(t, map[string]any{"issuer": server.URL}))
	})
	var clock atomic.Int64
	now := func() time.Time { return time.Unix(clock.Load(), 0) }
	d, err := NewDiscovery(server.URL, "", nil, now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	before, err := d.Metadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	clock.Add(int64(16 * time.Minute / time.Second))
	hangs.Store(true)
	first := make(chan *Metadata, 1)
	go func() {
		m, _ := d.Metadata(context.Background())
		first <- m
	}()
	<-asked
	if m, err := d.Metadata(t.Context()); m != before || err != nil {
		t.Errorf("beside the fetch: got %v, %v, want the document of before", m, err)
	}
	select {
	case <-first:
		t.Error("nobody went on beside the fetch")
	default:
	}
	close(release)
	if m := <-first; m == nil {
		t.Error("the fetch brought nothing")
	}
}
