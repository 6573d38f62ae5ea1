package preview

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/perfwatch/perfwatch/internal/chart"
)

// instant is when every test's preview ends.
func instant() time.Time { return time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC) }

// A book answers queries by what stands in it, and remembers what it was asked.
type book struct {
	vectors  map[string]model.Vector
	matrices map[string]model.Matrix
	asked    []string
}

func (b *book) Query(_ context.Context, expr string, at time.Time, _ ...v1.Option) (model.Value, v1.Warnings, v1.Infos, error) {
	b.asked = append(b.asked, expr)
	if at != instant() {
		return nil, nil, nil, errors.New("asked for another time")
	}
	return b.vectors[expr], nil, nil, nil
}

func (b *book) QueryRange(_ context.Context, expr string, _ v1.Range, _ ...v1.Option) (model.Value, v1.Warnings, v1.Infos, error) {
	b.asked = append(b.asked, expr)
	if expr == "broken" {
		return nil, nil, nil, errors.New("no such function")
	}
	return b.matrices[expr], nil, nil, nil
}

func sample(v float64, labels ...string) *model.Sample {
	return &model.Sample{Metric: metric(labels), Value: model.SampleValue(v), Timestamp: model.TimeFromUnix(instant().Unix())}
}

func metric(labels []string) model.Metric {
	m := model.Metric{}
	for i := 0; i < len(labels); i += 2 {
		m[model.LabelName(labels[i])] = model.LabelValue(labels[i+1])
	}
	return m
}

// stream is a series with values at so many seconds before the end.
func stream(labels []string, at map[int]float64, order ...int) *model.SampleStream {
	s := &model.SampleStream{Metric: metric(labels)}
	for _, before := range order {
		s.Values = append(s.Values, model.SamplePair{
			Timestamp: model.TimeFromUnix(instant().Unix() - int64(before)), Value: model.SampleValue(at[before]),
		})
	}
	return s
}

// render draws the panels, each written as JSON, and returns the page and what was broken.
func render(t *testing.T, from Querier, panels ...string) (page string, broken []string) {
	t.Helper()
	var out strings.Builder
	text := `{"uid": "d", "title": "A <b> dashboard", "templating": {"list": [
		{"name": "datasource", "type": "datasource"}, {"name": "probe", "type": "query", "current": {"value": ["$__all"]}},
		{"name": "top", "type": "custom", "current": {"value": "5"}}]}, "panels": [` + strings.Join(panels, ",") + `]}`
	broken, err := Write(t.Context(), &out, []byte(text), View{From: from, End: instant(), Range: 4 * time.Minute, RateInterval: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), broken
}

func has(t *testing.T, page string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(page, w) {
			t.Errorf("the page lacks %s", w)
		}
	}
	if t.Failed() {
		t.Log(page[strings.Index(page, "<body>"):])
	}
}

func TestAStatShowsItsValueInTheColourOfItsStep(t *testing.T) {
	from := &book{vectors: map[string]model.Vector{"p95": {sample(0.45)}}}
	page, _ := render(t, from,
		`{"id": 7, "type": "stat", "title": "p95", "gridPos": {"x": 4, "y": 2, "w": 6, "h": 3},
			"targets": [{"refId": "A", "expr": "p95", "instant": true}],
			"fieldConfig": {"defaults": {"unit": "s", "thresholds": {"steps": [
				{"color": "green", "value": null}, {"color": "orange", "value": 0.4}, {"color": "red", "value": 0.6}]}}}}`,
		`{"id": 8, "type": "stat", "title": "nothing", "targets": [{"refId": "A", "expr": "none", "instant": true}],
			"fieldConfig": {"defaults": {"noValue": "not enough data"}}}`)
	has(t, page, `id="panel-7"`, "grid-column:5/span 6;grid-row:3/span 3", `<div class="figure warn"><b>450 ms</b>`,
		"<b>not enough data</b>", "A &lt;b&gt; dashboard", "2026-11-27 11:56:00 to 2026-11-27 12:00:00 UTC")
}

func TestVariablesAreReplaced(t *testing.T) {
	from := &book{}
	render(t, from, `{"type": "stat", "title": "a", "targets": [{"expr":
		"topk($top, rate(a{probe=~\"$probe\",x=~\"${probe:regex}\"}[$__rate_interval]) + $__interval + $__range)", "instant": true}]}`)
	want := []string{`topk(5, rate(a{probe=~".*",x=~".*"}[20s]) + 1s + 4m)`}
	if diff := cmp.Diff(want, from.asked); diff != "" {
		t.Error(diff)
	}
}

