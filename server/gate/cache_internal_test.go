package gate

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
)

func numbered(n int) (hash sso.SessionHash) {
	binary.BigEndian.PutUint32(hash[:], uint32(n))
	return hash
}

// Whatever is done to a cache, it knows what it holds, and holds no more than it may.
func TestCacheKnowsWhatItHolds(t *testing.T) {
	c := newCache(90, 100_000)
	for range 20_000 {
		hash := numbered(rand.IntN(300))
		switch rand.IntN(10) {
		case 0:
			c.remove(hash)
		case 1:
			c.removeIf(func(e *entry) bool { return e.hash[3] < 5 })
		case 2, 3, 4:
			if e := c.get(hash); e != nil {
				e.whole.Store(&sso.Principal{})
				c.resize(e)
			}
		default:
			c.insert(&entry{hash: hash, answer: answer{attributes: strings.Repeat("x", rand.IntN(2000))}})
		}
		size := 0
		for i, e := range c.all {
			if e.place != i || c.entries[e.hash] != e {
				t.Fatalf("entry %d of %d is not where it says", i, len(c.all))
			}
			size += e.size()
		}
		if len(c.all) != len(c.entries) || size != c.size || size > c.limit || len(c.all) > c.most {
			t.Fatalf("got %d entries in one list and %d in the other, %d bytes of %d counted and at most %d", len(c.all), len(c.entries), size, c.size, c.limit)
		}
	}
	if c.bound(3, 100_000); len(c.all) > 3 {
		t.Errorf("with a new bound of 3: got %d entries", len(c.all))
	}
	if c.clear(); len(c.all)+len(c.entries)+c.size != 0 {
		t.Errorf("after all went: got %d entries, %d bytes", len(c.all), c.size)
	}
}

// An entry that is larger than all that may be held pushes nothing out.
func TestCacheRefusesTheHuge(t *testing.T) {
	c := newCache(10, 10_000)
	c.insert(&entry{hash: numbered(1)})
	c.insert(&entry{hash: numbered(2), answer: answer{attributes: strings.Repeat("x", 10_000)}})
	if c.get(numbered(1)) == nil || c.get(numbered(2)) != nil {
		t.Errorf("got %d entries, want the small one", len(c.all))
	}
}

// As many as fit are all found when they are asked for in turn; of a fifth more than fit, half are found at least, be it their
// number or their size that is too much.
func TestCacheHasNoCliff(t *testing.T) {
	for _, c := range []cache{newCache(1000, 1000*perSession), newCache(2000, 1000*(&entry{}).size())} {
		checkNoCliff(t, &c)
	}
}

func checkNoCliff(t *testing.T, c *cache) {
	t.Helper()
	found := func(people int) (n int) {
		for i := range 20 * people {
			switch hash := numbered(i % people); {
			case c.get(hash) == nil:
				c.insert(&entry{hash: hash})
			case i >= 10*people:
				n++
			}
		}
		return n
	}
	if n := found(1000); n != 10*1000 {
		t.Errorf("of as many as fit: found %d of %d", n, 10*1000)
	}
	if n := found(1200); n < 10*1200/2 {
		t.Errorf("of a fifth more: found %d of %d, want half", n, 10*1200)
	}
}
