package config

import (
	"encoding"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxDepth is how deep values may nest; maxAliased is how many values aliases may stand for in all.
const (
	maxDepth   = 50
	maxAliased = 10_000
)

// The short tags of plain values.
const (
	nullTag  = "!!null"
	boolTag  = "!!bool"
	intTag   = "!!int"
	floatTag = "!!float"
	mergeTag = "!!merge"
	textTag  = "!!str"
)

// A decoder fills Go values from YAML nodes and reports every node that does not fit. It goes on after a mistake, and
// leaves the value there at zero. Unlike yaml.Unmarshal it knows the path and line of everything it has read.
type decoder struct {
	*report
	aliased int // values visited within aliases
	shapes  map[reflect.Type]*shape
}

// A shape is where a struct has the fields of its keys: a path through inlined structs each.
type shape struct {
	fields map[string][]int
	rest   []int // of the inlined map that takes every other key; nil if there is none
}

// A spot is where the decoder stands.
type spot struct {
	path    string
	depth   int
	secret  bool         // what stands here is not printed
	aliased bool         // an alias led here
	open    []*yaml.Node // the anchored values that it stands in
}

// key is the spot of an entry. Its path is bounded, and quoted where a dot would look like a step.
func (s spot) key(key string) spot {
	if strings.ContainsAny(key, ".[] ") {
		key = "[" + quote(key) + "]"
	}
	return s.at(join(s.path, shorten(key)))
}

// index is the spot of an item, counted from 0 as in the metrics and messages of others.
func (s spot) index(i int) spot { return s.at(s.path + "[" + strconv.Itoa(i) + "]") }

func (s spot) at(path string) spot {
	s.path = path
	s.depth++
	s.secret = s.secret || secretPath(path)
	return s
}

// selfDecoding are the types of prometheus/common, which decode themselves and validate what they decoded.
type selfDecoding interface {
	UnmarshalYAML(unmarshal func(any) error) error
}

// errReported ends the decoding of a type that decodes itself, once the mistake below it has been recorded.
var errReported = errors.New("already reported")

// decode fills v, which must be addressable, from a node.
func (d *decoder) decode(n *yaml.Node, v reflect.Value, at spot) {
	n, at, ok := d.follow(n, at)
	if !ok {
		return
	}
	if v.Kind() == reflect.Interface {
		if x := d.anything(n, at); x != nil {
			v.Set(reflect.ValueOf(x))
		}
		return
	}
	if n.ShortTag() == nullTag {
		d.unreadable(at.path, "nothing is written here, want %s", wanted(v))
		return
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	switch into := v.Addr().Interface().(type) {
	case selfDecoding:
		d.self(n, into, at)
	case encoding.TextUnmarshaler:
		if n.Kind == yaml.MappingNode && hasKeys(v) { // it can be written both ways
			d.plain(n, v, at)
			return
		}
		d.text(n, into, v, at)
	default:
		d.plain(n, v, at)
	}
}

// hasKeys says that a value is a struct with yaml tags.
func hasKeys(v reflect.Value) bool {
	return v.Kind() == reflect.Struct && v.NumField() > 0 && v.Type().Field(0).Tag.Get("yaml") != ""
}

// plain fills a value whose type has no say in it.
func (d *decoder) plain(n *yaml.Node, v reflect.Value, at spot) {
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, at)
	case reflect.Map:
		d.table(n, v, at)
	case reflect.Slice:
		d.list(n, v, at)
	default:
		d.scalar(n, v, at)
	}
}

// follow resolves an alias and holds the bounds that keep a small file from standing for a huge one.
func (d *decoder) follow(n *yaml.Node, at spot) (*yaml.Node, spot, bool) {
	if at.depth > maxDepth {
		d.unreadable(at.path, "nested deeper than %d levels", maxDepth)
		return nil, at, false
	}
	if n.Kind == yaml.AliasNode {
		if slices.Contains(at.open, n.Alias) {
			d.unreadable(at.path, "the alias %s stands within itself", quote("*"+n.Value))
			return nil, at, false
		}
		at.aliased = true
		n = n.Alias
	}
	if n.Anchor != "" {
		at.open = append(at.open[:len(at.open):len(at.open)], n)
	}
	if at.aliased && !d.spend(1, at) {
		return nil, at, false
	}
	switch tag := n.ShortTag(); tag {
	case nullTag, boolTag, intTag, floatTag, mergeTag, textTag, "!!timestamp", "!!seq", "!!map":
		return n, at, true
	default:
		d.unreadable(at.path, "the tag %s, want none", quote(tag))
		return nil, at, false
	}
}

// spend counts values that stand within aliases, and says whether there may be more.
func (d *decoder) spend(values int, at spot) bool {
	before := d.aliased
	d.aliased += values
	if before < maxAliased && d.aliased >= maxAliased {
		d.unreadable(at.path, "aliases stand for more than %d values", maxAliased)
	}
	return d.aliased < maxAliased
}

// self lets a type decode itself through the decoder, so that mistakes below it have their lines.
func (d *decoder) self(n *yaml.Node, into selfDecoding, at spot) {
	told := len(d.mistakes) + d.omitted
	err := into.UnmarshalYAML(func(plain any) error {
		d.plain(n, reflect.ValueOf(plain).Elem(), at)
		if len(d.mistakes)+d.omitted > told {
			return errReported
		}
		return nil
	})
	if err != nil && !errors.Is(err, errReported) {
		d.unreadable(at.path, "%s", foreign(err, n.Value))
	}
}

