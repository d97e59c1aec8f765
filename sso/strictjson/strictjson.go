// Package strictjson reads JSON objects in which nothing can be read in two ways, of a token and of settings, and the base64url
// that carries them in a token.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/sso"
)

// ErrNotJSON says that the text is no JSON at all.
var ErrNotJSON = errors.New("not JSON")

var errTooDeep = errors.New("nested too deep")

// Object reads exactly one JSON object, in which objects and lists nest at most so deep; the outermost is 1. Numbers become
// [json.Number], so nothing is lost before it is judged. Errors say nothing of values.
//
// It refuses what readers of JSON disagree about (RFC 8259 §4, §8.2; RFC 7515 §4 and RFC 7519 §4 on duplicate names):
// encoding/json would let the last of two names win, and put U+FFFD for bytes that are not UTF-8 and for half of a
// surrogate pair.
func Object(data []byte, depth int) (map[string]any, error) {
	switch {
	case !utf8.Valid(data):
		return nil, errors.New("not UTF-8")
	case !json.Valid(data): // Decoder.Token alone would not see what comes after
		return nil, ErrNotJSON
	case hasLoneSurrogate(data):
		return nil, errors.New("half of a surrogate pair in a \\u escape")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := parseValue(d, depth)
	switch {
	case errors.Is(err, errTooDeep):
		return nil, fmt.Errorf("nested more than %d deep", depth)
	case err != nil:
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("not a JSON object")
	}
	return object, nil
}

// parseValue reads a value in which at most depth objects and lists nest.
func parseValue(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	open, nested := t.(json.Delim)
	if !nested {
		return t, nil
	}
	if depth == 0 {
		return nil, errTooDeep
	}
	if open == '{' {
		return parseMembers(d, depth)
	}
	list := []any{}
	for d.More() {
		v, err := parseValue(d, depth-1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err = d.Token()
	return list, err
}

func parseMembers(d *json.Decoder, depth int) (map[string]any, error) {
	object := map[string]any{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string) // json.Valid has seen to it that it is one
		if _, twice := object[name]; twice {
			return nil, fmt.Errorf("the name %s occurs twice", sso.Quote(name))
		}
		if object[name], err = parseValue(d, depth-1); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return object, err
}

// hasLoneSurrogate looks for \uD800 to \uDFFF that are not a pair (RFC 8259 §8.2). data is valid JSON, where a backslash
// is always the start of an escape.
func hasLoneSurrogate(data []byte) bool {
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		i++ // on the character that says which escape
		if data[i] != 'u' {
			continue
		}
		switch r := hex4(data, i+1); {
		case r < 0xD800 || r > 0xDFFF:
			i += 4
		case r > 0xDBFF: // low half first
			return true
		default:
			low := -1
			if i+6 < len(data) && data[i+5] == '\\' && data[i+6] == 'u' {
				low = hex4(data, i+7)
			}
			if low < 0xDC00 || low > 0xDFFF {
				return true
			}
			i += 10
		}
	}
	return false
}

func hex4(data []byte, at int) int {
	if at+4 > len(data) {
		return -1
	}
	n, err := strconv.ParseUint(string(data[at:at+4]), 16, 16)
	if err != nil {
		return -1
	}
	return int(n)
}
