package web

import (
	"net/netip"
	"sync"
	"time"
)

// A Tally counts by key. What was counted is forgotten after one to two tallyTurns. The zero tally has counted nothing.
type Tally struct {
	Open bool // when there are too many keys new ones pass uncounted, as nobody can make them up; else they share one count

	mu           sync.Mutex
	turned       time.Time // when recent was begun
	recent, past map[string]int
}

// tallyTurn is how long a tally counts anew.
const tallyTurn = time.Minute

// maxTallied bounds the keys that are told apart, some hundred bytes each.
const maxTallied = 10_000

// Add counts one more, unless that would be over limit.
func (t *Tally) Add(key string, limit int, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if age := now.Sub(t.turned); age < 0 || age >= tallyTurn { // also after the clock went back
		t.past, t.recent, t.turned = t.recent, map[string]int{}, now
		if age >= 2*tallyTurn {
			t.past = nil
		}
	}
	if _, known := t.recent[key]; !known && len(t.recent) >= maxTallied {
		if t.Open {
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

// Network is the network of an address, by which guesses are counted: IPv4 /24, IPv6 /48.
func Network(peer string) string {
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
