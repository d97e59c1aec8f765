package monitoring_test

// A day is eighty minutes of two replicas, "one" and "two", as Prometheus reads them each minute, and what it must make of them.
type day struct {
	name string
	// fires are the alerts that fire at some minute, with their labels instance and provider. No other may.
	fires []string
	// nearly is an alert that must not fire although this day is close to it.
	nearly string
	// series have other values than while nothing happens, as promtool writes them: 0+2x120 grows by 2 a minute, _x5 are
	// five minutes without an answer. Without a label instance a series is of "one".
	series map[string]string
	// alone: there is no second replica, and the first was just installed.
	alone bool
}

const (
	signIns  = `ssobridge_sign_ins_total{outcome="known",provider="jwt"}`
	refused  = `ssobridge_refused_sign_ins_total{code="token_signature",provider="jwt"}`
	junk     = `ssobridge_refused_sign_ins_total{code="token_malformed",provider=""}`
	internal = `ssobridge_refusals_total{code="internal",status="500"}`
	guesses  = `ssobridge_refusals_total{code="throttled",status="429"}`
	away     = `ssobridge_store_operation_duration_seconds_count{kind="query",result="unavailable"}`
	checks   = `ssobridge_verify_duration_seconds_`
	logins   = `ssobridge_sign_in_duration_seconds_`
	fast     = `{outcome="known",le="0.005"}`
	in1s     = `{outcome="known",le="1"}`
	in2s     = `{outcome="known",le="2.5"}`
	all      = `{outcome="known",le="+Inf"}`
)

func days() []day {
	return append(append(goodDays(), badDays()...), nearlyBadDays()...)
}

func goodDays() []day {
	return []day{
		{name: "a Sunday on which nobody comes"},
		{name: "the first hour after the installation", alone: true, series: map[string]string{
			`process_start_time_seconds`: "0x120", `ssobridge_sweep_success_timestamp_seconds`: "0x5 300+60x115",
			`ssobridge_signing_key_age_seconds{signs="assertion"}`: "0+60x120",
			signIns: "_x30 1+1x90", `ssobridge_sign_ins_total{outcome="new",provider="jwt"}`: "_x15 1+0x105",
		}},
		{name: "a working day", series: map[string]string{
			signIns: "0+30x120", signIns + `@two`: "0+30x120", refused: "0+5x120", refused + `@two`: "0+5x120", junk: "0+20x120",
			logins + `count{outcome="known"}`: "0+30x120", logins + "bucket" + fast: "0+29x120", logins + "bucket" + in1s: "0+30x120", logins + "bucket" + all: "0+30x120",
			checks + "count": "0+6000x120", checks + `bucket{le="0.0001"}`: "0+5990x120", checks + `bucket{le="0.1"}`: "0+5999x120", checks + `bucket{le="+Inf"}`: "0+6000x120",
			`ssobridge_verify_total{status="200"}`: "0+6000x120", guesses: "0+5x120", `ssobridge_passwords_waiting`: "0 3 1 0x117",
			`ssobridge_store_transactions_waiting`: "0 40 0x118",
		}},
		{name: "a restart, after which all counters begin anew", series: map[string]string{
			`up`: "1x30 0 1x89", away: "50x30 _ 0x89", internal: "7x30 _ 0x89", guesses: "500x30 _ 0x89", refused: "400x30 _ _x89", signIns: "9000x30 _ _x20 1+1x69",
			`ssobridge_events_dropped_total`: "70x30 _ 0x89", `ssobridge_upstream_errors_total`: "70x30 _ 0x89", `ssobridge_verify_total{status="503"}`: "70x30 _ 0x89",
			`process_start_time_seconds`: "0x30 _ 1860x89", `ssobridge_sweep_success_timestamp_seconds`: "0+60x30 _ 0x5 2160+60x84", `ssobridge_change_feed_age_seconds`: "0.1x30 _ 0.1x89",
		}},
		{name: "two replicas that are restarted in turn", series: map[string]string{`up`: "1x30 0 1x89", `up@two`: "1x32 0 1x87"}},
		{name: "a database that was away for a minute", series: map[string]string{
			away: "0x30 12+0x90", away + `@two`: "0x30 12+0x90", `ssobridge_change_feed_age_seconds`: "0.1x30 20 0.1x89",
			`ssobridge_verify_total{status="503"}`: "0x30 40+0x90",
		}},
	}
}

