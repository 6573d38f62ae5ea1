package collector

import (
	"math"
	"slices"

	dto "github.com/prometheus/client_model/go"
)

// Shape of the native histograms: eight buckets to each doubling, a factor of 1.1. The number of buckets is capped, so
// that hostile durations cannot grow one without bound: beyond it each two become one.
const (
	nativeSchema     = 3
	nativeMaxBuckets = 100
	// nativeZero is the width of the bucket around zero, client_golang's.
	nativeZero = 2.938735877055719e-39
	// nativeGap is how many empty buckets are written out rather than begin another span, as client_golang does.
	nativeGap = 2
)

// nativeBuckets are the buckets of a native histogram that have observations, in the order of their indices. Its owner
// guards it.
type nativeBuckets struct {
	halved uint8 // by how much the schema is below nativeSchema
	zero   uint64
	filled []nativeBucket
}

type nativeBucket struct {
	index int32
	count uint64
}

// observe counts a value, which is not negative.
func (n *nativeBuckets) observe(v float64) {
	if v <= nativeZero {
		n.zero++
		return
	}
	index := n.widened(nativeIndex(v), n.halved)
	i, found := slices.BinarySearchFunc(n.filled, index, func(b nativeBucket, index int32) int { return int(b.index - index) })
	if found {
		n.filled[i].count++
		return
	}
	n.filled = slices.Insert(n.filled, i, nativeBucket{index, 1})
	for len(n.filled) > nativeMaxBuckets {
		n.widen()
	}
}

// nativeIndex is the bucket of a value in nativeSchema: bucket i ends with 2^(i/8), which is in it.
func nativeIndex(v float64) int32 {
	bounds := [1 << nativeSchema]float64{ // 2^(i/8) / 2
		0.5, 0.5452538663326288, 0.5946035575013605, 0.6484197773255048,
		0.7071067811865475, 0.7711054127039704, 0.8408964152537144, 0.9170040432046711,
	}
	fraction, exponent := math.Frexp(v)
	i := 0
	for i < len(bounds) && bounds[i] < fraction {
		i++
	}
	return int32(i + (exponent-1)*len(bounds))
}

// widened is the index of the bucket that an index belongs to when the buckets were made twice as wide so often.
func (*nativeBuckets) widened(index int32, times uint8) int32 {
	return (index + 1<<times - 1) >> times
}

// widen makes one bucket of each two.
func (n *nativeBuckets) widen() {
	n.halved++
	wide := n.filled[:0]
	for _, b := range n.filled {
		b.index = n.widened(b.index, 1)
		if last := len(wide) - 1; last >= 0 && wide[last].index == b.index {
			wide[last].count += b.count
			continue
		}
		wide = append(wide, b)
	}
	n.filled = wide
}

// write adds the buckets to a histogram as Prometheus has them: spans of neighbours, and of each the difference to the one
// before.
func (n *nativeBuckets) write(h *dto.Histogram) {
	h.Schema, h.ZeroThreshold, h.ZeroCount = new(nativeSchema-int32(n.halved)), new(nativeZero), new(n.zero)
	if len(n.filled) == 0 {
		return // that it is a native histogram the threshold says
	}
	var (
		span   *dto.BucketSpan
		next   int32 // the index after the last one written
		before int64
	)
	h.PositiveDelta = make([]int64, 0, len(n.filled)+nativeGap)
	add := func(count int64) {
		*span.Length++
		h.PositiveDelta = append(h.PositiveDelta, count-before)
		before = count
	}
	for _, b := range n.filled {
		gap := b.index - next
		if span == nil || gap > nativeGap {
			span = &dto.BucketSpan{Offset: new(gap), Length: new(uint32(0))}
			h.PositiveSpan = append(h.PositiveSpan, span)
			gap = 0
		}
		for range gap {
			add(0)
		}
		add(int64(b.count))
		next = b.index + 1
	}
}
