package web_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
)

type inner struct {
	Name string `json:"name"`
}

type body struct {
	inner
	Plain   string           `json:"plain"`
	Pointer *inner           `json:"pointer,omitempty"`
	List    []inner          `json:"list"`
	Named   map[string]inner `json:"named"`
	At      time.Time        `json:"at"`
	Free    json.RawMessage  `json:"free"`
	Any     any              `json:"any"`
	Untold  int
	Hidden  string `json:"-"`
}

// SECURITY G1: each row breaks one thing, at each depth.
func TestParseJSON(t *testing.T) {
	for _, tt := range []struct{ text, wrong string }{
		{`{}`, ""},
		{` {"plain":"a","name":"b","pointer":{"name":"c"},"list":[{"name":"d"},{}],"named":{"Any":{"name":"e"},"any":{}},"at":"2026-01-31T09:30:00Z"} `, ""},
		{`{"free":{"name":1,"NAME":[{"x":{}}]},"any":{"whatever":[1,{"a":null}]},"Untold":7}`, ""},
		{`{"pointer":null,"list":null,"named":null,"free":null}`, ""},
		{``, "EOF"},
		{`{`, "unexpected EOF"},
		{`[]`, "no object"},
		{`null`, "no object"},
		{`"plain"`, "no object"},
		{`{} {}`, "text after"},
		{`{}x`, "text after"},
		{`{"plain":"a",}`, "invalid character"},
		{`{"plain" "a"}`, "invalid character"},
		{`{"plain":1}`, "cannot unmarshal number"},
		{`{"other":1}`, `unknown member "other"`},
		{`{"Plain":"a"}`, `unknown member "Plain"`},
		{`{"plain":"a","PLAIN":"b"}`, `unknown member "PLAIN"`},
		{`{"Hidden":"a"}`, `unknown member "Hidden"`},
		{`{"-":"a"}`, `unknown member "-"`},
		{`{"untold":7}`, `unknown member "untold"`},
		{`{"plain":"a","plain":"a"}`, `member "plain" comes twice`},
		{`{"plain":"a","pl\u0061in":"b"}`, `member "plain" comes twice`},
		{`{"pointer":{"nam":""}}`, `unknown member "nam"`},
		{`{"list":[{},{"x":1}]}`, `unknown member "x"`},
		{`{"named":{"a":{"x":1}}}`, `unknown member "x"`},
		{`{"named":{"a":{},"a":{}}}`, `member "a" comes twice`},
		{`{"free":{"a":{"b":1,"b":2}}}`, `member "b" comes twice`},
		{`{"any":[{"b":1,"b":2}]}`, `member "b" comes twice`},
		{"{\"plain\":\"\xff\"}", "not UTF-8"},
		{`{"free":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, "max depth"},
	} {
		var into body
		err := web.ParseJSON([]byte(tt.text), &into)
		if (err == nil) != (tt.wrong == "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
			t.Errorf("%.80s: got %v, want %q", tt.text, err, tt.wrong)
		}
	}
}

func TestReadJSON(t *testing.T) {
	for _, tt := range []struct {
		kind, text string
		ok         bool
	}{
		{"application/json", `{"plain":"a"}`, true},
		{"Application/JSON; charset=utf-8", `{"plain":"a"}`, true},
		{"application/json", `{"plain":"` + strings.Repeat("a", 100) + `"}`, false},
		{"application/json", `{"x":1}`, false},
		{"application/json", ``, false},
		{"text/plain", `{"plain":"a"}`, false},
		{"application/x-www-form-urlencoded", `{"plain":"a"}`, false},
		{"", `{"plain":"a"}`, false},
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(tt.text))
		r.Header.Set("Content-Type", tt.kind)
		var into body
		err := web.ReadJSON(r, 64, &into)
		if (err == nil) != tt.ok || err != nil && sso.CodeOf(err) != sso.RequestMalformed {
			t.Errorf("%s %.40s: got %v, want ok %v", tt.kind, tt.text, err, tt.ok)
		}
	}
}

// What is read is what a strict encoding/json reads, and comes to the same when it is written and read again.
func FuzzParseJSON(f *testing.F) {
	f.Add(`{"plain":"a","list":[{"name":"b"}],"named":{"c":{}},"free":{"d":[1]},"any":null}`)
	f.Add(`{"at":"2026-01-31T09:30:00Z","pl\u0061in":""}`)
	f.Add(`{"any":{"a":1,"a":2}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var got, strict body
		if web.ParseJSON([]byte(text), &got) != nil {
			return
		}
		dec := json.NewDecoder(bytes.NewReader([]byte(text)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&strict); err != nil {
			t.Fatalf("%q: strictly %v", text, err)
		}
		if diff := cmp.Diff(strict, got, cmp.AllowUnexported(body{})); diff != "" {
			t.Errorf("%q (-strict +got):\n%s", text, diff)
		}
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var second body
		if err := web.ParseJSON(again, &second); err != nil {
			t.Errorf("%q, written as %s: %v", text, again, err)
		}
	})
}
