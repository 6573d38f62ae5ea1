package load

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A node is a task of the tree, in the order in which it is written.
type node struct {
	name     string
	depth    int     // from 1
	from, to int     // its leaves in Plan.Leaves
	stay     float64 // requests of a visit on average, without those of sticky groups in it; 0 if it is not sticky
}

// WriteTree writes what the burst does in one line, and then its task tree, a line a task, with the share of all requests
// that each group and each leaf has.
func (p *Plan) WriteTree(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", p.Name, p.model())
	width := 0
	for i := range p.nodes {
		width = max(width, p.nodes[i].width())
	}
	for i := range p.nodes {
		n := &p.nodes[i]
		share := 0.0
		for _, l := range p.Leaves[n.from:n.to] {
			share += l.Share
		}
		fmt.Fprintf(&b, "%s%s%s  %6.2f %%", n.indent(), n.shown(), strings.Repeat(" ", width-n.width()), 100*share)
		if n.stay > 0 {
			fmt.Fprintf(&b, "  sticky, %.3g draws a visit on average", n.stay)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (n *node) indent() string { return strings.Repeat("  ", n.depth) }

// shown is the name, quoted if it would not stay on its line.
func (n *node) shown() string {
	if strings.ContainsFunc(n.name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(n.name)
	}
	return n.name
}

// width is how many characters the name and what stands before it take.
func (n *node) width() int { return 2*n.depth + utf8.RuneCountInString(n.shown()) }

// String says in a word or two what the burst is: "100 users", "120/s", or "up to 120/s" where the rate changes.
func (p *Plan) String() string {
	switch {
	case p.rate == 0:
		return plural(p.users, "user")
	case p.pacer.steady():
		return fmt.Sprintf("%g/s", p.rate)
	}
	return fmt.Sprintf("up to %g/s", p.rate)
}

// model says in one line how many users or requests there are, and for how long.
func (p *Plan) model() string {
	if p.rate > 0 {
		return fmt.Sprintf("%s, %d requests in %s, %d users at most",
			p.rates(), p.pacer.Total(), written(p.duration), p.users)
	}
	parts := []string{plural(p.users, "user")}
	if p.rampUp > 0 {
		parts = append(parts, fmt.Sprintf("%g started a second", p.rampUp))
	}
	if p.think != (ThinkTime{}) {
		parts = append(parts, "thinking "+p.think.String())
	}
	switch {
	case p.perUser > 0:
		parts = append(parts, plural(p.perUser, "request")+" each")
	case p.iterations > 0:
		parts = append(parts, plural(p.iterations, "request")+" between them")
	}
	if !math.IsInf(p.peak, 1) {
		parts = append(parts, fmt.Sprintf("%.4g/s at most", p.peak))
	}
	if p.Asked() > 0 {
		return strings.Join(append(parts, "within "+written(p.duration)), ", ")
	}
	return strings.Join(append(parts, "for "+written(p.duration)), ", ")
}

// rates are the rates of the open model in their order: "120/s", or "0/s to 50/s in 30s, 50/s for 1m".
func (p *Plan) rates() string {
	if p.pacer.steady() {
		return fmt.Sprintf("%g/s", p.rate)
	}
	var parts []string
	for _, r := range p.pacer.ramps {
		if r.from == r.to {
			parts = append(parts, fmt.Sprintf("%g/s for %s", r.from, written(r.end-r.begin)))
		} else {
			parts = append(parts, fmt.Sprintf("%g/s to %g/s in %s", r.from, r.to, written(r.end-r.begin)))
		}
	}
	return strings.Join(parts, ", ")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
