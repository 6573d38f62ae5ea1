package chart

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFitChoosesEndsAndTicks(t *testing.T) {
	for _, tt := range []struct {
		name      string
		axis      Axis
		low, high float64
		want      scale
	}{
		{"rounds both ends", Axis{}, 0.3, 9.2, scale{0, 10, 5, []float64{0, 5, 10}}},
		{"includes zero", Axis{Zero: true}, 6, 9, scale{0, 10, 5, []float64{0, 5, 10}}},
		{"keeps fixed ends", Axis{Min: 0, Max: 1}, 0.2, 0.3, scale{0, 1, 0.5, []float64{0, 0.5, 1}}},
		{"steps of powers of two", Axis{Binary: true, Zero: true}, 1, 3000, scale{0, 3072, 1024, []float64{0, 1024, 2048, 3072}}},
		{"a single value", Axis{}, 4, 4, scale{4, 8, 2, []float64{4, 6, 8}}},
		{"below zero", Axis{}, -3, 3, scale{-4, 4, 2, []float64{-4, -2, 0, 2, 4}}},
		{"round times, ends as they are", Axis{Time: true}, 70, 290, scale{70, 290, 120, []float64{120, 240}}},
	} {
		if diff := cmp.Diff(tt.want, tt.axis.fit(tt.low, tt.high, 3), cmp.AllowUnexported(scale{})); diff != "" {
			t.Errorf("%s:\n%s", tt.name, diff)
		}
	}
}

func TestWordsOfTicks(t *testing.T) {
	for _, tt := range []struct {
		axis    Axis
		v, step float64
		want    string
	}{
		{Axis{}, 0.25, 0.05, "0.25"},
		{Axis{}, 40, 20, "40"},
		{Axis{Time: true}, 1_700_000_000, 60, "22:13"},
		{Axis{Time: true}, 1_700_000_005, 5, "22:13:25"},
		{Axis{Time: true}, 1_700_000_000, 86400, "Nov 14"},
		{Axis{Format: func(float64) string { return "x" }}, 1, 1, "x"},
	} {
		if got := tt.axis.word(tt.v, tt.step); got != tt.want {
			t.Errorf("word(%v, %v) = %q, want %q", tt.v, tt.step, got, tt.want)
		}
	}
}

// parse reads a drawing as XML and returns the elements of one name.
func parse(t *testing.T, drawing, name string) []map[string]string {
	t.Helper()
	var found []map[string]string
	d := xml.NewDecoder(strings.NewReader(drawing))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatalf("not well formed: %v\n%s", err, drawing)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == name {
			attributes := map[string]string{}
			for _, a := range e.Attr {
				attributes[a.Name.Local] = a.Value
			}
			found = append(found, attributes)
		}
	}
}

func TestALongWordOfTheAxisHasRoom(t *testing.T) {
	c := Chart{Width: 168, Height: 130, X: Axis{Max: 1}, Y: Axis{Max: 1, Format: func(float64) string { return "0.05 µreq/s" }},
		Lines: []Line{{Points: []Point{{0, 0}, {1, 1}}}}}
	if want := `d="M79.5 108.0L156.0 8.0"`; !strings.Contains(string(c.SVG()), want) {
		t.Errorf("no line %s in %s", want, c.SVG())
	}
}

func TestWordsOfATimeAxisStandApart(t *testing.T) {
	word := regexp.MustCompile(`x="([0-9.]+)" y="[0-9.]+" text-anchor="middle">[0-9:]+<`)
	for _, tt := range []struct{ width, words int }{{224, 2}, {336, 3}, {600, 6}} {
		c := Chart{Width: tt.width, X: Axis{Time: true, Min: 1_800_000_000, Max: 1_800_000_060}, Lines: []Line{
			{Points: []Point{{1_800_000_000, 1}, {1_800_000_060, 2}}},
		}}
		last, words := -1.0, word.FindAllStringSubmatch(string(c.SVG()), -1)
		for _, m := range words {
			x, err := strconv.ParseFloat(m[1], 64)
			if err != nil || last >= 0 && x-last < 8*letter {
				t.Errorf("%d wide: a word at %s after one at %g, %v", tt.width, m[1], last, err)
			}
			last = x
		}
		if len(words) < tt.words {
			t.Errorf("%d wide: %d words, want %d or more", tt.width, len(words), tt.words)
		}
	}
}

