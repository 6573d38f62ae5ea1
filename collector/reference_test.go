package collector

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const referencePath = "metrics.md"

//nolint:gochecknoglobals // a flag of the tests
var updateReference = flag.Bool("update-reference", false, "write the reference anew")

var absence = regexp.MustCompile(`(^|[.;] )(Absent[^.]*(?:\.\d[^.]*)*)\.`)

// reference renders what is declared of each metric; what a help text says of its absence has a column of its own.
func reference() string {
	var text strings.Builder
	text.WriteString("# Metrics\n\nEvery metric that perfwatch exposes, beside `go_*` and `process_*`. This page is rendered from what the " +
		"metrics themselves say (`# HELP`). Counters and histograms begin at zero and say when.\n")
	for _, s := range Sections() {
		fmt.Fprintf(&text, "\n## %s\n\n%s\n\n| metric | type | labels | means | absent |\n|---|---|---|---|---|\n", s.Title, s.Source)
		for _, f := range s.Families {
			var absent []string
			means := f.Help
			for _, m := range absence.FindAllStringSubmatch(f.Help, -1) {
				absent = append(absent, strings.TrimPrefix(m[2], "Absent "))
				means = strings.Replace(means, m[2]+".", "", 1)
			}
			cell := func(text string) string {
				return strings.TrimSpace(strings.NewReplacer("|", "\\|", "\n", " ").Replace(text))
			}
			fmt.Fprintf(&text, "| `%s` | %s | %s | %s | %s |\n", f.Name, strings.ToLower(f.Type.String()),
				strings.Join(f.Labels, ", "), cell(strings.ReplaceAll(means, "  ", " ")), cell(strings.Join(absent, "; ")))
		}
	}
	return text.String()
}

func TestTheReferenceIsThatOfTheMetrics(t *testing.T) {
	want := reference()
	if *updateReference {
		if err := os.WriteFile(referencePath, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(referencePath)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s: run make render:\n%s", referencePath, diff)
	}
	for _, f := range append(Families(), targetFamilies()...) {
		if n := strings.Count(string(got), "\n| `"+f.Name+"` |"); n != 1 {
			t.Errorf("%s is told %d times, want once", f.Name, n)
		}
	}
	for _, s := range Sections() {
		if s.Title == "" || s.Source == "" {
			t.Errorf("section %q does not say where its metrics come from", s.Title)
		}
	}
}
