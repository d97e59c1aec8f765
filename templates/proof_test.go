package templates

import "time"

// proofSamples show the pages of the first start, of proofs, and of passkeys.
func proofSamples() []sample {
	acme := Layout{Site: "Acme Reports"}
	ada := Person{Name: "Ada Lovelace", Email: "ada@acme.example"}
	keys := []Passkey{
		{ID: "AAEC", Name: "Laptop", CreatedAt: sampleTime.Add(-48 * time.Hour), LastUsed: sampleTime.Add(-time.Hour)},
		{ID: "AwQF", Name: "Telephone of the kind that has a very long name indeed, and more", CreatedAt: sampleTime},
	}
	return []sample{
		{"set up", Setup{Layout: acme, MinCharacters: 15, Passkey: true}},
		{"set up without passwords", Setup{Layout: acme, NoPassword: true, Passkey: true}},
		{"set up without either", Setup{Layout: acme, NoPassword: true}},
		{"set up failed", Setup{Layout: acme, MinCharacters: 15, Secret: "abc", Email: "ada", SecretError: "That is not the set-up secret.",
			EmailError: "Not an e-mail address.", PasswordError: "The password has 3 characters.", AgainError: "The two are not the same."}},
		{"password", Password{Layout: acme, Person: ada, MinCharacters: 15}},
		{"password failed", Password{Layout: acme, Person: ada, MinCharacters: 15, OldError: "That is not your password.",
			NewError: "The password is easy to guess.", AgainError: "The two are not the same."}},
		{"password changed", Password{Layout: acme, Person: ada, Changed: true}},
		{"confirm", Confirm{Layout: acme, Person: ada, ReturnTo: "/admin/sign-in", Password: true, Passkey: true,
			ProviderURL: "/auth/sso?redirect=%2Fauth%2Fconfirm"}},
		{"confirm failed", Confirm{Layout: acme, Person: ada, ReturnTo: "/admin", Password: true, Error: "E-mail or password is wrong."}},
		{"confirm impossible", Confirm{Layout: acme, Person: ada, ReturnTo: "/admin"}},
		{"resume", Resume{Layout: acme, Action: "/admin/sign-in", Fields: []Hidden{{"JWT_MAX_AGE", "77s"}, {"JWT_PROFILE", "strict"}}}},
		{"passkeys", Passkeys{Layout: acme, Person: ada, Passkeys: keys, Now: sampleTime, Password: true, Possible: true, Recent: true, Device: "Firefox on Linux", Done: "The passkey is removed."}},
		{"passkey that stays", Passkeys{Layout: acme, Person: ada, Passkeys: keys[:1], Now: sampleTime, Alert: "This passkey stays: without it no administrator could sign in any more. Connect your product first, or give an administrator another way in."}},
		{"passkey that is the last", Passkeys{Layout: acme, Person: ada, Passkeys: keys[:1], Now: sampleTime, Last: &LastPasskey{keys[0], true}}},
		{"passkey that is the only way", Passkeys{Layout: acme, Person: ada, Passkeys: keys[:1], Now: sampleTime, Last: &LastPasskey{keys[0], false}}},
		{"passkeys before a proof", Passkeys{Layout: acme, Person: ada, Now: sampleTime, Possible: true, ConfirmURL: "/auth/confirm?return_to=%2Fauth%2Fpasskeys"}},
		{"passkeys impossible", Passkeys{Layout: acme, Person: ada, Now: sampleTime}},
		{"login with passkey", Login{Layout: acme, Password: true, Passkey: true, ReturnTo: "/admin"}},
		{"login with provider and passkey", Login{Layout: acme, Providers: []Provider{{}}, Password: true, Passkey: true}},
		{"home with ways", Home{Layout: acme, Person: &ada, Now: sampleTime, Groups: []string{"All Users"}, HasPassword: true, HasPasskeys: true, Offer: true, ReturnTo: "/auth/account"}},
	}
}
