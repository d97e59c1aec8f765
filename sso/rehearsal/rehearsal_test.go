package rehearsal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/claim"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/rehearsal"
	"github.com/ssobridge/ssobridge/sso/token"
	"github.com/ssobridge/ssobridge/sso/tokenlog"
)

// past has sign-ins and people.
type past struct {
	entries []tokenlog.Entry
	people  []sso.SentGroups
}

func (p past) TokenLog(context.Context, string) ([]tokenlog.Entry, error) { return p.entries, nil }

func (p past) PeopleOf(_ context.Context, _ string, each func(sso.SentGroups)) error {
	for _, one := range p.people {
		each(one)
	}
	return nil
}

type noKeys struct{ keyset.Set }

var at = time.Unix(1_800_000_000, 0)

func number(n int64) json.Number { return json.Number(fmt.Sprint(n)) }

// kept is what the log has of a token that was made a minute ago, with claims besides.
func kept(with sso.Claims) tokenlog.Entry {
	claims := sso.Claims{"email": "ada@example.com", "iat": number(at.Unix() - 60), "exp": number(at.Unix() + 240)}
	for name, value := range with {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	return tokenlog.Of(claims, at)
}

func many(n int, with sso.Claims) (all []tokenlog.Entry) {
	for range n {
		all = append(all, kept(with))
	}
	return all
}

// provider is the rules in force, changed.
func provider(change func(*token.Verifier, *sso.Admission)) *sso.Provider {
	v := &token.Verifier{Settings: "JWT_", Profile: sso.Standard, Keys: noKeys{}, Names: claim.Mapping{Email: "email"}, MaxAge: 3 * time.Minute, MaxLifetime: time.Hour}
	p := &sso.Provider{Name: "jwt", Policy: sso.Policy{Admission: sso.Admission{Settings: "JWT_"}}}
	if change != nil {
		change(v, &p.Policy.Admission)
	}
	p.Login = v
	return p
}

func require(path string, values ...string) claim.Requirement {
	p, _ := claim.ParsePath(path)
	return claim.Requirement{Claim: p, Values: values}
}

// What the new rules would have refused, and what cannot be said.
func TestTokens(t *testing.T) {
	acme := kept(sso.Claims{"iss": "https://acme.example", "aud": []any{"bridge"}})
	crowded := sso.Claims{}
	for i := range 80 {
		crowded[fmt.Sprintf("a%02d", i)] = 1
	}
	for _, tt := range []struct {
		name    string
		entries []tokenlog.Entry
		change  func(*token.Verifier, *sso.Admission)
		want    rehearsal.Report
	}{
		{"as before", many(3, nil), nil, rehearsal.Report{SignIns: 3}},
		{"none has iss", many(300, nil), func(v *token.Verifier, _ *sso.Admission) { v.Issuer = "https://acme.example" },
			rehearsal.Report{SignIns: 300, Refused: 300, Reasons: []rehearsal.Reason{{sso.TokenIssuer, 300, `the token's iss is absent or null; JWT_ISSUER is "https://acme.example"`, true}}}},
		{"the right issuer", []tokenlog.Entry{acme}, func(v *token.Verifier, _ *sso.Admission) { v.Issuer, v.Audience = "https://acme.example", "bridge" },
			rehearsal.Report{SignIns: 1}},
		{"several issuers", append(many(2, sso.Claims{"iss": "b"}), acme), func(v *token.Verifier, _ *sso.Admission) { v.Issuer = "c" },
			rehearsal.Report{SignIns: 3, Refused: 3, Reasons: []rehearsal.Reason{{sso.TokenIssuer, 3, `the token's iss is "b"; JWT_ISSUER is "c"`, false}}}},
		{"another audience", []tokenlog.Entry{acme}, func(v *token.Verifier, _ *sso.Admission) { v.Audience = "other" },
			rehearsal.Report{SignIns: 1, Refused: 1, Reasons: []rehearsal.Reason{{sso.TokenAudience, 1, `the token's aud is ["bridge"]; JWT_AUDIENCE is "other"`, true}}}},
		{"a shorter age", many(1, nil), func(v *token.Verifier, _ *sso.Admission) { v.MaxAge = 30 * time.Second },
			rehearsal.Report{SignIns: 1, Refused: 1, Reasons: []rehearsal.Reason{{sso.TokenTooOld, 1,
				"the token's iat is 60 s old; JWT_MAX_AGE allows 30 s (leeway 0s): sign it freshly at each redirect, and check the clock of the identity provider", true}}}},
		{"a shorter life", many(1, sso.Claims{"iat": nil}), func(v *token.Verifier, _ *sso.Admission) { v.MaxLifetime = time.Minute },
			rehearsal.Report{SignIns: 1, Refused: 1, Reasons: []rehearsal.Reason{{sso.TokenUnbounded, 1,
				"the token has no iat and its exp is 240 s ahead; JWT_MAX_LIFETIME allows 60 s: add iat", true}}}},
		{"another claim for the e-mail", many(2, nil), func(v *token.Verifier, _ *sso.Admission) { v.Names.Email = "mail" },
			rehearsal.Report{SignIns: 2, Refused: 2, Reasons: []rehearsal.Reason{{sso.TokenEmailMissing, 2, `the token has no claim "mail"`, true}}}},
		{"a claim that is required and not there", many(2, nil), func(v *token.Verifier, _ *sso.Admission) {
			v.Require = []claim.Requirement{require("department", "sales")}
		},
			rehearsal.Report{SignIns: 2, Refused: 2, Reasons: []rehearsal.Reason{{sso.TokenClaim, 2, `the token's "department" is absent or null; it must be "sales"`, true}}}},
		{"one of which no value is kept", many(2, sso.Claims{"department": "hr"}), func(v *token.Verifier, _ *sso.Admission) {
			v.Require = []claim.Requirement{require("department", "sales")}
		},
			rehearsal.Report{SignIns: 2, Unknown: []string{"department"}}},
		{"one that may be inside", many(2, sso.Claims{"realm": map[string]any{"x": 1}}), func(v *token.Verifier, _ *sso.Admission) {
			v.Require, v.Names.Groups = []claim.Requirement{require("realm.department", "sales")}, "realm.groups"
		}, rehearsal.Report{SignIns: 2, Unknown: []string{"realm.department"}}},
		{"strictly, without jti", many(1, sso.Claims{"iss": "a", "aud": "b"}), func(v *token.Verifier, _ *sso.Admission) { v.Profile, v.Issuer, v.Audience = sso.Strict, "a", "b" },
			rehearsal.Report{SignIns: 1, Refused: 1, Reasons: []rehearsal.Reason{{sso.TokenIDMissing, 1,
				"the strict profile needs a jti: a string of 1 to 255 bytes, different in each token", true}}}},
		{"more claims than are kept", []tokenlog.Entry{kept(crowded)}, func(v *token.Verifier, _ *sso.Admission) { v.Names.Email = "zmail" }, rehearsal.Report{SignIns: 1}},
		{"from before the values were kept", []tokenlog.Entry{{At: at, Claims: []string{"email"}}}, func(v *token.Verifier, _ *sso.Admission) { v.Issuer = "x" }, rehearsal.Report{}},
	} {
		got, err := rehearsal.Of(t.Context(), past{entries: tt.entries}, provider(nil), provider(tt.change))
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, %v\nwant %+v", tt.name, got, err, tt.want)
		}
	}
	// What the rules in force refuse is not told again: an administrator who made them strict yesterday knows it.
	strict := func(v *token.Verifier, _ *sso.Admission) { v.Issuer = "x" }
	if got, err := rehearsal.Of(t.Context(), past{entries: many(2, nil)}, provider(strict), provider(strict)); err != nil || got.Losses() != 0 {
		t.Errorf("refused already: got %+v, %v", got, err)
	}
	// A provider that was off, and one that goes off.
	if got, err := rehearsal.Of(t.Context(), past{entries: many(2, nil)}, nil, provider(strict)); err != nil || got.Refused != 2 {
		t.Errorf("was off: got %+v, %v", got, err)
	}
	if got, err := rehearsal.Of(t.Context(), past{entries: many(2, nil)}, provider(strict), nil); err != nil || !reflect.DeepEqual(got, rehearsal.Report{}) {
		t.Errorf("goes off: got %+v, %v", got, err)
	}
}

