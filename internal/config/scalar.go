package config

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// scalar fills a plain value.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, at spot) {
	if n.Kind != yaml.ScalarNode {
		d.unfit(n, v, at)
		return
	}
	switch into := v.Addr().Interface().(type) {
	case *time.Duration:
		var err error
		if *into, err = parseDuration(n.Value); err != nil {
			d.unreadable(at.path, "%s, want %s", shownValue(n, at.secret), err)
		}
		return
	case *bool:
		if *into = n.Value == "true"; n.ShortTag() != boolTag || !*into && n.Value != "false" {
			d.unfit(n, v, at)
		}
		return
	}
	switch v.Kind() {
	case reflect.String:
		if why := notText(n); why != "" {
			d.unreadable(at.path, "%s", why)
			return
		}
		v.SetString(n.Value)
	case reflect.Int, reflect.Int64:
		i, err := strconv.ParseInt(n.Value, 10, 64)
		if err != nil || n.ShortTag() != intTag || ambiguous(n.Value) || v.OverflowInt(i) {
			d.unfit(n, v, at)
			return
		}
		v.SetInt(i)
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.Value, 64)
		if tag := n.ShortTag(); err != nil || tag != intTag && tag != floatTag { // .inf and .nan are no numbers to Go
			d.unfit(n, v, at)
			return
		}
		v.SetFloat(f)
	default:
		d.unreadable(at.path, "a value of type %s, which cannot be configured", v.Type())
	}
}

// ambiguous says that a number begins with a zero, which is octal to some readers of YAML and decimal to others.
func ambiguous(number string) bool {
	digits := strings.TrimLeft(number, "+-")
	return len(digits) > 1 && digits[0] == '0'
}

// notText says why a scalar must be quoted where text is wanted; "" if it need not. Readers of YAML 1.1 take an unquoted
// NO for a boolean, those of YAML 1.2 for text: quotes settle what was meant. A number is taken as it is written.
func notText(n *yaml.Node) string {
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return ""
	}
	switch strings.ToLower(n.Value) {
	case "true", "false", "yes", "no", "on", "off":
		return n.Value + " is a boolean to many readers of YAML, want it in quotes if text is meant"
	}
	return ""
}

// anything reads a value of any type: text, int, float64, bool, nil, []any or map[string]any.
func (d *decoder) anything(n *yaml.Node, at spot) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for _, p := range d.pairs(n, at) {
			var x any
			d.decode(p.value, reflect.ValueOf(&x).Elem(), at.key(p.key.Value))
			m[p.key.Value] = x
		}
		return m
	case yaml.SequenceNode:
		l := make([]any, len(n.Content))
		for i, c := range n.Content {
			d.decode(c, reflect.ValueOf(&l[i]).Elem(), at.index(i))
		}
		return l
	default:
		return d.anyScalar(n, at)
	}
}

// anyScalar reads a plain value by what YAML takes it for. A date stays the text that it is in JSON.
func (d *decoder) anyScalar(n *yaml.Node, at spot) any {
	var x any
	switch n.ShortTag() {
	case nullTag:
		return nil
	case boolTag, intTag, floatTag:
		if err := n.Decode(&x); err != nil {
			d.unreadable(at.path, "%s, want a value of JSON", shownValue(n, at.secret))
		}
		if f, ok := x.(float64); ok && (math.IsInf(f, 0) || math.IsNaN(f)) {
			d.unreadable(at.path, "%s, want a finite number", shownValue(n, at.secret))
		}
		return x
	}
	if why := notText(n); why != "" {
		d.unreadable(at.path, "%s", why)
	}
	return n.Value
}

// unfit reports a node of the wrong type.
func (d *decoder) unfit(n *yaml.Node, v reflect.Value, at spot) {
	want := wanted(v)
	if n.ShortTag() == textTag && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 && v.Kind() != reflect.String {
		want += " without quotes"
	}
	d.unreadable(at.path, "%s, want %s", shownValue(n, at.secret), want)
}

// shownValue is a node as a mistake tells it: a scalar by its text, anything else by its kind.
func shownValue(n *yaml.Node, hidden bool) string {
	switch {
	case n.Kind != yaml.ScalarNode:
		return kindOf(n)
	case hidden:
		return secret
	}
	return quote(n.Value)
}

// kindOf names what a node is.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	default:
		return "a single value"
	}
}

// wanted says in a reader's words what a Go value takes.
func wanted(v reflect.Value) string {
	t := v.Type()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	into := reflect.New(t).Interface()
	switch into.(type) {
	case *time.Duration:
		return aDuration
	case encoding.TextUnmarshaler:
		return "a single value"
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "a mapping"
	case reflect.Slice:
		return "a list"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	default:
		return "text"
	}
}

const aDuration = "a duration such as 15s"

// parseDuration reads a duration as Go writes it, "1.5s", or as Prometheus does, "1d12h". Its error says what is wanted.
func parseDuration(text string) (time.Duration, error) {
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return 0, errors.New(aDuration + " with its unit")
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		var prom model.Duration
		prom, err = model.ParseDuration(text)
		d = time.Duration(prom)
	}
	switch {
	case err != nil:
		return 0, errors.New(aDuration)
	case d < 0:
		return 0, fmt.Errorf("%s, not below zero", aDuration)
	}
	return d, nil
}