func TestAVariableStandsForAllThatPrometheusKnows(t *testing.T) {
	from := &book{vectors: map[string]model.Vector{
		`group by (group) (a)`:               {sample(1, "group", "web")},
		`group by (probe) (a{group=~"web"})`: {sample(1, "probe", "z"), sample(1, "probe", "a.b")},
	}}
	d, err := parse([]byte(`{"title": "d", "panels": [{}], "templating": {"list": [
		{"name": "group", "type": "query", "definition": "label_values(a, group)"},
		{"name": "probe", "type": "query", "definition": "label_values(a{group=~\"$group\"}, probe)"},
		{"name": "redis", "type": "query", "definition": "label_values(up, redis)"},
		{"name": "chosen", "type": "query", "definition": "label_values(a, group)"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]string{"chosen": "x"}
	r := newRenderer(d, View{From: from, End: instant(), Variables: given})
	r.choose(t.Context(), d, given)
	want := map[string]string{"group": "web", "probe": `a\\.b|z`, "redis": ".*", "chosen": "x"}
	for name, value := range want {
		if r.values[name] != value {
			t.Errorf("%s stands for %q, want %q", name, r.values[name], value)
		}
	}
}

func TestATableHasARowForEachLabelAndAColumnForEachQuery(t *testing.T) {
	from := &book{vectors: map[string]model.Vector{
		"up":  {sample(0, "probe", "b"), sample(1, "probe", "a")},
		"p95": {sample(0.0125, "probe", "a")},
	}}
	page, _ := render(t, from, `{"type": "table", "title": "now",
		"targets": [{"refId": "A", "expr": "up", "instant": true}, {"refId": "B", "expr": "p95", "instant": true}],
		"fieldConfig": {"defaults": {}, "overrides": [
			{"matcher": {"id": "byName", "options": "latency"}, "properties": [{"id": "unit", "value": "s"}]},
			{"matcher": {"id": "byName", "options": "last run"}, "properties": [
				{"id": "mappings", "value": [{"type": "value", "options": {"0": {"text": "failed", "color": "red"}, "1": {"text": "ok", "color": "green"}}}]}]}]},
		"transformations": [{"id": "merge", "options": {}}, {"id": "organize", "options": {"excludeByName": {"Time": true},
			"renameByName": {"Value #A": "last run", "Value #B": "latency"}, "indexByName": {"probe": 0, "Value #B": 1, "Value #A": 2}}}]}`)
	has(t, page, "<th>probe</th><th>latency</th><th>last run</th>",
		`<td class="">a</td><td class="">12.5 ms</td><td class="good">ok</td>`,
		`<td class="">b</td><td class=""></td><td class="bad">failed</td>`)
}

func TestLinesBreakWhereASeriesWasNotThere(t *testing.T) {
	r := renderer{step: time.Second}
	s := stream(nil, map[int]float64{5: 1, 4: 2, 1: 3}, 5, 4, 1)
	points := r.gaps(s.Values)
	at := float64(instant().Unix())
	broken := points[2].Y != points[2].Y // only NaN is not itself
	points[2].Y = 0
	if diff := cmp.Diff([]chart.Point{{X: at - 5, Y: 1}, {X: at - 4, Y: 2}, {X: at - 1}, {X: at - 1, Y: 3}}, points); diff != "" || !broken {
		t.Errorf("broken %t:\n%s", broken, diff)
	}
}

func TestThresholdsAreDashedInTheirColour(t *testing.T) {
	from := &book{matrices: map[string]model.Matrix{
		"value": {stream([]string{"probe", "a"}, map[int]float64{9: 1, 8: 2}, 9, 8)},
		"limit": {stream([]string{"level", "critical"}, map[int]float64{9: 3, 8: 3}, 9, 8)},
	}}
	page, _ := render(t, from, `{"type": "timeseries", "title": "p95", "gridPos": {"w": 8, "h": 7},
		"targets": [{"refId": "A", "expr": "value", "legendFormat": "{{probe}}"}, {"refId": "B", "expr": "limit", "legendFormat": "{{ level }}"}],
		"fieldConfig": {"defaults": {"unit": "s"}, "overrides": [{"matcher": {"id": "byRegexp", "options": "/(^| )critical$/"}, "properties": [
			{"id": "color", "value": {"mode": "fixed", "fixedColor": "red"}}, {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 6]}}]}]}}`)
	has(t, page, `<path class="line c0" d=`, `<path class="line bad dashed" d=`, `<li><i class="key c0"></i>a</li>`,
		`<li><i class="key bad dashed"></i>critical</li>`, ">3 s</text>")
}

func TestStatesAreSpansOfOneValue(t *testing.T) {
	from := &book{matrices: map[string]model.Matrix{
		"met": {stream([]string{"objective", "o"}, map[int]float64{9: 1, 8: 1, 7: 0, 3: 0}, 9, 8, 7, 3)},
	}}
	page, _ := render(t, from, `{"type": "state-timeline", "title": "met", "gridPos": {"w": 24, "h": 3},
		"targets": [{"refId": "A", "expr": "met", "legendFormat": "{{objective}}"}],
		"fieldConfig": {"defaults": {"mappings": [{"type": "value", "options": {"0": {"text": "missed", "color": "orange"}, "1": {"text": "met", "color": "green"}}}]}}}`)
	has(t, page, `<title>o: met</title>`)
	if n := strings.Count(page, "<title>o: missed</title>"); n != 2 {
		t.Errorf("%d spans in which it was missed, want 2: a gap lies between", n)
	}
}

func TestAHeatMapShowsEachBucketWithoutThoseBelow(t *testing.T) {
	bucket := func(le string, v float64) *model.SampleStream {
		return stream([]string{"le", le}, map[int]float64{9: v}, 9)
	}
	from := &book{matrices: map[string]model.Matrix{"buckets": {bucket("+Inf", 6), bucket("0.1", 5), bucket("0.5", 6)}}}
	page, _ := render(t, from, `{"type": "heatmap", "title": "h", "gridPos": {"w": 8, "h": 7},
		"targets": [{"refId": "A", "expr": "buckets", "format": "heatmap"}], "fieldConfig": {"defaults": {"unit": "s"}}}`)
	// Of six, five are at most 0.1 s, one at most 0.5 s, none slower.
	if n := strings.Count(page, `<rect class="heat `); n != 2 {
		t.Errorf("%d cells, want 2", n)
	}
	has(t, page, ">100 ms</text>", ">500 ms</text>", ">+Inf</text>", `<rect class="heat h8"`)
}

