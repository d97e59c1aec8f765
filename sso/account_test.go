package sso_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/credential"
)

// Who may sign in (SECURITY E1, E2, E8): each row against each policy of one switch more.
func TestAdmit(t *testing.T) {
	known := &sso.Account{ID: 7, Active: true, Source: "a"}
	others := &sso.Account{ID: 7, Active: true, Source: "b"}
	made := &sso.Account{ID: 7, Active: true} // by an administrator
	withPassword := &sso.Account{ID: 7, Active: true, HasPassword: true}
	gone := &sso.Account{ID: 7}
	closed, open, back := sso.Admission{SiteName: "Example"}, sso.Admission{Provision: true}, sso.Admission{Provision: true, Reactivate: true}
	for _, tt := range []struct {
		name  string
		rules sso.Admission
		found *sso.Account
		match sso.Match
		want  sso.Admitted
		code  sso.Code
	}{
		{"new", open, nil, 0, sso.AdmittedNew, ""},
		{"new, provisioning off", closed, nil, 0, 0, sso.ProvisioningOff},
		{"known", closed, known, 0, sso.AdmittedKnown, ""},
		{"made by an administrator", closed, made, 0, sso.AdmittedKnown, ""},
		{"of another subject", open, known, sso.MatchOtherSubject, 0, sso.LinkRefused},
		{"of another provider", open, others, 0, 0, sso.LinkRefused}, // SECURITY E1
		{"of another provider, linked by its subject", open, others, sso.MatchSubject, sso.AdmittedKnown, ""},
		{"of another provider, with LINK_ACCOUNTS", sso.Admission{LinkAccounts: true}, others, 0, sso.AdmittedKnown, ""},
		{"of another subject, with LINK_ACCOUNTS", sso.Admission{LinkAccounts: true}, others, sso.MatchOtherSubject, 0, sso.LinkRefused},
		{"with a password", open, withPassword, 0, 0, sso.LinkRefused},
		{"with a password, with LINK_ACCOUNTS", sso.Admission{LinkAccounts: true}, withPassword, 0, 0, sso.LinkRefused},
		{"with a password, linked", sso.Admission{LinkPasswordAccounts: true}, withPassword, 0, sso.AdmittedKnown, ""},
		{"deactivated", open, gone, 0, 0, sso.AccountDisabled},
		{"deactivated, comes back", back, gone, 0, sso.AdmittedReactivated, ""},
		{"deactivated, may not come back", sso.Admission{Reactivate: true}, gone, 0, 0, sso.ProvisioningOff},
		{"deactivated, of another subject", back, gone, sso.MatchOtherSubject, 0, sso.LinkRefused},
		{"of another provider, linked by its e-mail", open, others, sso.MatchLinked, sso.AdmittedKnown, ""},
		{"deactivated, of another provider", back, &sso.Account{ID: 7, Source: "b"}, 0, 0, sso.LinkRefused},
		{"the zero rules", sso.Admission{}, nil, 0, 0, sso.ProvisioningOff},
	} {
		got, err := tt.rules.Admit(tt.found, sso.Identity{Provider: "a", Email: "ada@example.com"}, tt.match)
		if got != tt.want || sso.CodeOf(err) != tt.code {
			t.Errorf("%s: got %v, %v, want %v, %q", tt.name, got, err, tt.want, tt.code)
		}
		if tt.code == sso.ProvisioningOff && sso.PublicValue(err) != tt.rules.SiteName {
			t.Errorf("%s: the person reads %q", tt.name, sso.PublicValue(err))
		}
	}
	if sso.PublicValue(sso.Conflict) != "" {
		t.Error("a code alone has a public value")
	}
}

