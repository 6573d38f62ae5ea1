package preview

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/perfwatch/perfwatch/internal/chart"
)

// Querier answers PromQL; the client of Prometheus' own API is one.
type Querier interface {
	Query(ctx context.Context, expr string, at time.Time, opts ...v1.Option) (model.Value, v1.Warnings, v1.Infos, error)
	QueryRange(ctx context.Context, expr string, r v1.Range, opts ...v1.Option) (model.Value, v1.Warnings, v1.Infos, error)
}

// A series is what one query gave for one set of labels. An instant query gives one point.
type series struct {
	refID  string
	name   string
	labels map[string]string
	points []chart.Point // X in seconds since 1970
}

// last is the newest value.
func (s *series) last() float64 { return s.points[len(s.points)-1].Y }

// maxSeries bounds what one query may bring into a picture.
const maxSeries = 200

// ask runs the queries of a panel. Series are in the order of the queries, and of one query in that of their names.
func (r *renderer) ask(ctx context.Context, p *panel) ([]series, error) {
	var all []series
	for i := range p.Targets {
		t := &p.Targets[i]
		expr := substitute(t.Expr, r.values)
		found, err := r.query(ctx, expr, t.Instant)
		if err != nil {
			return nil, fmt.Errorf("query %s: %w", t.RefID, err)
		}
		if len(found) > maxSeries {
			return nil, fmt.Errorf("query %s: %d series, want at most %d", t.RefID, len(found), maxSeries)
		}
		for j := range found {
			found[j].refID, found[j].name = t.RefID, legend(t.LegendFormat, found[j].labels)
		}
		slices.SortStableFunc(found, func(a, b series) int { return strings.Compare(a.name, b.name) })
		all = append(all, found...)
	}
	return all, nil
}

// labelValues is a variable that is asked of Prometheus.
var labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

// choose has the variables that are asked of Prometheus stand for all that it knows, as in Grafana. One may depend on those
// before it. Where nothing is known, or cannot be asked, it stands for everything.
func (r *renderer) choose(ctx context.Context, d *dashboard, given map[string]string) {
	for _, v := range d.Templating.List {
		m := labelValues.FindStringSubmatch(v.Definition)
		if _, set := given[v.Name]; set || m == nil {
			continue
		}
		found, err := r.query(ctx, substitute(fmt.Sprintf("group by (%s) (%s)", m[2], m[1]), r.values), true)
		if err != nil || len(found) == 0 {
			continue
		}
		values := make([]string, len(found))
		for i := range found {
			// It will stand in a string.
			values[i] = strings.ReplaceAll(regexp.QuoteMeta(found[i].labels[m[2]]), `\`, `\\`)
		}
		slices.Sort(values)
		r.values[v.Name] = strings.Join(values, "|")
	}
}

func (r *renderer) query(ctx context.Context, expr string, instant bool) ([]series, error) {
	if instant {
		value, _, _, err := r.from.Query(ctx, expr, r.end)
		if err != nil {
			return nil, err
		}
		return instantSeries(value)
	}
	value, _, _, err := r.from.QueryRange(ctx, expr, v1.Range{Start: r.end.Add(-r.span), End: r.end, Step: r.step})
	if err != nil {
		return nil, err
	}
	matrix, ok := value.(model.Matrix)
	if !ok {
		return nil, fmt.Errorf("answer is a %s, want a matrix", value.Type())
	}
	var found []series
	for _, stream := range matrix {
		s := series{labels: labelsOf(stream.Metric), points: r.gaps(stream.Values)}
		if len(s.points) > 0 {
			found = append(found, s)
		}
		found = append(found, asClassic(stream.Histograms)...)
	}
	return found, nil
}

func instantSeries(value model.Value) ([]series, error) {
	switch v := value.(type) {
	case model.Vector:
		found := make([]series, 0, len(v))
		for _, s := range v {
			found = append(found, series{labels: labelsOf(s.Metric), points: []chart.Point{{X: unix(s.Timestamp), Y: float64(s.Value)}}})
		}
		return found, nil
	case *model.Scalar:
		return []series{{labels: map[string]string{}, points: []chart.Point{{X: unix(v.Timestamp), Y: float64(v.Value)}}}}, nil
	}
	return nil, fmt.Errorf("answer is a %s, want a vector", value.Type())
}

// gaps turns samples into points, with a break where the series was not there.
func (r *renderer) gaps(values []model.SamplePair) []chart.Point {
	points := make([]chart.Point, 0, len(values))
	for _, v := range values {
		at := unix(v.Timestamp)
		if n := len(points); n > 0 && at-points[n-1].X > 1.5*r.step.Seconds() {
			points = append(points, chart.Point{X: at, Y: math.NaN()})
		}
		points = append(points, chart.Point{X: at, Y: float64(v.Value)})
	}
	return points
}

func unix(t model.Time) float64 { return float64(t) / 1000 }

func labelsOf(m model.Metric) map[string]string {
	labels := make(map[string]string, len(m))
	for name, value := range m {
		if name != model.MetricNameLabel {
			labels[string(name)] = string(value)
		}
	}
	return labels
}
