// Package strictjson reads JSON objects in which nothing can be read in two ways, of a token and of settings, and the base64url
// that carries them in a token.
package strictjson

import (
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// ErrNotJSON says that the text is no JSON at all.
var ErrNotJSON = errors.New("not JSON")

var errSurrogate = errors.New("half of a surrogate pair in a \\u escape")

// Object reads exactly one JSON object, in which objects and lists nest at most so deep; the outermost is 1. Numbers become
// [json.Number], so nothing is lost before it is judged. Errors say nothing of values.
//
// It refuses what readers of JSON disagree about (RFC 8259 §4, §8.2; RFC 7515 §4 and RFC 7519 §4 on duplicate names):
// encoding/json would let the last of two names win, and put U+FFFD for bytes that are not UTF-8 and for half of a
// surrogate pair.
//
// Each token that somebody presents is read with it, so it reads the text once, and makes nothing but what it returns.
func Object(data []byte, depth int) (map[string]any, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not UTF-8")
	}
	r := reader{data: data, limit: depth}
	v, err := r.document()
	if err != nil {
		if !json.Valid(data) { // what comes later may be worse
			return nil, ErrNotJSON
		}
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("not a JSON object")
	}
	return object, nil
}

// Member returns the text that an object has under a name, or "" where it has none or something else. It stops there, and looks
// at nothing as strictly as [Object] does: it serves to find out who is to read the object, and before that it costs little.
func Member(data []byte, name string) string {
	r := reader{data: data}
	if !r.takes('{') {
		return ""
	}
	for r.takes('"') {
		found, err := r.text()
		if err != nil || !r.takes(':') {
			return ""
		}
		if found == name {
			return r.string()
		}
		if r.skipValue(); !r.takes(',') {
			return ""
		}
	}
	return ""
}