// text fills a type that reads itself from text. Its error has the value and what is allowed.
func (d *decoder) text(n *yaml.Node, into encoding.TextUnmarshaler, v reflect.Value, at spot) {
	if n.Kind != yaml.ScalarNode {
		d.unfit(n, v, at)
		return
	}
	if err := into.UnmarshalText([]byte(n.Value)); err != nil {
		d.unreadable(at.path, "%s", foreign(err, n.Value))
	}
}

// list fills a slice. An item that does not fit leaves a zero there, so that indices stay those of the file.
func (d *decoder) list(n *yaml.Node, v reflect.Value, at spot) {
	if n.Kind != yaml.SequenceNode {
		d.unfit(n, v, at)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, c := range n.Content {
		child := at.index(i)
		d.lines[child.path] = c.Line
		d.decode(c, v.Index(i), child)
	}
}

// table fills a map with text for keys.
func (d *decoder) table(n *yaml.Node, v reflect.Value, at spot) {
	if n.Kind != yaml.MappingNode {
		d.unfit(n, v, at)
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, p := range d.pairs(n, at) {
		d.entry(p, v, at)
	}
}

// entry puts one pair into a map.
func (d *decoder) entry(p pair, table reflect.Value, at spot) {
	child := at.key(p.key.Value)
	d.lines[child.path] = p.key.Line
	value := reflect.New(table.Type().Elem()).Elem()
	d.decode(p.value, value, child)
	table.SetMapIndex(reflect.ValueOf(p.key.Value).Convert(table.Type().Key()), value)
}

// structure fills a struct by the keys of its yaml tags, and refuses every key that it has no field for.
func (d *decoder) structure(n *yaml.Node, v reflect.Value, at spot) {
	if n.Kind != yaml.MappingNode {
		d.unfit(n, v, at)
		return
	}
	shape := d.shape(v.Type())
	for _, p := range d.pairs(n, at) {
		key := p.key.Value
		child := at.key(key)
		field, known := shape.fields[key]
		switch {
		case known:
			d.lines[child.path] = p.key.Line
			if key == "name" && item(at.path) == at.path {
				d.names[at.path] = scalarValue(p.value)
			}
			d.decode(p.value, v.FieldByIndex(field), child)
		case shape.rest != nil:
			rest := v.FieldByIndex(shape.rest)
			if rest.IsNil() {
				rest.Set(reflect.MakeMap(rest.Type()))
			}
			d.entry(p, rest, at)
		default:
			d.unknownKey(p.key, slices.Collect(maps.Keys(shape.fields)), at)
		}
	}
}

// unknownKey reports a key under the mapping that it stands in, with the nearest key that is known.
func (d *decoder) unknownKey(key *yaml.Node, known []string, at spot) {
	d.unknown[at.path] = true
	if d.full() { // a suggestion is not worth its cost if nobody reads it
		d.omitted++
		return
	}
	d.addAt(key.Line, at.path, "unknown key %s, %s", quote(key.Value), instead(key.Value, known))
}

// scalarValue is the text of a scalar, also through an alias.
func scalarValue(n *yaml.Node) string {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n.Value
}

// shape is that of a struct; it is found out once.
func (d *decoder) shape(t reflect.Type) *shape {
	s := d.shapes[t]
	if s == nil {
		s = &shape{fields: map[string][]int{}}
		s.add(t, nil)
		d.shapes[t] = s
	}
	return s
}

// add adds the fields of a struct that stands at a path.
func (s *shape) add(t reflect.Type, at []int) {
	for i := range t.NumField() {
		f, path := t.Field(i), append(slices.Clip(at), i)
		key, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch inline := strings.Contains(options, "inline"); {
		case !f.IsExported() || key == "-":
		case inline && f.Type.Kind() == reflect.Struct:
			s.add(f.Type, path)
		case inline:
			s.rest = path
		case key == "":
			s.fields[strings.ToLower(f.Name)] = path
		default:
			s.fields[key] = path
		}
	}
}

// A pair is one entry of a mapping; its key is a scalar.
type pair struct{ key, value *yaml.Node }

// pairs returns the entries of a mapping, with those that it merges after its own. A key that stands twice is reported
// and its first value kept; a merged key yields to one of the mapping's own.
func (d *decoder) pairs(n *yaml.Node, at spot) []pair {
	var own []pair
	var merged []*yaml.Node
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			d.addAt(key.Line, at.path, "%s as a key, want text", kindOf(key))
			continue
		}
		if line, twice := first[key.Value]; twice {
			d.addAt(key.Line, at.key(key.Value).path, "duplicate key, it already stands on line %d", line)
			continue
		}
		first[key.Value] = key.Line
		if key.ShortTag() == mergeTag {
			d.lines[at.key(key.Value).path] = key.Line
			merged = append(merged, value)
			continue
		}
		own = append(own, pair{key, value})
	}
	for _, m := range merged {
		for _, p := range d.merge(m, at.key("<<")) {
			if _, taken := first[p.key.Value]; !taken {
				first[p.key.Value] = p.key.Line
				own = append(own, p)
			}
		}
	}
	return own
}

// merge returns the entries of what stands beside a merge key: a mapping, or a list of them of which the first wins.
func (d *decoder) merge(n *yaml.Node, at spot) []pair {
	n, at, ok := d.follow(n, at)
	if !ok {
		return nil
	}
	var all []pair
	switch n.Kind {
	case yaml.MappingNode:
		all = d.pairs(n, at)
		d.spend(len(all), at)
	case yaml.SequenceNode:
		for i, c := range n.Content {
			all = append(all, d.merge(c, at.index(i))...)
		}
	default:
		d.unreadable(at.path, "%s, want a mapping to merge", shownValue(n, at.secret))
	}
	return all
}