func TestALineIsDrawnInPiecesBetweenItsGaps(t *testing.T) {
	c := Chart{Width: 168, Height: 130, NoLegend: true, X: Axis{Min: 0, Max: 4}, Y: Axis{Min: 0, Max: 10}, Lines: []Line{
		{Name: "a", Points: []Point{{0, 0}, {1, 10}, {2, math.NaN()}, {3, 5}}},
		{Name: "limit", Color: "bad", Dashed: true, Points: []Point{{0, 5}, {4, 5}}},
	}}
	drawing := string(c.SVG())
	var lines []map[string]string
	for _, p := range parse(t, drawing, "path") {
		if strings.HasPrefix(p["class"], "line") {
			lines = append(lines, p)
		}
	}
	// 100 pixels wide from 56, 100 high from 8.
	want := []map[string]string{
		{"class": "line c0", "d": "M56.0 108.0L81.0 8.0"},
		{"class": "line bad dashed", "d": "M56.0 58.0L156.0 58.0"},
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	dots := parse(t, drawing, "circle")
	if len(dots) != 1 || dots[0]["cx"] != "131.0" || dots[0]["cy"] != "58.0" {
		t.Errorf("the point that stands alone: %v, want a dot at 131, 58", dots)
	}
}

func TestStackedLinesStandOnEachOther(t *testing.T) {
	c := Chart{Stacked: true, Lines: []Line{
		{Name: "a", Points: []Point{{0, 1}, {1, 2}}},
		{Name: "b", Points: []Point{{0, 3}, {1, math.NaN()}}},
		{Name: "c", Points: []Point{{0, 1}, {1, 1}}},
		{Name: "limit", Dashed: true, Points: []Point{{0, 9}}},
	}}
	drawn := c.drawn()
	tops := make([][]Point, len(drawn))
	for i, l := range drawn {
		tops[i] = l.Points
	}
	want := [][]Point{{{0, 1}, {1, 2}}, {{0, 4}}, {{0, 5}, {1, 3}}, {{0, 9}}}
	if diff := cmp.Diff(want, tops); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Point{{0, 4}, {1, 2}}, drawn[2].base); diff != "" {
		t.Errorf("lower edge of c:\n%s", diff)
	}
}

func TestNamesCannotBreakOutOfADrawing(t *testing.T) {
	const hostile = `</svg><script>alert(1)</script>"&`
	for name, drawing := range map[string]string{
		"chart": string((&Chart{Title: hostile, Lines: []Line{{Name: hostile, Points: []Point{{0, 1}, {1, 2}}}}}).SVG()),
		"bands": string((&Bands{Title: hostile, X: Axis{Min: 0, Max: 1}, Rows: []Band{{hostile, []Span{{0, 1, "good", hostile}}}}}).SVG()),
		"heat": string((&Heat{Title: hostile, Step: 1, X: Axis{Min: 0, Max: 1},
			Rows: []HeatRow{{hostile, []Point{{0, 1}}}}}).SVG()),
	} {
		if strings.Contains(drawing, "<script") || len(parse(t, "<p>"+drawing+"</p>", "svg")) != 1 {
			t.Errorf("%s: a name is not escaped: %s", name, drawing)
		}
	}
}

func TestNothingToDrawIsSaid(t *testing.T) {
	for name, drawing := range map[string]string{
		"no lines":   string((&Chart{}).SVG()),
		"no numbers": string((&Chart{Lines: []Line{{Points: []Point{{0, math.Inf(1)}, {math.NaN(), 1}}}}}).SVG()),
		"no rows":    string((&Bands{}).SVG()),
		"no counts":  string((&Heat{Rows: []HeatRow{{"1", []Point{{0, 0}}}}}).SVG()),
	} {
		if !strings.Contains(drawing, ">no data<") {
			t.Errorf("%s: %s", name, drawing)
		}
	}
}

func TestHeatIsDarkestWhereTheMostIs(t *testing.T) {
	c := Heat{X: Axis{Min: 0, Max: 2}, Step: 1, Rows: []HeatRow{{"low", []Point{{0, 1}, {1, 1000}}}, {"high", []Point{{0, 0}}}}}
	cells := parse(t, string(c.SVG()), "rect")
	if len(cells) != 2 || cells[0]["class"] != "heat h1" || cells[1]["class"] != "heat h8" {
		t.Errorf("cells %v, want one of the least shade and one of the greatest", cells)
	}
}

func TestABandIsAsLongAsItsState(t *testing.T) {
	c := Bands{Width: 292, X: Axis{Min: 0, Max: 10}, Rows: []Band{{"p95", []Span{{0, 5, "good", "met"}, {5, 10, "warn", "missed"}}}}}
	spans := parse(t, string(c.SVG()), "rect")
	if len(spans) != 2 || spans[0]["x"] != "180.0" || spans[0]["width"] != "50.0" || spans[1]["class"] != "band warn" {
		t.Errorf("spans %v, want two of 50 pixels from 180", spans)
	}
}

func TestTheStylesheetHasEveryColour(t *testing.T) {
	css := string(CSS())
	classes := []string{".good ", ".fair ", ".warn ", ".bad ", ".note ", ".h1 ", ".h8 "}
	for i := range palette {
		classes = append(classes, fmt.Sprintf(".c%d ", i))
	}
	for _, class := range classes {
		if !strings.Contains(css, class+"{") {
			t.Errorf("the stylesheet has no %s", class)
		}
	}
}
