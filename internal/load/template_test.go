package load

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func testScope() *scope {
	return &scope{
		columns: map[string]int{"symbol": 0}, captured: map[string]int{"token": 0}, variables: map[string]int{"batch": 0}, rows: []int{3},
	}
}

func testPen() *pen {
	feeders := []feeder{{name: "symbol", n: 2, values: []string{"A&B/C", `q"\` + "\n"}, pick: Sequential}}
	return &pen{
		random: rand.New(rand.NewPCG(1, 2)), user: 7, captured: [][]byte{[]byte("t ök")}, variables: []int{2},
		feeds: newFeeds(feeders), hands: make([]hand, 1),
	}
}

func TestTemplatesAreWrittenWhereTheyStand(t *testing.T) {
	t.Setenv("PERFWATCH_TEST", "se cret")
	tests := []struct {
		text string
		as   encoding
		want string
	}{
		{"plain", raw, "plain"},
		{"$${symbol} $ {x} $", raw, "${symbol} $ {x} $"},
		{"/s/${symbol}?t=${token}&u=${user}", urlEncoded, "/s/A%26B%2FC?t=t%20%C3%B6k&u=7"},
		{"${symbol},${symbol}", urlEncoded, "A%26B%2FC,q%22%5C%0A"},
		{"${symbol}${symbol}", jsonString, `A&B/Cq\"\\\u000A`},
		{"Bearer ${token}", raw, "Bearer t ök"},
		{"${env:PERFWATCH_TEST}", raw, "se cret"},
		{"${int:5:5}-${int:-3:-3}", raw, "5--3"},
		{"${batch}", raw, "2"},
		{"${matrix:batch:1}", raw, "[[0.794843],[0.184902]]"},
		{"${vector:2}", urlEncoded, "%5B0.794843%2C0.767416%5D"},
	}
	for _, tt := range tests {
		parts, wrong := testScope().parse(tt.text)
		if wrong != nil {
			t.Errorf("%s: %+v", tt.text, wrong)
			continue
		}
		w := testPen()
		literals := compileLiterals(parts, tt.as)
		if err := w.write(literals); err != nil || !sameButNumbers(string(w.buf), tt.want) {
			t.Errorf("%s: %q, %v, want %q", tt.text, w.buf, err, tt.want)
		}
	}
}

// compileLiterals leaves the literals of a URL as they are, as a resolved one has them.
func compileLiterals(parts []part, as encoding) program {
	p := compile(parts, as)
	for i := range p {
		if p[i].verb == literal && parts[i].verb == literal {
			p[i].text = parts[i].text
		}
	}
	return p
}

// sameButNumbers compares the shape of drawn numbers, not their values.
func sameButNumbers(got, want string) bool {
	shape := func(s string) string {
		return strings.Map(func(r rune) rune {
			if strings.Contains(s, "0.") && r >= '0' && r <= '9' {
				return '#'
			}
			return r
		}, s)
	}
	return shape(got) == shape(want)
}

func TestATemplateThatIsNotKnownIsRefusedWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"/a/${symbl}":              "4 ${symbl}: one of ${symbol}, ${token}, ${batch}, ${user}, ${int:a:b}",
		"ö${":                      "2 ${: a } that ends the template",
		"${int:5}":                 "1 ${int:5}: ${int:a:b} with whole numbers",
		"${int:5:4}":               "1 ${int:5:4}: ${int:a:b} with whole numbers",
		"${vector:0}":              "1 ${vector:0}: ${vector:n} with n from 1 to 10000",
		"${vector:10001}":          "1 ${vector:10001}: ${vector:n}",
		"${matrix:other:2}":        "1 ${matrix:other:2}: ${matrix:rows:n}",
		"${matrix:10000:1000}":     "1 ${matrix:10000:1000}: ${matrix:rows:n}",
		"${env:PERFWATCH_NOT_SET}": "1 ${env:PERFWATCH_NOT_SET}: the variable PERFWATCH_NOT_SET to be set",
		"${user:1}":                "1 ${user:1}: one of",
		"${}":                      "1 ${}: one of",
	} {
		_, wrong := testScope().parse(text)
		if wrong == nil {
			t.Errorf("%s is taken", text)
			continue
		}
		if got := fmt.Sprintf("%d %s: %s", wrong.column, wrong.text, wrong.want); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestVectorsAreJSONOfUniformNumbers(t *testing.T) {
	w := testPen()
	w.vector(10_000, raw)
	var numbers []float64
	if err := json.Unmarshal(w.buf, &numbers); err != nil || len(numbers) != 10_000 {
		t.Fatalf("%d numbers, %v", len(numbers), err)
	}
	sum := 0.0
	for _, v := range numbers {
		sum += v
		if v < 0 || v >= 1 {
			t.Fatalf("%g, want 0 up to 1", v)
		}
	}
	near(t, "mean", sum/10_000, 0.5, 0.01)
}

func TestUUIDsAreOfVersion4(t *testing.T) {
	w := testPen()
	w.uuid()
	id := string(w.buf)
	if len(id) != 36 || id[14] != '4' || !strings.ContainsRune("89ab", rune(id[19])) || strings.Count(id, "-") != 4 {
		t.Errorf("%s is no version 4 UUID", id)
	}
}

func TestARequestIsBounded(t *testing.T) {
	w := testPen()
	p := make(program, 200)
	for i := range p {
		p[i] = step{part{verb: vector, a: 10_000}, raw}
	}
	if err := w.write(p); err != errTooLarge { //nolint:errorlint // it is returned as it is
		t.Errorf("%v, want %v", err, errTooLarge)
	}
}

func TestTheDefaultZipfGivesFourFifthsToAFifth(t *testing.T) {
	for _, n := range []int{5, 100, 500, 100_000} {
		a := newAlias(zipfWeights(n, paretoExponent(n)))
		random := rand.New(rand.NewPCG(3, 4))
		first, second := 0, 0
		const draws = 200_000
		for range draws {
			switch i := a.draw(random); {
			case i < n/5:
				first++
			case i >= n:
				t.Fatalf("drew %d of %d", i, n)
			}
			_ = second
		}
		near(t, fmt.Sprintf("share of the first fifth of %d", n), float64(first)/draws, 0.8, 0.004)
	}
}

func TestAnAliasDrawsItsWeights(t *testing.T) {
	weights := []float64{5, 0, 1, 3, 1}
	a, random, got := newAlias(weights), rand.New(rand.NewPCG(5, 6)), make([]float64, 5)
	const draws = 500_000
	for range draws {
		got[a.draw(random)]++
	}
	for i, w := range weights {
		near(t, fmt.Sprint("share of ", i), got[i]/draws, w/10, 0.003)
	}
}

func TestUniqueValuesAreEachUsedOnce(t *testing.T) {
	feeds := newFeeds([]feeder{{n: 1000, pick: Unique, batch: 100}})
	seen := make([]int, 1000)
	hands := make([]hand, 7)
	for k := 0; ; k++ {
		// The first user is ten times as fast as the others.
		i := 0
		if k%10 == 0 {
			i = k / 10 % 7
		}
		place, ok := feeds[0].draw(nil, &hands[i])
		if !ok {
			if k != 1000 {
				t.Fatalf("used up after %d of 1000", k)
			}
			break
		}
		seen[place]++
	}
	if slices.Max(seen) != 1 || slices.Min(seen) != 1 {
		t.Errorf("values were used %d to %d times, want once", slices.Min(seen), slices.Max(seen))
	}
}

func BenchmarkTemplate(b *testing.B) {
	for _, text := range []string{"/api/stocks/${symbol}/metrics?u=${user}&n=${int:1:100}", "${vector:50}", "${uuid}"} {
		b.Run(text, func(b *testing.B) {
			parts, wrong := testScope().parse(text)
			if wrong != nil {
				b.Fatal(wrong)
			}
			p, w := compile(parts, raw), testPen()
			b.ReportAllocs()
			for b.Loop() {
				w.buf = w.buf[:0]
				if err := w.write(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestParetoExponentOfOneValue(t *testing.T) {
	if e := paretoExponent(1); math.IsNaN(e) || e < 0 {
		t.Errorf("%g", e)
	}
}

// Whatever stands in a template: it is refused with a place inside the text, or what it writes is bounded and can end
// neither the JSON string nor the request target that it stands in.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{
		"", "plain", "$${symbol}", "${symbol}${token}", "${int:-3:5}/${uuid}", "${vector:3}", "${matrix:batch:2}", "${user", "${}",
		"${env:HOME}", "${int:1:2:3}", "${symbol:x}", "ä${user}\x00\"\\", "${vector:99999999999999999999}", "${matrix:100:100}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parts, wrong := testScope().parse(text)
		if wrong != nil {
			if wrong.column < 1 || wrong.column > utf8.RuneCountInString(text) || wrong.want == "" || !strings.Contains(text, wrong.text) {
				t.Fatalf("%q is refused with %+v", text, wrong)
			}
			return
		}
		w := testPen()
		if err := w.write(compile(parts, jsonString)); err == nil && utf8.ValidString(text) && !json.Valid(fmt.Appendf(nil, `"%s"`, w.buf)) {
			t.Errorf("%q writes %q, which is no JSON string", text, w.buf)
		}
		if len(w.buf) > maxRendered+maxMatrix*20 {
			t.Errorf("%q writes %d bytes", text, len(w.buf))
		}
		w.buf = w.buf[:0]
		if err := w.write(compile(parts, urlEncoded)); err == nil {
			for _, c := range w.buf {
				if c <= ' ' || c >= 0x7f || strings.IndexByte(`"#/?&`, c) >= 0 {
					t.Fatalf("%q writes %q into a URL", text, w.buf)
				}
			}
		}
	})
}