// Each alert has a day on which it must fire.
func badDays() []day {
	return []day{
		{name: "both replicas end", fires: []string{`SSOBridgeDown{}`, `SSOBridgeReplicaDown{instance="one"}`, `SSOBridgeReplicaDown{instance="two"}`},
			series: map[string]string{`up`: "1x30 0x90", `up@two`: "1x40 0x80"}},
		{name: "nobody told Prometheus of them", fires: []string{`SSOBridgeDown{}`}, series: map[string]string{`up`: "_x120", `up@two`: "_x120"}},
		{name: "one of two replicas ends", fires: []string{`SSOBridgeReplicaDown{instance="one"}`}, series: map[string]string{`up`: "1x30 0x90"}},
		{name: "the database goes, and people sign in and are checked", fires: []string{
			`SSOBridgeDatabaseUnavailable{instance="one"}`, `SSOBridgeDatabaseUnavailable{instance="two"}`, `SSOBridgeChecksUnavailable{instance="one"}`,
			`SSOBridgeChangesNotSeen{instance="one"}`, `SSOBridgeChangesNotSeen{instance="two"}`, `SSOBridgeSweepOverdue{instance="one"}`,
			`SSOBridgeMostSignInsRefused{provider="jwt"}`, `SSOBridgeNoSignInSucceeds{provider="jwt"}`,
		}, series: map[string]string{
			away: "0x20 0+20x100", away + `@two`: "0x20 0+20x100", `ssobridge_verify_total{status="503"}`: "0x20 0+3x100",
			`ssobridge_change_feed_age_seconds`: "0.1x20 0+60x100", `ssobridge_change_feed_age_seconds@two`: "0.1x20 0+60x100",
			`ssobridge_sweep_success_timestamp_seconds`: "0+60x5 300x115",
			signIns: "0+3x5 15x115", `ssobridge_refused_sign_ins_total{code="store_unavailable",provider="jwt"}`: "_x5 1+3x115",
		}},
		{name: "the database goes on a Sunday, and a read fails", fires: []string{
			`SSOBridgeDatabaseUnavailable{instance="one"}`, `SSOBridgeChangesNotSeen{instance="one"}`,
		}, series: map[string]string{away: "0x20 0+2x30 _ 62+2x70", `ssobridge_change_feed_age_seconds`: "0.1x20 0+60x30 _ 1920+60x69"}},
		{name: "one error that the bridge does not know, the first since the start", fires: []string{`SSOBridgeInternalErrors{instance="one"}`}, series: map[string]string{internal: "0x30 1x90"}},
		{name: "the product has another secret since nine", fires: []string{`SSOBridgeMostSignInsRefused{provider="jwt"}`, `SSOBridgeNoSignInSucceeds{provider="jwt"}`},
			series: map[string]string{signIns: "0+10x5 50x115", refused: "_x5 1+10x115"}},
		{name: "the secret was wrong from the start", fires: []string{`SSOBridgeMostSignInsRefused{provider="jwt"}`, `SSOBridgeNoSignInSucceeds{provider="jwt"}`},
			series: map[string]string{refused: "_x30 1+10x90"}},
		{name: "the secret is wrong where few people sign in", fires: []string{`SSOBridgeNoSignInSucceeds{provider="jwt"}`},
			series: map[string]string{signIns: "9x120", refused: "_x9 1 1 1 1 2 2 2 3 3 3 4 4 4 5 5 5 6 6 6 7 7 7 8 8 8 9 9 9 10 10 10 11 11 11 12 12 12 13 13 13 14 14 14 15 15 15 16x20"}},
		{name: "keys cannot be read", fires: []string{`SSOBridgeProviderFault{provider="jwt"}`}, series: map[string]string{`ssobridge_provider_fault{provider="jwt"}`: "0x30 1x90"}},
		{name: "the feed stands still", fires: []string{`SSOBridgeChangesNotSeen{instance="one"}`}, series: map[string]string{`ssobridge_change_feed_age_seconds`: "0.1x30 0+60x90"}},
		{name: "two of a hundred sign-ins take two seconds", fires: []string{`SSOBridgeSignInsSlow{instance="one"}`}, series: map[string]string{
			logins + `count{outcome="known"}`: "0+50x120", logins + "bucket" + fast: "0+48x120", logins + "bucket" + in1s: "0+49x120", logins + "bucket" + in2s: "0+50x120", logins + "bucket" + all: "0+50x120",
		}},
		{name: "two of a hundred checks take half a second", fires: []string{`SSOBridgeChecksSlow{instance="one"}`}, series: map[string]string{
			checks + "count": "0+100x120", checks + `bucket{le="0.0001"}`: "0+98x120", checks + `bucket{le="0.1"}`: "0+98x120", checks + `bucket{le="1"}`: "0+100x120", checks + `bucket{le="+Inf"}`: "0+100x120",
		}},
		{name: "events are dropped", fires: []string{`SSOBridgeEventsDropped{instance="one"}`}, series: map[string]string{`ssobridge_events_dropped_total`: "0x30 1x90"}},
		{name: "somebody guesses, for the first time", fires: []string{`SSOBridgeGuesses{instance="one"}`}, series: map[string]string{guesses: "0x30 150x90"}},
		{name: "passwords wait", fires: []string{`SSOBridgePasswordsWaiting{instance="one"}`}, series: map[string]string{`ssobridge_passwords_waiting`: "0x30 21x10 0x80"}},
		{name: "the app is away", fires: []string{`SSOBridgeUpstreamFails{instance="one"}`}, series: map[string]string{`ssobridge_upstream_errors_total`: "0x30 0+6x90"}},
		{name: "a key that nobody changed", fires: []string{`SSOBridgeSigningKeyOld{instance="one"}`}, series: map[string]string{`ssobridge_signing_key_age_seconds{signs="assertion"}`: "7950000+60x120"}},
		{name: "the sweep fails from the start", fires: []string{`SSOBridgeSweepOverdue{instance="one"}`}, series: map[string]string{`ssobridge_sweep_success_timestamp_seconds`: "0x120"}},
		{name: "the sweep fails later", fires: []string{`SSOBridgeSweepOverdue{instance="one"}`}, series: map[string]string{`ssobridge_sweep_success_timestamp_seconds`: "0+60x5 300x115"}},
		{name: "a backup is late", fires: []string{`SSOBridgeBackupOverdue{instance="one"}`}, series: map[string]string{`ssobridge_backup_overdue_seconds`: "0x5 0+60x115"}},
		{name: "files run out", fires: []string{`SSOBridgeFilesRunOut{instance="one"}`}, series: map[string]string{`process_open_fds`: "30x30 900x90", `process_max_fds`: "1024x120"}},
		{name: "the queue is full", fires: []string{`SSOBridgeStoreQueue{instance="one"}`}, series: map[string]string{`ssobridge_store_transactions_waiting`: "0x30 101x5 0x85"}},
	}
}

