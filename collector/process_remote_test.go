package collector

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	promconfig "github.com/prometheus/common/config"
)

// metricsOf is a page as client libraries write it.
func metricsOf(cpu, memory, start string) string {
	return "# HELP process_cpu_seconds_total Total user and system CPU time spent in seconds.\n" +
		"# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total " + cpu + "\n" +
		"# HELP process_resident_memory_bytes Resident memory size in bytes.\n" +
		"# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes " + memory + "\n" +
		"# TYPE process_open_fds gauge\nprocess_open_fds 12\n" +
		"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds " + start + "\n" +
		"# TYPE requests counter\nrequests{code=\"200\"} 5\nprocess_cpu_seconds_total_of_others 7\n"
}

// remote is a process that a handler speaks for.
func remote(t *testing.T, h http.HandlerFunc) *remoteProcess {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	p, err := newRemoteProcess(&ProcessSpec{MetricsURL: server.URL, HTTPClient: promconfig.DefaultHTTPClientConfig})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAProcessIsReadFromItsOwnMetrics(t *testing.T) {
	pages := []string{
		metricsOf("100.5", "1e+08", "1.7e+09"),
		metricsOf("101.5", "2e+08", "1.7e+09"),
		metricsOf("0.25", "3e+07", "1.70001e+09"), // restarted
		metricsOf("200", "3e+07", "1.70002e+09"),  // likewise, and busier than the one before ever was
		metricsOf("201", "3e+07", "1.70002e+09"),
		metricsOf("1", "3e+07", "0"), // says no start: a counter that falls says it
	}
	var asked atomic.Int64
	p := remote(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("User-Agent"); got != "perfwatch" {
			t.Errorf("user agent %q, want perfwatch", got)
		}
		_, _ = io.WriteString(w, pages[asked.Add(1)-1])
	})
	for i, want := range []struct {
		cpu, steady float64
		resident    int64
		restarted   bool
	}{
		{0, 0, 1e8, false}, {1, 1, 2e8, false}, {0.25, 0, 3e7, true}, {200, 0, 3e7, true}, {1, 1, 3e7, false}, {1, 0, 3e7, true},
	} {
		r, err := p.read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r.cpu != want.cpu || r.steady != want.steady || r.resident != want.resident || r.restarted != want.restarted {
			t.Errorf("reading %d: %g and %g CPU seconds, %d bytes, restarted %v, want %+v",
				i, r.cpu, r.steady, r.resident, r.restarted, want)
		}
		if r.fds != (count{12, true}) || r.threads.known || r.shared.known {
			t.Errorf("reading %d: %v descriptors, %v threads, %v shared, want 12 and no more", i, r.fds, r.threads, r.shared)
		}
	}
}

