package ssobridge

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/server/metrics"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/password"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/store"
	"github.com/ssobridge/ssobridge/store/services"
)

// A Service is the whole bridge: all parts joined (DESIGN 1). The command "serve" listens with it; [Open] makes one to
// mount in a program's own server.
type Service struct {
	*server.Server
	Runtime   *Runtime
	store     *store.Store
	signer    *Signer
	keys      *ServiceKeys
	bearer    *ServiceBearer
	passwords *password.Hasher
	tended    tended
	backups   *backups
	now       func() time.Time
	log       *slog.Logger
}

// tended is what [Service.Tend] has done and found, for metrics.
type tended struct {
	rows     atomic.Int64 // swept
	swept    atomic.Int64 // when the last sweep was done, in Unix seconds
	sessions atomic.Int64 // that have not ended
}

// Join makes the bridge that a configuration describes. The store stays the caller's; it has its tables. secretKey is
// SECRET_KEY, or what was generated instead. Faults of the settings are errors.
func Join(ctx context.Context, cfg *setting.Config, st *store.Store, secretKey []byte, now func() time.Time, log *slog.Logger, version string) (*Service, error) {
	keys, err := NewServiceKeys(KeyFileOf(cfg), st.Services(), now, log)
	if err != nil {
		return nil, err
	}
	if err := keys.Reload(ctx); err != nil {
		return nil, err
	}
	own, bearer := NewServiceProvider(cfg, keys, st.Services(), log)
	runtime, err := NewRuntime(ctx, cfg, st, secretKey, now, log, own)
	if err != nil {
		return nil, err
	}
	inForce := runtime.Live().Config
	groups, err := st.Groups(ctx)
	if err != nil {
		return nil, err
	}
	doubtful, err := st.DoubtfulEmails(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range slices.Concat(inForce.Warnings, MissingGroups(inForce, groups), DoubtfulEmails(doubtful)) {
		log.Warn(w)
	}
	signer, err := NewSigner(ctx, st, inForce.Assertion, now, log)
	if err != nil {
		return nil, err
	}
	signer.also = keys
	counted := metrics.New(version)
	st.Observe(counted.Stored)
	passwords := &password.Hasher{}
	s, err := server.New(server.Options{
		Store:          st,
		Passwords:      passwords,
		Signer:         signer,
		SecretKey:      secretKey,
		Now:            now,
		Log:            log,
		Version:        version,
		Metrics:        counted,
		Administration: &server.Administration{Store: st, Settings: runtime, Services: st.Services(), Minter: bearer.minter},
		SettingsChanged: func(ctx context.Context) error {
			return errors.Join(runtime.Reload(ctx), signer.Reload(ctx), keys.Reload(ctx))
		},
	}, timed(runtime.Live(), counted))
	if err != nil {
		return nil, err
	}
	runtime.Follow(func(l server.Live) { s.Apply(timed(l, counted)) })
	all := &Service{Server: s, Runtime: runtime, store: st, signer: signer, keys: keys, bearer: bearer, passwords: passwords, now: now, log: log}
	all.backups = &backups{service: all, store: st, began: now()}
	counted.Add(all.readings()...)
	return all, nil
}

// Explainer makes a bridge that explains the tokens of service accounts, too, as that of [Join] does. The store of the
// services may be another one than st, which changes nothing.
func Explainer(ctx context.Context, cfg *setting.Config, st Store, services services.Store, now func() time.Time, log *slog.Logger) (*sso.Bridge, error) {
	keys, err := NewServiceKeys(KeyFileOf(cfg), services, now, log)
	if err != nil {
		return nil, err
	}
	if err := keys.Reload(ctx); err != nil {
		return nil, err
	}
	b, _, err := Bridge(ctx, cfg, st, now, log)
	if err != nil {
		return nil, err
	}
	own, _ := NewServiceProvider(cfg, keys, services, log)
	b.Providers = append(b.Providers, own)
	return b, nil
}

// sweepEvery is how often what is over (sessions, spent proofs, failures) is removed from the database. All of it has
// stopped counting by its own date before.
const sweepEvery = 10 * time.Minute

// countEvery is how often sessions are counted.
const countEvery = time.Minute

// Tend rotates keys, sweeps the database, writes backups and lets people be searched until ctx ends. Run it beside [server.Server.Serve].
func (s *Service) Tend(ctx context.Context) {
	done := make(chan struct{})
	go func() { defer close(done); s.signer.Follow(ctx) }()
	defer func() { <-done }()
	used := make(chan struct{})
	go func() { defer close(used); s.bearer.Follow(ctx) }()
	defer func() { <-used }()
	saved := make(chan struct{})
	go func() { defer close(saved); s.backups.follow(ctx) }()
	defer func() { <-saved }()
	counted := make(chan struct{})
	go func() { defer close(counted); s.countSessions(ctx) }()
	defer func() { <-counted }()
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		s.makeWords(ctx)
		s.sweep(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// countSessions keeps count of the sessions for metrics. While the database does not answer the last count stands.
func (s *Service) countSessions(ctx context.Context) {
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for {
		if n, err := s.store.CountSessions(ctx, s.now()); err == nil {
			s.tended.sessions.Store(n)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// makeWords lets people be found whom an earlier version wrote, or one that still runs beside this. A failure is logged and
// tried again at the next tick.
func (s *Service) makeWords(ctx context.Context) {
	n, err := s.store.MakeWords(ctx)
	if err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "some people cannot be searched yet", "error", err)
	} else if n > 0 {
		s.log.LogAttrs(ctx, slog.LevelInfo, "made the words by which people are searched", slog.Int("people", n))
	}
}

// sweep removes what is over. A failure is logged and tried again: nothing depends on it.
func (s *Service) sweep(ctx context.Context) {
	n, err := s.store.Sweep(ctx, s.now())
	if keep := s.Runtime.Live().Config.EventRetention; err == nil && keep > 0 {
		var events int
		events, err = s.store.ForgetEvents(ctx, s.now().Add(-keep))
		n += events
	}
	if err == nil {
		var over int
		over, err = s.store.Services().Forget(ctx, s.now())
		n += over
	}
	s.tended.rows.Add(int64(n))
	if err == nil {
		s.tended.swept.Store(s.now().Unix())
	}
	if err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "sweep failed", "error", err)
	} else if n > 0 {
		s.log.LogAttrs(ctx, slog.LevelDebug, "swept", slog.Int("rows", n))
	}
}

// Open makes a bridge for a program's own server from settings by name, such as "SITE_URL": SECRET_KEY must be among them.
// It opens the database, and makes or updates its tables. Mount the result, run [Service.Run] beside it, and see the
// examples of package server.
func Open(ctx context.Context, settings map[string]string, log *slog.Logger) (*Service, error) {
	var in setting.Inputs
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		in.Environ = append(in.Environ, "SSOBRIDGE_"+name+"="+settings[name])
	}
	cfg, faults := setting.Resolve(in)
	if len(faults) > 0 {
		return nil, faultsOf(faults)
	}
	if cfg.SecretKey == nil {
		return nil, errors.New("SECRET_KEY is not set: take 32 random bytes or more, and keep them as long as the database")
	}
	st, err := store.Open(ctx, cfg.DatabaseURL, store.Options{Secret: cfg.SecretKey, Log: log})
	if err != nil {
		return nil, err
	}
	_, err = st.Migrate(ctx)
	if err == nil {
		var s *Service
		if s, err = Join(ctx, cfg, st, cfg.SecretKey, time.Now, log, "embedded"); err == nil {
			return s, nil
		}
	}
	return nil, errors.Join(err, st.Close())
}

// Run does what a mounted bridge does beside answering, until ctx ends, and then closes the database: end the server
// first. Without it a session that ended elsewhere would be asked of the database at each request.
func (s *Service) Run(ctx context.Context) error {
	done := make(chan struct{})
	go func() { defer close(done); s.Tend(ctx) }()
	s.Follow(ctx)
	<-done
	return s.store.Close()
}
