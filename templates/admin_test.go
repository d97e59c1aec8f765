package templates

import (
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/tokenlog"
)

// adminSamples show the administrator's pages.
func adminSamples() []sample {
	return []sample{
		{"admin overview", overviewSample()},
		{"admin overview troubled", AdminOverview{AdminLayout: adminSample(AdminSectionOverview), Now: sampleTime, Days: overviewDays(), Administrators: 1, People: 2, AtLeast: true,
			State: AdminState{Word: "Most sign-ins are refused.", Text: "12 were refused in the last hour, and 1 went well. The reason most often: signature. Did the product change its secret?", Attention: true},
			Look:  "/admin/activity?code=token_signature", Refused: []AdminRefused{{Why: "The signature does not fit", Code: "token_signature", Count: 200, Last: sampleTime, Reference: "ABCD2345", URL: "/admin/activity?code=x"}}}},
		{"admin overview new", AdminOverview{AdminLayout: adminSample(AdminSectionOverview), Administrators: 1, Days: overviewDays()[:1], Version: "dev",
			State: AdminState{Word: "Not set up.", Text: "Nobody can sign in through a product yet.", Attention: true},
			Steps: stepSamples(0)}},
		{"admin overview code", AdminOverview{AdminLayout: adminSample(AdminSectionOverview), Administrators: 1, Offer: true, Here: "/admin", Steps: stepSamples(2), State: AdminState{Word: "Ready.", Text: "Sign-in is set up, and nobody has signed in for two weeks."}}},
		{"admin overview fixed", AdminOverview{AdminLayout: adminSample(AdminSectionOverview), Steps: []AdminStep{{Text: "Give the address", Open: true, URL: "/admin/providers/jwt", Link: "All settings", Form: &AdminStepForm{
			Field: &AdminStepField{Name: "JWT_IDENTITY_PROVIDER_URI", Label: "Sign-in page", Value: "https://acme.example/login", Source: "SSOBRIDGE_JWT_IDENTITY_PROVIDER_URI"}}}}}},
		{"admin why", AdminWhy{AdminLayout: adminSample(AdminSectionOverview), Q: "ada", Many: true, Now: sampleTime, All: "/admin/activity", Events: sampleEvents(), People: []AdminWhyPerson{
			{ID: 5, Person: Person{Name: "Ada Lovelace", Email: "ada@acme.example"}, Source: "jwt", LastLogin: sampleTime.Add(-time.Hour), Now: sampleTime,
				Activity: "/admin/activity?person=5", Events: sampleEvents()},
			{ID: 6, Person: Person{Email: "adah@acme.example"}, Inactive: true, Now: sampleTime, Activity: "/admin/activity?person=6"}}}},
		{"admin why nothing", AdminWhy{AdminLayout: adminSample(AdminSectionOverview), Q: "<b>nobody</b>", Now: sampleTime, All: "/admin/activity"}},
		{"admin why asked", AdminWhy{AdminLayout: adminSample(AdminSectionOverview), Now: sampleTime}},
		{"admin settings", AdminSettings{AdminLayout: adminSample(AdminSectionSignIn), Version: "7", Sections: settingSamples()}},
		{"admin settings wrong", AdminSettings{AdminLayout: adminSample(AdminSectionSignIn), Version: "7", Sections: settingSamples(),
			Through: "Sign in through Acme, then save", Alerts: []string{"JWT_SHARED_SECRET is not set, but JWT_ENABLED is true"}}},
		{"admin providers", AdminProviders{AdminLayout: adminSample(AdminSectionSignIn), Now: sampleTime, OwnKeySet: "https://bridge.acme.example/.well-known/jwks.json",
			Own: []sso.KeySource{{Origin: "made by the bridge", Keys: []sso.PublicKey{{ID: "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", Algorithm: "EdDSA", Fingerprint: "x"}}},
				{Origin: "/etc/ssobridge/private_key.der", Fault: "the file is empty", LeftOut: []string{"x"}}},
			Providers: []AdminProviderRow{
				{Name: "jwt", Kind: "sign-in with a signed token", State: AdminState{Word: "Works"}, Keys: 2, LastUsed: sampleTime.Add(-2 * time.Minute)},
				{Name: "acme", Label: "Acme & Co", Kind: "OpenID Connect", Outside: "SSOBRIDGE_PROVIDERS", Keys: 1,
					State: AdminState{Word: "Needs a look", Text: "Its keys could not be read lately: it answered with status 502.", Attention: true}},
				{Name: "old", Kind: "tokens of API clients", State: AdminState{Word: "Off", Text: "Nobody can sign in with it.", Off: true}},
			}}},
		{"admin providers wrong", AdminProviders{AdminLayout: adminSample(AdminSectionSignIn), Version: "7", Alerts: []string{"Nothing was saved."}, NewName: "Acme & Co", NewKind: "oidc", NameError: "This names no provider.",
			Kinds: []AdminOption{{Value: "oidc", Label: "OpenID Connect", Chosen: true}, {Value: "jwt", Label: "Sign-in with a signed token"}}}},
		{"admin provider", providerSample()},
		{"admin provider new", AdminProvider{AdminLayout: adminSample(AdminSectionSignIn), Name: "jwt", Kind: "sign-in with a signed token", Version: "0", URL: "/admin/providers/jwt",
			State:     AdminState{Word: "Not set up", Text: "Two things are needed: the sign-in page of your product, and a shared secret.", Off: true},
			Addresses: []AdminAddress{{"Where your product sends people back, with the token", "https://bridge.acme.example/auth/sso"}},
			Product:   AdminCard{ID: "product", Title: "Product", URL: "/admin/providers/acme", Version: "7", Main: true, Fields: settingSamples()[0].Settings[:1]}}},
		{"admin provider fixed", AdminProvider{AdminLayout: adminSample(AdminSectionSignIn), Name: "acme", Outside: "SSOBRIDGE_PROVIDERS", Version: "7", URL: "/admin/providers/acme",
			Product: AdminCard{ID: "product", Title: "Product", Help: "What the product is.", Fields: fieldSamples("A")},
			Rules:   []AdminCard{{Title: "Which tokens are accepted", Fields: fieldSamples("B")}}, Groups: AdminCard{Title: "Where groups come from", Fields: fieldSamples("C")},
			Keys: AdminKeys{SharesNone: true, SecretFixed: "SSOBRIDGE_PROVIDER_ACME_SHARED_SECRET", PublicFixed: "SSOBRIDGE_PROVIDER_ACME_KEYS",
				Card: AdminCard{Title: "Addresses of published keys", Fields: fieldSamples("D")}}}},
		{"admin group sources", AdminGroupSources{AdminLayout: adminSample(AdminSectionSignIn), Providers: []Provider{{Name: "jwt"}}, Version: "7",
			Orders: []AdminSourceOrder{{Name: "jwt", Sources: []string{"the token", "the directory", "the endpoint"}, Asks: true, Endpoint: "https://groups.acme.example/of"},
				{Name: "acme", Label: "Acme", Sources: []string{"the directory"}, Asks: true, Keeps: true}},
			Directory: AdminCard{ID: "x", Title: "How the directory is asked", URL: "/admin/group-sources/directory", Version: "7", Help: "A directory knows who is in which group.", Changed: []AdminFact{{"Servers of the directory", "ldaps://dc1.acme.example"}},
				Fields: settingSamples()[0].Settings}}},
		{"admin group sources none", AdminGroupSources{AdminLayout: adminSample(AdminSectionSignIn), Orders: []AdminSourceOrder{{Name: "jwt", Sources: []string{"the token"}}}}},
		{"admin group sources wrong", AdminGroupSources{AdminLayout: adminSample(AdminSectionSignIn), Providers: []Provider{{Name: "jwt"}, {Name: "acme", Label: "Acme"}}, NameError: "This is empty.",
			Alerts: []string{"Nothing was saved."}, Directory: AdminCard{Title: "How the directory is asked", URL: "/admin/group-sources/directory", Version: "7", Open: true, Fields: append(secretSamples(), fieldSamples("LDAP")...)}}},
		{"admin group sources found", AdminGroupSources{AdminLayout: adminSample(AdminSectionSignIn), Providers: []Provider{{Name: "jwt"}}, Name: "ada", Found: &AdminFoundGroups{
			Provider: "jwt", Source: "ldap", Groups: []string{"research", "<b>staff</b>"}, Asked: []AdminAskedSource{{"token", "has no groups claim", 0}, {"ldap", "2 groups: research, staff", 12}}}}},
		{"admin group sources failed", AdminGroupSources{AdminLayout: adminSample(AdminSectionSignIn), Providers: []Provider{{Name: "jwt"}}, Name: "ada", Found: &AdminFoundGroups{
			Provider: "jwt", Code: "groups_unavailable", Asked: []AdminAskedSource{{"ldap", "ldaps://dc1.example.com: connection refused", 3}}}}},
		{"admin try", AdminTry{AdminLayout: adminSample(AdminSectionSignIn), Testable: true, BeginURL: "/admin/try/begin"}},
		{"admin try providers", AdminTry{AdminLayout: adminSample(AdminSectionSignIn), Testable: true, BeginURL: "/admin/try/begin",
			Providers: []Provider{{Name: "jwt", Label: "Our product"}, {Name: "acme"}}}},
		{"admin try wrong", AdminTry{AdminLayout: adminSample(AdminSectionSignIn), Alert: "This report was shown already.", Token: "abc", TokenError: "This is empty."}},
		{"admin try accepted", AdminTry{AdminLayout: adminSample(AdminSectionSignIn), Testable: true, BeginURL: "/admin/try/begin", Token: "e30.e30.c2ln", Report: &AdminReport{
			Accepted: true, Checks: []AdminCheck{{"signature", true, "HS256 with secret 1 of 2"}, {"exp", true, "in 9 minutes"}}, Email: "ada@acme.example",
			Name: "Ada Lovelace", Attributes: []AdminFact{{"region", "north"}}, Sent: []string{"extHR", "extSales"}, SentAny: true, SentFault: `of the list in the claim "groups", 1 of 3 entries are no names or too many: …`, Account: "new",
			Groups: []string{"All Users", "Sales"}, Warnings: []string{"a mapping names group 7, which does not exist"},
		}}},
		{"admin try refused", AdminTry{AdminLayout: adminSample(AdminSectionSignIn), Testable: true, BeginURL: "/admin/try/begin", Report: &AdminReport{
			Code: "token_expired", Advice: "sign a new token at each redirect", Checks: []AdminCheck{{"signature", true, ""}, {"exp", false, "expired 3 minutes ago"}},
		}}},
		{"admin try bearer", AdminTry{AdminLayout: adminSample(AdminSectionSignIn), Report: &AdminReport{Accepted: true, Use: "bearer", Provider: "acme", Key: "2026",
			Caller: "etl", Until: sampleTime, Checks: []AdminCheck{{"signature", true, "ES256"}}, Account: "none", Groups: []string{"All Users"}}}},
		{"admin try service", AdminTry{AdminLayout: adminSample(AdminSectionSignIn), Report: &AdminReport{Use: "service", Provider: "service", Key: "k1", Endless: true,
			Code: "token_revoked", Advice: "make a new one", Checks: []AdminCheck{{"revoked", false, "on Friday"}}}}},
		{"admin mapping", mappingSample(AdminMapping{Mode: "manual"})},
		{"admin mapping empty", AdminMapping{AdminLayout: adminSample(AdminSectionMapping), Version: "0", Mode: "off", JSON: "{}"}.WithRows(2)},
		{"admin mapping preview", mappingSample(AdminMapping{Mode: "manual", Previewed: true, NewAdministrators: []string{"extAdmins"}, Administrators: true,
			Confirm: &AdminConfirm{"18 1", "18 memberships end at once and 1 group is deleted"}, Info: "The rows below are those of the JSON.", Import: true,
			Preview: previewSample()})},
		{"admin mapping not confirmed", mappingSample(AdminMapping{Mode: "off", Alert: "Nothing was saved yet.", NewAdministrators: []string{"extAdmins"},
			Confirm:             &AdminConfirm{"18 1", "18 memberships end at once and 1 group is deleted"},
			AdministratorsError: "Confirm that this is meant.", ConfirmError: "Confirm that this is meant.",
			Preview: &AdminPreview{People: 1, Next: AdminForecast{People: 1}}})},
		{"admin mapping of API clients", mappingSample(AdminMapping{Mode: "manual", Clients: true, Idle: true, Previewed: true, Preview: &AdminPreview{}})},
		{"admin mapping preview of a million people", mappingSample(AdminMapping{Mode: "manual", Previewed: true, Preview: &AdminPreview{People: 340_000, Next: AdminForecast{People: 1}, Pending: &AdminPending{340_000, 1_000_000}}})},
		{"admin mapping preview that begins", mappingSample(AdminMapping{Mode: "manual", Previewed: true, Undo: &AdminUndo{Uncounted: true}, Preview: &AdminPreview{Pending: &AdminPending{0, 1_000_000}}})},
		{"admin mapping preview of nothing", mappingSample(AdminMapping{Mode: "manual", Previewed: true, Preview: &AdminPreview{}})},
		{"admin mapping undo", mappingSample(AdminMapping{Mode: "manual", Now: sampleTime, Undo: &AdminUndo{ID: "ABCD", At: sampleTime.Add(-time.Hour), By: "grace@acme.example", People: 22,
			Groups: []AdminCleared{{Name: "APAC", Members: 6, Deleted: true}, {Name: "Sales", Members: 12}}}})},
		{"admin mapping wrong", mappingSample(AdminMapping{Mode: "automatic", Alert: "Nothing was saved.", ModeError: "Automatic needs the list of mappings to be empty.",
			Theirs: `{"extHR": [7]}`, JSONError: "not a JSON object", Import: true})},
		{"admin mapping fixed", AdminMapping{AdminLayout: adminSample(AdminSectionMapping), Version: "7", Mode: "manual", ModeFixed: "SSOBRIDGE_JWT_GROUP_SYNC",
			MappingsFixed: "SSOBRIDGE_JWT_GROUP_MAPPINGS", Rows: []AdminMappingRow{{IDP: "extHR", Groups: "HR"}, {IDP: "old", Groups: "#7", Gone: "#7: no group has this id any more."}}}},
		{"admin mapping fixed and not in use", AdminMapping{AdminLayout: adminSample(AdminSectionMapping), Version: "7", Mode: "off", ModeFixed: "SSOBRIDGE_JWT_GROUP_SYNC",
			MappingsFixed: "SSOBRIDGE_JWT_GROUP_MAPPINGS", Rows: []AdminMappingRow{{IDP: "extHR", Groups: "HR"}}}},
	}
}

