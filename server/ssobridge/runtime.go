package ssobridge

import (
	"cmp"
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// RuntimeStore is what a [Runtime] keeps settings in; package store has it.
type RuntimeStore interface {
	Store
	Settings(ctx context.Context) (map[string]sso.SavedSetting, int64, error)
	SaveSettings(ctx context.Context, c sso.SettingsChange) (version int64, err error)
	// AdministratorSignedInBy reports whether the last login of an active administrator left one of the digests.
	AdministratorSignedInBy(ctx context.Context, digests []string) (bool, error)
}

// A Runtime holds what the settings are made of and keeps what follows from them in force: an administrator saves, and
// the next login is judged by it, here and on every replica. It is an [admin.SettingStore].
type Runtime struct {
	store   RuntimeStore
	key     []byte // for digests
	now     func() time.Time
	log     *slog.Logger
	own     sso.Providers // those that no setting makes
	listen  func(server.Live)
	live    atomic.Pointer[server.Live]
	keyring keyring
	sources sourcebook
	groups  knownGroups

	mu      sync.Mutex // held while settings are loaded
	loaded  bool
	version int64 // of the saved settings that are in force, or were found unusable
}

// NewRuntime takes in what is saved beside the flags, environment and file that cfg was made of. secretKey is SECRET_KEY,
// or what was generated instead. Faults of the settings are errors.
func NewRuntime(ctx context.Context, cfg *setting.Config, st RuntimeStore, secretKey []byte, now func() time.Time, log *slog.Logger, own ...*sso.Provider) (*Runtime, error) {
	key, err := hkdf.Key(sha256.New, secretKey, nil, "ssobridge/marks", 32)
	if err != nil {
		return nil, err
	}
	r := &Runtime{store: st, key: key, now: now, log: log, own: own, listen: func(server.Live) {}}
	r.live.Store(&server.Live{Config: cfg})
	if err := r.Reload(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Live is what is in force.
func (r *Runtime) Live() server.Live { return *r.live.Load() }

// Follow calls apply, which is [server.Server.Apply], whenever something else comes into force. Call it once, before the
// server answers.
func (r *Runtime) Follow(apply func(server.Live)) { r.listen = apply }

// Reload puts in force what is saved now. Settings that were saved elsewhere and cannot be used here (another version of
// the program, another environment) are logged once, and what was in force stays.
func (r *Runtime) Reload(ctx context.Context) error {
	r.groups.forget() // whoever calls has heard of a change
	r.mu.Lock()
	defer r.mu.Unlock()
	saved, err := setting.ReadSaved(ctx, r.store)
	if err != nil || r.loaded && saved.Version == r.version {
		return err
	}
	next, err := r.make(ctx, r.Live().Config, saved, r.store)
	switch {
	case err == nil:
		r.log.InfoContext(ctx, "settings in force", "version", saved.Version)
	case r.loaded && sso.CodeOf(err) == sso.Invalid:
		r.log.ErrorContext(ctx, "saved settings cannot be used; the ones before stay in force", "version", saved.Version, "error", err)
		before, same := r.Live(), *r.Live().Bridge
		before.Bridge, next = &same, &before
	default:
		return err
	}
	r.putInForce(next, saved.Version)
	return nil
}

// putInForce is called with the mutex.
func (r *Runtime) putInForce(next *server.Live, version int64) {
	next.Bridge.Settings = version
	r.live.Store(next)
	r.loaded, r.version = true, version
	r.listen(*next)
}

// reconfigure puts other flags, environment and file below what is saved, and that in force. With an error nothing has changed.
func (r *Runtime) reconfigure(ctx context.Context, base *setting.Config) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	saved, err := setting.ReadSaved(ctx, r.store)
	if err != nil {
		return err
	}
	next, err := r.make(ctx, base, saved, r.store)
	if err == nil {
		r.putInForce(next, saved.Version)
	}
	return err
}

// make resolves and wires the settings with these saved ones. A fault is an [*admin.Refusal].
func (r *Runtime) make(ctx context.Context, base *setting.Config, saved setting.Saved, st Store) (*server.Live, error) {
	cfg, faults := base.WithSaved(saved)
	if len(faults) > 0 {
		return nil, refusal(faults)
	}
	b, warnings, err := (&maker{&r.keyring, &r.sources, &r.groups, r.now, r.log}).bridge(ctx, cfg, st)
	if err == nil {
		err = ownApart(cfg, b.Providers, r.own)
	}
	if err != nil {
		if f, ok := FaultOf(cfg, err); ok {
			return nil, &admin.Refusal{Err: err, Fields: map[string]string{f.Name: f.Problem}}
		}
		return nil, err
	}
	cfg.Warnings = append(cfg.Warnings, warnings...)
	for _, p := range b.Providers {
		p.Digest = r.digester(cfg, cfg.Provider(p.Name), p)
	}
	b.Providers = append(b.Providers, r.own...)
	return &server.Live{Config: cfg, Bridge: b}, nil
}

// refusal says what is wrong with each setting.
func refusal(faults []setting.Fault) error {
	fields := map[string]string{}
	var all []string
	for _, f := range faults {
		problem := f.Problem
		if f.Hint != "" {
			problem += "; " + f.Hint
		}
		if fields[f.Name] == "" {
			fields[f.Name] = problem
		}
		all = append(all, f.Name+" "+problem)
	}
	return &admin.Refusal{Err: fmt.Errorf("%s: %w", strings.Join(all, ". "), sso.Invalid), Fields: fields}
}

// Current implements admin.SettingStore: the settings as they are saved at this moment, read anew.
func (r *Runtime) Current(ctx context.Context) (*setting.Config, int64, error) {
	saved, err := setting.ReadSaved(ctx, r.store)
	if err != nil {
		return nil, 0, err
	}
	cfg, _ := r.Live().Config.WithSaved(saved)
	return cfg, saved.Version, nil
}

// Try implements admin.SettingStore.
func (r *Runtime) Try(ctx context.Context, changes map[string]*string) (*setting.Config, error) {
	live, err := r.tryChanges(ctx, changes)
	if err != nil {
		return nil, err
	}
	return live.Config, nil
}

// TryProviders implements admin.SettingStore.
func (r *Runtime) TryProviders(ctx context.Context, changes map[string]*string) (sso.Providers, error) {
	live, err := r.tryChanges(ctx, changes)
	if err != nil {
		return nil, err
	}
	return live.Bridge.Providers, nil
}

func (r *Runtime) tryChanges(ctx context.Context, changes map[string]*string) (*server.Live, error) {
	saved, err := setting.ReadSaved(ctx, r.store)
	if err != nil {
		return nil, err
	}
	return r.try(ctx, saved, changes, changes)
}

// aside is a store in which making a bridge creates nothing.
type aside struct{ Store }

func (aside) EnsureGroups(context.Context, []string, sso.Event) ([]sso.Group, error) { return nil, nil }

// try makes what the changes would lead to, and refuses what must not be saved. given are besides the values that are no changes.
func (r *Runtime) try(ctx context.Context, saved setting.Saved, changes, given map[string]*string) (*server.Live, error) {
	saved.Values = maps.Clone(saved.Values)
	for name, value := range changes {
		if value == nil {
			delete(saved.Values, name)
		} else {
			saved.Values[name] = *value
		}
	}
	if err := r.changeable(saved, changes); err != nil {
		return nil, err
	}
	if err := r.sentElsewhere(saved, given); err != nil {
		return nil, err
	}
	if err := r.withinBounds(saved, changes); err != nil {
		return nil, err
	}
	next, err := r.make(ctx, r.Live().Config, saved, aside{r.store})
	if err != nil {
		return nil, err
	}
	return next, r.checkWayIn(ctx, next)
}

// changeable refuses settings that are fixed outside, or are none.
func (r *Runtime) changeable(next setting.Saved, changes map[string]*string) error {
	cfg, _ := r.Live().Config.WithSaved(next) // a provider that is new has settings that were none before
	fields := map[string]string{}
	for name, value := range changes {
		s := cfg.Find(name)
		if s == nil && value == nil { // of a provider that goes
			continue
		}
		switch {
		case s == nil:
			fields[name] = "is not a setting"
		case !s.Changeable:
			fields[name] = "can only be set where the bridge is started, as " + s.Env()
		case cfg.Source(name).Fixed():
			fields[name] = "is fixed: using " + cfg.Source(name).String()
		}
	}
	if len(fields) == 0 {
		return nil
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		all = append(all, name+" "+fields[name])
	}
	return &admin.Refusal{Err: fmt.Errorf("%s: %w", strings.Join(all, ". "), sso.Invalid), Fields: fields}
}

// sentElsewhere refuses a change by which a secret that nobody may see would be sent to another place, or readable on the way:
// who has it gives it anew, also when it stays the same (SECURITY F3).
func (r *Runtime) sentElsewhere(next setting.Saved, values map[string]*string) error {
	before := r.Live().Config
	cfg, _ := before.WithSaved(next)
	fields := map[string]string{}
	for _, s := range cfg.Table() {
		if given := values[s.Name]; cfg.Text(s.Name) == "" || given != nil && *given != "" {
			continue
		}
		for _, where := range s.SentTo {
			if before.Text(where) == cfg.Text(where) {
				continue
			}
			fields[where] = "decides where " + s.Name + " is sent: type that again, too"
			if cfg.Source(s.Name).Fixed() {
				fields[where] = "decides where " + s.Name + " is sent, which is set as " + cfg.Source(s.Name).String() + ": set this there, too"
			}
		}
	}
	if len(fields) == 0 {
		return nil
	}
	name := slices.Sorted(maps.Keys(fields))[0]
	return &admin.Refusal{Err: fmt.Errorf("%s %s: %w", name, fields[name], sso.Invalid), Fields: fields}
}

const passwordLogin = "ENABLE_PASSWORD_LOGIN"

// checkWayIn refuses settings by which no administrator could come back: password sign-in off, and sign-in through the
// identity provider, exactly as it would be then, has let no administrator in (SECURITY G4). Where the environment turns
// passwords off, the environment is also the way back.
func (r *Runtime) checkWayIn(ctx context.Context, next *server.Live) error {
	cfg := next.Config
	if cfg.EnablePasswordLogin || cfg.Source(passwordLogin).Fixed() {
		return nil
	}
	problem := ""
	if len(cfg.LoginProviders()) == 0 {
		problem = "must be on for this: sign-in through a product is off, and who has no passkey has no other way in"
	} else {
		proved, err := r.store.AdministratorSignedInBy(ctx, r.digests(next))
		switch {
		case err != nil:
			return err
		case !proved:
			problem = "must be on for this: no administrator has signed in through the product with these settings yet. Save with it on, " +
				"sign in through the product, then turn it off"
		}
	}
	if problem == "" {
		return nil
	}
	return &admin.Refusal{Err: fmt.Errorf("%s: %w", problem, sso.Invalid), Fields: map[string]string{passwordLogin: problem}}
}

// digests are those that logins would leave, one for each provider and key.
func (r *Runtime) digests(next *server.Live) (all []string) {
	for _, made := range next.Bridge.Providers {
		p := next.Config.Provider(made.Name)
		if p == nil { // nobody signs in with it
			continue
		}
		for _, secret := range p.SharedSecrets {
			all = append(all, made.Digest(sso.SecretID(secret)))
		}
		for _, id := range configuredKeys(made) {
			all = append(all, made.Digest(id))
		}
		if len(p.JWKSURLs) > 0 || p.Kind == setting.KindOIDC || p.Bearer.ValidationURL != "" {
			all = append(all, r.digestOf(next.Config, p, published))
		}
	}
	return all
}

// digester returns what says which digest a login by a key leaves. Logins are many: the digests are made once.
func (r *Runtime) digester(cfg *setting.Config, p *setting.Provider, made *sso.Provider) func(keyID string) string {
	byKey := map[string]string{}
	for _, secret := range p.SharedSecrets {
		byKey[sso.SecretID(secret)] = r.digestOf(cfg, p, secret)
	}
	var ofID sync.Map // key id → digest, of keys that the settings name: as many as they have
	ofPublished := sync.OnceValue(func() string { return r.digestOf(cfg, p, published) })
	return func(keyID string) string {
		if digest, ok := byKey[keyID]; ok {
			return digest
		}
		if !slices.Contains(configuredKeys(made), keyID) {
			return ofPublished()
		}
		digest, ok := ofID.Load(keyID)
		if !ok {
			digest, _ = ofID.LoadOrStore(keyID, r.digestOf(cfg, p, "key "+keyID)) // of another kind of key its id must do
		}
		return digest.(string)
	}
}

// published stands for the keys that a provider publishes, and for what its validation server says. Which keys these are is for
// the provider to change, and they are not known before one is needed; the settings say whom to believe.
const published = "what the provider publishes"

// configuredKeys are the ids of the public keys that the settings name.
func configuredKeys(p *sso.Provider) (ids []string) {
	for _, s := range p.PublicKeys() {
		if strings.Contains(s.Origin, "://") { // an address
			continue
		}
		for _, k := range s.Keys {
			ids = append(ids, k.ID)
		}
	}
	return ids
}

// digestOf names what decides whether a person with a token of this key gets in. Keyed, so that a copy of the database does
// not help to guess the secret.
func (r *Runtime) digestOf(cfg *setting.Config, p *setting.Provider, secret string) string {
	h := hmac.New(sha256.New, r.key)
	for _, s := range cfg.Table() {
		if s.LetsIn && (s.Provider == "" || s.Provider == p.Name) {
			text := cfg.Text(s.Name)
			fmt.Fprintf(h, "%s %d %s\n", s.Name, len(text), text)
		}
	}
	h.Write([]byte(secret))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Save implements admin.SettingStore.
func (r *Runtime) Save(ctx context.Context, c admin.Change) (int64, error) {
	saved, err := setting.ReadSaved(ctx, r.store)
	switch {
	case err != nil:
		return 0, err
	case saved.Version != c.Version:
		return 0, fmt.Errorf("someone has saved settings meanwhile: %w", sso.Conflict)
	}
	changes := maps.Clone(c.Values)
	maps.DeleteFunc(changes, func(name string, value *string) bool {
		old, is := saved.Values[name]
		return value == nil && !is || value != nil && is && old == *value
	})
	if len(changes) == 0 && len(c.Clear) == 0 && c.Restore == nil {
		return saved.Version, nil
	}
	next, err := r.try(ctx, saved, changes, c.Values)
	if err != nil {
		return 0, err
	}
	before, _ := r.Live().Config.WithSaved(saved)
	save := sso.SettingsChange{Values: changes, Secrets: map[string]bool{}, Version: c.Version, Clear: c.Clear, Undo: c.Undo, Restore: c.Restore}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		save.Secrets[name] = sealed(next.Config, before, name)
		save.Events = append(save.Events, sso.Event{
			At: r.now(), Kind: sso.EventSetting, Actor: c.Actor, Peer: c.Peer, Reference: c.Reference,
			Detail: name + ": " + admin.Difference(shown(before, name), shown(next.Config, name)),
		})
	}
	for _, p := range next.Config.Providers {
		for i, e := range save.Events { // by which it is known later who made a key, and when
			if made := newSecret(p, before.Provider(p.Name)); made != "" && strings.HasPrefix(e.Detail, p.Setting("SHARED_SECRET")+": ") {
				save.Events[i].KeyID = sso.SecretID(made)
			}
		}
		if _, mapped := changes[p.Setting("GROUP_MAPPINGS")]; mapped {
			save.Groups = append(save.Groups, p.GroupMappings.Names()...)
		}
	}
	version, err := r.store.SaveSettings(ctx, save)
	if err != nil {
		return 0, err
	}
	if err := r.Reload(ctx); err != nil {
		return version, errors.Join(errors.New("saved, but not yet in force here"), err)
	}
	return version, nil
}

// newSecret is the last of the secrets that a provider had not before; "" for none. before is nil for a new provider.
func newSecret(p, before *setting.Provider) (made string) {
	for _, secret := range p.SharedSecrets {
		if before == nil || !slices.Contains(before.SharedSecrets, secret) {
			made = secret
		}
	}
	return made
}

// sealed reports whether a setting is kept sealed. One of a provider that goes is known by the Config before.
func sealed(next, before *setting.Config, name string) bool {
	s := cmp.Or(next.Find(name), before.Find(name))
	return s != nil && s.Secret
}

// shown is a setting as the audit trail shows it. Of secrets it says how many there are and nothing else.
func shown(cfg *setting.Config, name string) string {
	s, text := cfg.Find(name), cfg.Text(name)
	switch {
	case s == nil: // of a provider that is not there
		return "not set"
	case s.Provider != "" && name == cfg.Provider(s.Provider).Setting("SHARED_SECRET"):
		n := len(cfg.Provider(s.Provider).SharedSecrets)
		return map[int]string{0: "none", 1: "1 secret"}[min(n, 2)] + several(n)
	case s.Secret:
		return "********"
	case text == "":
		return "not set"
	}
	return sso.Truncate(text, 800)
}

func several(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf("%d secrets", n)
}
