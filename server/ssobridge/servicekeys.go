package ssobridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/origin"
	"github.com/ssobridge/ssobridge/sso/service"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/token"
)

// How service keys are kept in force.
const (
	// ServiceKeyLifetime is for how long a key that the bridge made signs; what it signed is accepted after that, too.
	ServiceKeyLifetime = 90 * 24 * time.Hour
	// reaskAfter bounds how often the database is asked for a kid that is not known: anybody can write one.
	reaskAfter = time.Second
	// rereadKeyAfter is how old what was read of SERVICE_KEY_FILE may be.
	rereadKeyAfter = 10 * time.Second
)

// ServiceKeyStore keeps the keys; package store has it.
type ServiceKeyStore interface {
	Keys(ctx context.Context) ([]service.Key, error)
	EnsureKey(ctx context.Context, k service.Key, since time.Time, e sso.Event) (added bool, err error)
	// Compromise deletes all keys, and revokes all tokens.
	Compromise(ctx context.Context, e sso.Event) (revoked int, err error)
}

// ServiceKeys are the keys that sign the tokens of service accounts: that of SERVICE_KEY_FILE, or those that the bridge
// makes when one is needed and keeps sealed. Keys of before verify as long as a token of theirs is left, so that a new key
// is no outage. It is a [keyset.Set].
type ServiceKeys struct {
	store ServiceKeyStore
	file  *serviceKeyFile // nil: the bridge makes its own
	now   func() time.Time

	known   atomic.Pointer[[]serviceKey]
	changes atomic.Uint64
	mu      sync.Mutex // held while keys are read
	asked   time.Time
}

// serviceKey is one key of the store.
type serviceKey struct {
	public keyset.Key
	signs  *keyset.SigningKey // nil: its private part is in a file, or was
	made   time.Time
}

// A KeyFile is a private key that the operator keeps in a file.
type KeyFile struct {
	Setting string // by which messages call it
	Private string // its name; "": there is none
	Public  string // that of its public key; "": it is not looked at
	Alg     string // "": with which it signed before, else the first that such a key can have
	Kid     string // "": its thumbprint
}

// KeyFileOf is that of the settings.
func KeyFileOf(cfg *setting.Config) KeyFile {
	return KeyFile{"SERVICE_KEY_FILE", cfg.ServiceKeyFile, cfg.ServicePublicKeyFile, cfg.ServiceKeyAlg, cfg.ServiceKeyID}
}

// NewServiceKeys reads the file if there is one; what is wrong with it is an error that begins with the setting. Call Reload
// before the keys are used.
func NewServiceKeys(file KeyFile, st ServiceKeyStore, now func() time.Time, log *slog.Logger) (*ServiceKeys, error) {
	k := &ServiceKeys{store: st, now: now}
	k.known.Store(&[]serviceKey{})
	if file.Private != "" {
		f := &serviceKeyFile{KeyFile: file, now: now, log: log}
		key, err := f.load()
		if err != nil {
			return nil, err
		}
		f.key, f.read = key, now()
		k.file = f
	}
	return k, nil
}

// Reload takes in the keys as they are in the store now.
func (k *ServiceKeys) Reload(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.reload(ctx)
}

func (k *ServiceKeys) reload(ctx context.Context) error {
	stored, err := k.store.Keys(ctx)
	if err != nil {
		return err
	}
	all := make([]serviceKey, 0, len(stored))
	for _, s := range stored {
		one, err := readServiceKey(s)
		if err != nil {
			return fmt.Errorf("service key %s: %w", s.ID, err)
		}
		all = append(all, one)
	}
	if before := k.known.Swap(&all); !slices.EqualFunc(*before, all, func(a, b serviceKey) bool {
		return a.public.KeyID() == b.public.KeyID() && a.public.Algorithm() == b.public.Algorithm() && a.public.Fingerprint() == b.public.Fingerprint()
	}) {
		k.changes.Add(1)
	}
	return nil
}

// generation changes when a key does.
func (k *ServiceKeys) generation() uint64 { return k.changes.Load() }

