package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/sso"
)

// ReadJSON reads a body of at most so many bytes, which is one JSON object, into a struct as [ParseJSON] does. It reads
// application/json alone: a form of another site cannot send that (SECURITY G1).
func ReadJSON(r *http.Request, most int64, into any) error {
	if kind := BodyKind(r); kind != "application/json" {
		return fmt.Errorf("the body is %q, not JSON: %w", sso.Truncate(sso.CleanText(kind), 100), sso.RequestMalformed)
	}
	raw, err := ReadBody(r, most)
	if err == nil {
		err = ParseJSON(raw, into)
	}
	if err != nil && sso.CodeOf(err) == sso.Internal {
		err = fmt.Errorf("the body is not the JSON object that is wanted here: %w: %w", err, sso.RequestMalformed)
	}
	return err
}

// ParseJSON reads one JSON object into a struct. It refuses what encoding/json lets pass: a member that the struct does not
// have, or has in other letters, so that a slip of the pen does not look like success; a member that comes twice, of which
// readers of JSON take either (RFC 8259 §4); bytes that are not UTF-8; text after the object. What a json.RawMessage takes in
// may have any members, each once: it is for those whose standard lets them grow, such as the answers of passkeys.
func ParseJSON(raw []byte, into any) error {
	if !utf8.Valid(raw) {
		return errors.New("it is not UTF-8")
	}
	// First, as the checks below read token by token, and a Decoder's tokens are not all of the grammar.
	whole := json.NewDecoder(bytes.NewReader(raw))
	if err := whole.Decode(new(json.RawMessage)); err != nil {
		return err
	}
	if _, err := whole.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is text after the JSON object")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if first, err := dec.Token(); err != nil || first != json.Delim('{') {
		return errors.New("it is no object")
	}
	if err := checkMembers(dec, reflect.TypeOf(into)); err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// checkValue reads a value that is meant for a type; nil for one whose members are not known here.
func checkValue(dec *json.Decoder, t reflect.Type) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		return checkMembers(dec, t)
	case json.Delim('['):
		t = elem(t, reflect.Slice, reflect.Array)
		for dec.More() {
			if err := checkValue(dec, t); err != nil {
				return err
			}
		}
		_, err = dec.Token()
	}
	return err
}

// checkMembers reads the members of an object, and its end.
func checkMembers(dec *json.Decoder, t reflect.Type) error {
	known := membersOf(t)
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string) // the grammar has seen to it
		of, ok := known[name]
		switch {
		case seen[name]:
			return fmt.Errorf("member %s comes twice", shownMember(name))
		case known != nil && !ok:
			return fmt.Errorf("unknown member %s", shownMember(name))
		case known == nil:
			of = elem(t, reflect.Map)
		}
		seen[name] = true
		if err := checkValue(dec, of); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

// membersOf are the members of a struct, with their types; nil when t is none, or reads itself.
func membersOf(t reflect.Type) map[string]reflect.Type {
	t = plainType(t)
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	members := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case !f.IsExported(), f.Anonymous && name == "", f.Tag.Get("json") == "-":
			continue
		case name == "":
			name = f.Name
		}
		members[name] = f.Type
	}
	return members
}

// elem is the type of what a list or a map holds; nil when t is neither, or reads itself.
func elem(t reflect.Type, kinds ...reflect.Kind) reflect.Type {
	if t = plainType(t); t != nil {
		for _, kind := range kinds {
			if t.Kind() == kind {
				return t.Elem()
			}
		}
	}
	return nil
}

// plainType is what pointers lead to; nil for a type that reads its JSON itself.
func plainType(t reflect.Type) reflect.Type {
	for t != nil {
		if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
			return nil
		}
		if t.Kind() != reflect.Pointer {
			return t
		}
		t = t.Elem()
	}
	return nil
}

func shownMember(name string) string { return fmt.Sprintf("%q", sso.Truncate(sso.CleanText(name), 50)) }
