package ssobridge

import (
	"database/sql"
	"time"

	"github.com/ssobridge/ssobridge/server/gate"
	"github.com/ssobridge/ssobridge/server/metrics"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// readings are the numbers that the parts of the bridge keep of themselves.
func (s *Service) readings() []metrics.Reading {
	all := []metrics.Reading{{
		Name: "ssobridge_events_dropped_total", Help: "Events that were not kept, since too many came at once.", Total: true,
		Read: metrics.One(s.store.Dropped),
	}}
	all = append(all, storeReadings(s.store.Load)...)
	all = append(all, gateReadings(s.Server.State)...)
	all = append(all, providerReadings(func() sso.Providers { return s.Runtime.Live().Bridge.Providers })...)
	all = append(all, s.backups.readings()...)
	return append(all, s.tendReadings()...)
}

func storeReadings(load func() sqldb.Load) []metrics.Reading {
	pools := func(of func(sql.DBStats) float64) func(func(float64, string)) {
		return func(put func(float64, string)) {
			for use, stats := range load().Pools {
				put(of(stats), use)
			}
		}
	}
	return []metrics.Reading{{
		Name: "ssobridge_store_transactions_waiting", Help: "Transactions that wait for their turn to write.",
		Read: metrics.One(func() int { return load().Waiting }),
	}, {
		Name: "ssobridge_store_retries_total", Help: "Transactions that were run anew, since another one was quicker.", Total: true,
		Read: metrics.One(func() int64 { return load().Retries }),
	}, {
		Name: "ssobridge_store_connections", Help: "Connections to the database that are in use, by what for: write, read, check.", Label: "use",
		Read: pools(func(s sql.DBStats) float64 { return float64(s.InUse) }),
	}, {
		Name: "ssobridge_store_connection_waits_total", Help: "How often something had to wait for a connection, by what for.", Total: true, Label: "use",
		Read: pools(func(s sql.DBStats) float64 { return float64(s.WaitCount) }),
	}}
}

func gateReadings(state func() gate.State) []metrics.Reading {
	number := func(of func(gate.State) int) func(func(float64, string)) {
		return metrics.One(func() int { return of(state()) })
	}
	return []metrics.Reading{{
		Name: "ssobridge_cache_misses_total", Help: "Checks of sessions and tokens that were not answered from memory.", Total: true,
		Read: metrics.One(func() int64 { return state().Misses }),
	}, {
		Name: "ssobridge_cached", Help: "What is in memory for checks, by kind: sessions, tokens.", Label: "kind",
		Read: func(put func(float64, string)) {
			now := state()
			put(float64(now.Sessions), "sessions")
			put(float64(now.Tokens), "tokens")
		},
	}, {
		Name: "ssobridge_cached_bytes", Help: "About how much memory that takes.",
		Read: number(func(s gate.State) int { return s.Bytes }),
	}, {
		Name: "ssobridge_change_feed_age_seconds", Help: "How old is what this replica knows of changes that others made. From 0.9 on, checks ask the database.",
		Read: metrics.One(func() float64 { return state().FeedAge.Seconds() }),
	}, {
		Name: "ssobridge_requests_watched", Help: "Requests to the app that run now and would end with their session.",
		Read: number(func(s gate.State) int { return s.Running }),
	}, {
		Name: "ssobridge_last_uses_unwritten", Help: "Sessions whose last use is not in the database yet.",
		Read: number(func(s gate.State) int { return s.Unwritten }),
	}}
}

// providerReadings say how it is with the keys and the discovery documents of providers. Names of providers are settings.
func providerReadings(providers func() sso.Providers) []metrics.Reading {
	return []metrics.Reading{{
		Name: "ssobridge_provider_fault", Help: "1 while the keys or the discovery document of a provider cannot be read anew.", Label: "provider",
		Read: func(put func(float64, string)) {
			for _, p := range providers() {
				fault := 0.0
				if p.Described().Fault != "" {
					fault = 1
				}
				for _, source := range p.PublicKeys() {
					if source.Fault != "" {
						fault = 1
					}
				}
				put(fault, p.Name)
			}
		},
	}, {
		Name: "ssobridge_provider_keys_read_timestamp_seconds", Help: "When the keys of a provider were last read from an address or a file, the oldest of its sources.", Label: "provider",
		Read: func(put func(float64, string)) {
			for _, p := range providers() {
				var oldest time.Time
				for _, source := range p.PublicKeys() {
					if at := source.LastSuccess; !at.IsZero() && (oldest.IsZero() || at.Before(oldest)) {
						oldest = at
					}
				}
				if !oldest.IsZero() {
					put(seconds(oldest), p.Name)
				}
			}
		},
	}}
}

// tendReadings are about what runs beside the requests.
func (s *Service) tendReadings() []metrics.Reading {
	return []metrics.Reading{{
		Name: "ssobridge_signing_key_age_seconds", Help: "The age of the keys that sign, by what they sign: assertion, service_token.", Label: "signs",
		Read: func(put func(float64, string)) {
			now := s.now()
			if made, ok := s.signer.Made(); ok {
				put(now.Sub(made).Seconds(), "assertion")
			}
			if made, ok := s.signer.also.Made(); ok {
				put(now.Sub(made).Seconds(), "service_token")
			}
		},
	}, {
		Name: "ssobridge_sessions", Help: "Sessions that have not ended, as counted at most a minute ago.",
		Read: metrics.One(s.tended.sessions.Load),
	}, {
		Name: "ssobridge_swept_rows_total", Help: "Rows that were over and were removed from the database.", Total: true,
		Read: metrics.One(s.tended.rows.Load),
	}, {
		Name: "ssobridge_sweep_success_timestamp_seconds", Help: "When the last sweep of the database was done; 0 before the first.",
		Read: metrics.One(func() float64 { return float64(s.tended.swept.Load()) }),
	}, {
		Name: "ssobridge_passwords_waiting", Help: "Passwords that wait for their turn to be hashed.",
		Read: metrics.One(s.passwords.Waiting),
	}}
}

// seconds is a time as Prometheus has it.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