func TestAHeatMapShowsANativeHistogram(t *testing.T) {
	of := func(at int64, buckets ...*model.HistogramBucket) model.SampleHistogramPair {
		return model.SampleHistogramPair{Timestamp: model.TimeFromUnix(instant().Unix() - at), Histogram: &model.SampleHistogram{Buckets: buckets}}
	}
	from := &book{matrices: map[string]model.Matrix{"buckets": {{Histograms: []model.SampleHistogramPair{
		of(9, &model.HistogramBucket{Lower: 0.05, Upper: 0.1, Count: 5}, &model.HistogramBucket{Lower: 0.25, Upper: 0.5, Count: 1}),
		of(8, &model.HistogramBucket{Lower: 0.1, Upper: 0.25, Count: 5}),
	}}}}}
	page, _ := render(t, from, `{"type": "heatmap", "title": "h", "gridPos": {"w": 8, "h": 7},
		"targets": [{"refId": "A", "expr": "buckets", "format": "heatmap"}], "fieldConfig": {"defaults": {"unit": "s"}}}`)
	if n := strings.Count(page, `<rect class="heat `); n != 3 {
		t.Errorf("%d cells, want 3", n)
	}
	has(t, page, ">100 ms</text>", ">250 ms</text>", ">500 ms</text>", `<rect class="heat h8"`)
}

func TestAPanelThatCannotBeDrawnSaysSo(t *testing.T) {
	page, broken := render(t, &book{},
		`{"type": "timeseries", "title": "bad", "targets": [{"refId": "A", "expr": "broken"}]}`,
		`{"type": "geomap", "title": "map"}`,
		`{"type": "row", "title": "More", "collapsed": true, "panels": [{"type": "text", "title": "note", "options": {"content": "<i>words</i>"}}]}`)
	want := []string{"bad: query A: no such function", `map: a panel of type "geomap" is not drawn here`}
	if diff := cmp.Diff(want, broken); diff != "" {
		t.Error(diff)
	}
	has(t, page, `<p class="problem">query A: no such function</p>`, "<h2", "<pre>&lt;i&gt;words&lt;/i&gt;</pre>")
}

func TestWhatIsNoDashboardIsRefused(t *testing.T) {
	for _, text := range []string{"", "[]", `{"title": "x"}`, `{"panels": [{}]}`, `{"title": 3}`} {
		if _, err := Write(t.Context(), &strings.Builder{}, []byte(text), View{From: &book{}}); err == nil ||
			!strings.HasPrefix(err.Error(), "parsing dashboard") {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

func TestTooManySeriesAreNotDrawn(t *testing.T) {
	var crowd model.Matrix
	for range maxSeries + 1 {
		crowd = append(crowd, stream(nil, map[int]float64{1: 1}, 1))
	}
	_, broken := render(t, &book{matrices: map[string]model.Matrix{"all": crowd}},
		`{"type": "timeseries", "title": "crowd", "targets": [{"refId": "A", "expr": "all"}]}`)
	if want := []string{"crowd: query A: 201 series, want at most 200"}; !cmp.Equal(want, broken) {
		t.Errorf("broken %q, want %q", broken, want)
	}
}

func TestEveryShippedPanelHasAPicture(t *testing.T) {
	files, err := os.ReadDir("../../dashboards")
	if err != nil {
		t.Fatal(err)
	}
	drawn := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".json") {
			continue
		}
		text, err := os.ReadFile("../../dashboards/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		broken, err := Write(t.Context(), &strings.Builder{}, text, View{From: &book{vectors: map[string]model.Vector{}}, End: instant()})
		if err != nil || len(broken) > 0 {
			t.Errorf("%s: error %v, broken %q", f.Name(), err, broken)
		}
		drawn++
	}
	if drawn == 0 {
		t.Error("no dashboard was found")
	}
}