func adminSample(section AdminSection) AdminLayout {
	return AdminLayout{
		Layout:  Layout{Site: "Acme Reports", User: &UserMenu{Name: "Ada Lovelace", AdminURL: "/admin"}},
		Section: section, Notice: "Saved. It is in force now.",
	}
}

const seenSample = "98 % of the last 300 tokens had this claim."

func settingSamples() []AdminSettingSection {
	profile := AdminSetting{Name: "JWT_PROFILE", Label: "How strictly tokens are judged", Help: "metabase, standard or strict", Value: "strict", Was: "standard",
		Default: "standard", Options: []AdminOption{{Value: "metabase", Label: "metabase"}, {Value: "standard", Label: "standard"}, {Value: "strict", Label: "strict"}},
		Error: "needs JWT_ISSUER", Note: "Saved meanwhile by somebody else: metabase", Seen: seenSample}
	profile.Choose()
	return []AdminSettingSection{
		{Name: "Identity provider", Settings: []AdminSetting{
			{Name: "JWT_IDENTITY_PROVIDER_URI", Label: "Sign-in page of your product", Help: "the page of your product where people sign in", Value: "https://acme.example/login",
				Was: "https://acme.example/login", Error: "is not a URL", Note: "Saved meanwhile by somebody else: nothing", Seen: seenSample},
			{Name: "JWT_ISSUER", Label: "Issuer (iss)", Help: "what iss must be; unset: not checked", Value: "acme", Source: "SSOBRIDGE_JWT_ISSUER"},
		}},
		{Name: "Tokens", Hint: "To turn off password sign-in, sign in through Acme first.", Settings: []AdminSetting{profile,
			{Name: "ACCESS_RULES", Label: "Who may reach which paths", Help: "a JSON list", Value: "[]", Was: "[]", Long: true, Error: "is not a list"},
		}},
	}
}

