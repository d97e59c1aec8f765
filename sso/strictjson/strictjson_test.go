package strictjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"testing"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/sso"
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

func TestMember(t *testing.T) {
	for text, want := range map[string]string{
		`{"iss":"a"}`: "a", ` { "x" : 1 , "iss" : "a" , "y" : 2}`: "a", `{"x":{"iss":"b","l":[1,{"iss":"c"}]},"iss":"a"}`: "a",
		`{"x":"}\\\",{","iss":"a"}`: "a", `{"\u0069ss":"\u0061"}`: "a", `{"x":[],"y":{},"z":"","iss":"a"`: "a",
		`{}`: "", ``: "", `{`: "", `[]`: "", `"iss"`: "", `{"iss":1}`: "", `{"iss":null}`: "", `{"iss":["a"]}`: "", `{"iss":"a`: "", `{"iss"`: "",
		`{"x":{"iss":"b"}}`: "", `{"x":"\`: "", `{"x":"`: "", `{"x":`: "", `{"x":1,`: "", `{"x":1,"`: "", `{"x":]}`: "", `{x:1,"iss":"a"}`: "", `{"iss":"\ud83d"}`: "",
	} {
		if got := strictjson.Member([]byte(text), "iss"); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// Of what [strictjson.Object] accepts, both read the same.
func FuzzMember(f *testing.F) {
	for _, text := range []string{`{"iss":"a"}`, `{"x":{"iss":"b"},"y":["\"",1e3],"iss":"a"}`, `{"\u0069ss":"\n"}`, `{"x":"\`, `{"iss":{}}`, `{"a":"\\","iss":"\\"}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got := strictjson.Member(data, "iss")
		object, err := strictjson.Object(data, 1000)
		if want, _ := object["iss"].(string); err == nil && got != want {
			t.Errorf("%q: got %q, want %q", data, got, want)
		}
	})
}

// What is accepted is what encoding/json reads, and nothing else is: but for what readers disagree about.
func FuzzObject(f *testing.F) {
	for _, text := range []string{`{}`, `{"a":[1,{"b":null}],"c":"\ud83d\ude00"}`, `{"a":1,"a":2}`, `{"a":1e400}`, "{\"\x00\":1}",
		` {"" : [ ] , "\\\/\b\f\n\r\t\"" : -0.10E-2, "t":true,"f":false,"é":"é"} `, `{"a":01}`, `{"a":1.}`, `{"a":-}`, `{"a":+1}`, `{"a":.5}`,
		`{"a":1,}`, `{"a":[1,]}`, `{"a" 1}`, `{,}`, `{"a":tru}`, `{"a":nullx}`, `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"\ud83d\u0041"}`, `{"a":"\u+123"}`,
		"{\"a\":\"\n\"}", "{\"a\":\"\u007f\u2028\"}", "\ufeff{}", `{}x`, `{"a":1}{"b":2}`, `{"a":"`, `{"a":"\`, `{"a":"\u`, `{"\u0061":1,"a":2}`, `null`, `{"a":[[[[[[[[1]]]]]]]]}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := strictjson.Object(data, 8)
		want, wantErr := reference(data, 8)
		if fmt.Sprint(err) != fmt.Sprint(wantErr) || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %v, %v, want %v, %v", data, got, err, want, wantErr)
		}
		if (err != nil && utf8.Valid(data)) && errors.Is(err, strictjson.ErrNotJSON) == json.Valid(data) {
			t.Errorf("%q: got %v, but encoding/json says %v", data, err, json.Valid(data))
		}
	})
}

// reference is [strictjson.Object] by the tokens of encoding/json. Of several faults it names the one that comes first.
func reference(data []byte, depth int) (map[string]any, error) {
	switch {
	case !utf8.Valid(data):
		return nil, errors.New("not UTF-8")
	case !json.Valid(data):
		return nil, strictjson.ErrNotJSON
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var faults error
	lone := firstHalf(data)
	var value func(left int) any
	read := func() json.Token {
		t, err := d.Token()
		if err != nil {
			panic(err) // json.Valid has seen to it
		}
		if faults == nil && lone < int(d.InputOffset()) {
			faults = errors.New("half of a surrogate pair in a \\u escape")
		}
		return t
	}
	value = func(left int) any {
		t := read()
		open, nested := t.(json.Delim)
		if nested && left == 0 && faults == nil {
			faults = fmt.Errorf("nested more than %d deep", depth)
		}
		if !nested || faults != nil {
			return t
		}
		if open == '[' {
			list := []any{}
			for faults == nil && d.More() {
				list = append(list, value(left-1))
			}
			if faults == nil {
				read()
			}
			return list
		}
		object := map[string]any{}
		for faults == nil && d.More() {
			name, _ := read().(string)
			if _, twice := object[name]; twice && faults == nil {
				faults = fmt.Errorf("the name %s occurs twice", sso.Quote(name))
			}
			if faults == nil {
				object[name] = value(left - 1)
			}
		}
		if faults == nil {
			read()
		}
		return object
	}
	v := value(depth)
	if faults != nil {
		return nil, faults
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("not a JSON object")
	}
	return object, nil
}

// firstHalf is where half of a surrogate pair stands in an escape of JSON; after its end: nowhere.
func firstHalf(data []byte) int {
	for _, m := range regexp.MustCompile(`\\(u[dD][89abAB]..\\u[dD][c-fC-F]..|u[dD][89a-fA-F]..|.)`).FindAllIndex(data, -1) {
		if m[1]-m[0] == 6 {
			return m[0]
		}
	}
	return len(data)
}
