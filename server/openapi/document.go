package openapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// object is a JSON object that is being written.
type object = map[string]any

// An API is what a document says of all operations together.
type API struct {
	Title       string
	Description string
	Base        string // where the paths begin, such as /_sso
	Prefix      string // of each path, such as /api/v1
	Cookie      string // the name of the one that signs in
}

// Document describes operations (OpenAPI 3.1.0).
func Document[C Call](api API, operations []Operation[C]) []byte {
	d := &describer{schemas: object{}, types: map[string]reflect.Type{}}
	d.schemas["Problem"] = d.problem()
	paths := object{}
	for _, o := range operations {
		path := api.Prefix + o.Path
		item, ok := paths[path].(object)
		if !ok {
			item = object{}
			paths[path] = item
		}
		item[strings.ToLower(o.Method)] = d.operation(o.id, o.summary, strings.Split(o.Path, "/")[1], o.in, o.out)
	}
	document, err := json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{
			"title":       api.Title,
			"version":     "1",
			"description": api.Description,
			"license":     object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers":  []any{object{"url": cmp.Or(api.Base, "/")}},
		"security": []any{object{"bearer": []any{}}, object{"cookie": []any{}}},
		"paths":    paths,
		"components": object{
			"schemas": d.schemas,
			"securitySchemes": object{
				"bearer": object{"type": "http", "scheme": "bearer"},
				"cookie": object{"type": "apiKey", "in": "cookie", "name": api.Cookie},
			},
		},
	}, "", " ")
	if err != nil {
		panic(err) // strings, lists and maps of our own
	}
	return document
}

// A describer writes schemas, those of named structs once, under components.
type describer struct {
	schemas object
	types   map[string]reflect.Type // of schemas, by name
}

func (d *describer) operation(id, summary, tag string, in, out reflect.Type) object {
	op := object{
		"operationId": id,
		"summary":     summary,
		"tags":        []string{tag},
		"responses":   d.responses(out),
	}
	var params []any
	body := object{}
	var required []string
	for _, f := range reflect.VisibleFields(in) {
		if f.Anonymous {
			continue
		}
		if name, place := parameter(f); place != "" {
			p := object{"name": name, "in": place, "schema": d.field(f), "required": place == "path"}
			describe(p, f)
			params = append(params, p)
			continue
		}
		d.member(f, body, &required)
	}
	if len(params) > 0 {
		op["parameters"] = params
	}
	if len(body) > 0 {
		op["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": objectSchema(body, required)}}}
	}
	return op
}

func (d *describer) responses(out reflect.Type) object {
	all := object{"default": object{
		"description": "refused",
		"content":     object{"application/problem+json": object{"schema": reference("Problem")}},
	}}
	switch out {
	case reflect.TypeFor[Nothing]():
		all["204"] = object{"description": "done"}
	case reflect.TypeFor[File]():
		all["200"] = object{"description": "a file", "content": object{"*/*": object{"schema": object{"type": "string"}}}}
	default:
		all["200"] = object{"description": "done", "content": object{"application/json": object{"schema": d.schema(out)}}}
	}
	return all
}

func reference(name string) object { return object{"$ref": "#/components/schemas/" + name} }

// problem is RFC 9457 with the members that package server writes.
func (d *describer) problem() object {
	codes := []any{}
	for _, c := range sso.Codes() {
		codes = append(codes, string(c))
	}
	return objectSchema(object{
		"status":    object{"type": "integer"},
		"code":      object{"type": "string", "enum": codes},
		"message":   object{"type": "string", "description": "what the code means"},
		"detail":    object{"type": "string", "description": "what was wrong this time"},
		"errors":    object{"type": "object", "additionalProperties": object{"type": "string"}, "description": "what is wrong, by field or setting"},
		"reference": object{"type": "string", "description": "finds the line in the log"},
	}, []string{"status", "code", "message", "reference"})
}

func objectSchema(properties object, required []string) object {
	s := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		slices.Sort(required)
		s["required"] = required
	}
	return s
}

func describe(into object, f reflect.StructField) {
	if doc := f.Tag.Get("doc"); doc != "" {
		into["description"] = doc
	}
}

// field is the schema of a struct's field, with its description and its values.
func (d *describer) field(f reflect.StructField) object {
	s := maps.Clone(d.schema(f.Type))
	describe(s, f)
	if values := f.Tag.Get("enum"); values != "" {
		list := []any{}
		for v := range strings.SplitSeq(values, ",") {
			list = append(list, v)
		}
		s["enum"] = list
	}
	return s
}

// member adds a field to the properties of an object, as encoding/json would.
func (d *describer) member(f reflect.StructField, properties object, required *[]string) {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	switch {
	case name == "-" || !f.IsExported() && !f.Anonymous:
		return
	case f.Anonymous && name == "":
		for i := range f.Type.NumField() {
			d.member(f.Type.Field(i), properties, required)
		}
		return
	}
	properties[name] = d.field(f)
	if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
		*required = append(*required, name)
	}
}

// schema describes a type as encoding/json writes it.
func (d *describer) schema(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[sso.GroupRef]():
		return object{"oneOf": []any{object{"type": "string"}, object{"type": "integer"}}, "description": "a group of the bridge, by name or id"}
	}
	switch t.Kind() {
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Slice:
		return object{"type": "array", "items": d.schema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case reflect.Pointer:
		return object{"anyOf": []any{d.schema(t.Elem()), object{"type": "null"}}}
	case reflect.Struct:
		return d.named(t)
	}
	panic(fmt.Sprintf("openapi: no schema for %s", t)) // a test makes the document
}

func (d *describer) named(t reflect.Type) object {
	name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
	if other, known := d.types[name]; known && other != t {
		panic(fmt.Sprintf("openapi: %s and %s would have one name in the description", other, t)) // a test makes the document
	} else if !known {
		d.types[name] = t
		d.schemas[name] = object{} // a type may hold itself
		properties := object{}
		var required []string
		for i := range t.NumField() {
			d.member(t.Field(i), properties, &required)
		}
		d.schemas[name] = objectSchema(properties, required)
	}
	return reference(name)
}