func TestAHostilePageOfMetricsIsRefused(t *testing.T) {
	good := metricsOf("1", "2", "3")
	write := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	for _, row := range []struct {
		name    string
		handler http.HandlerFunc
		want    string // the start of the error; "" for a page that is good
	}{
		{"good", write(good), ""},
		{"garbage in the lines of others", write("\x00\xff{{{ \n=\n" + good + "requests{ 5\n" + strings.Repeat("x", 1<<19)), ""},
		{"timestamps", write(strings.ReplaceAll(good, "cpu_seconds_total 1\n", "cpu_seconds_total 1 1700000000000\n")), ""},
		{"lines of Windows", write(strings.ReplaceAll(good, "\n", "\r\n")), ""},
		{"empty", write(""), "reading metrics: no process_cpu_seconds_total and process_resident_memory_bytes, want both"},
		{"only one of them", write("process_cpu_seconds_total 1\n"), "reading metrics: no process_cpu_seconds_total and"},
		{"binary", write("\x00\x01\x02\xff\xfe"), "reading metrics: no process_cpu"},
		{"no number", write(metricsOf("one", "2", "3")), "reading metrics: text format parsing error"},
		{"NaN", write(metricsOf("NaN", "2", "3")), "reading metrics: process_cpu_seconds_total: NaN, want a figure"},
		{"infinite", write(metricsOf("1", "+Inf", "3")), "reading metrics: process_resident_memory_bytes: +Inf, want a figure"},
		{"negative", write(metricsOf("1", "-2", "3")), "reading metrics: process_resident_memory_bytes: -2, want a figure"},
		{"more than there can be", write(metricsOf("1e300", "2", "3")), "reading metrics: process_cpu_seconds_total: 1e+300, want"},
		{"a figure twice", write(good + "process_cpu_seconds_total 2\n"),
			"reading metrics: process_cpu_seconds_total: 2 series, want 1"},
		{"a family twice", write(good + good), "reading metrics: "},
		{"called a histogram", write(strings.Replace(good, "seconds_total counter", "seconds_total histogram", 1)), ""},
		{"labels without an end", write("process_cpu_seconds_total{a=\"" + strings.Repeat("x", 1<<19)),
			"reading metrics: text format parsing error"},
		{"an error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
			"asking for metrics: status 403, want 200"},
		{"endless", func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := io.WriteString(w, good); err != nil {
					return
				}
			}
		}, "reading metrics: more than 1048576 bytes"},
		{"compressed", bomb, "reading metrics: no process_cpu"}, // nobody asked for that
		{"one line", write("process_cpu_seconds_total " + strings.Repeat("1", maxMetricsBytes)),
			"reading metrics: more than 1048576 bytes"},
		{"breaks off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = io.WriteString(w, good)
		}, "reading metrics: unexpected EOF"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			_, err := remote(t, row.handler).read(t.Context())
			switch {
			case row.want == "" && err != nil:
				t.Errorf("error %v, want none", err)
			case row.want != "" && !strings.HasPrefix(fmt.Sprint(err), row.want):
				t.Errorf("error %q, want %q", fmt.Sprint(err), row.want)
			case len(fmt.Sprint(err)) > 1000:
				t.Errorf("an error of %d bytes", len(fmt.Sprint(err)))
			}
		})
	}
}

// bomb is 8 MiB of nothing in a few kilobytes.
func bomb(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = z.Write(make([]byte, 8<<20))
	_ = z.Close()
}

func TestASlowPageOfMetricsEndsWithItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// A source that drips as long as it is let.
		p := newProcess("api", sourceFunc(func(ctx context.Context) (processReading, error) {
			<-ctx.Done()
			return processReading{}, ctx.Err()
		}), quiet())
		start := time.Now()
		p.pull(t.Context())
		if took := time.Since(start); took != processTimeout {
			t.Errorf("a reading took %s, want %s", took, processTimeout)
		}
		if s := p.Snapshot(); s.Up || s.Error != context.DeadlineExceeded.Error() {
			t.Errorf("up %v with error %q, want it down for its deadline", s.Up, s.Error)
		}
	})
	drip := remote(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, "#\n")
			_ = http.NewResponseController(w).Flush()
			<-time.After(time.Millisecond)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := drip.read(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the deadline's", err)
	}
}

// sourceFunc is a process that a function reads.
type sourceFunc func(context.Context) (processReading, error)

func (f sourceFunc) read(ctx context.Context) (processReading, error) { return f(ctx) }

// Whatever a page of metrics holds: its figures are such as a process can have, or there is a short error.
func FuzzProcessValues(f *testing.F) {
	good := metricsOf("1", "2", "3")
	for _, seed := range []string{
		"", good, good + good, metricsOf("NaN", "-Inf", "1e300"), "process_cpu_seconds_total{a=\"b\\\"\n\"} 1 2\n", "process_cpu_seconds_total{",
		"process_cpu_seconds_total{a=\"" + strings.Repeat("\xff", 100) + "\"} 1\n", "process_cpu_seconds_total 0x1p3 # {a=\"b\"} 1\n",
		"process_open_fds 1\r\nprocess_open_fds 2\r\n", "process_open_fds\t5\nprocess_open_fds{} 6\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, page []byte) {
		values, err := processValues(page)
		if err != nil && len(err.Error()) > 500 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
		for name, v := range values {
			if !(v >= 0 && v <= maxRemoteValue) || !strings.HasPrefix(name, "process_") {
				t.Errorf("%q is %g", name, v)
			}
		}
	})
}