// fieldSamples are a field with all that a field can have, and one that is fixed.
func fieldSamples(name string) []AdminSetting {
	return []AdminSetting{
		{Name: name + "_AGE", Label: "Greatest age", Help: "how old", Value: "soon", Was: "10s", Default: "180s", Error: "is not a time", Note: "Saved meanwhile by somebody else: 60s", Seen: seenSample},
		{Name: name + "_ISSUER", Label: "Issuer", Help: "what iss must be", Value: "acme", Source: "SSOBRIDGE_JWT_ISSUER"},
	}
}

func secretSamples() []AdminSetting {
	return []AdminSetting{
		{Name: "LDAP_BIND_PASSWORD", Label: "Its password", Help: "the password for LDAP_BIND_DN", Secret: true, Set: true, Error: "type it once more", Note: "Type it once more: what is secret is not sent back.", Seen: seenSample},
		{Name: "PROVIDER_ACME_CLIENT_SECRET", Label: "Client secret", Help: "what the provider gave with the client id", Secret: true},
		{Name: "JWT_GROUPS_ENDPOINT_TOKEN", Label: "Token for that endpoint", Help: "is sent to it", Secret: true, Set: true, Source: "SSOBRIDGE_JWT_GROUPS_ENDPOINT_TOKEN_FILE"},
	}
}