// Each alert has a day that is close to one on which it fires.
func nearlyBadDays() []day {
	return []day{
		{name: "one of two is away", nearly: "SSOBridgeDown", fires: []string{`SSOBridgeReplicaDown{instance="one"}`}, series: map[string]string{`up`: "0x120", `up@two`: "1x60 0 1x59"}},
		{name: "a replica is moved to another machine", nearly: "SSOBridgeReplicaDown", series: map[string]string{`up`: "1x30 0x4 1x86"}},
		{name: "the database is away now and then", nearly: "SSOBridgeDatabaseUnavailable", series: map[string]string{away: "0x20 9x10 18x10 27x80"}},
		{name: "checks fail now and then", nearly: "SSOBridgeChecksUnavailable", series: map[string]string{`ssobridge_verify_total{status="503"}`: "0x20 9x10 18x10 27x80"}},
		{name: "many refusals, none of them internal", nearly: "SSOBridgeInternalErrors", series: map[string]string{`ssobridge_refusals_total{code="token_signature",status="401"}`: "0+9x120"}},
		{name: "as many are refused as come in", nearly: "SSOBridgeMostSignInsRefused", series: map[string]string{signIns: "0+20x120", refused: "0+20x120"}},
		{name: "somebody sends junk all day", nearly: "SSOBridgeMostSignInsRefused", series: map[string]string{junk: "0+600x120"}},
		{name: "one of an hour's sign-ins succeeds", nearly: "SSOBridgeNoSignInSucceeds", series: map[string]string{signIns: "0x30 1x30 2x60", refused: "0x30 1x5 2x5 3x5 4x5 5x5 6x5 7x5 8x5 9x5 10x5 11x5 12x5 13x20"}},
		{name: "somebody tries again and again on a Sunday", nearly: "SSOBridgeNoSignInSucceeds", series: map[string]string{refused: "0x30 9x90"}},
		{name: "keys cannot be read for ten minutes", nearly: "SSOBridgeProviderFault", series: map[string]string{`ssobridge_provider_fault{provider="jwt"}`: "0x30 1x10 0x80"}},
		{name: "the feed is seconds late", nearly: "SSOBridgeChangesNotSeen", series: map[string]string{`ssobridge_change_feed_age_seconds`: "4x120"}},
		{name: "some sign-ins of a Sunday are slow", nearly: "SSOBridgeSignInsSlow", series: map[string]string{
			logins + `count{outcome="known"}`: "0x20 1x8 2x8 3x8 4x76", logins + "bucket" + in1s: "0x120", logins + "bucket" + in2s: "0x20 1x8 2x8 3x8 4x76", logins + "bucket" + all: "0x20 1x8 2x8 3x8 4x76",
		}},
		{name: "some checks of a Sunday are slow", nearly: "SSOBridgeChecksSlow", series: map[string]string{
			checks + "count": "0x20 0+1x100", checks + `bucket{le="0.1"}`: "0x120", checks + `bucket{le="1"}`: "0x20 0+1x100", checks + `bucket{le="+Inf"}`: "0x20 0+1x100",
		}},
		{name: "events were dropped before", nearly: "SSOBridgeEventsDropped", series: map[string]string{`ssobridge_events_dropped_total`: "70x120"}},
		{name: "passwords are forgotten", nearly: "SSOBridgeGuesses", series: map[string]string{guesses: "0+9x120"}},
		{name: "passwords wait at nine", nearly: "SSOBridgePasswordsWaiting", series: map[string]string{`ssobridge_passwords_waiting`: "0x30 60x4 0x86"}},
		{name: "the app is restarted", nearly: "SSOBridgeUpstreamFails", series: map[string]string{`ssobridge_upstream_errors_total`: "0x30 400x90"}},
		{name: "a key that will be changed", nearly: "SSOBridgeSigningKeyOld", series: map[string]string{`ssobridge_signing_key_age_seconds{signs="assertion"}`: "7776000+60x120", `ssobridge_signing_key_age_seconds{signs="service_token"}`: "9000000+60x120"}},
		{name: "a sweep that takes long", nearly: "SSOBridgeSweepOverdue", series: map[string]string{`ssobridge_sweep_success_timestamp_seconds`: "0+60x20 1200x50 4200+60x50"}},
		{name: "a backup is half an hour late", nearly: "SSOBridgeBackupOverdue", series: map[string]string{`ssobridge_backup_overdue_seconds`: "0x20 0+60x30 0x70"}},
		{name: "many files", nearly: "SSOBridgeFilesRunOut", series: map[string]string{`process_open_fds`: "800x120", `process_max_fds`: "1024x120"}},
		{name: "a storm at nine", nearly: "SSOBridgeStoreQueue", series: map[string]string{`ssobridge_store_transactions_waiting`: "0x30 300 300 0x88"}},
	}
}
