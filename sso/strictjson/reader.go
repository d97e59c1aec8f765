package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A reader reads JSON (RFC 8259) from valid UTF-8. What is no JSON is [ErrNotJSON].
type reader struct {
	data  []byte
	at    int // of the next byte
	limit int // how deep objects and lists may nest
}

// document reads one value, with nothing but white space around it.
func (r *reader) document() (any, error) {
	v, err := r.value(r.limit)
	if r.space(); err == nil && r.at < len(r.data) {
		err = ErrNotJSON
	}
	return v, err
}

// space passes over white space (RFC 8259 §2).
func (r *reader) space() {
	for r.at < len(r.data) {
		switch r.data[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

// takes passes over c, and white space before it, if that is what comes next.
func (r *reader) takes(c byte) bool {
	r.space()
	if r.at == len(r.data) || r.data[r.at] != c {
		return false
	}
	r.at++
	return true
}

// value reads a value in which at most depth objects and lists nest.
func (r *reader) value(depth int) (any, error) {
	switch {
	case r.takes('"'):
		return r.text()
	case r.takes('{'):
		if depth == 0 {
			return nil, r.tooDeep()
		}
		return r.members(depth - 1)
	case r.takes('['):
		if depth == 0 {
			return nil, r.tooDeep()
		}
		return r.list(depth - 1)
	}
	return r.scalar()
}

// quote makes a name fit for a message: short, on one line, ASCII.
func quote(name string) string {
	const most = 60
	if len(name) > most {
		name = name[:most]
	}
	return strconv.QuoteToASCII(strings.ToValidUTF8(name, ""))
}

func (r *reader) tooDeep() error { return fmt.Errorf("nested more than %d deep", r.limit) }

// members reads an object from after its brace.
func (r *reader) members(depth int) (any, error) {
	object := map[string]any{}
	if r.takes('}') {
		return object, nil
	}
	for {
		if !r.takes('"') {
			return nil, ErrNotJSON
		}
		name, err := r.text()
		if err != nil {
			return nil, err
		}
		if _, twice := object[name]; twice {
			return nil, fmt.Errorf("the name %s occurs twice", quote(name))
		}
		if !r.takes(':') {
			return nil, ErrNotJSON
		}
		if object[name], err = r.value(depth); err != nil {
			return nil, err
		}
		switch {
		case r.takes(','):
		case r.takes('}'):
			return object, nil
		default:
			return nil, ErrNotJSON
		}
	}
}

// list reads a list from after its bracket.
func (r *reader) list(depth int) (any, error) {
	list := []any{}
	if r.takes(']') {
		return list, nil
	}
	for {
		v, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		switch {
		case r.takes(','):
		case r.takes(']'):
			return list, nil
		default:
			return nil, ErrNotJSON
		}
	}
}

// scalar reads a number, or one of the three words.
func (r *reader) scalar() (any, error) {
	switch rest := r.data[r.at:]; {
	case bytes.HasPrefix(rest, []byte("true")):
		r.at += 4
		return true, nil
	case bytes.HasPrefix(rest, []byte("false")):
		r.at += 5
		return false, nil
	case bytes.HasPrefix(rest, []byte("null")):
		r.at += 4
		return nil, nil
	}
	return r.number()
}

// number reads RFC 8259 §6: no zero before other digits, and digits on both sides of the dot.
func (r *reader) number() (any, error) {
	start := r.at
	r.skip("-")
	whole := r.at
	ok := r.digits() && (r.data[whole] != '0' || r.at == whole+1)
	if r.skip(".") {
		ok = r.digits() && ok
	}
	if r.skip("eE") {
		r.skip("+-")
		ok = r.digits() && ok
	}
	if !ok {
		return nil, ErrNotJSON
	}
	return json.Number(r.data[start:r.at]), nil
}

// skip passes over one of these bytes if it comes next.
func (r *reader) skip(any string) bool {
	if r.at == len(r.data) || bytes.IndexByte([]byte(any), r.data[r.at]) < 0 {
		return false
	}
	r.at++
	return true
}

// digits passes over digits, and reports whether there was one.
func (r *reader) digits() bool {
	start := r.at
	for r.at < len(r.data) && r.data[r.at] >= '0' && r.data[r.at] <= '9' {
		r.at++
	}
	return r.at > start
}

// text reads a string from after its quotation mark.
func (r *reader) text() (string, error) {
	start := r.at
	for ; r.at < len(r.data); r.at++ {
		switch c := r.data[r.at]; {
		case c == '"':
			r.at++
			return string(r.data[start : r.at-1]), nil
		case c == '\\':
			return r.escaped(bytes.Clone(r.data[start:r.at]))
		case c < ' ':
			return "", ErrNotJSON
		}
	}
	return "", ErrNotJSON
}

// escaped reads the rest of a string, from a backslash on.
func (r *reader) escaped(text []byte) (string, error) {
	for r.at < len(r.data) {
		c := r.data[r.at]
		r.at++
		switch {
		case c == '"':
			return string(text), nil
		case c < ' ':
			return "", ErrNotJSON
		case c != '\\':
			text = append(text, c)
		default:
			char, err := r.escape()
			if err != nil {
				return "", err
			}
			text = utf8.AppendRune(text, char)
		}
	}
	return "", ErrNotJSON
}

// escape reads what stands after a backslash.
func (r *reader) escape() (rune, error) {
	if r.skip("u") {
		return r.unicode()
	}
	const letters, mean = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if r.at < len(r.data) {
		if i := bytes.IndexByte([]byte(letters), r.data[r.at]); i >= 0 {
			r.at++
			return rune(mean[i]), nil
		}
	}
	return 0, ErrNotJSON
}

// unicode reads the digits of a \u escape; of a pair, both (RFC 8259 §7). Half of a pair is no character (§8.2).
func (r *reader) unicode() (rune, error) {
	first, ok := r.hex4()
	if !ok {
		return 0, ErrNotJSON
	}
	if !utf16.IsSurrogate(first) {
		return first, nil
	}
	if r.skip(`\`) && r.skip("u") {
		if second, ok := r.hex4(); ok {
			if pair := utf16.DecodeRune(first, second); pair != utf8.RuneError {
				return pair, nil
			}
		}
	}
	return 0, errSurrogate
}

func (r *reader) hex4() (rune, bool) {
	if r.at+4 > len(r.data) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(r.data[r.at:r.at+4]), 16, 16)
	r.at += 4
	return rune(n), err == nil
}

// string reads a string; what is none is "".
func (r *reader) string() string {
	if !r.takes('"') {
		return ""
	}
	text, err := r.text()
	if err != nil {
		return ""
	}
	return text
}

// skipValue passes over what looks like a value, up to the comma or the bracket behind it.
func (r *reader) skipValue() {
	for depth := 0; r.at < len(r.data); r.at++ {
		switch r.data[r.at] {
		case '"':
			r.skipString()
		case '{', '[':
			depth++
		case ',':
			if depth == 0 {
				return
			}
		case '}', ']':
			if depth == 0 {
				return
			}
			depth--
		}
	}
}

// skipString passes over a string, from its quotation mark to before the last one.
func (r *reader) skipString() {
	for r.at++; r.at < len(r.data)-1 && r.data[r.at] != '"'; r.at++ {
		if r.data[r.at] == '\\' {
			r.at++
		}
	}
	r.at = min(r.at, len(r.data)-1)
}