func providerSample() AdminProvider {
	return AdminProvider{
		AdminLayout: adminSample(AdminSectionSignIn), Name: "acme", Label: "Acme & Co", Kind: "sign-in with a signed token", URL: "/admin/providers/acme", Outside: "SSOBRIDGE_PROVIDERS",
		State: AdminState{Word: "Needs a look", Text: "Its keys could not be read lately: it answered with status 502.", Attention: true}, Now: sampleTime, Version: "7",
		Alerts:    []string{"Issuer (iss) is not set (PROVIDER_ACME_ISSUER)"},
		Addresses: []AdminAddress{{"Where your product sends people back, with the token", "https://bridge.acme.example/auth/sso?provider=acme"}},
		Product:   AdminCard{ID: "product", Title: "Product", URL: "/admin/providers/acme", Version: "7", Main: true, Fields: settingSamples()[0].Settings},
		Discovery: sso.Discovery{Address: "https://acme.example/.well-known/openid-configuration", Fault: "it answered 502", LastSuccess: sampleTime.Add(-time.Hour), FaultSince: sampleTime,
			Endpoints: []sso.Endpoint{{Name: "jwks_uri", URL: "https://acme.example/jwks"}}},
		Keys: AdminKeys{Secrets: 2, Generated: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", SecretError: "has 7 bytes; it needs at least 32",
			Public: "-----BEGIN PUBLIC KEY-----", Kid: "2026-b", Algorithm: "RS256", PublicError: "This is no public key.",
			Card: AdminCard{ID: "published-keys", Title: "Addresses of published keys", URL: "/admin/providers/acme", Version: "7", Help: "A sign-in service publishes its public keys at an address.",
				Changed: []AdminFact{{"Addresses", "https://acme.example/.well-known/jwks.json"}}, Fields: []AdminSetting{{Name: "PROVIDER_ACME_JWKS_URL", Label: "Addresses", Value: "https://acme.example/.well-known/jwks.json", Seen: seenSample}}},
			Rows: []AdminKeyRow{
				{ID: "ab12cd34", Fingerprint: "ab12cd34", Secret: true, Current: true, MadeAt: sampleTime.Add(-72 * time.Hour), MadeBy: "ada@acme.example", Removable: true},
				{ID: "9f0c1122", Fingerprint: "9f0c1122", Secret: true, SignIns: 412, LastUsed: sampleTime.Add(-time.Minute), Removable: true, Use: sampleChart("key", "Sign-ins", 400)},
				{ID: "2026-a", Fingerprint: "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", Algorithm: "RS256", Origin: "https://acme.example/.well-known/jwks.json", LastUsed: sampleTime.Add(-time.Hour)},
				{ID: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", Fingerprint: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", Algorithm: "EdDSA", NotAfter: sampleTime.Add(-72 * time.Hour), Expired: true,
					Removable: true, With: 3, MadeAt: sampleTime.Add(-time.Hour), MadeBy: "grace@acme.example"}},
			Sources: []AdminKeySource{
				{Origin: "https://acme.example/.well-known/jwks.json", Address: true, LastSuccess: sampleTime.Add(-time.Minute), Due: sampleTime.Add(14 * time.Minute), LeftOut: []string{"key 2: kty AKP is not supported"}, Keys: 2},
				{Origin: "PROVIDER_ACME_PUBLIC_KEY: /etc/ssobridge/acme.pem", Fault: "the file is empty", FaultSince: sampleTime.Add(-time.Hour)}}},
		Tokens: AdminTokens{Of: 12, Claims: []tokenlog.Claim{{Name: "sub", Seen: 12}, {Name: "https://acme.example/claims/groups", Seen: 3}}, Last: []AdminToken{
			{At: sampleTime.Add(-time.Minute), Lifetime: "5m", Claims: []string{"exp", "iat", "sub"}, More: 4}, {At: sampleTime.Add(-time.Hour), Claims: []string{"sub"}}}},
		Rules: []AdminCard{
			{ID: "tokens", Title: "Which tokens are accepted", Open: true, URL: "/admin/providers/acme", Version: "7", Rehearsable: true,
				Outcome: &AdminOutcome{SignIns: 300, Refused: 280, Losses: 283, People: 840, Shut: 3, Some: []AdminPersonLink{{1, "ada@acme.example"}, {2, "grace@acme.example"}}, Unknown: []string{"department"},
					Reasons: []AdminOutcomeReason{{"The issuer is not the expected one", 270, `the token's iss is absent or null; PROVIDER_ACME_ISSUER is "acme"`, true}, {"The token is too old", 10, "the token's iat is 70 s old", false}}}, Changed: []AdminFact{{"How strictly tokens are judged", "strict"}}, Fields: settingSamples()[1].Settings},
			{ID: "who", Title: "Who may come in", Help: "Everybody, unless you say so.", Fields: []AdminSetting{{Name: "PROVIDER_ACME_ALLOWED_DOMAINS", Label: "Domains of those who may come in", Help: "any"}}}},
		Groups: AdminCard{ID: "group-settings", Title: "Where groups come from", URL: "/admin/providers/acme", Version: "7", Help: "From the token.", Changed: []AdminFact{{"Where groups come from", "token, ldap"}}, Fields: secretSamples()},
		Syncs:  true, Mapping: "/admin/mapping?provider=acme", LooksUp: true, Testable: true, BeginURL: "/admin/try/begin", LiveURL: "/admin/try/live?provider=acme", Removable: true, SignIns: 412,
	}
}