func readServiceKey(s service.Key) (serviceKey, error) {
	keys, err := keyset.ParseKey(keyset.Spec{Name: "service key", Data: s.Public, Alg: s.Algorithm, Kid: s.ID})
	if err != nil {
		return serviceKey{}, err
	}
	one := serviceKey{public: keys[0], made: s.CreatedAt}
	if s.Private != nil {
		one.signs, err = keyset.ParsePrivateKey(keyset.Spec{Name: "service key", Data: s.Private, Alg: s.Algorithm, Kid: s.ID})
	}
	return one, err
}

// Keys implements [keyset.Set].
func (k *ServiceKeys) Keys(ctx context.Context, kid string) ([]keyset.Key, error) {
	found := k.named(kid)
	if len(found) == 0 && k.reask() {
		if err := k.Reload(ctx); err != nil {
			return nil, fmt.Errorf("service keys: %w: %w", err, sso.StoreUnavailable)
		}
		found = k.named(kid)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no key of the bridge's has that kid: the token is of another bridge, or no token of its key was left: %w", sso.KeyUnknown)
	}
	return found, nil
}

// Made returns when the youngest key was made that the bridge made for service accounts and that signs; ok is false when
// there is none, as with a key in a file.
func (k *ServiceKeys) Made() (at time.Time, ok bool) {
	for _, key := range *k.known.Load() {
		if key.signs != nil && key.made.After(at) {
			at, ok = key.made, true
		}
	}
	return at, ok
}

// named are the keys that may have that kid. All of ours name one.
func (k *ServiceKeys) named(kid string) (found []keyset.Key) {
	for _, key := range k.Public() {
		if kid == "" || key.KeyID() == kid {
			found = append(found, key)
		}
	}
	return found
}

func (k *ServiceKeys) reask() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	if age := now.Sub(k.asked); age >= 0 && age < reaskAfter {
		return false
	}
	k.asked = now
	return true
}

// Public are the keys that verify, for the JWK Set: that of the file first.
func (k *ServiceKeys) Public() (all []keyset.Key) {
	if k.file != nil {
		all = append(all, k.ofFile().Public())
	}
	for _, s := range *k.known.Load() {
		if !slices.ContainsFunc(all, func(other keyset.Key) bool { return other.KeyID() == s.public.KeyID() }) {
			all = append(all, s.public)
		}
	}
	return all
}

// ofFile is the key of the file. It goes on with the algorithm with which it signed before, unless the configuration says
// another one: a key has one (RFC 8725 §3.1), and there are tokens by it.
func (k *ServiceKeys) ofFile() *keyset.SigningKey {
	key := k.file.current()
	if k.file.Alg != "" {
		return key
	}
	for _, s := range *k.known.Load() {
		if same, err := key.With(s.public.Algorithm()); err == nil && s.public.KeyID() == key.ID() && s.public.Fingerprint() == key.Public().Fingerprint() {
			return same
		}
	}
	return key
}

// Signing returns the key that signs now, and makes one if none is due. Whoever asks keeps what it signed in the store: then
// the key is there, too.
func (k *ServiceKeys) Signing(ctx context.Context) (*keyset.SigningKey, error) {
	if k.file != nil {
		key := k.ofFile()
		return key, k.keep(ctx, key, false, time.Time{}, sso.Event{})
	}
	if err := k.Reload(ctx); err != nil {
		return nil, err
	}
	if key := k.youngest(k.now().Add(-ServiceKeyLifetime)); key != nil {
		return key, nil
	}
	return k.next(ctx, k.now().Add(-ServiceKeyLifetime), "", "made, since it was due")
}

// youngest is the youngest key that the bridge made itself, after since; nil: there is none.
func (k *ServiceKeys) youngest(since time.Time) *keyset.SigningKey {
	for _, s := range *k.known.Load() {
		if s.signs != nil && s.made.After(since) {
			return s.signs
		}
	}
	return nil
}

// Rotate makes the key that signs from now on; actor is who asks. What the keys of before signed is accepted as before.
func (k *ServiceKeys) Rotate(ctx context.Context, actor string) (*keyset.SigningKey, error) {
	if k.file != nil {
		return nil, fmt.Errorf("the key is in SERVICE_KEY_FILE: put another one there, and what the old one signed is still accepted: %w", sso.Invalid)
	}
	never := k.now().Add(ServiceKeyLifetime) // whatever there is, another one is wanted
	return k.next(ctx, never, actor, "made by hand; those of before verify as long as there are tokens of theirs")
}

