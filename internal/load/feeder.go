package load

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// A Feed is a column of data as written in the configuration. Its values come from a File with a header row (CSV, with
// Column) or an object a line (.jsonl, with Field), from a Count, which are the numbers from 1 to it, or from Values.
// Each place in a template that names the column draws anew: "${symbol},${symbol}" are two.
type Feed struct {
	File   string   `yaml:"file"`   // relative to the configuration; at most 64 MiB and a million rows
	Column string   `yaml:"column"` // of a .csv file
	Field  string   `yaml:"field"`  // of a .jsonl file: a string, a number or a boolean
	Count  int      `yaml:"count"`
	Values []string `yaml:"values"`

	Pick Pick `yaml:"pick"`
	// Exponent of zipf: the value of rank k, its place in the file, is drawn in proportion to 1/k^Exponent. The default
	// gives 80 % of the draws to the first 20 % of the values.
	Exponent float64 `yaml:"exponent"`
	// Batch is how many values of unique a user takes at a time; default 1.
	Batch int `yaml:"batch"`

	// Digest is the SHA-256 of the File when the spec was first built. It stands here so that a spec with other data is
	// another spec.
	Digest string `yaml:"-"`
}

// A Pick says in which order values are drawn.
type Pick string

// The picks. Each burst begins anew.
const (
	Uniform    Pick = "uniform"    // each as likely as any other; the default
	Zipf       Pick = "zipf"       // the first ones most
	Sequential Pick = "sequential" // one after the other for all users together, and again from the first
	Unique     Pick = "unique"     // each once in a burst, which ends when they are used up
)

// A feeder is a Feed ready to be drawn from, shared by every burst of a plan. It is immutable.
type feeder struct {
	name   string
	n      int      // values
	values []string // nil if they are the numbers from 1 to n
	pick   Pick
	batch  int

	exponent float64 // of zipf
	ranks    *alias
}

// A feed is a feeder in one burst.
type feed struct {
	*feeder
	next *atomic.Uint64 // of sequential
	deal *deal          // of unique
}

// newFeeds begins a burst.
func newFeeds(feeders []feeder) []feed {
	feeds := make([]feed, len(feeders))
	for i := range feeders {
		f := &feeders[i]
		feeds[i].feeder = f
		switch f.pick {
		case Sequential:
			feeds[i].next = &atomic.Uint64{}
		case Unique:
			feeds[i].deal = &deal{n: f.n, batch: f.batch}
		default:
		}
	}
	return feeds
}

// draw gives the place of a value, from 0. It is false if all are used up.
func (f *feed) draw(random *rand.Rand, h *hand) (int, bool) {
	switch f.pick {
	case Zipf:
		return f.ranks.draw(random), true
	case Sequential:
		return int((f.next.Add(1) - 1) % uint64(f.n)), true
	case Unique:
		return f.deal.draw(h)
	default:
		return random.IntN(f.n), true
	}
}

// A hand is what a user holds of a deal: the places from, up to but not to.
type hand struct {
	from, to int
	dealt    bool // the deal knows it
}

// A deal hands each place out once, in batches. When there are no more batches, a user takes over half of what another
// still holds: as long as any value is left, whoever asks for one has one, so that 6,000 iterations use 6,000 values
// whatever the speed of each user.
type deal struct {
	n, batch int

	mu    sync.Mutex // also guards every hand
	next  int
	hands []*hand
}

func (d *deal) draw(h *hand) (int, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !h.dealt {
		h.dealt = true
		d.hands = append(d.hands, h)
	}
	if h.from == h.to {
		d.refill(h)
	}
	if h.from == h.to {
		return 0, false
	}
	h.from++
	return h.from - 1, true
}

