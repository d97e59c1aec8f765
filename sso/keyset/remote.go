package keyset

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/outbound"
)

// Bounds of a key set that is fetched.
const (
	retryAfter = 10 * time.Second // at the soonest, whatever tokens say
	keptFor    = 24 * time.Hour   // how long keys are good while their server does not answer
	tryBeside  = time.Minute      // so long after a failure nobody waits for the next try who has a key
)

// RemoteOptions are those of [NewRemote].
type RemoteOptions struct {
	Name    string         // how messages call the address where it is configured
	CAs     *x509.CertPool // nil: those of the system; see [outbound.ParseCAs]
	Timeout time.Duration  // of one fetch; 0: [outbound.Timeout], which is the most
	Now     func() time.Time
	Log     *slog.Logger // nil: nothing is logged
}

// Remote is the key set that an identity provider publishes (RFC 7517 §5). It is fetched when a token needs it: at first,
// when it has become old (as its Cache-Control says, fifteen minutes at most), and when a token names a kid that it does not
// have. It is safe for concurrent use.
//
//   - One fetch at a time. Who needs it waits for it, within the bounds of their own context.
//   - Kids that nobody knows cause one fetch every ten seconds at most; a bad signature of a known kid causes none.
//   - A set that is larger than 256 KiB or 100 keys, names a kid twice, or has a secret or a private key in it is refused. Of
//     other keys that cannot be read only they are left out.
//   - While the set cannot be had, the keys of before are good for a day. A kid that they do not have may be a new one, so
//     that is [sso.ProviderUnavailable] and not [sso.KeyUnknown].
type Remote struct {
	address string
	client  *http.Client
	options RemoteOptions

	mu      sync.Mutex
	keys    keyList
	status  Status    // without keys
	etag    string    // of the keys
	due     time.Time // when the keys are to be fetched again
	tried   time.Time // when the last fetch began
	missed  time.Time // when the last fetch began that did not bring the kid for which it was made
	running *fetching // nil: no fetch is under way
	changes uint64    // of the keys
	wasGone bool      // when that was last counted as a change
}

// fetching is one fetch.
type fetching struct {
	begun  time.Time
	done   chan struct{} // closed at its end
	err    error         // to be read after done
	beside bool          // the server was away lately: who has a key goes on with it
}

