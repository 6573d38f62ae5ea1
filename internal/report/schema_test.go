package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/perfwatch/perfwatch/internal/schema"
)

//nolint:gochecknoglobals // a flag of the tests
var updateSchema = flag.Bool("update-schema", false, "write the schema anew")

func TestTheSchemaIsThatOfTheTypes(t *testing.T) {
	comments, err := schema.ReadComments(".", "../load", "../archive", "../../collector", "../trend")
	if err != nil {
		t.Fatal(err)
	}
	one := float64(Format)
	d := schema.Deriver{Tag: "json", Comments: comments, Open: true, Adjust: func(name string, s *schema.Schema) {
		switch name {
		case "Report.format":
			s.Minimum, s.Maximum = &one, &one
		case "Report.verdict":
			s.Enum = []string{string(Met), string(Undecided), string(Missed)}
		case "Report.source":
			s.Enum = []string{string(FromRun), string(FromArchive), string(FromDaemon)}
		}
	}}
	s := d.Of(reflect.TypeFor[Report]())
	s.Title = "A report of perfwatch, format 1"
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		t.Fatal(err)
	}
	if *updateSchema {
		if err := os.WriteFile("report.schema.json", text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("report.schema.json")
	if diff := cmp.Diff(schema.Shape(text.String()), schema.Shape(string(got))); err != nil || diff != "" {
		t.Errorf("run make render: %v %s", err, diff)
	}
}

func TestTheSchemaTakesReportsAndNothingElse(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	s, err := schema.Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	r := sample(t)
	r.Judge()
	r.CompareWith(slowed(t, 2), "before")
	r.Bursts[0].Earlier = r.Bursts[0].Trend()
	for change, good := range map[string]bool{
		"":                     true,
		`"format": 1,`:         false, // taken away
		`"requests": 202,`:     false,
		`"verdict": "missed",`: false,
	} {
		var written bytes.Buffer
		if err := r.Write(&written, "json"); err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(bytes.Replace(written.Bytes(), []byte(change), nil, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); (err == nil) != good {
			t.Errorf("without %q: %v, want good %t", change, err, good)
		}
	}
}