func TestUpdated(t *testing.T) {
	first, last := "Ada\x00", "Lovelace"
	said := sso.Identity{Provider: "b", Email: "ADA@new.example", FirstName: &first, LastName: &last, Attributes: map[string]string{"dept": "x\n"}}
	before := sso.Account{ID: 7, Email: "ada@old.example", Own: map[string]string{"a": "b"}, CreatedAt: morning, Source: "a"}
	want := sso.Account{ID: 7, Email: "ADA@new.example", FirstName: "Ada", LastName: "Lovelace", Source: "a", Synced: map[string]string{"dept": "x"},
		Own: before.Own, CreatedAt: morning, LastLogin: morning.Add(time.Hour)}
	if diff := cmp.Diff(want, said.Updated(&before, sso.AdmittedKnown, false, morning.Add(time.Hour))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if a := said.Updated(&before, sso.AdmittedReactivated, true, morning); a.Email != "ada@old.example" || !a.Active {
		t.Errorf("reactivated, with its e-mail kept: got %+v", a)
	}
	before.Email = "ada@NEW.example" // the first spelling stays
	if a := said.Updated(&before, sso.AdmittedKnown, false, morning); a.Email != "ada@NEW.example" || a.Active {
		t.Errorf("got %+v", a)
	}
}

func TestAccount(t *testing.T) {
	a := sso.Account{Email: "ada@example.com", Synced: map[string]string{"a": "1", "b": "1"}, Own: map[string]string{"b": "2"}}
	if a.CommonName() != "ada@example.com" || a.Attributes()["a"] != "1" || a.Attributes()["b"] != "2" {
		t.Errorf("got %q, %v", a.CommonName(), a.Attributes())
	}
	a.LastName = "Lovelace"
	if a.CommonName() != "Lovelace" {
		t.Errorf("got %q", a.CommonName())
	}
}

// SECURITY D2: an id has one spelling, and nothing else is one.
func TestSessionID(t *testing.T) {
	id := sso.NewSessionID()
	if other := sso.NewSessionID(); id == other || len(id) != 43 {
		t.Errorf("got %q, %q", id, other)
	}
	if _, ok := sso.HashSessionID(id); !ok {
		t.Errorf("%q is none", id)
	}
	for _, bad := range []string{"", id[:42], id + "A", "!" + id[1:], id[:42] + "B", id[:42] + "=", strings.Repeat("\n", 43)} {
		if _, ok := sso.HashSessionID(bad); ok {
			t.Errorf("%q is one", bad)
		}
	}
}

func TestSessionLives(t *testing.T) {
	s := sso.Session{CreatedAt: morning, ExpiresAt: morning.Add(time.Hour)}
	for _, tt := range []struct {
		idle, max time.Duration
		used, at  time.Duration
		want      bool
	}{
		{0, time.Hour, 0, 59 * time.Minute, true}, {0, 2 * time.Hour, 0, time.Hour, false}, {0, time.Minute, 0, time.Minute, false},
		{time.Minute, time.Hour, 0, 59 * time.Second, true}, {time.Minute, time.Hour, 0, time.Minute, false},
		{time.Minute, 2 * time.Hour, time.Hour, time.Hour, false},
	} {
		if got := (sso.SessionPolicy{MaxAge: tt.max, Idle: tt.idle}).Live(s, morning.Add(tt.used), morning.Add(tt.at)); got != tt.want {
			t.Errorf("%+v: got %v", tt, got)
		}
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"metabase", "standard", "strict"} {
		if p, err := sso.ParseProfile(name); err != nil || string(p) != name {
			t.Errorf("%s: got %q, %v", name, p, err)
		}
	}
	for _, name := range []string{"off", "state", "pkce"} {
		if b, err := sso.ParseBinding(name); err != nil || string(b) != name {
			t.Errorf("%s: got %q, %v", name, b, err)
		}
	}
	_, err1 := sso.ParseProfile("Strict")
	_, err2 := sso.ParseBinding("")
	if err1 == nil || err2 == nil {
		t.Errorf("got %v, %v", err1, err2)
	}
	if a, b := (sso.GroupRef{ID: 7}), (sso.GroupRef{Name: "x"}); a.String() != "7" || b.String() != "x" {
		t.Errorf("got %s, %s", a, b)
	}
	if a, b := sso.NewReference(), sso.NewReference(); a == b || len(a) != 8 || !sso.IsReference(a) || !sso.IsReference(strings.ToLower(b)) {
		t.Errorf("references: got %q, %q", a, b)
	}
	for _, no := range []string{"", "QLSUM7E", "QLSUM7EJJ", "QLSUM7E1", "QLSUM7E.", "QLSUM7Eé", "QLSUM7ı", "QLSUM7E "} {
		if sso.IsReference(no) {
			t.Errorf("%q passes for a reference", no)
		}
	}
	if a, b := credential.PasskeyProof("a"), credential.PasskeyProof("b"); a == b || !strings.HasPrefix(a, "passkey:") {
		t.Errorf("proofs: got %q, %q", a, b)
	}
}

func TestPageSize(t *testing.T) {
	for limit, want := range map[int]int{-1: 50, 0: 50, 1: 1, 500: 500, 501: 500} {
		if got := (sso.Page{Limit: limit}).Size(); got != want {
			t.Errorf("%d: got %d, want %d", limit, got, want)
		}
	}
}

func TestTexts(t *testing.T) {
	if got := sso.Shorten("a\nbüü", 4); got != "a b…" {
		t.Errorf("got %q", got)
	}
	if got := sso.Truncate("ü", 1); got != "" {
		t.Errorf("got %q", got)
	}
	if got := sso.Shorten("ab", 2); got != "ab" {
		t.Errorf("got %q", got)
	}
	if sso.Reason(nil) != "" || sso.Reason(sso.Conflict) != "" || admin.EventWords("odd") != "odd" {
		t.Error("a reason where there is none")
	}
	for _, bad := range []string{"", " a", "a,b", "administrators", strings.Repeat("a", 255)} {
		if sso.CheckGroupName(bad) == nil {
			t.Errorf("a group may be called %.20q", bad)
		}
	}
}

// Whom a provider may sign in at all: domains are compared whole, and in one form; groups by their exact names.
func TestAllows(t *testing.T) {
	for _, tt := range []struct {
		email   string
		groups  []string
		domains []string
		allowed []string
		want    bool
	}{
		{"ada@example.com", nil, nil, nil, true},
		{"ada@example.com", nil, []string{"example.com"}, nil, true},
		{"ada@EXAMPLE.com", nil, []string{"example.com"}, nil, true},
		{"ada@example.com", nil, []string{"other.example", "example.com"}, nil, true},
		{"ada@bücher.example", nil, []string{"xn--bcher-kva.example"}, nil, true},
		{"ada@example.com.evil", nil, []string{"example.com"}, nil, false},
		{"ada@sub.example.com", nil, []string{"example.com"}, nil, false},
		{"ada@notexample.com", nil, []string{"example.com"}, nil, false},
		{"example.com@evil.example", nil, []string{"example.com"}, nil, false},
		{"", nil, []string{"example.com"}, nil, false},
		{"ada@example.com", []string{"staff"}, nil, []string{"staff"}, true},
		{"ada@example.com", []string{"x", "staff"}, nil, []string{"board", "staff"}, true},
		{"ada@example.com", []string{"Staff"}, nil, []string{"staff"}, false},
		{"ada@example.com", []string{"staff,x"}, nil, []string{"staff"}, false},
		{"ada@example.com", nil, nil, []string{"staff"}, false},
		{"ada@example.com", []string{"staff"}, []string{"other.example"}, []string{"staff"}, false},
	} {
		err := sso.Admission{Settings: "JWT_", AllowedDomains: tt.domains, AllowedGroups: tt.allowed}.Allows(sso.Identity{Email: tt.email, Groups: tt.groups})
		if (err == nil) != tt.want || err != nil && sso.CodeOf(err) != sso.PersonNotAllowed {
			t.Errorf("%s in %q, for %q and %q: got %v, want allowed %v", tt.email, tt.groups, tt.domains, tt.allowed, err, tt.want)
		}
	}
}
