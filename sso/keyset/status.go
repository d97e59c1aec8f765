package keyset

import (
	"slices"
	"sync/atomic"
	"time"
)

// A Status is what is known of the keys from one place, for pages, readiness and logs. Nothing in it is secret.
type Status struct {
	Origin      string    // an address, or what the keys are called where they are configured
	LastSuccess time.Time // when the place was last read; zero: never, or it is read once
	Due         time.Time // when it is read anew, by whoever asks first; zero: when it changes, or never
	Fault       string    // why the last reading failed; "": it did not, and the keys are those that are there now
	FaultSince  time.Time // zero without a fault
	LeftOut     []string  // what of the last reading could not be used
	Keys        []KeyStatus
}

// A KeyStatus is what is known of a key.
type KeyStatus struct {
	ID, Kid, Algorithm, Fingerprint, Origin string
	NotAfter                                time.Time // zero: for ever
	LastUsed                                time.Time // by this process; zero: not yet
}

// StatusOf returns the status of each part of a key set, in its order. Shared secrets and sets of other packages have none.
func StatusOf(keys Set) []Status {
	switch s := keys.(type) {
	case union:
		var all []Status
		for _, part := range s {
			all = append(all, StatusOf(part)...)
		}
		return all
	case interface{ Status() Status }:
		return []Status{s.Status()}
	}
	return nil
}

// Status returns what is known of the keys.
func (l keyList) Status() Status {
	s := Status{}
	for _, k := range l {
		s.Keys = append(s.Keys, k.status())
		s.Origin = k.origin
	}
	return s
}

func (k Key) status() KeyStatus {
	s := KeyStatus{ID: k.ID, Kid: k.kid, Algorithm: k.alg, Fingerprint: k.Fingerprint(), Origin: k.origin, NotAfter: k.notAfter}
	if k.used != nil {
		s.LastUsed = k.used.time()
	}
	return s
}

// Used notes that the key has just verified a token.
func (k Key) Used(at time.Time) { k.used.at(at) }

// usage is when a key last verified a token. Keys that are copied share it.
type usage struct{ micros atomic.Int64 }

func (u *usage) at(now time.Time) {
	if u != nil {
		u.micros.Store(now.UnixMicro())
	}
}

func (u *usage) time() time.Time {
	if at := u.micros.Load(); at != 0 {
		return time.UnixMicro(at)
	}
	return time.Time{}
}

// Generation changes when the keys of a set do, and costs next to nothing: what was found out with the keys of before, such
// as that a token is good, is to be found out anew. It also sees to it that the keys are looked at when it is time, although
// no token is judged.
func Generation(keys Set) (sum uint64) {
	switch s := keys.(type) {
	case union:
		for _, part := range s {
			sum += Generation(part)
		}
	case interface{ Generation() uint64 }:
		sum = s.Generation()
	}
	return sum
}

// same reports whether two lists have the same keys under the same names.
func (l keyList) same(other keyList) bool {
	return slices.EqualFunc(l, other, Key.same)
}

func (k Key) same(other Key) bool {
	return k.kid == other.kid && k.alg == other.alg && k.notAfter.Equal(other.notAfter) && k.Fingerprint() == other.Fingerprint()
}

// since lets keys that were there before keep their usage.
func (l keyList) since(before keyList) keyList {
	for i, k := range l {
		if j := slices.IndexFunc(before, k.same); j >= 0 {
			l[i].used = before[j].used
		}
	}
	return l
}
