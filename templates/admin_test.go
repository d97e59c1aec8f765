package templates

import (
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// adminSamples show the administrator's pages.
func adminSamples() []sample {
	return []sample{
		{"admin overview", AdminOverview{
			AdminLayout: adminSample(AdminSectionOverview), SignIn: true, PasswordLogin: true, People: 1234, Administrators: 2,
			Callback: "https://bridge.acme.example/auth/sso", Warnings: []string{"JWT_GROUP_MAPPINGS is set, but JWT_GROUP_SYNC is off: groups are not synced"},
		}},
		{"admin overview key", AdminOverview{AdminLayout: adminSample(AdminSectionOverview), Administrators: 1, KeyMissing: true}},
		{"admin overview new", AdminOverview{AdminLayout: adminSample(AdminSectionOverview), Administrators: 1}},
		{"admin settings", AdminSettings{AdminLayout: adminSample(AdminSectionSignIn), Version: "7", Sections: settingSamples()}},
		{"admin settings wrong", AdminSettings{AdminLayout: adminSample(AdminSectionSignIn), Version: "7", Sections: settingSamples(),
			Alerts: []string{"JWT_SHARED_SECRET is not set, but JWT_ENABLED is true"}}},
		{"admin key", AdminKey{AdminLayout: adminSample(AdminSectionSignIn), Version: "7", Keys: 2, Now: sampleTime, Secrets: []AdminKeyRow{
			{ID: "ab12cd34", Current: true, MadeAt: sampleTime.Add(-72 * time.Hour), MadeBy: "ada@acme.example"},
			{ID: "9f0c1122", SignIns: 412, LastUsed: sampleTime.Add(-time.Minute)}}}},
		{"admin key new", AdminKey{AdminLayout: adminSample(AdminSectionSignIn), Version: "7", Keys: 1,
			Generated: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}},
		{"admin key fixed", AdminKey{AdminLayout: adminSample(AdminSectionSignIn), Version: "7", Keys: 1, Source: "SSOBRIDGE_JWT_SHARED_SECRET"}},
		{"admin key wrong", AdminKey{AdminLayout: adminSample(AdminSectionSignIn), Version: "7", Keys: 1, Alert: "Somebody else has saved settings meanwhile.",
			SecretError: "the shared secret has 7 bytes; it needs at least 32"}},
		{"admin providers", AdminProviders{AdminLayout: adminSample(AdminSectionSignIn), Now: sampleTime, Providers: []AdminProviderRow{
			{Name: "company", Label: "Company account", On: true, Issuer: "https://acme.example", RedirectURI: "https://bi.example/auth/oidc/acme/callback", Discovery: sso.Discovery{
				Address: "https://acme.example/.well-known/openid-configuration", Fault: "it answered 502", LastSuccess: sampleTime.Add(-time.Hour), FaultSince: sampleTime,
				Endpoints: []sso.Endpoint{{Name: "jwks_uri", URL: "https://acme.example/jwks"}}}},
			{Name: "jwt", On: true, Secrets: 1},
			{Name: "acme", Label: "Acme", On: true, Issuer: "https://acme.example", Sources: []sso.KeySource{
				{Origin: "https://acme.example/.well-known/jwks.json", LastSuccess: sampleTime.Add(-time.Minute), LeftOut: []string{"key 2: kty AKP is not supported"}, Keys: []sso.PublicKey{
					{ID: "2026-a", Algorithm: "RS256", Fingerprint: "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", LastUsed: sampleTime.Add(-time.Hour)},
					{ID: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", Algorithm: "EdDSA", Fingerprint: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", NotAfter: sampleTime.Add(72 * time.Hour)}}},
				{Origin: "PROVIDER_ACME_PUBLIC_KEY: /etc/ssobridge/acme.pem", Fault: "the file is empty", FaultSince: sampleTime.Add(-time.Hour)}}},
			{Name: "old", Label: "Old product"},
		}}},
		{"admin group sources", AdminGroupSources{AdminLayout: adminSample(AdminSectionSignIn), Providers: []Provider{{Name: "jwt"}}}},
		{"admin group sources none", AdminGroupSources{AdminLayout: adminSample(AdminSectionSignIn)}},
		{"admin group sources wrong", AdminGroupSources{AdminLayout: adminSample(AdminSectionSignIn), Providers: []Provider{{Name: "jwt"}, {Name: "acme", Label: "Acme"}}, NameError: "This is empty."}},
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

func settingSamples() []AdminSettingSection {
	profile := AdminSetting{Name: "JWT_PROFILE", Label: "How strictly tokens are judged", Help: "metabase, standard or strict", Value: "strict", Was: "standard",
		Default: "standard", Options: []AdminOption{{Value: "metabase", Label: "metabase"}, {Value: "standard", Label: "standard"}, {Value: "strict", Label: "strict"}},
		Error: "needs JWT_ISSUER", Note: "Saved meanwhile by somebody else: metabase"}
	profile.Choose()
	return []AdminSettingSection{
		{Name: "Identity provider", Settings: []AdminSetting{
			{Name: "JWT_IDENTITY_PROVIDER_URI", Label: "Sign-in page of your product", Help: "the page of your product where people sign in", Value: "https://acme.example/login",
				Was: "https://acme.example/login", Error: "is not a URL", Note: "Saved meanwhile by somebody else: nothing"},
			{Name: "JWT_ISSUER", Label: "Issuer (iss)", Help: "what iss must be; unset: not checked", Value: "acme", Source: "SSOBRIDGE_JWT_ISSUER"},
		}},
		{Name: "Tokens", Settings: []AdminSetting{profile,
			{Name: "ACCESS_RULES", Label: "Who may reach which paths", Help: "a JSON list", Value: "[]", Was: "[]", Long: true, Error: "is not a list"},
		}},
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
	m.Seen, m.Groups = []string{"extNight"}, []string{"Administrators", "Sales"}
	m.Rows = []AdminMappingRow{
		{IDP: "extSales", Groups: "Sales, Night shift", Was: "extSales", Members: "remove", Remove: true,
			Targets: []AdminTarget{{Name: "Sales", Members: 12}, {Name: "Night shift", Members: 6, Shared: true}}},
		{IDP: "old", Groups: "#7", Was: "old", Gone: "#7: no group has this id any more. Nobody gets into it."},
		{IDP: "x", Groups: "All Users", IDPError: "This group is mapped twice.", GroupsError: "everyone is in All Users; it cannot be mapped"},
	}
	return m.WithRows(2)
}
