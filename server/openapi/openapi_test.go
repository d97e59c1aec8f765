package openapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
)

// even is read by itself, and refuses with words of its own.
type even int

func (e *even) UnmarshalJSON(raw []byte) error {
	var n int
	if err := json.Unmarshal(raw, &n); err != nil || n%2 != 0 {
		return admin.Invalid("even", "is not even")
	}
	*e = even(n)
	return nil
}

type taken struct {
	ID    int64     `path:"id" json:"-"`
	Since time.Time `query:"since"`
	Yes   *bool     `query:"yes"`
	Name  string    `json:"name"`
	Even  even      `json:"even,omitempty"`
}

type given struct {
	Name string `json:"name"`
}

type testCall struct {
	echo.Context
	applied *bool
}

func (c testCall) Applied() { *c.applied = true }

func ask(t *testing.T, target, body string, run func(testCall, taken) (given, error)) (*httptest.ResponseRecorder, bool, error) {
	t.Helper()
	o := Op("PUT", "/things/{id}", "putThing", "Put a thing", run)
	e, applied := echo.New(), false
	var failed error
	e.Add(o.Method, o.EchoPath(), func(c echo.Context) error {
		failed = o.Run(testCall{c, &applied})
		return nil
	})
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPut, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	e.ServeHTTP(w, r)
	return w, applied, failed
}

func TestOperation(t *testing.T) {
	for _, tt := range []struct{ name, target, body, field, detail string }{
		{"all", "/things/7?since=2026-01-02T03:04:05Z&yes=true", `{"name":"x","even":2}`, "", ""},
		{"no number", "/things/x", `{}`, "id", "is not a whole number"},
		{"no time", "/things/7?since=yesterday", `{}`, "since", "is not a time such as"},
		{"no yes", "/things/7?yes=perhaps", `{}`, "yes", "is neither true nor false"},
		{"a member of another kind", "/things/7", `{"name":7}`, "name", "is a JSON number"},
		{"a member that refuses", "/things/7", `{"name":"x","even":3}`, "even", "is not even"},
		{"no such member", "/things/7", `{"nam":"x"}`, "", "unknown member"},
		{"two values", "/things/7", `{"name":"x"} {}`, "", "there is text after the JSON object"},
		{"no JSON", "/things/7", `name=x`, "", "not the JSON object that is described"},
	} {
		var got taken
		w, applied, err := ask(t, tt.target, tt.body, func(_ testCall, in taken) (given, error) {
			got = in
			return given{in.Name}, nil
		})
		if tt.detail == "" {
			if err != nil || !applied || w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != `{"name":"x"}` ||
				got.ID != 7 || got.Even != 2 || got.Yes == nil || !*got.Yes || got.Since.Year() != 2026 {
				t.Errorf("%s: got %d %s of %+v, %v", tt.name, w.Code, w.Body, got, err)
			}
			continue
		}
		if sso.CodeOf(err) != sso.Invalid || !strings.Contains(err.Error(), tt.detail) || applied {
			t.Errorf("%s: got %v, want invalid with %q", tt.name, err, tt.detail)
		}
		if r, ok := errors.AsType[*admin.Refusal](err); tt.field != "" && (!ok || r.Fields[tt.field] == "") {
			t.Errorf("%s: got %v, want it at the field %s", tt.name, err, tt.field)
		}
	}
	if _, applied, err := ask(t, "/things/7", `{}`, func(testCall, taken) (given, error) { return given{}, sso.Conflict }); !errors.Is(err, sso.Conflict) || applied {
		t.Errorf("what is refused: got %v, applied %v", err, applied)
	}
}

func FuzzReadJSON(f *testing.F) {
	f.Add(`{"name":"x","even":2}`)
	f.Add(`{"name":null,"even":3} x`)
	f.Fuzz(func(t *testing.T, text string) {
		var in taken
		if err := readJSON([]byte(text), &in); err != nil && sso.CodeOf(err) != sso.Invalid {
			t.Errorf("%q: got %v, want invalid", text, err)
		}
	})
}
