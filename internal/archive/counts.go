package archive

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/perfwatch/perfwatch/internal/baseline"
)

// Counts are the distribution of a histogram: how many requests took which time, in microseconds to three digits, in
// ascending order. In a file they are text such as "1203:4 1207 1215:2"; a count of 1 is left out.
type Counts []baseline.Count

// The bounds of counts that are believed.
const (
	highest  = int64(time.Hour / time.Microsecond)
	maxTotal = int64(1) << 40
)

// countsOf lists the buckets of a histogram that hold something; nil has none.
func countsOf(h *hdrhistogram.Histogram) Counts {
	if h == nil {
		return nil
	}
	var c Counts
	for _, bar := range h.Distribution() {
		if bar.Count > 0 {
			c = append(c, baseline.Count{Value: max(bar.From, 1), N: bar.Count})
		}
	}
	return c
}

// Total is how many requests there were.
func (c Counts) Total() (n int64) {
	for _, count := range c {
		n += count.N
	}
	return n
}

// MarshalText implements encoding.TextMarshaler.
func (c Counts) MarshalText() ([]byte, error) {
	text := make([]byte, 0, 8*len(c))
	for i, count := range c {
		if i > 0 {
			text = append(text, ' ')
		}
		text = strconv.AppendInt(text, count.Value, 10)
		if count.N != 1 {
			text = append(text, ':')
			text = strconv.AppendInt(text, count.N, 10)
		}
	}
	return text, nil
}

// UnmarshalText implements encoding.TextUnmarshaler. It refuses what no histogram of a burst holds.
func (c *Counts) UnmarshalText(text []byte) error {
	*c = nil
	var last, total int64
	for field := range bytes.FieldsSeq(text) {
		value, n, several := bytes.Cut(field, []byte(":"))
		count := baseline.Count{N: 1}
		var err error
		if count.Value, err = strconv.ParseInt(string(value), 10, 64); err != nil {
			return fmt.Errorf("reading counts: %w", err)
		}
		if several {
			if count.N, err = strconv.ParseInt(string(n), 10, 64); err != nil {
				return fmt.Errorf("reading counts: %w", err)
			}
		}
		if count.Value <= last || count.Value > highest || count.N < 1 || count.N > maxTotal-total {
			return fmt.Errorf("reading counts: %q, want ascending microseconds up to an hour, each counted", field)
		}
		last, total = count.Value, total+count.N
		*c = append(*c, count)
	}
	return nil
}
