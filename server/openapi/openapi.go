// Package openapi makes a JSON API out of functions. One [Operation] says how it is reached, what it takes and gives, and who
// answers; its description, of [Document], is made of the same value, so the two cannot differ.
//
// huma does as much. It was tried: its refusals have another form and repeat the value that was sent, which may be a
// password, and each operation would need a struct around its body. With our answers it would have been no shorter.
package openapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
)

// MaxBody bounds what may be sent: the longest is a mapping of thousands of groups.
const MaxBody = 1 << 20

// A Call is a request that is answered.
type Call interface {
	echo.Context
	Applied() // called before the answer to what may have changed something
}

// An Operation is one entry of an API, for requests of type C.
type Operation[C Call] struct {
	Method string
	Path   string // below the API's prefix, with {name} for parameters
	Run    func(C) error

	id      string // operationId: a verb and a noun
	summary string
	in, out reflect.Type
}

// Nothing is what an operation takes or gives that takes or gives nothing.
type Nothing struct{}

// A File is an answer that is no JSON. It is written piece by piece.
type File struct {
	Kind  string // media type
	Name  string
	Write func(io.Writer) error
}

// Op declares an operation. In is a struct: fields with the tag path or query are parameters, fields with the tag json
// are members of the body. Out is what the answer's JSON is made of; [Nothing] is 204, and [File] is a file. The tag doc
// describes a field; those of an embedded struct count as fields of its own; enum lists its values (separated by commas), and omitempty makes it optional.
func Op[C Call, In, Out any](method, path, id, summary string, run func(C, In) (Out, error)) Operation[C] {
	return Operation[C]{
		Method: method, Path: path, id: id, summary: summary, in: reflect.TypeFor[In](), out: reflect.TypeFor[Out](),
		Run: func(c C) error {
			var in In
			if err := read(c, &in); err != nil {
				return err
			}
			out, err := run(c, in)
			if err != nil {
				return err
			}
			if method != http.MethodGet {
				c.Applied()
			}
			switch v := any(out).(type) {
			case Nothing:
				return c.NoContent(http.StatusNoContent)
			case File:
				return v.Answer(c)
			}
			return c.JSON(http.StatusOK, out)
		},
	}
}

// EchoPath is the path as echo takes it.
func (o Operation[C]) EchoPath() string {
	return strings.ReplaceAll(strings.ReplaceAll(o.Path, "{", ":"), "}", "")
}

// Answer writes the file.
func (f File) Answer(c echo.Context) error {
	h := c.Response().Header()
	h.Set("Content-Type", f.Kind)
	h.Set("Content-Disposition", `attachment; filename="`+f.Name+`"`)
	c.Response().WriteHeader(http.StatusOK)
	return f.Write(c.Response())
}

// read fills in from the path, the query and the body.
func read(c echo.Context, in any) error {
	v := reflect.ValueOf(in).Elem()
	hasBody := false
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.Anonymous { // its fields follow
			continue
		}
		name, place := parameter(f)
		var text string
		switch place {
		case "path":
			text = c.Param(name)
		case "query":
			text = c.QueryParam(name)
		default:
			hasBody = true
			continue
		}
		if err := setParameter(v.FieldByIndex(f.Index), text); err != nil {
			return admin.Invalid(name, "%s", err)
		}
	}
	if !hasBody {
		return nil
	}
	raw, err := web.ReadBody(c.Request(), MaxBody)
	if err != nil {
		return err
	}
	return readJSON(raw, in)
}

// readJSON reads one JSON object into a struct, as strictly as [web.ParseJSON].
func readJSON(raw []byte, into any) error {
	err := web.ParseJSON(raw, into)
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*admin.Refusal](err); ok {
		return err
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return admin.Invalid(wrong.Field, "is a JSON %s", wrong.Value)
	}
	return fmt.Errorf("the body is not the JSON object that is described: %s: %w", strings.TrimPrefix(err.Error(), "json: "), sso.Invalid)
}

// parameter says whether a field is a parameter, of which name, and where it stands: "path", "query" or "".
func parameter(f reflect.StructField) (name, place string) {
	for _, place := range []string{"path", "query"} {
		if name, ok := f.Tag.Lookup(place); ok {
			return name, place
		}
	}
	return "", ""
}

func setParameter(v reflect.Value, text string) error {
	if text == "" {
		return nil
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return setParameter(v.Elem(), text)
	}
	switch v.Interface().(type) {
	case time.Time:
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return errors.New("is not a time such as 2026-01-31T09:30:00Z")
		}
		v.Set(reflect.ValueOf(at))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return errors.New("is not a whole number")
		}
		v.SetInt(n)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return errors.New("is neither true nor false")
		}
		v.SetBool(b)
	default:
		return fmt.Errorf("cannot be read into a %s", v.Type())
	}
	return nil
}