// refill gives h the next batch, or else the later half of the fullest hand.
func (d *deal) refill(h *hand) {
	if d.next < d.n {
		h.from, h.to = d.next, min(d.next+d.batch, d.n)
		d.next = h.to
		return
	}
	fullest := h
	for _, other := range d.hands {
		if other.to-other.from > fullest.to-fullest.from {
			fullest = other
		}
	}
	h.from, h.to = fullest.from+(fullest.to-fullest.from)/2, fullest.to
	fullest.to = h.from
}

// feeders builds the data of a plan and puts their names into the scope.
func (v *validator) feeders(data map[string]Feed) (all []feeder) {
	for _, name := range sortedNames(data) {
		f := data[name]
		at := "data." + name
		v.templateName(at, name)
		built, ok := v.feeder(at, &f)
		if !ok {
			// The templates that name it are no mistake.
			built = feeder{n: 1, pick: Uniform}
		}
		if f.Digest != data[name].Digest { // only when the spec is first built: later ones may run while others read it
			data[name] = f
		}
		built.name = name
		v.scope.columns[name] = len(all)
		all = append(all, built)
	}
	return all
}

func (v *validator) feeder(at string, f *Feed) (feeder, bool) {
	before := len(v.mistakes)
	built := feeder{pick: f.Pick, batch: max(1, f.Batch)}
	switch f.Pick {
	case "":
		built.pick = Uniform
	case Uniform, Zipf, Sequential, Unique:
	default:
		v.wrong(at+".pick", f.Pick, "uniform, zipf, sequential or unique")
	}
	switch {
	case f.Exponent != 0 && f.Pick != Zipf:
		v.wrong(at+".exponent", f.Exponent, "only beside pick: zipf")
	case !(f.Exponent >= 0) || f.Exponent > maxExponent:
		v.wrong(at+".exponent", f.Exponent, "above 0 and up to %d", maxExponent)
	}
	switch {
	case f.Batch != 0 && f.Pick != Unique:
		v.wrong(at+".batch", f.Batch, "only beside pick: unique")
	case f.Batch < 0, f.Batch > maxRows:
		v.wrong(at+".batch", f.Batch, "1 to %d values", maxRows)
	}
	if f.Pick == Unique && v.opened {
		v.wrong(at+".pick", f.Pick, "unique only beside users: a rate does not end when the values are used up")
	}
	built.n, built.values = v.values(at, f)
	if len(v.mistakes) > before {
		return feeder{}, false
	}
	if built.pick == Zipf {
		exponent := f.Exponent
		if exponent == 0 {
			exponent = paretoExponent(built.n)
		}
		built.exponent, built.ranks = exponent, newAlias(zipfWeights(built.n, exponent))
	}
	return built, true
}

// values are those of the one source that a feed has, or their number if they are counted.
func (v *validator) values(at string, f *Feed) (n int, values []string) {
	sources := 0
	for _, given := range []bool{f.File != "", f.Count != 0, f.Values != nil} {
		if given {
			sources++
		}
	}
	switch {
	case sources != 1:
		v.wrong(at, describe(f), "one of file, count and values")
		return 0, nil
	case f.File != "":
		return v.file(at, f)
	case f.Column != "":
		v.wrong(at+".column", f.Column, "only beside a file")
	case f.Field != "":
		v.wrong(at+".field", f.Field, "only beside a file")
	case f.Values != nil:
		if len(f.Values) == 0 || len(f.Values) > maxRows {
			v.wrong(at+".values", len(f.Values), "1 to %d values", maxRows)
		}
		return len(f.Values), f.Values
	case f.Count < 1 || f.Count > maxRows:
		v.wrong(at+".count", f.Count, "1 to %d", maxRows)
	}
	return f.Count, nil
}

// describe says what a feed has for sources; nil if it has none.
func describe(f *Feed) any {
	var has []string
	if f.File != "" {
		has = append(has, "file")
	}
	if f.Count != 0 {
		has = append(has, "count")
	}
	if f.Values != nil {
		has = append(has, "values")
	}
	if has == nil {
		return nil
	}
	return fmt.Sprint(has)
}