func previewSample() *AdminPreview {
	return &AdminPreview{
		Now:  []AdminCleared{{Name: "APAC", Members: 16, Deleted: true, Some: []string{"ada@acme.example", "grace@acme.example"}}, {Name: "Sales", Members: 1}},
		Kept: []AdminCleared{{Name: "Night shift", Members: 9}}, Creates: []string{"Night shift"}, People: 840,
		Next: AdminForecast{People: 121, Groups: []AdminGroupForecast{{"Sales", 120, 1, 2, 3}}, Some: []AdminPersonForecast{
			{ID: 1, Email: "ada@acme.example", Gain: []string{"Sales", "HR"}, Lose: []string{"Night shift"}}, {ID: 2, Email: "grace@acme.example", Keep: []string{"Sales"}, Miss: []string{"HR"}}}},
		Due: AdminForecast{People: 1, Groups: []AdminGroupForecast{{"HR", 0, 1, 0, 0}}, Some: []AdminPersonForecast{{ID: 3, Email: "kim@acme.example", Lose: []string{"HR"}}}},
	}
}

func mappingSample(m AdminMapping) AdminMapping {
	m.AdminLayout, m.Version, m.JSON = adminSample(AdminSectionMapping), "7", `{"extHR": [7]}`
	m.Provider, m.Setting = "acme", "PROVIDER_ACME_GROUP_MAPPINGS"
	m.Providers = []AdminTab{{Label: "Your product", URL: "/admin/mapping?provider=jwt"}, {Label: "Acme", URL: "/admin/mapping?provider=acme", Here: true}}
	m.Now, m.Total, m.Unmapped, m.Groups, m.Pager = sampleTime, 912, 80, []string{"Administrators", "Sales"}, AdminPager{First: "/admin/mapping?provider=acme", Next: "/admin/mapping?after=old&provider=acme"}
	m.Search = "ext"
	m.Seen = []AdminSeenGroup{{Name: "extNight", At: sampleTime.Add(-2 * time.Hour)}, {Name: "extWarehouse", At: sampleTime.Add(-50 * time.Hour)}}
	m.Rows = []AdminMappingRow{
		{IDP: "extSales", Groups: "Sales, Night shift", Was: "extSales", Seen: sampleTime.Add(-time.Hour), Members: "remove", Remove: true,
			Targets: []AdminTarget{{Name: "Sales", Members: 12}, {Name: "Night shift", Members: 6, Shared: true}}},
		{IDP: "old", Groups: "#7", Was: "old", Unseen: true, Gone: "#7: no group has this id any more. Nobody gets into it."},
		{IDP: "x", Groups: "All Users", IDPError: "This group is mapped twice.", GroupsError: "everyone is in All Users; it cannot be mapped"},
	}
	return m.WithRows(2)
}

