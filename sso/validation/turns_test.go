package validation

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A flood of tokens from one network, about which a slow server is asked, keeps nobody from elsewhere waiting: neither while
// questions are free, nor when several networks take them all. SECURITY A14
func TestFloodKeepsNobodyWaiting(t *testing.T) {
	release := make(chan struct{})
	var asked atomic.Int64
	e := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		who := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if strings.HasPrefix(who, "junk") {
			asked.Add(1)
			<-release
			w.WriteHeader(401)
			return
		}
		fmt.Fprintf(w, `{"sub":%q}`, who)
	})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	defer close(release)
	for i := range 300 {
		go e.Validate(ctx, "192.0.2.0/24", fmt.Sprint("junk", i))
	}
	for asked.Load() < atOnceOfOne {
		time.Sleep(time.Millisecond)
	}
	if claims, _, err := e.Validate(t.Context(), "198.51.100.0/24", "ann"); err != nil || claims["sub"] != "ann" {
		t.Errorf("from another network: got %v, %v", claims, err)
	}
}

// Whoever asks, asks in turn with other networks; who does not wait any longer takes nobody's turn; nothing is left behind.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1) // so that there is one order
		var mu sync.Mutex
		var order []string
		ask := func(network string, longest time.Duration) {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), longest)
				defer cancel()
				if err := turns.take(ctx, network); err != nil {
					return
				}
				mu.Lock()
				order = append(order, network)
				mu.Unlock()
				time.Sleep(time.Second)
				turns.done(network)
			}()
			synctest.Wait()
		}
		for range 4 {
			ask("a", time.Hour)
		}
		ask("b", time.Millisecond) // does not wait so long
		ask("c", time.Hour)
		ask("a", time.Hour)
		ask("d", time.Hour)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := strings.Join(order, ""); got != "aacdaaa" {
			t.Errorf("got %s", got)
		}
		if turns.free != 1 || len(turns.running)+len(turns.waiting)+len(turns.order) > 0 {
			t.Errorf("left behind: %+v", turns)
		}
		full := newTurns(0)
		for range maxWaiting {
			go full.take(t.Context(), "a")
		}
		synctest.Wait()
		if err := full.take(t.Context(), "a"); err == nil {
			t.Error("one more waits")
		}
	})
}