// Compromised is for when a key may have leaked: it revokes all tokens, deletes all keys, and makes another one. nil: that of
// SERVICE_KEY_FILE signs, which must be another one already.
func (k *ServiceKeys) Compromised(ctx context.Context, actor string) (key *keyset.SigningKey, revoked int, err error) {
	if err := k.Reload(ctx); err != nil {
		return nil, 0, err
	}
	if k.file != nil && k.isKept(k.file.current().Public().Fingerprint()) {
		return nil, 0, fmt.Errorf("SERVICE_KEY_FILE still has the key that signed: put another one there first: %w", sso.Invalid)
	}
	revoked, err = k.store.Compromise(ctx, sso.Event{At: k.now(), Kind: sso.EventService, Actor: actor,
		Detail: "a service key may have leaked: all tokens revoked, all service keys deleted"})
	if err := errors.Join(err, k.Reload(ctx)); err != nil || k.file != nil {
		return nil, revoked, err
	}
	key, err = k.Rotate(ctx, actor)
	return key, revoked, err
}

func (k *ServiceKeys) isKept(fingerprint string) bool {
	return slices.ContainsFunc(*k.known.Load(), func(s serviceKey) bool { return s.public.Fingerprint() == fingerprint })
}

// next makes a key, unless another replica made one after since, and returns the youngest.
func (k *ServiceKeys) next(ctx context.Context, since time.Time, actor, why string) (*keyset.SigningKey, error) {
	key, err := keyset.NewSigningKey()
	if err != nil {
		return nil, err
	}
	e := sso.Event{At: k.now(), Kind: sso.EventService, Actor: actor, Detail: "service key " + key.ID() + " " + why}
	if err := k.keep(ctx, key, true, since, e); err != nil {
		return nil, err
	}
	if key = k.youngest(k.now().Add(-ServiceKeyLifetime)); key == nil {
		return nil, errors.New("no service key was made")
	}
	return key, nil
}

// keep sees to it that the key is in the store.
func (k *ServiceKeys) keep(ctx context.Context, key *keyset.SigningKey, own bool, since time.Time, e sso.Event) error {
	public := key.Public()
	if slices.ContainsFunc(*k.known.Load(), func(s serviceKey) bool {
		return s.public.KeyID() == public.KeyID() && s.public.Algorithm() == public.Algorithm() && s.public.Fingerprint() == public.Fingerprint()
	}) {
		return nil
	}
	spki, err := public.SPKI()
	if err != nil {
		return err
	}
	kept := service.Key{ID: key.ID(), Algorithm: public.Algorithm(), Public: spki, CreatedAt: k.now()}
	if own {
		if kept.Private, err = key.PKCS8(); err != nil {
			return err
		}
	}
	if _, err := k.store.EnsureKey(ctx, kept, since, e); err != nil {
		return err
	}
	return k.Reload(ctx)
}

// A ServiceKeyState is one service key as people see it.
type ServiceKeyState struct {
	ID, Algorithm string
	Made          time.Time // zero: it is in a file, and has signed nothing yet
	Signs         bool      // now
	OfBridge      bool      // the bridge made it
}

// List is the keys whose tokens are accepted.
func (k *ServiceKeys) List() (all []ServiceKeyState) {
	signs := k.youngest(k.now().Add(-ServiceKeyLifetime))
	if k.file != nil {
		signs = k.ofFile()
	}
	known := map[string]serviceKey{}
	for _, s := range *k.known.Load() {
		known[s.public.KeyID()] = s
	}
	for _, public := range k.Public() {
		of := known[public.KeyID()]
		all = append(all, ServiceKeyState{ID: public.KeyID(), Algorithm: public.Algorithm(), Made: of.made,
			Signs: signs != nil && signs.ID() == public.KeyID(), OfBridge: of.signs != nil})
	}
	return all
}

// Source says of the keys what administrators see.
func (k *ServiceKeys) Source() sso.KeySource {
	s := sso.KeySource{Origin: "made by the bridge"}
	if k.file != nil {
		s.Origin = k.file.Private
		s.LastSuccess, s.Fault, s.FaultSince = k.file.status()
	}
	for _, key := range k.Public() {
		s.Keys = append(s.Keys, sso.PublicKey{ID: key.KeyID(), Algorithm: key.Algorithm(), Fingerprint: key.Fingerprint()})
	}
	return s
}

