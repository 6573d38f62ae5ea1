package objective

import "math"

const (
	// subBuckets to an octave, each named by its middle, keep the relative error under 1/128.
	subBits    = 6
	subBuckets = 1 << subBits
	// The octaves span 2^-20 s, about a microsecond, to 2^12 s, more than an hour. What lies outside counts in the
	// bucket at that end.
	lowestExp = -20
	octaves   = 32
)

// A histogram counts durations in log-linear buckets, as HdrHistogram does. An octave takes 256 bytes once something
// falls into it.
type histogram struct {
	octaves [octaves]*[subBuckets]uint32
}

// observe counts a value that is not negative, NaN or infinite.
func (h *histogram) observe(v float64) {
	octave, sub := place(v)
	if h.octaves[octave] == nil {
		h.octaves[octave] = new([subBuckets]uint32)
	}
	h.octaves[octave][sub]++
}

// reset empties the histogram and keeps its memory.
func (h *histogram) reset() {
	for _, counts := range h.octaves {
		if counts != nil {
			clear(counts[:])
		}
	}
}

// place reads the bucket off the float: its exponent is the octave, the top of its fraction the place in it.
func place(v float64) (octave, sub int) {
	const bias, fractionBits = 1023, 52
	b := math.Float64bits(v)
	octave = int(b>>fractionBits) - bias - lowestExp
	switch {
	case octave < 0:
		return 0, 0
	case octave >= octaves:
		return octaves - 1, subBuckets - 1
	}
	return octave, int(b>>(fractionBits-subBits)) & (subBuckets - 1)
}

// middle is the value that a bucket stands for.
func middle(octave, sub int) float64 {
	return math.Ldexp(1+(float64(sub)+0.5)/subBuckets, octave+lowestExp)
}

// quantile is the middle of the bucket of the sample of that rank, counted from 1 in ascending order over all
// histograms together. NaN if there are fewer.
func quantile(hs []*histogram, rank uint64) float64 {
	for octave := range octaves {
		var sum [subBuckets]uint64
		for _, h := range hs {
			if counts := h.octaves[octave]; counts != nil {
				for sub, n := range counts {
					sum[sub] += uint64(n)
				}
			}
		}
		for sub, n := range sum {
			if rank <= n {
				return middle(octave, sub)
			}
			rank -= n
		}
	}
	return math.NaN()
}

// rankOf is the least count c with c/n >= q, compared as a rule compares it: in floats, after the division.
func rankOf(q float64, n uint64) uint64 {
	c := uint64(math.Ceil(q * float64(n)))
	for c > 1 && float64(c-1)/float64(n) >= q {
		c--
	}
	return max(c, 1)
}
