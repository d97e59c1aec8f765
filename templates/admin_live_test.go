package templates

// liveSamples show sign-ins as they arrive.
func liveSamples() []sample {
	layout := adminSample(AdminSectionSignIn)
	check := func(state string, words ...string) (all []AdminLiveCheck) {
		for _, w := range words {
			all = append(all, AdminLiveCheck{Words: w, State: state})
		}
		return all
	}
	first := []string{"Your product answered", "What came is a token that can be read", "Its signature fits a key of yours", "It is a token for a sign-in"}
	rest := []string{"It says who the person is", "The token was not used before", "The account is active, or can be made", "The person is signed in"}
	unasked := AdminLiveCheck{Words: "It is meant for this bridge", State: "not checked", Note: "PROVIDER_ACME_AUDIENCE is not set"}
	refused := append(append(check("passed", first...), check("failed", "It is fresh: neither expired nor too old")...), check("not checked", rest...)...)
	window := "/admin/try/live?after=7&opened=1795771800&provider=acme"
	return []sample{
		{"admin live", AdminLive{AdminLayout: layout, Label: "Acme", ProviderURL: "/admin/providers/acme", URL: window, AnewURL: "/admin/try/live?provider=acme", EventsURL: "/admin/try/live/events?after=7", Last: 12, More: 4, Now: sampleTime,
			Attempts: []AdminAttempt{
				{ID: 12, At: sampleTime, Refused: true, Why: "The token has expired", Code: "token_expired", Detail: "the token expired 300 s ago (leeway 1m0s): sign it freshly at each redirect", Advice: "sign the token freshly at each redirect",
					Email: "ada@acme.example", AccountID: 3, Provider: "acme", Peer: "192.0.2.7", KeyID: "secret 3f7a9c01", Reference: "7K3QM9TX", Checks: append(refused, unasked)},
				{ID: 11, At: sampleTime, Email: "grace.brewster.murray.hopper@subsidiary.acme.example", AccountID: 4, Provider: "acme", Checks: append(check("passed", append(first, rest...)...), unasked)},
				{ID: 10, At: sampleTime, Refused: true, Why: "The signature does not fit", Code: "token_signature", Email: "eve@acme.example", Claimed: true, Provider: "acme", Peer: "192.0.2.8"},
				{ID: 9, At: sampleTime, Refused: true, Why: "No such sign-in", Code: "sign_in_circle", Advice: "see the address"}}}},
		{"admin live of all", AdminLive{AdminLayout: layout, URL: "/admin/try/live?after=0&opened=1", AnewURL: "/admin/try/live", EventsURL: "/admin/try/live/events?after=0", Now: sampleTime}},
		{"admin live over", AdminLive{AdminLayout: layout, URL: "/admin/try/live?after=0&opened=1", AnewURL: "/admin/try/live", Over: true, Minutes: 30, Now: sampleTime}},
	}
}
