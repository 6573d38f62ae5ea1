package web

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/perfwatch/perfwatch/probes"
)

// answered is a sample with an answer of its own.
func answered(i int, err error) *probes.Sample {
	s := &probes.Sample{Start: now().Add(time.Duration(i) * time.Second), Outcome: probes.OutcomeOf(err), Err: err}
	s.Evidence = &probes.Evidence{Proto: "HTTP/1.1", Head: strings.Repeat("h", 300), Body: fmt.Sprintf("%01024d", i)}
	return s
}

func TestFailuresAreNotPushedOutBySuccesses(t *testing.T) {
	var b Board
	for i := range 60 {
		b.Observe("p", answered(i, errors.New("broken")))
	}
	for i := range 200 {
		b.Observe("p", answered(60+i, nil))
	}
	h := b.History("p")
	if h.Runs != 260 || h.Failed != 60 || h.KeptFailed != 0 || len(h.Failures) != 50 || len(h.Results) != 50 {
		t.Fatalf("%+v with %d failures and %d results", h.Lately, len(h.Failures), len(h.Results))
	}
	for i, f := range h.Failures {
		if want := fmt.Sprintf("%01024d", 10+i); f.Error != "broken" || f.Evidence == nil || f.Evidence.Body != want {
			t.Fatalf("failure %d is %+v", i, f)
		}
	}
	if h.Results[0].Evidence.Body != fmt.Sprintf("%01024d", 210) {
		t.Errorf("the oldest result's answer is %.40s…", h.Results[0].Evidence.Body)
	}
}

func TestResultsKeepWhatTheSampleSays(t *testing.T) {
	s := answered(1, errors.New("late"))
	s.Duration, s.Status, s.Bytes, s.TraceID = 1234567*time.Nanosecond, 418, 1<<40, probes.TraceID{1}
	s.Phases.Set(probes.DNS, 0)
	s.Phases.Set(probes.TLS, 2*time.Hour)
	var b Board
	b.Observe("p", s)
	h := b.History("p")
	want := Result{
		At: s.Start, Duration: 1235 * time.Microsecond, Outcome: probes.Error, Error: "late", Status: 418, Bytes: 1 << 40,
		Evidence: s.Evidence,
	}
	want.Phases.Set(probes.DNS, 0)
	want.Phases.Set(probes.TLS, (1<<32-1)*time.Microsecond)
	if h.Results[0] != want {
		t.Errorf("got %+v, want %+v", h.Results[0], want)
	}
	if want.Trace = s.TraceID; h.Failures[0] != want {
		t.Errorf("got %+v, want %+v", h.Failures[0], want)
	}
}

func TestManyProbesKeepFewerAnswersAndTheLastOfAll(t *testing.T) {
	var b Board
	for i := range 8191 { // leave each the least
		b.Observe(fmt.Sprint(i), &probes.Sample{})
	}
	for i := range 50 {
		b.Observe("p", answered(2*i, errors.New("broken")))
		b.Observe("p", answered(2*i+1, nil))
	}
	h := b.History("p")
	kept := func(results []Result) (which []int) {
		for i := range results {
			if results[i].Evidence != nil {
				which = append(which, i)
			}
		}
		return which
	}
	if got, want := fmt.Sprint(kept(h.Results), kept(h.Failures)), "[48 49] [49]"; got != want {
		t.Errorf("the answers of results and failures kept are %s, want %s", got, want)
	}
	if held := b.probes["p"].held; held > 4<<10 {
		t.Errorf("%d bytes held", held)
	}
}

func TestWhatIsHeldIsWhatTheRingsLeadTo(t *testing.T) {
	var b Board
	for i := range 500 {
		err := error(nil)
		if i%3 == 0 {
			err = fmt.Errorf("broken %d", i%7)
		}
		b.Observe("p", answered(i/2, err))
		h := b.probes["p"]
		seen, size := map[*details]int{}, 0
		h.results.each(func(r *run) { seen[r.details]++ })
		h.failures.each(func(f *failure) { seen[f.details]++ })
		for d, n := range seen {
			if d == nil {
				continue
			}
			if size += d.size(); d.uses != n {
				t.Fatalf("run %d: %d uses, want %d", i, d.uses, n)
			}
		}
		if h.held != size || size > mostOfProbe {
			t.Fatalf("run %d: %d bytes held, want %d", i, h.held, size)
		}
	}
}

func TestARunIsSmall(t *testing.T) {
	if got := unsafe.Sizeof(run{}); got != 56 {
		t.Errorf("a run takes %d bytes, want 56", got)
	}
}

// BenchmarkBoardMemory says what a probe takes of ten thousand, each of whose answers differs from the one before.
func BenchmarkBoardMemory(b *testing.B) {
	const n = 10_000
	for name, failing := range map[string]int{"answering": 0, "failing": 1} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				board := &Board{}
				for i := range n {
					board.Observe(fmt.Sprint(i), &probes.Sample{})
				}
				for i := range n * 60 {
					var err error
					if failing > 0 {
						err = errors.New("broken")
					}
					board.Observe(fmt.Sprint(i%n), answered(i, err))
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/probe")
				runtime.KeepAlive(board)
			}
		})
	}
}