// serviceKeyFile is SERVICE_KEY_FILE, which is read anew every ten seconds at most, when it is needed. A file that has become
// unreadable or wrong changes nothing: the key of before stays.
type serviceKeyFile struct {
	KeyFile
	now func() time.Time
	log *slog.Logger

	mu         sync.Mutex
	key        *keyset.SigningKey
	read       time.Time
	good       time.Time
	fault      string
	faultSince time.Time
}

func (f *serviceKeyFile) current() *keyset.SigningKey {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if age := now.Sub(f.read); age >= 0 && age < rereadKeyAfter {
		return f.key
	}
	f.read = now
	key, err := f.load()
	switch {
	case err != nil && f.fault == "":
		f.fault, f.faultSince = sso.Reason(err), now
		f.log.Warn("the service key file cannot be used: the key of before stays", "fault", f.fault)
	case err != nil:
		f.fault = sso.Reason(err)
	default:
		if f.fault != "" || key.ID() != f.key.ID() {
			f.log.Info("service key file read", "key", key.ID())
		}
		f.key, f.good, f.fault, f.faultSince = key, now, "", time.Time{}
	}
	return f.key
}

func (f *serviceKeyFile) status() (good time.Time, fault string, since time.Time) {
	f.current()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.good, f.fault, f.faultSince
}

// load reads the file, and that of the public key if one is named: a pair that is none would give tokens that nobody else
// can verify.
func (f *serviceKeyFile) load() (*keyset.SigningKey, error) {
	data, err := readKeyFile(f.Private)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read: %w: %w", f.Setting, err, sso.Invalid)
	}
	key, err := keyset.ParsePrivateKey(keyset.Spec{Name: f.Setting + ": " + f.Private, Data: data, Alg: f.Alg, Kid: f.Kid})
	if err != nil || f.Public == "" {
		return key, err
	}
	if data, err = readKeyFile(f.Public); err != nil {
		return nil, fmt.Errorf("SERVICE_PUBLIC_KEY_FILE: cannot be read: %w: %w", err, sso.Invalid)
	}
	public, err := keyset.ParseKey(keyset.Spec{Name: "SERVICE_PUBLIC_KEY_FILE: " + f.Public, Data: data})
	switch {
	case err != nil:
		return nil, err
	case len(public) != 1 || public[0].Fingerprint() != key.Public().Fingerprint():
		return nil, fmt.Errorf("SERVICE_PUBLIC_KEY_FILE: %s does not belong to the private key of %s: write it with: openssl pkey -in PRIVATE -pubout -out PUBLIC: %w",
			f.Public, f.Private, sso.Invalid)
	}
	return key, nil
}

// readKeyFile neither waits for a pipe nor reads without end.
func readKeyFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no file: name the file with the key")
	case info.Size() > 256<<10:
		return nil, fmt.Errorf("it has %d bytes; a key has fewer", info.Size())
	}
	return os.ReadFile(path)
}

// Minter signs service tokens. It is an [admin.Minter].
type Minter struct {
	Keys   *ServiceKeys
	Issuer string
	Site   origin.Origin
}

// NewMinter makes the Minter of a bridge.
func NewMinter(cfg *setting.Config, keys *ServiceKeys) Minter {
	return Minter{Keys: keys, Issuer: cfg.OwnIssuer(), Site: cfg.SiteURL}
}

// Mint implements [admin.Minter]: RFC 9068 §2.2, of an account that is its own client.
func (m Minter) Mint(ctx context.Context, name string, t service.Token) (text, keyID string, err error) {
	key, err := m.Keys.Signing(ctx)
	if err != nil {
		return "", "", err
	}
	text, err = key.Sign(map[string]any{
		"iss": m.Issuer, "aud": service.Audience(m.Site), "sub": name, "client_id": name, "jti": t.ID, "token_type": "service",
		"iat": t.CreatedAt.Unix(), "exp": t.ExpiresAt.Unix(),
	}, service.TokenType)
	return text, key.ID(), err
}

// Verifier judges what the Minter signed.
func (m Minter) Verifier() *token.ServiceVerifier {
	return &token.ServiceVerifier{Typ: service.TokenType, Keys: m.Keys, Issuer: m.Issuer, Audience: service.Audience(m.Site)}
}
