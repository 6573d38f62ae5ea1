package preview

import (
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/common/model"

	"github.com/perfwatch/perfwatch/internal/chart"
)

// asClassic turns native histograms into the series of classic buckets: one for each bound of any of them, of what was at
// most that much.
func asClassic(histograms []model.SampleHistogramPair) []series {
	all := map[float64]bool{}
	for _, h := range histograms {
		for _, b := range h.Histogram.Buckets {
			all[float64(b.Upper)] = true
		}
	}
	found := make([]series, 0, len(all))
	for _, bound := range slices.Sorted(maps.Keys(all)) {
		s := series{labels: map[string]string{"le": strconv.FormatFloat(bound, 'g', -1, 64)}}
		for _, h := range histograms {
			held := 0.0
			for _, b := range h.Histogram.Buckets {
				if float64(b.Upper) <= bound {
					held += float64(b.Count)
				}
			}
			s.points = append(s.points, chart.Point{X: unix(h.Timestamp), Y: held})
		}
		found = append(found, s)
	}
	return found
}
