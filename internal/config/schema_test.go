package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/schema"
)

const (
	schemaPath    = "schema.json"
	referencePath = "configuration.md"
	refusedPath   = "testdata/schema_refuses.txt"
)

// referenceLead begins the reference.
func referenceLead() string {
	links := make([]string, 0, len(objective.Measures()))
	for _, m := range objective.Measures() {
		links = append(links, fmt.Sprintf("[`%s`](../../alerts/measures/%s.md)", m, m))
	}
	return referenceStart + " Each `measure` of an objective has a page: " + strings.Join(links, ", ") + "."
}

const referenceStart = "Every key of `perfwatch.yml`. This page and `perfwatch check --schema` are rendered from the types that the file is " +
	"read into. A duration is written `500ms`, `90s` or `1d`. A `perfwatch.yml` that says everything there is about one platform: " +
	"[perfwatch.yml](../perfwatch.yml)."

//nolint:gochecknoglobals // a flag of the tests
var updateSchema = flag.Bool("update-schema", false, "write the schema and the reference anew")

// derived is the schema of the file as it is now.
func derived(t *testing.T) *schema.Schema {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/prometheus/common/config").Output()
	if err != nil {
		t.Fatal(err)
	}
	comments, err := schema.ReadComments(".", "../load", "../../probes", strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	d := schema.Deriver{Tag: "yaml", Comments: comments, Adjust: adjust}
	s := d.Of(reflect.TypeFor[file]())
	s.Title, s.Description = "perfwatch.yml", "The configuration of perfwatch."
	return s
}

// adjust adds what the checks know of single values.
func adjust(name string, s *schema.Schema) {
	one := 1.0
	switch name {
	case "Probe":
		s.Required = []string{"name"}
		for _, kind := range kindNames() {
			s.OneOf = append(s.OneOf, &schema.Schema{Required: []string{kind}})
		}
	case "Objective":
		s.Required = []string{"name", "measure"}
	case "Pipeline":
		s.Required = []string{"name", "stages"}
	case "ConfigStage":
		s.Required = []string{"name"}
	case "Redis":
		s.Required = []string{"name"}
		for _, key := range []string{"url", "sentinel", "cluster"} {
			s.OneOf = append(s.OneOf, &schema.Schema{Required: []string{key}})
		}
	case "RedisSentinel":
		s.Required = []string{"master", "addresses"}
	case "RedisCluster":
		s.Required = []string{"addresses"}
	case "Postgres":
		s.Required = []string{"name", "dsn_file"}
	case "Process", "Business":
		s.Required = []string{"name"}
	case "Spec":
		s.Required = []string{"tasks"}
	case "Probe.name", "Probe.group", "Objective.name", "Redis.name", "Postgres.name", "Process.name", "Business.name":
		s.Type, s.Pattern, s.MaxLength = "string", namePattern.String(), maxName
	case "Objective.measure":
		s.Type = "string"
		for _, m := range objective.Measures() {
			s.Enum = append(s.Enum, string(m))
		}
	case "Global.base_url":
		s.Type, s.Pattern = "string", "^https?://[^?#]+$"
	case "Objective.quantile":
		s.Maximum = &one
	case "Feed.pick":
		s.Type, s.Enum = "string", []string{string(load.Uniform), string(load.Zipf), string(load.Sequential), string(load.Unique)}
	}
}

func TestTheSchemaAndTheReferenceAreThoseOfTheTypes(t *testing.T) {
	s := derived(t)
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		schemaPath: text.String(), referencePath: s.Reference("The configuration", referenceLead()),
	} {
		if *updateSchema {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(schema.Shape(want), schema.Shape(string(got))); diff != "" {
			t.Errorf("%s: run make render: %s", path, diff)
		}
	}
}

// TestEveryKeyIsDescribed holds for the sections of this package. Other keys are described by the comment of their type
// where they have none.
func TestEveryKeyIsDescribed(t *testing.T) {
	s := derived(t)
	described := 0
	for name, d := range s.Defs {
		for key, p := range d.Properties {
			switch section := reflect.TypeFor[file](); {
			case p.Description != "":
				described++
			case p.Ref == "" && ofSection(section, name):
				t.Errorf("%s.%s has no comment", name, key)
			}
		}
	}
	if described < 200 {
		t.Errorf("%d keys are described, want most of them: are the comments read?", described)
	}
}

// ofSection says that a definition is of a section of the file.
func ofSection(file reflect.Type, name string) bool {
	return slices.ContainsFunc(reflect.VisibleFields(file), func(f reflect.StructField) bool {
		t := f.Type
		if t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		return strings.EqualFold(t.Name(), name+"Section")
	})
}

// validator is the shipped schema.
func validator(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(schemaPath) // and not what was embedded before an update
	if err != nil {
		t.Fatal(err)
	}
	s, err := schema.Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON is a file as an editor hands it to a validator.
func asJSON(text []byte) (any, error) {
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		return nil, err
	}
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(plain))
}

func TestTheSchemaTakesWhatIsGood(t *testing.T) {
	s := validator(t)
	files, err := filepath.Glob("testdata/good/*.yml")
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	for _, path := range append(files, "testdata/plan.yml", "../../perfwatch.yml", "../demo/demo.yml") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		v, err := asJSON(text)
		if err == nil {
			err = s.Validate(v)
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestTheSchemaRefusesWhatItCan holds the mistakes that an editor shows. The others only the checks can find, or they are
// of a file that no JSON can say.
func TestTheSchemaRefusesWhatItCan(t *testing.T) {
	s := validator(t)
	files, err := filepath.Glob("testdata/bad/*.yml")
	if err != nil || len(files) < 50 {
		t.Fatal(len(files), err)
	}
	var refused []string
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := asJSON(text); err == nil && s.Validate(v) != nil {
			refused = append(refused, strings.TrimSuffix(filepath.Base(path), ".yml"))
		}
	}
	if *updateSchema {
		if err := os.WriteFile(refusedPath, []byte(strings.Join(refused, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(refusedPath)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields(string(want)) {
		if !slices.Contains(refused, name) {
			t.Errorf("%s.yml is not refused any more", name)
		}
	}
}
