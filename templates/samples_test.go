package templates

import (
	"reflect"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

var sampleTime = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

// A sample is a page as people meet it.
type sample struct {
	name string
	page Page
}

// samples show every page, in each of its forms. A new page is added here; TestEveryPageHasSamples says when one is not.
func samples() []sample {
	acme := Layout{Site: "Acme Reports"}
	menu := &UserMenu{Name: "Ada Lovelace", AdminURL: "/admin"}
	ada := Person{Name: "Ada Lovelace", Email: "ada@acme.example"}
	grace := Person{Email: "grace.brewster.murray.hopper@subsidiary.acme.example"}
	providers := []Provider{{Name: "acme", Label: "Acme"}, {Name: "partners"}}
	sessions := []Session{
		{Ref: "aa11", Device: "Firefox on Linux", Peer: "192.0.2.7", Provider: "acme", Current: true,
			SignedInAt: sampleTime.Add(-2 * time.Hour), LastUsed: sampleTime},
		{Ref: "bb22", Device: "Safari on iPhone", Peer: "2001:db8:85a3:8d3:1319:8a2e:370:7348", Provider: "partners",
			SignedInAt: sampleTime.Add(-76 * time.Hour), LastUsed: sampleTime.Add(-50 * time.Minute)},
		{Device: "Unknown device", SignedInAt: sampleTime.Add(-300 * time.Hour), LastUsed: sampleTime.Add(-26 * time.Hour)},
	}
	const reference = "7K3Q-M9TX-2FHB"
	report := Report{Site: "Acme Reports", What: "You may not see this", At: sampleTime, Status: 403, Code: "forbidden", Reference: reference, RequestID: "5b6c7d8e9f0a1b2c"}
	return append(slices.Concat(adminSamples(), listSamples(), proofSamples(), []sample{designSample()}), []sample{
		{"home signed in", Home{
			Layout: Layout{Site: "Acme Reports", User: menu}, Person: &ada, Now: sampleTime, AppURL: "https://reports.acme.example/",
			Groups: []string{"All Users", "Administrators", "Sales, Europe"}, Sessions: sessions, More: true, Done: "That session has ended.", HasPasskeys: true,
			Passkeys: []Passkey{{ID: "k1", Name: "Chrome on Android", CreatedAt: sampleTime.Add(-300 * time.Hour), LastUsed: sampleTime.Add(-26 * time.Hour)}, {ID: "k2", Name: "مفتاح", CreatedAt: sampleTime}},
		}},
		{"home in German", Home{Layout: Layout{Site: "Acme Reports", Language: "de", User: &UserMenu{Name: "Ada Lovelace"}}, Person: &ada, Now: sampleTime, Groups: []string{"All Users"},
			Sessions: sessions, HasPassword: true}},
		{"home one session", Home{Layout: acme, Person: &grace, Now: sampleTime, Sessions: sessions[:1]}},
		{"home signed out", Home{Layout: acme, Providers: providers[:1], Password: true}},
		{"home not set up", Home{Callback: "https://bridge.acme.example/auth/sso", SetUp: true, Password: true}},
		{"home without a product", Home{Layout: acme, Callback: "https://bridge.acme.example/auth/sso", Password: true}},
		{"login", Login{Layout: acme, Providers: providers, Password: true, ReturnTo: "/question/1?x=1&y=%2F#f"}},
		{"login with password only", Login{Layout: acme, Password: true}},
		{"login at a yellow site", Login{Layout: branded("#ffd400", 1), Providers: providers, Password: true}},
		{"login at a nearly black site with a wide logo", Login{Layout: branded("#101820", 5), Providers: providers[:1], Password: true, Passkey: true}},
		{"login failed", Login{Layout: acme, Providers: providers[:1], Password: true, ReturnTo: "/question/1", Email: "ada@acme.example",
			PasswordError: "The e-mail or the password is wrong. Check both, and mind capital letters."}},
		{"login throttled", Login{Layout: acme, Password: true, Email: "ada", EmailError: "An e-mail address has an @.",
			Error: "Too many attempts. Wait a minute, then try again."}},
		{"login without an administrator", Login{Layout: acme, Password: true, SetUp: true}},
		{"login in Japanese", Login{Layout: Layout{Language: "ja"}, Providers: providers, Password: true}},
		{"login off", Login{Layout: acme}},
		{"login with a way used last", Login{Layout: acme, Password: true, Passkey: true, Last: "partners", Providers: []Provider{{Name: "partners", Label: "Partners", Last: true}, {Name: "acme", Label: "Acme"}}}},
		{"login with a password used last", Login{Layout: acme, Password: true, Passkey: true, Last: "password", Providers: providers}},
		{"login with a passkey used last", Login{Layout: acme, Password: true, Passkey: true, Last: "passkey", Providers: []Provider{{Label: "Acme"}}}},
		{"refusal", Refusal{
			Layout: acme, Title: "The link has expired", Message: "The link that signs you in was made too long ago to be used.",
			Advice: []string{"Go back to Acme and open the page from there again.", "If it happens each time, the clock of a server may be wrong: tell an administrator."},
			Button: Button{Label: "Sign in again", URL: "/auth/sso?redirect=%2Fquestion%2F1"}, Report: report,
		}},
		{"refusal of a form", Refusal{Layout: acme, Title: "Nothing was saved", Message: "Your session was over when this form arrived, so it went no further.",
			Advice: []string{"Sign in in a new tab, with the button below.", "Then come back to this tab and reload it."}, Button: Button{Label: "Sign in (new tab)", URL: "/auth/sso", NewTab: true}, Report: report}},
		{"refusal of an account", Refusal{Layout: acme, Title: "You may not see this", Account: "grace.brewster.murray.hopper@subsidiary.acme.example",
			Advice: []string{"Your account is not in a group that may. Ask your administrator."}, Another: "/auth/logout", ReturnTo: "/sales", Ask: true, Report: report}},
		{"refusal of an account elsewhere", Refusal{Layout: acme, Title: "You may not see this", Account: "ada@acme.example",
			Another: "https://bridge.acme.example/auth/logout?another=yes&return_to=%2Fsales", Asks: true, Ask: true, Report: report}},
		{"refusal for the administrator", Refusal{Layout: acme, Title: "This sign-in does not say who you are", Advice: []string{ReasonOf(sso.TokenEmailMissing).Help},
			Ask: true, Button: Button{Label: "Sign in again", URL: "/auth/sso"}, Report: report}},
		{"refusal with menu", Refusal{Layout: Layout{User: menu}, Title: "There is no such page", Message: "The address may be mistyped, or the page is gone."}},
		{"switch", Switch{Layout: acme, From: ada, To: grace, JWT: "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", ReturnTo: "/question/1", Stay: "/question/1"}},
		{"switch back", Switch{Layout: acme, From: grace, To: ada, Provider: "acme", JWT: "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"}},
		{"login while signed in", Login{Layout: acme, Account: "ada@acme.example", Another: "/auth/logout", Providers: providers, Password: true, ReturnTo: "/question/1"}},
		{"login with a password while signed in", Login{Layout: acme, Account: "ada@acme.example", Another: "/auth/logout", Password: true}},
		{"login as another", Login{Layout: acme, Stays: "Acme", SignOut: "https://acme.example/logout", Providers: []Provider{{Name: "acme", Label: "Acme"}, {Name: "partners", Another: true}}}},
		{"logout for another", Logout{Layout: acme, Person: ada, ReturnTo: "/sales", Another: true}},
		{"logout", Logout{Layout: acme, Person: ada, ReturnTo: "/sales"}},
		{"logged out", LoggedOut{Layout: acme, SignInURL: "/auth/sso", Provider: "Acme"}},
		{"continue", Continue{Layout: acme, URL: "/auth/sso?resume=1&state=a%2Fb"}},
		{"leave to sign in", Leave{Layout: acme, URL: "https://login.acme.example/authorize?client_id=a&state=b"}},
		{"leave to sign out", Leave{Layout: acme, URL: "https://login.acme.example/logout", Out: true}},
	}...)
}

// rewrite returns a copy of a page in which every string is replaced.
func rewrite(page Page, with func(string) string) Page {
	return rewritePaths(page, func(_, s string) string { return with(s) })
}

// rewritePaths is rewrite for who wants to know which string it is.
func rewritePaths(page Page, with func(path, s string) string) Page {
	v := reflect.New(reflect.TypeOf(page)).Elem()
	v.Set(reflect.ValueOf(page))
	rewriteValue(v, "", with)
	return v.Interface().(Page)
}

// rewriteValue replaces every string in v in place, copying what is shared; path names each, such as Sessions.Device.
func rewriteValue(v reflect.Value, path string, with func(path, s string) string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(with(path, v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			c := reflect.New(v.Type().Elem())
			c.Elem().Set(v.Elem())
			rewriteValue(c.Elem(), path, with)
			v.Set(c)
		}
	case reflect.Slice:
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(c, v)
		for i := range c.Len() {
			rewriteValue(c.Index(i), path, with)
		}
		if !v.IsNil() {
			v.Set(c)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			rewriteValue(v.Field(i), path+"."+v.Type().Field(i).Name, with)
		}
	}
}
