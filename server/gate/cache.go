package gate

import (
	"math/rand/v2"
	"slices"

	"github.com/ssobridge/ssobridge/sso"
)

// cache is entries within a bound of their number and one of memory. Where it is full one goes that chance picks, a later one if that was asked for
// since it was last picked. So those that are asked for in turn, and are more than fit, are found as often as there is room:
// if the one that was asked for longest ago went, none of them would be.
type cache struct {
	entries map[sso.SessionHash]*entry
	all     []*entry // in no order; each knows its place
	size    int      // of all, in bytes
	limit   int      // of size
	most    int      // of their number
}

func newCache(most, bytes int) cache {
	return cache{entries: map[sso.SessionHash]*entry{}, limit: bytes, most: most}
}

// bound is a cache's new bounds. What does not fit any more goes.
func (c *cache) bound(most, bytes int) {
	c.most, c.limit = most, bytes
	c.makeRoom(0, 0)
}

// makeRoom lets entries go until n more, of so many bytes together, fit.
func (c *cache) makeRoom(n, size int) {
	for len(c.all)+n > c.most || c.size+size > c.limit {
		c.remove(c.victim().hash)
	}
}

func (c *cache) get(hash sso.SessionHash) *entry {
	e := c.entries[hash]
	if e != nil && !e.asked.Load() { // written once, since each write takes the line from all other cores
		e.asked.Store(true)
	}
	return e
}

func (c *cache) insert(e *entry) {
	c.remove(e.hash)
	size := e.size()
	if size > c.limit {
		return
	}
	c.makeRoom(1, size)
	e.place, e.held = len(c.all), size
	c.all = append(c.all, e)
	c.entries[e.hash] = e
	c.size += size
}

// victim picks an entry that was not asked for since it was last picked; if it finds none soon, any.
func (c *cache) victim() *entry {
	var spared [8]*entry
	for i := range spared {
		e := c.all[rand.IntN(len(c.all))]
		if !e.asked.Swap(false) && !slices.Contains(spared[:i], e) {
			return e
		}
		spared[i] = e
	}
	return c.all[rand.IntN(len(c.all))]
}

// resize takes into account that an entry has become larger.
func (c *cache) resize(e *entry) {
	if c.entries[e.hash] == e {
		c.insert(e)
	}
}

func (c *cache) remove(hash sso.SessionHash) {
	e := c.entries[hash]
	if e == nil {
		return
	}
	last := c.all[len(c.all)-1]
	c.all[e.place], last.place = last, e.place
	c.all[len(c.all)-1] = nil
	c.all = c.all[:len(c.all)-1]
	delete(c.entries, hash)
	c.size -= e.held
}

func (c *cache) removeIf(gone func(*entry) bool) {
	for hash, e := range c.entries {
		if gone(e) {
			c.remove(hash)
		}
	}
}

func (c *cache) clear() {
	clear(c.entries)
	clear(c.all)
	c.all, c.size = c.all[:0], 0
}