func overviewSample() AdminOverview {
	return AdminOverview{
		AdminLayout: adminSample(AdminSectionOverview), Now: sampleTime, PasswordLogin: true, People: 1234, Administrators: 2, Version: "1.0.0",
		Callback: "https://bridge.acme.example/auth/sso", Warnings: []string{"JWT_GROUP_MAPPINGS is set, but JWT_GROUP_SYNC is off: groups are not synced"},
		State: AdminState{Word: "Sign-in works.", Text: "Today (UTC): 48 sign-ins, 2 refused."}, Days: overviewDays(), Changed: sampleEvents(),
		Steps: stepSamples(4),
		Refused: []AdminRefused{{Why: "The token has expired", Code: "token_expired", Count: 12, Last: sampleTime.Add(-time.Hour), Reference: "ABCD2345", URL: "/admin/activity?code=token_expired"},
			{Why: "The account is deactivated", Code: "account_deactivated", Count: 1, Last: sampleTime.Add(-20 * time.Hour), URL: "/admin/activity?code=account_deactivated"}},
	}
}

// stepSamples are the steps of the overview, of which the first ones are done.
func stepSamples(done int) []AdminStep {
	all := []AdminStep{
		{Text: "Give the address of your product’s sign-in page", Necessary: true, URL: "/admin/providers/jwt#product", Link: "All settings of the product", Help: []string{"The bridge sends people there to sign in."},
			Form: &AdminStepForm{Action: "/admin/providers/jwt", Hidden: []AdminFact{{"version", "7"}}, Button: "Save the address",
				Field: &AdminStepField{Name: "JWT_IDENTITY_PROVIDER_URI", Label: "Sign-in page of your product", Help: "The page of your product where people sign in"}}},
		{Text: "Make the shared secret, and give it to your product", Necessary: true, URL: "/admin/providers/jwt#keys", Link: "Keys of the product", Help: []string{"The next page shows the secret once."},
			Form: &AdminStepForm{Action: "/admin/providers/jwt/keys", Hidden: []AdminFact{{"action", "generate"}}, Button: "Generate a secret"}},
		{Text: "Add one page to your product", Necessary: true, URL: "/admin/providers/jwt#rules", Link: "What the bridge expects of a token", Help: []string{"These files are complete."},
			Addresses: []AdminAddress{{"Where your product sends people back, with the token", "https://bridge.acme.example/auth/sso"}},
			Code:      []AdminCode{{"Node", "const a = 1 < 2;\n" + strings.Repeat("app.get('/login', (req, res) => res.send(form)); // a line that is longer than the page is wide, and so it is scrolled to\n", 30)}, {"Python", "print()"}, {"Java", "x"}, {"PHP", "<?php"}, {"Ruby", "x"}, {"Go", "package main"}}},
		{Text: "Sign in once through your product", Necessary: true, URL: "/admin/try", Link: "Look at a token", Help: []string{"Test it first."},
			Form: &AdminStepForm{Action: "/admin/try/begin", Hidden: []AdminFact{{"provider", "jwt"}}, Button: "Begin the test sign-in"}},
		{Text: "Say which groups people get", URL: "/admin/mapping", Link: "Group mapping", Help: []string{"Your product may send the groups of a person."}},
		{Text: "Have a second way in for yourself: a passkey", URL: "/auth/passkeys", Link: "Your sign-in", Help: []string{"A passkey lets you in all the same."}},
	}
	for i := range done {
		all[i].Done = true
	}
	if done < 4 {
		all[done].Open = true
	}
	return all
}

func overviewDays() (days []OverviewDay) {
	for i := range 14 {
		d := sampleTime.UTC().Truncate(24*time.Hour).AddDate(0, 0, i-13)
		days = append(days, OverviewDay{Day: d, SignIns: (i * 37) % 90, Refusals: (i * 11) % 7, URL: "/admin/activity?from=" + d.Format(time.DateOnly)})
	}
	return days
}