// Rules about people are held against the accounts: it names who could not come in any more.
func TestPeople(t *testing.T) {
	st := past{people: []sso.SentGroups{{AccountID: 1, Email: "ada@example.com", Sent: []string{"staff"}}, {AccountID: 2, Email: "kim@other.example"}}}
	for range 20 {
		st.people = append(st.people, sso.SentGroups{AccountID: 3, Email: "x@third.example"})
	}
	got, err := rehearsal.Of(t.Context(), st, provider(nil), provider(func(_ *token.Verifier, a *sso.Admission) { a.AllowedDomains = []string{"example.com", "third.example"} }))
	want := rehearsal.Report{People: 22, Shut: 1, Some: []rehearsal.Outside{{2, "kim@other.example", `the domain "other.example" is none of JWT_ALLOWED_DOMAINS`}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("domains: got %+v, %v\nwant %+v", got, err, want)
	}
	staff := func(_ *token.Verifier, a *sso.Admission) { a.AllowedGroups = []string{"staff"} }
	if got, err = rehearsal.Of(t.Context(), st, provider(nil), provider(staff)); err != nil || got.Shut != 21 || len(got.Some) != 10 {
		t.Errorf("groups: got %+v, %v; want 21 people out, and ten of them named", got, err)
	}
	if got, err = rehearsal.Of(t.Context(), st, provider(staff), provider(staff)); err != nil || got.People != 0 {
		t.Errorf("the same rules: got %+v, %v", got, err)
	}
}
