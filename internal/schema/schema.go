// Package schema derives a JSON Schema, and a reference for people, from the Go types that a file is read into: the keys
// from their tags, the descriptions from the comments beside their fields. So neither can say what the program does not.
package schema

import (
	"encoding"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Schema is the part of JSON Schema 2020-12 that is needed here.
type Schema struct {
	Schema      string             `json:"$schema,omitempty"`
	ID          string             `json:"$id,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Ref         string             `json:"$ref,omitempty"`
	Type        any                `json:"type,omitempty"` // a name, or several
	Enum        []string           `json:"enum,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	Format      string             `json:"format,omitempty"`
	Minimum     *float64           `json:"minimum,omitempty"`
	Maximum     *float64           `json:"maximum,omitempty"`
	MaxLength   int                `json:"maxLength,omitempty"`
	Items       *Schema            `json:"items,omitempty"`
	Properties  map[string]*Schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Additional  any                `json:"additionalProperties,omitempty"` // false, or what other keys hold
	MinKeys     int                `json:"minProperties,omitempty"`
	OneOf       []*Schema          `json:"oneOf,omitempty"`
	AnyOf       []*Schema          `json:"anyOf,omitempty"`
	Defs        map[string]*Schema `json:"$defs,omitempty"`

	order []string // of Properties, as in the source
}

// Shape is a schema, or a reference, without its descriptions: what has to agree with the program at any time, while words
// may wait for the next rendering.
func Shape(text string) string { return described.ReplaceAllString(text, "$1") }

// described are descriptions: of a schema as it is indented, and the last cell of a row and the paragraphs of a reference.
var described = regexp.MustCompile(`(?m)^ *"description": "(?:[^"\\]|\\.)*",?\n|^(\| \x60[^|]*\|[^|]*\|).*$|^[A-Z][^|\n]*\n`)

// A Deriver makes schemas of types.
type Deriver struct {
	Tag      string   // of the keys: "yaml" or "json"
	Comments Comments // of the types
	Open     bool     // other keys may stand beside those of a struct, and those without omitempty always do

	// Adjust may change the schema of a field, named by its type and its key as "Task.weight", or of a type, as "Task".
	Adjust func(name string, s *Schema)

	defs  map[string]*Schema
	types map[string]reflect.Type // of defs
}

// Of derives the schema of a type and of all that it holds.
func (d *Deriver) Of(t reflect.Type) *Schema {
	d.defs, d.types = map[string]*Schema{}, map[string]reflect.Type{}
	d.of(t)
	top := *d.defs[d.name(t)]
	top.Schema, top.Defs = "https://json-schema.org/draft/2020-12/schema", d.defs
	if !slices.Contains(top.met(), d.name(t)) { // it does not hold itself
		delete(d.defs, d.name(t))
	}
	return &top
}

// name is that of a type among the definitions; one that another package has too is named with its package.
func (d *Deriver) name(t reflect.Type) string {
	name := strings.ToUpper(t.Name()[:1]) + strings.TrimSuffix(t.Name()[1:], "Section")
	if d.types[name] == nil {
		d.types[name] = t
	}
	if d.types[name] != t {
		of, _, _ := strings.Cut(key(t), ".")
		return strings.ToUpper(of[:1]) + of[1:] + name
	}
	return name
}

// of is the schema of a value of a type.
func (d *Deriver) of(t reflect.Type) *Schema {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if plain := d.text(t); plain != nil {
		return plain
	}
	switch t.Kind() {
	case reflect.Struct:
		return d.structure(t)
	case reflect.Slice:
		return &Schema{Type: "array", Items: d.of(t.Elem())}
	case reflect.Map:
		return &Schema{Type: "object", Additional: d.of(t.Elem())}
	case reflect.Array:
		return &Schema{Type: "array", Items: d.of(t.Elem())}
	case reflect.Bool:
		return &Schema{Type: "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return d.number("integer")
	case reflect.Float64:
		return d.number("number")
	case reflect.String:
		if d.Tag == "json" {
			return &Schema{Type: "string"}
		}
		return &Schema{Type: []string{"string", "number"}} // a number is text as it is written
	default:
		return &Schema{} // an interface: anything
	}
}

// number is a number; no configuration has one below zero.
func (d *Deriver) number(kind string) *Schema {
	if d.Open {
		return &Schema{Type: kind}
	}
	return &Schema{Type: kind, Minimum: new(float64)}
}

// text is the schema of types that are written as text though they are something else; nil for any other.
func (d *Deriver) text(t reflect.Type) *Schema {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return &Schema{Type: "string", Format: "date-time"}
	case t == reflect.TypeFor[time.Duration]():
		return &Schema{Type: "string", Pattern: `^\+?([0-9]+(\.[0-9]*)?(ns|us|µs|μs|ms|s|m|h|d|w|y))+$`}
	case d.Tag == "json":
		if t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
			return &Schema{Type: "string"}
		}
		return nil
	case !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		if decodesItself(t) && t.Kind() == reflect.Struct && !tagged(t, d.Tag) {
			return &Schema{Type: "string"} // an URL of prometheus/common
		}
		return nil
	case tagged(t, d.Tag): // it can be written both ways
		return &Schema{AnyOf: []*Schema{{Type: "string"}, d.structure(t)}}
	}
	return &Schema{Type: []string{"string", "number"}}
}

func decodesItself(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[interface {
		UnmarshalYAML(unmarshal func(any) error) error
	}]())
}

// tagged says that a type is a struct with keys.
func tagged(t reflect.Type, tag string) bool {
	return t.Kind() == reflect.Struct && t.NumField() > 0 && t.Field(0).Tag.Get(tag) != ""
}

// structure defines a struct, once, and refers to it.
func (d *Deriver) structure(t reflect.Type) *Schema {
	name := d.name(t)
	if d.defs[name] == nil {
		s := &Schema{Type: "object", Description: d.Comments.of(t), Properties: map[string]*Schema{}}
		d.defs[name] = s // before its fields, which may hold it again
		if !d.Open {
			s.Additional = false
		}
		d.fields(t, name, s)
		d.adjust(name, s)
	}
	return &Schema{Ref: "#/$defs/" + name}
}

func (d *Deriver) adjust(name string, s *Schema) {
	if d.Adjust != nil {
		d.Adjust(name, s)
	}
}

// fields adds the fields of a struct, with those of the structs in it.
func (d *Deriver) fields(t reflect.Type, owner string, s *Schema) {
	for i := range t.NumField() {
		f := t.Field(i)
		key, options, _ := strings.Cut(f.Tag.Get(d.Tag), ",")
		inline := strings.Contains(options, "inline") || f.Anonymous && key == ""
		switch {
		case key == "-" || !f.IsExported() && !inline:
		case inline && f.Type.Kind() == reflect.Struct:
			d.fields(f.Type, owner, s)
		case inline: // a map that takes every other key
			s.Additional = d.of(f.Type.Elem())
		default:
			d.field(t, f, owner, s)
			if d.Open && !strings.Contains(options, "omitempty") {
				s.Required = append(s.Required, s.order[len(s.order)-1])
			}
		}
	}
}

func (d *Deriver) field(t reflect.Type, f reflect.StructField, owner string, s *Schema) {
	key, _, _ := strings.Cut(f.Tag.Get(d.Tag), ",")
	if key == "" {
		key = f.Name
		if d.Tag == "yaml" {
			key = strings.ToLower(key)
		}
	}
	value := d.of(f.Type)
	value.Description = d.Comments.field(t, f.Name)
	d.adjust(owner+"."+key, value)
	s.Properties[key] = value
	s.order = append(s.order, key)
}
