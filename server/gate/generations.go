package gate

import "github.com/ssobridge/ssobridge/sso"

// generations are entries within a bound of memory: when the young ones are too many they become the old ones, and the old ones
// go. Who is in use is young again.
type generations struct {
	young, old map[sso.SessionHash]*entry
	size       int // of the young ones, in bytes
	limit      int // of size
}

// newGenerations bounds both together.
func newGenerations(bytes int) generations {
	return generations{young: map[sso.SessionHash]*entry{}, old: map[sso.SessionHash]*entry{}, limit: bytes / 2}
}

func (g *generations) get(hash sso.SessionHash) (e *entry, old bool) {
	if e = g.young[hash]; e != nil {
		return e, false
	}
	e = g.old[hash]
	return e, e != nil
}

func (g *generations) insert(e *entry) {
	if known := g.young[e.hash]; known != nil {
		g.size -= known.size()
	}
	if size := e.size(); g.size+size > g.limit {
		g.old, g.young, g.size = g.young, map[sso.SessionHash]*entry{}, 0
	}
	g.size += e.size()
	g.young[e.hash] = e
	delete(g.old, e.hash)
}

func (g *generations) remove(hash sso.SessionHash) {
	if e := g.young[hash]; e != nil {
		g.size -= e.size()
		delete(g.young, hash)
	}
	delete(g.old, hash)
}

func (g *generations) removeIf(gone func(*entry) bool) {
	for _, entries := range []map[sso.SessionHash]*entry{g.young, g.old} {
		for hash, e := range entries {
			if gone(e) {
				g.remove(hash)
			}
		}
	}
}

func (g *generations) clear() {
	clear(g.young)
	clear(g.old)
	g.size = 0
}