// NewRemote makes a key set of the address where it is published: https, or http on this machine. It fetches nothing yet.
// Errors wrap [sso.Invalid].
func NewRemote(address string, o RemoteOptions) (*Remote, error) {
	u, err := outbound.ParseURL(address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", o.Name, err, sso.Invalid)
	}
	if o.Timeout == 0 {
		o.Timeout = outbound.Timeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	client := outbound.Client(u, o.CAs)
	client.Transport.(*http.Transport).DisableKeepAlives = true // a set is fetched every few minutes
	return &Remote{address: u.String(), client: client, options: o, status: Status{Origin: u.String()}}, nil
}

// Keys implements [Set].
func (r *Remote) Keys(ctx context.Context, kid string) ([]Key, error) {
	r.mu.Lock()
	f, wait := r.need(kid, r.options.Now())
	r.mu.Unlock()
	if wait {
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, fmt.Errorf("key set %s: it has not answered yet: %w: %w", r.address, context.Cause(ctx), sso.ProviderUnavailable)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if wait && kid != "" && !r.knows(kid) {
		r.missed = f.begun
	}
	return r.have(ctx, kid, r.options.Now())
}

// need begins a fetch if there must be one, and says whether to wait for the one that is under way.
func (r *Remote) need(kid string, now time.Time) (f *fetching, wait bool) {
	known := len(r.keys) > 0 && !r.gone(now) && (kid == "" || r.knows(kid))
	fresh := now.Before(r.due)
	switch {
	case known && fresh:
		return nil, false
	case r.running != nil:
	case r.status.Fault != "" && now.Sub(r.tried) < retryAfter: // it failed just now
		return nil, false
	case fresh && now.Sub(r.missed) < retryAfter:
		return nil, false
	case known:
		r.begin(now, r.etag)
	default: // a server that is wrong about what changed must not keep back a new key: no etag
		r.begin(now, "")
	}
	return r.running, !known || !r.running.beside
}

func (r *Remote) knows(kid string) bool {
	return slices.ContainsFunc(r.keys, func(k Key) bool { return k.kid == kid })
}

// have returns the keys that there are for a kid.
func (r *Remote) have(ctx context.Context, kid string, now time.Time) ([]Key, error) {
	away := func() error {
		return fmt.Errorf("key set %s: %s: %w", r.address, r.status.Fault, sso.ProviderUnavailable)
	}
	switch {
	case len(r.keys) == 0 || r.gone(now):
		return nil, away()
	case r.status.Fault != "" && kid != "" && !r.knows(kid):
		keys, _ := r.keys.Keys(ctx, kid) // those without a kid
		return keys, away()
	}
	return r.keys.Keys(ctx, kid)
}

// Fetch fetches the set now, whatever its age, as an administrator asks for it. The error wraps [sso.ProviderUnavailable].
func (r *Remote) Fetch(ctx context.Context) error {
	r.mu.Lock()
	if r.running == nil {
		r.begin(r.options.Now(), "")
	}
	f := r.running
	r.mu.Unlock()
	select {
	case <-f.done:
	case <-ctx.Done():
		return fmt.Errorf("key set %s: it has not answered yet: %w: %w", r.address, context.Cause(ctx), sso.ProviderUnavailable)
	}
	if f.err != nil {
		return fmt.Errorf("key set %s: %w: %w", r.address, f.err, sso.ProviderUnavailable)
	}
	return nil
}

// begin begins a fetch. It is not bound to the caller's context: others wait for it too.
func (r *Remote) begin(now time.Time, etag string) {
	f := &fetching{begun: now, done: make(chan struct{}), beside: r.status.Fault != "" && now.Sub(r.tried) < tryBeside}
	r.running, r.tried = f, now
	go func() {
		a, keys, left, err := r.fetch(etag)
		r.mu.Lock()
		defer r.mu.Unlock()
		if err == nil {
			r.take(a, keys, left)
		}
		r.note(err)
		f.err, r.running = err, nil
		close(f.done)
	}()
}

// fetch asks the server and reads its answer. A panic is an error like others: it is in nobody's request.
func (r *Remote) fetch(etag string) (a *answer, keys keyList, left []string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("its answer cannot be read: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), r.options.Timeout)
	defer cancel()
	a, err = ask(ctx, r.client, r.address, etag)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("it did not answer within %v", r.options.Timeout)
	}
	if err != nil || a.unchanged {
		return a, nil, nil, err
	}
	keys, err = reading{leave: func(reason error) { left = append(left, reason.Error()) }}.keys(a.body)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("its answer is refused: %w", err)
	}
	for i := range keys {
		keys[i].origin = r.address
		keys[i].ID = cmp.Or(keys[i].kid, keys[i].Fingerprint())
	}
	return a, keys, left, nil
}

// take makes the keys of an answer those in force.
func (r *Remote) take(a *answer, keys keyList, left []string) {
	if !a.unchanged {
		r.report(keys, left)
		if !keys.same(r.keys) {
			r.changes++
		}
		r.keys, r.status.LeftOut = keys.since(r.keys), left
	}
	if r.etag = a.etag; len(r.etag) > 256 {
		r.etag = ""
	}
	r.due = r.options.Now().Add(a.fresh)
}

func (r *Remote) report(keys keyList, left []string) {
	if !slices.Equal(left, r.status.LeftOut) && len(left) > 0 {
		r.options.Log.Warn("keys of a key set are left out", "url", r.address, "reasons", left)
	}
	if !keys.same(r.keys) {
		r.options.Log.Info("a key set has changed", "url", r.address, "keys", fmt.Sprint(keys))
	}
}

func (r *Remote) note(err error) {
	now, before := r.options.Now(), r.status.Fault
	if err == nil {
		r.status.LastSuccess, r.status.Fault, r.status.FaultSince = now, "", time.Time{}
		if before != "" {
			r.options.Log.Info("a key set is there again", "url", r.address)
		}
		return
	}
	r.status.Fault = reasonOf(err)
	if before == "" {
		r.status.FaultSince = now
	}
	if r.status.Fault != before {
		kept := "the keys of before stay for a day"
		if r.status.LastSuccess.IsZero() {
			kept = "nobody whose token it would verify can sign in"
		}
		r.options.Log.Warn("a key set cannot be had: "+kept, "url", r.address, "fault", r.status.Fault)
	}
}

// Status returns what is known of the set. It fetches nothing.
func (r *Remote) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.status
	s.Due = r.due
	s.LeftOut, s.Keys = slices.Clone(s.LeftOut), r.keys.Status().Keys
	return s
}

// Generation implements what [Generation] asks of a set. It waits for nothing: a set that has become old is fetched beside.
func (r *Remote) Generation() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.options.Now()
	r.need("", now)
	if gone := r.gone(now); gone != r.wasGone {
		r.wasGone = gone
		r.changes++
	}
	return r.changes
}

// gone reports whether the set was away for so long that its keys are no longer believed.
func (r *Remote) gone(now time.Time) bool {
	return r.status.Fault != "" && now.Sub(r.status.LastSuccess) > keptFor
}
