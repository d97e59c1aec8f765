package sso_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
)

var names = sso.ClaimNames{Email: "email", FirstName: "first_name", LastName: "last_name", Groups: "groups"}

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
