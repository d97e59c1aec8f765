package server

import (
	"net/netip"
	"sync"
	"time"
)

// A tally counts by key. What was counted is forgotten after one to two handoffLifetimes. The zero tally has counted nothing.
type tally struct {
	open bool // when there are too many keys new ones pass uncounted, as nobody can make them up; else they share one count

	mu           sync.Mutex
	turned       time.Time // when recent was begun
	recent, past map[string]int
}

// maxTallied bounds the keys that are told apart, some hundred bytes each.
const maxTallied = 10_000

// add counts one more, unless that would be over limit.
func (t *tally) add(key string, limit int, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if age := now.Sub(t.turned); age < 0 || age >= handoffLifetime { // also after the clock went back
		t.past, t.recent, t.turned = t.recent, map[string]int{}, now
		if age >= 2*handoffLifetime {
			t.past = nil
		}
	}
	if _, known := t.recent[key]; !known && len(t.recent) >= maxTallied {
		if t.open {
			return true
		}
		key = ""
	}
	if t.recent[key]+t.past[key] >= limit {
		return false
	}
	t.recent[key]++
	return true
}

func network(peer string) string {
	addr, err := netip.ParseAddr(peer)
	if err != nil {
		return peer
	}
	bits := 24
	if addr = addr.Unmap(); addr.Is6() {
		bits = 48
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return peer
	}
	return prefix.String()
}
