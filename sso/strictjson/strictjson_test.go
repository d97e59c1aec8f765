package strictjson_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/ssobridge/ssobridge/sso/strictjson"
)

func TestObject(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                            "",
		` {"a":[1,{"b":null}],"c":""} `: "",
		`{"a":"\ud83d\ude00"}`:          "",
		``:                              "not JSON",
		`{`:                             "not JSON",
		`{} {}`:                         "not JSON",
		`[]`:                            "not a JSON object",
		`"a"`:                           "not a JSON object",
		`{"a":1,"a":1}`:                 `the name "a" occurs twice`,
		`{"a":[{"b":1,"\u0062":2}]}`:    `the name "b" occurs twice`,
		"{\"a\":\"\xff\"}":              "not UTF-8",
		`{"a":"\ud83d"}`:                "half of a surrogate pair in a \\u escape",
		`{"a":"\ude00\ud83d"}`:          "half of a surrogate pair in a \\u escape",
		`{"a":[[1]]}`:                   "",
		`{"a":[[[1]]]}`:                 "nested more than 3 deep",
	} {
		_, err := strictjson.Object([]byte(text), 3)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	if got, err := strictjson.Object([]byte(`{"n":12345678901234567890}`), 1); err != nil || got["n"] != json.Number("12345678901234567890") {
		t.Errorf("a large number: got %v, %v", got, err)
	}
}

// What is accepted is what encoding/json reads, too, and says the same once more.
func FuzzObject(f *testing.F) {
	for _, text := range []string{`{}`, `{"a":[1,{"b":null}],"c":"\ud83d\ude00"}`, `{"a":1,"a":2}`, `{"a":1e400}`, "{\"\x00\":1}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := strictjson.Object(data, 8)
		if err != nil {
			return
		}
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if twice, err := strictjson.Object(again, 8); err != nil || !reflect.DeepEqual(got, twice) {
			t.Errorf("%s: got %v, and then %v, %v", data, got, twice, err)
		}
	})
}
