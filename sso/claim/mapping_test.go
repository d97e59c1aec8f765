package claim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/claim"
)

var names = claim.Mapping{Email: "email", FirstName: "first_name", LastName: "last_name", Groups: "groups"}

func claimsOf(t *testing.T, text string) sso.Claims {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var c sso.Claims
	if err := dec.Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestIdentify(t *testing.T) {
	ann, lee := "Ann", "Lee"
	tests := []struct {
		name, claims string
		want         sso.Identity
	}{
		{"Metabase's example", `{"email":"a@b.c","first_name":"Ann","last_name":"Lee","exp":1,"groups":["x"]}`,
			sso.Identity{Email: "a@b.c", FirstName: &ann, LastName: &lee, Groups: []string{"x"}, GroupsSent: true, Attributes: map[string]string{}}},
		// SECURITY E7: reserved names are not attributes.
		{"attributes", `{"email":"a@b.c","iss":"i","sub":"s","aud":"a","exp":1,"nbf":1,"iat":1,"jti":"j","nonce":"n","code_challenge":"c",
			"@tenant":"t","null":null,"object":{"a":1},"text":"x","number":42,"big":1e3,"bool":false,"list":["a",1,true,null,{"x":1}],"empty":[],"id":7,"is_admin":true}`,
			sso.Identity{Email: "a@b.c", Attributes: map[string]string{
				"text": "x", "number": "42", "big": "1e3", "bool": "false", "list": "a,1,true", "empty": "", "id": "7", "is_admin": "true"}}},
		{"control characters", `{"email":"a@b.c","first_name":" A\r\nn\u0000n\u202e ","x":"a\nb"}`,
			sso.Identity{Email: "a@b.c", FirstName: new("A  n n"), Attributes: map[string]string{"x": "a b"}}},
		{"names of other types", `{"email":"a@b.c","first_name":7,"last_name":null}`, sso.Identity{Email: "a@b.c", Attributes: map[string]string{}}},
		{"one group", `{"email":"a@b.c","groups":"one"}`, sso.Identity{Email: "a@b.c", Groups: []string{"one"}, GroupsSent: true, Attributes: map[string]string{}}},
		{"no groups", `{"email":"a@b.c","groups":[]}`, sso.Identity{Email: "a@b.c", Groups: []string{}, GroupsSent: true, Attributes: map[string]string{}}},
		{"null groups", `{"email":"a@b.c","groups":null}`, sso.Identity{Email: "a@b.c", Attributes: map[string]string{}}},
		{"broken groups", `{"email":"a@b.c","groups":{"x":1}}`, sso.Identity{Email: "a@b.c", Attributes: map[string]string{}, // SECURITY E6
			GroupsFault: `the claim "groups" is no list of names: {"x":1}`}},
		{"no names", `{"email":"a@b.c","groups":[{"name":"extHR"}]}`, sso.Identity{Email: "a@b.c", Groups: []string{}, Attributes: map[string]string{},
			GroupsFault: `of the list in the claim "groups", 1 of 1 entries are no names or too many: [{"name":"extHR"}]`}},
		{"a number", `{"email":"a@b.c","groups":1e400}`, sso.Identity{Email: "a@b.c", Attributes: map[string]string{}, GroupsFault: `the claim "groups" is no list of names: 1e400`}},
		{"false", `{"email":"a@b.c","groups":false}`, sso.Identity{Email: "a@b.c", Attributes: map[string]string{}, GroupsFault: `the claim "groups" is no list of names: false`}},
		{"groups of all types", `{"email":"a@b.c","groups":["a",1,null,["b"],"c"]}`,
			sso.Identity{Email: "a@b.c", Groups: []string{"a", "c"}, GroupsSent: true, Attributes: map[string]string{},
				GroupsFault: `of the list in the claim "groups", 3 of 5 entries are no names or too many: ["a",1,null,["b"],"c"]`}},
	}
	for _, tt := range tests {
		got, err := names.Identify("jwt", claimsOf(t, tt.claims))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		tt.want.Provider, tt.want.Subject = "jwt", sso.Subject{Kind: sso.SubjectEmail, Value: "a@b.c"}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

func TestIdentifyRefuses(t *testing.T) {
	bySub := names
	bySub.Subject = "sub"
	for claims, want := range map[string]error{
		`{}`:                                    sso.TokenEmailMissing,
		`{"email":null}`:                        sso.TokenEmailMissing,
		`{"email":false}`:                       sso.TokenEmailMissing,
		`{"email":""}`:                          sso.TokenEmailInvalid,
		`{"email":7}`:                           sso.TokenEmailInvalid,
		`{"email":["a@b.c"]}`:                   sso.TokenEmailInvalid,
		`{"email":"a@b.c"}`:                     sso.TokenSubjectMissing,
		`{"email":"a@b.c","sub":""}`:            sso.TokenSubjectMissing,
		`{"email":"a@b.c","sub":true}`:          sso.TokenSubjectMissing,
		`{"email":"a@b.c","sub":null}`:          sso.TokenSubjectMissing,
		`{"email":"a@b.c","sub":{}}`:            sso.TokenSubjectMissing,
		`{"email":"a@b.c","sub":"a\u0000b"}`:    sso.TokenSubjectMissing,
		`{"email":"a@b.c","sub":7}`:             nil,
		`{"email":"a@b.c","sub":"auth0|abc-1"}`: nil,
	} {
		if _, err := bySub.Identify("jwt", claimsOf(t, claims)); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", claims, err, want)
		}
	}
}

func FuzzIdentify(f *testing.F) {
	f.Add(`{"email":"a@b.c","groups":["x"],"x":[1,null]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var c sso.Claims
		if json.Unmarshal([]byte(text), &c) != nil {
			return
		}
		id, err := names.Identify("jwt", c)
		if err != nil {
			return
		}
		if strings.Count(id.Email, "@") != 1 || sso.CleanText(id.Email) != id.Email {
			t.Errorf("e-mail %q", id.Email)
		}
		for k, v := range id.Attributes {
			if strings.ContainsAny(k+v, "\x00\r\n") {
				t.Errorf("attribute %q: %q", k, v)
			}
		}
	})
}

// PROVIDERS 1 "Claims", 5.1, 5.3: paths, the order of principals, separators and prefixes.
func TestIdentifyByPaths(t *testing.T) {
	order := claim.Mapping{Email: "email", Principal: "email, preferred_username,sub", Subject: "sub", Groups: "realm_access.roles"}
	withDomain, optional := order, order
	withDomain.Domain, optional.EmailOptional = "example.com", true
	type row struct {
		name   string
		names  claim.Mapping
		claims string
		want   string // e-mail, user name, subject, names, groups, attributes; or the code
	}
	for _, test := range []row{
		{"the first", order, `{"email":"a@b.c","preferred_username":"x@b.c","sub":"s"}`, `a@b.c||s||`},
		{"the second", order, `{"preferred_username":"x@b.c","sub":"s"}`, `x@b.c||s||`},
		{"null and empty say nothing", order, `{"email":null,"preferred_username":"","sub":"x@b.c"}`, `x@b.c||x@b.c||`},
		{"a number is not skipped", order, `{"email":7,"preferred_username":"x@b.c","sub":"s"}`, "token_email_invalid"},
		{"false is not skipped", order, `{"email":false,"preferred_username":"x@b.c","sub":"s"}`, "token_email_missing"},
		{"a list is not skipped", order, `{"email":["a@b.c"],"preferred_username":"x@b.c","sub":"s"}`, "token_email_invalid"},
		{"none", order, `{"sub":""}`, "token_email_missing"},
		{"no address", order, `{"sub":"ada"}`, "token_email_invalid"},
		{"letter by letter", order, `{"Email":"a@b.c","sub":"s"}`, "token_email_invalid"},
		{"a domain", withDomain, `{"sub":"ada"}`, `ada@example.com||ada||`},
		{"a domain, and an address", withDomain, `{"sub":"ada@b.c"}`, `ada@b.c||ada@b.c||`},
		{"a domain, and two @", withDomain, `{"sub":"ada@b@c"}`, "token_email_invalid"},
		{"a domain, and a space", withDomain, `{"sub":"ada "}`, "token_email_invalid"},
		{"a user name", optional, `{"sub":"ada"}`, `|ada|ada||`},
		{"an address all the same", optional, `{"sub":"s","email":"a@b.c"}`, `a@b.c||s||`},
		{"a broken address", optional, `{"sub":"s","email":"a@b@c"}`, "token_email_invalid"},
		{"a user name with spaces around it", optional, `{"sub":"s","email":" ada"}`, "token_email_invalid"},
		{"nobody", optional, `{"sub":"","x":"y"}`, "token_subject_missing"},
		{"a number as subject", optional, `{"sub":7,"preferred_username":"ada"}`, `|ada|7||`},
		{"a subject with spaces around it", order, `{"email":"a@b.c","sub":" s"}`, "token_subject_missing"},
		{"a list as subject", order, `{"email":"a@b.c","sub":["s"]}`, "token_subject_missing"},
		{"nested", claim.Mapping{Email: "user.mail", Subject: "user.id", FirstName: "user.given", Groups: "realm_access.roles"},
			`{"user":{"mail":"a@b.c","id":7,"given":"Ada"},"realm_access":{"roles":["x","y"]},"z":"1"}`, `a@b.c||7|Ada|x,y|z=1`},
		{"a name with dots", claim.Mapping{Email: "https://example.com/email", Groups: "https://example.com/groups"},
			`{"https://example.com/email":"a@b.c","https://example.com/groups":["x"],"https":{"x":1}}`, `a@b.c||a@b.c||x`},
		{"the name at the top goes first", claim.Mapping{Email: "e.mail", Groups: "g.g"}, `{"e.mail":"a@b.c","e":{"mail":"x@b.c"},"g.g":null,"g":{"g":["x"]}}`, `a@b.c||a@b.c||`},
		{"a whole name", claim.Mapping{Email: "email", FirstName: "given_name", LastName: "family_name", Name: "name"}, `{"email":"a@b.c","name":"Ada Lovelace"}`, `a@b.c||a@b.c|Ada Lovelace,|`},
		{"names before a whole name", claim.Mapping{Email: "email", FirstName: "given_name", Name: "name"}, `{"email":"a@b.c","name":"Ada Lovelace","given_name":"Ada"}`, `a@b.c||a@b.c|Ada|`},
		{"one text is one group", claim.Mapping{Email: "email", Groups: "g"}, `{"email":"a@b.c","g":"x, y"}`, `a@b.c||a@b.c||x, y`},
		{"separated", claim.Mapping{Email: "email", Groups: "g", GroupSeparator: ","}, `{"email":"a@b.c","g":" x, y,,"}`, `a@b.c||a@b.c||x,y`},
		{"separated, a list", claim.Mapping{Email: "email", Groups: "g", GroupSeparator: ","}, `{"email":"a@b.c","g":["x,y"," z"]}`, `a@b.c||a@b.c||x,y, z`},
		{"prefixed", claim.Mapping{Email: "email", Groups: "g", GroupPrefix: "dex:"}, `{"email":"a@b.c","g":["Administrators","x"]}`, `a@b.c||a@b.c||dex:Administrators,dex:x`},
		{"no attributes", claim.Mapping{Email: "email"}, `{"email":"a@b.c","azp":"1","at_hash":"1","c_hash":"1","auth_time":1,"acr":"1","amr":["1"],"sid":"1",
			"session_state":"1","scope":"1","client_id":"1","typ":"1","events":"1","email_verified":true,"isBot":true,"tokenType":"BOT","federated_claims":"1","tenant":"x"}`,
			`a@b.c||a@b.c|||tenant=x`},
	} {
		id, err := test.names.Identify("p", claimsOf(t, test.claims))
		got := string(sso.CodeOf(err))
		if err == nil {
			got = shown(id)
		}
		if got != test.want {
			t.Errorf("%s: got %s (%v), want %s", test.name, got, err, test.want)
		}
		same(t, test.name, test.names, claimsOf(t, test.claims))
	}
}

// same wants a mapping that was parsed before to say what it says else, and one that was changed afterwards to be another one.
func same(t *testing.T, what string, m claim.Mapping, claims sso.Claims) {
	t.Helper()
	want, wantErr := m.Identify("p", claims)
	got, err := m.Parsed().Identify("p", claims)
	if !reflect.DeepEqual(got, want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Errorf("%s: parsed before, got %+v, %v; want %+v, %v", what, got, err, want, wantErr)
	}
	changed := m.Parsed()
	changed.Email, changed.Principal, changed.Groups = m.Groups, m.Email, m.Email
	m.Email, m.Principal, m.Groups = changed.Email, changed.Principal, changed.Groups
	want, wantErr = m.Identify("p", claims)
	if got, err = changed.Identify("p", claims); !reflect.DeepEqual(got, want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Errorf("%s: changed, got %+v, %v; want %+v, %v", what, got, err, want, wantErr)
	}
}

// What is parsed once is not parsed at each login.
func TestParsedOnce(t *testing.T) {
	m := claim.Mapping{Email: "user.mail", FirstName: "user.given", LastName: "user.family", Groups: "realm_access.roles", Subject: "user.id", Principal: "user.mail,user.name,sub"}
	claims := claimsOf(t, `{"user":{"mail":"a@b.c","id":7,"given":"Ada"},"realm_access":{"roles":["x","y"]}}`)
	allocs := func(m claim.Mapping) float64 {
		return testing.AllocsPerRun(100, func() { m.Identify("p", claims) })
	}
	if anew, once := allocs(m), allocs(m.Parsed()); once > anew-10 {
		t.Errorf("%v allocations, without %v", once, anew)
	}
}

// shown is an identity on one line.
func shown(id sso.Identity) string {
	var names, attributes []string
	for _, n := range []*string{id.FirstName, id.LastName} {
		if n != nil {
			names = append(names, *n)
		}
	}
	for k, v := range id.Attributes {
		attributes = append(attributes, k+"="+v)
	}
	parts := []string{id.Email, id.Username, id.Subject.Value, strings.Join(names, ","), strings.Join(id.Groups, ",")}
	if len(attributes) > 0 {
		parts = append(parts, strings.Join(attributes, ","))
	}
	return strings.Join(parts, "|")
}
