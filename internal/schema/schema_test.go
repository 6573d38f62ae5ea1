package schema

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type level string

func (l *level) UnmarshalText([]byte) error { return nil }

// node is held by itself.
type node struct {
	Name  string            `yaml:"name"` // of the node
	Every time.Duration     `yaml:"every"`
	Level level             `yaml:"level"`
	Any   any               `yaml:"any"`
	Many  map[string]int    `yaml:"many"`
	Nodes []*node           `yaml:"nodes"`
	Rest  map[string]string `yaml:",inline"`
	Not   string            `yaml:"-"`
}

func TestTypesAreDerived(t *testing.T) {
	d := Deriver{Tag: "yaml", Comments: Comments{"schema.node": "A node.", "schema.node.Name": "of the node"}}
	got, err := json.Marshal(d.Of(reflect.TypeFor[node]()))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"$schema":"https://json-schema.org/draft/2020-12/schema","description":"A node.","type":"object","properties":{` +
		`"any":{},"every":{"type":"string","pattern":"^\\+?([0-9]+(\\.[0-9]*)?(ns|us|µs|μs|ms|s|m|h|d|w|y))+$"},` +
		`"level":{"type":["string","number"]},"many":{"type":"object","additionalProperties":{"type":"integer","minimum":0}},` +
		`"name":{"description":"of the node","type":["string","number"]},` +
		`"nodes":{"type":"array","items":{"$ref":"#/$defs/Node"}}},"additionalProperties":{"type":["string","number"]}`
	if !strings.HasPrefix(string(got), want) || !strings.Contains(string(got), `"$defs":{"Node":`) {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestShapesAreWithoutWords(t *testing.T) {
	for text, want := range map[string]string{
		"{\n  \"description\": \"a \\\"b\\\"\",\n  \"type\": \"object\"\n}": "{\n  \"type\": \"object\"\n}",
		"{\n  \"properties\": {\n    \"description\": {\n":                  "{\n  \"properties\": {\n    \"description\": {\n",
		"## Task\n\nA Task is.\n\n| `a` | text | words |\n":                 "## Task\n\n\n| `a` | text |\n",
	} {
		if got := Shape(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestCommentsAreReadFromTheSource(t *testing.T) {
	c, err := ReadComments(".")
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c["schema.Deriver"], c["schema.Deriver.Tag"], c["schema.node"]}
	if diff := cmp.Diff([]string{"A Deriver makes schemas of types.", `of the keys: "yaml" or "json"`, ""}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := ReadComments("nowhere"); err == nil {
		t.Error("no error for a folder that is not there")
	}
}
