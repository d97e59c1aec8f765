package token

import (
	"slices"
	"sync/atomic"
	"time"
)

// A Status is what is known of the keys from one place, for pages, readiness and logs. Nothing in it is secret.
type Status struct {
	Origin      string    // an address, or what the keys are called where they are configured
	LastSuccess time.Time // when the place was last read; zero: never, or it is read once
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
func StatusOf(keys KeySet) []Status {
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

// since lets keys that were there before keep their usage.
func (l keyList) since(before keyList) keyList {
	for i, k := range l {
		j := slices.IndexFunc(before, func(b Key) bool {
			return b.kid == k.kid && b.alg == k.alg && b.Fingerprint() == k.Fingerprint()
		})
		if j >= 0 {
			l[i].used = before[j].used
		}
	}
	return l
}
