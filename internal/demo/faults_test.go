package demo

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestFractionPicksExactlyItsShareEvenly(t *testing.T) {
	for _, test := range []struct {
		level  float64
		events int
		want   []int // the first events picked, counted from 1
		picked int
	}{
		{0, 1000, nil, 0},
		{1, 1000, []int{1, 2, 3}, 1000},
		{0.5, 1000, []int{2, 4, 6}, 500},
		{0.1, 1000, []int{10, 20, 30}, 100},
		{0.05, 1000, []int{20, 40, 60}, 50},
		{0.005, 1000, []int{200, 400, 600}, 5},
		{0.4, 1000, []int{3, 5, 8}, 400},
		{1e-9, 1000, nil, 0},
	} {
		t.Run(fmt.Sprint(test.level), func(t *testing.T) {
			var f fraction
			f.set(test.level)
			var picked []int
			for n := 1; n <= test.events; n++ {
				if f.next() {
					picked = append(picked, n)
				}
			}
			if len(picked) != test.picked || fmt.Sprint(picked[:len(test.want)]) != fmt.Sprint(test.want) {
				t.Errorf("%d picked, first %v, want %d, %v", len(picked), picked[:min(3, len(picked))], test.picked, test.want)
			}
		})
	}
}

func TestErrorsFaultFailsExactlyEveryNth(t *testing.T) {
	p, _ := start(t)
	must(t, p.SetFault("errors", 0.1))
	var failed []int
	for n := 1; n <= 40; n++ {
		if status, _, _ := ask(t, "GET", p.URL()+"/api/dashboard", ""); status == 500 {
			failed = append(failed, n)
		}
	}
	if got := fmt.Sprint(failed); got != "[10 20 30 40]" {
		t.Errorf("requests %s failed, want [10 20 30 40]", got)
	}
	if status, _, _ := ask(t, "GET", p.URL()+"/", ""); status != 200 {
		t.Errorf("the home page answers %d, want 200: it is no part of the API", status)
	}
	must(t, p.SetFault("errors", 1))
	if status, _, _ := ask(t, "POST", p.URL()+"/api/auth/login", `{"username":"a","password":"b"}`); status != 500 {
		t.Errorf("at level 1 a login answers %d, want 500", status)
	}
	must(t, p.SetFault("errors", 0))
	if status, _, _ := ask(t, "GET", p.URL()+"/api/dashboard", ""); status != 200 {
		t.Errorf("at level 0 a request answers %d, want 200", status)
	}
}

func TestLatencyFaultDelaysTheAPIByItsLevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Platform{faults: newFaults()}
		h := p.troubled(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		for _, test := range []struct {
			level float64
			want  time.Duration
		}{{0, 0}, {700, 700 * time.Millisecond}, {0.5, 500 * time.Microsecond}, {10_000, 10 * time.Second}, {0, 0}} {
			must(t, p.SetFault("latency", test.level))
			start := time.Now()
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/api/dashboard", nil))
			if got := time.Since(start); got != test.want {
				t.Errorf("at level %v a request took %v, want %v", test.level, got, test.want)
			}
		}
	})
}

// TestPageFaultIsTwoThirdsWaitAndOneThirdWork looks at the answer; what a browser makes of it the end-to-end test shows.
func TestPageFaultIsTwoThirdsWaitAndOneThirdWork(t *testing.T) {
	p, _ := start(t)
	for _, test := range []struct {
		level float64
		wait  time.Duration
		work  string
	}{{0, 0, ""}, {300, 200 * time.Millisecond, "performance.now() +  100 ;"}, {0, 0, ""}} {
		must(t, p.SetFault("page", test.level))
		begun := time.Now()
		status, _, text := ask(t, "GET", p.URL()+"/", "")
		took := time.Since(begun)
		if status != 200 || took < test.wait || strings.Contains(text, "<script>") != (test.work != "") || !strings.Contains(text, test.work) {
			t.Errorf("level %v: status %d after %v, want 200 after %v and a script with %q", test.level, status, took, test.wait, test.work)
		}
	}
	if status, _, _ := ask(t, "GET", p.URL()+"/api/dashboard", ""); status != 200 {
		t.Errorf("the API answers %d, want 200: the fault is the page's", status)
	}
}

func TestColdCacheFaultMissesExactlyItsShare(t *testing.T) {
	p, r := start(t)
	client := redis.NewClient(&redis.Options{Addr: r.Address})
	defer func() { must(t, client.Close()) }()
	for _, test := range []struct {
		level  float64
		counts string // in all, after another 20 requests
	}{
		{0, "hits 20 misses 0"},
		{0.25, "hits 35 misses 5"},
		{1, "hits 35 misses 25"},
		{0, "hits 55 misses 25"}, // the other keys stayed warm
	} {
		must(t, p.SetFault("cold_cache", test.level))
		for range 20 {
			if status, _, text := ask(t, "GET", p.URL()+"/api/portfolio/summary", ""); field(t, text, "positions") != "20" {
				t.Errorf("status %d %s", status, text)
			}
		}
		if got := lookups(t, client); got != test.counts {
			t.Errorf("level %v: %s, want %s", test.level, got, test.counts)
		}
	}
}

func TestMemoryFaultMakesTheProcessGrowAndShrink(t *testing.T) {
	var b ballast
	defer func() { must(t, b.set(0)) }()
	before := residentMiB(t)
	for _, level := range []float64{64, 128, 32, 0} {
		must(t, b.set(level))
		if grown := residentMiB(t) - before; math.Abs(grown-level) > 16 {
			t.Errorf("at level %v the process has grown by %.0f MiB", level, grown)
		}
	}
}

func residentMiB(t *testing.T) float64 {
	t.Helper()
	runtime.GC()
	text, err := os.ReadFile("/proc/self/status")
	must(t, err)
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	var kib float64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib / 1024
}

func TestMemoryFaultIsBoundedByHalfOfWhatIsAvailable(t *testing.T) {
	f := newFaults()
	defer func() { must(t, f.close()) }()
	limit := f.memory.limit()
	if limit < 64 || limit > 1<<20 {
		t.Fatalf("limit %v MiB, want some", limit)
	}
	if err := f.set("memory", 10*limit); err == nil || !strings.Contains(err.Error(), `setting fault "memory": level `) {
		t.Errorf("error %v, want a refusal", err)
	}
	must(t, f.set("memory", 64))
	if got := f.memory.limit(); math.Abs(got-limit) > limit/4 {
		t.Errorf("holding memory moves its own limit from %v to %v", limit, got)
	}
}

func TestCPUControllerReachesItsLevelWhateverElseRuns(t *testing.T) {
	for _, test := range []struct{ level, others, want float64 }{
		{0.88, 0, 0.88},
		{0.88, 0.4, 0.88},
		{0.88, 0.8, 0.88},
		{0.3, 0, 0.3},
		{0.3, 0.5, 0.5}, // it cannot take away what others do
		{0.95, 0.1, 0.95},
		{1, 0.2, 1},
	} {
		duty, window := test.level, []float64{}
		usage, worst := 0.0, 0.0
		for tick := range 150 { // 15 s
			usage = test.others + (1-test.others)*duty
			window = append(window, usage)
			duty = nextDuty(duty, test.level, mean(window[max(0, len(window)-controlWindow):]))
			if tick >= 100 {
				worst = max(worst, math.Abs(usage-test.want))
			}
		}
		if worst > 0.02 {
			t.Errorf("level %v beside %v: off by %.3f after 10 s, ends at %.3f", test.level, test.others, worst, usage)
		}
	}
}

func TestUsageIsTheBusyShareOfTheTimeBetween(t *testing.T) {
	for _, test := range []struct {
		a, b cpuReading
		want float64
	}{
		{cpuReading{10, 100}, cpuReading{15, 110}, 0.5},
		{cpuReading{10, 100}, cpuReading{10, 110}, 0},
		{cpuReading{10, 100}, cpuReading{20, 110}, 1},
		{cpuReading{10, 100}, cpuReading{10, 100}, 1},
		{cpuReading{10, 100}, cpuReading{9, 110}, 0}, // steal may run backwards
	} {
		if got := usageBetween(test.a, test.b); got != test.want {
			t.Errorf("usage from %v to %v is %v, want %v", test.a, test.b, got, test.want)
		}
	}
}

func TestCPUFaultBurnsOnThreadsOfTheLowestPriorityThatEndWithIt(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	var b burner
	defer b.stop()
	must(t, b.set(0.5))
	var nice []int
	deadline, tick := time.After(10*time.Second), time.Tick(time.Millisecond)
	for ; len(nice) < runtime.NumCPU(); nice = niceThreads(t) {
		select {
		case <-tick:
		case <-deadline:
			t.Fatalf("%d threads of niceness 19, want %d", len(nice), runtime.NumCPU())
		}
	}
	start, elapsed := threadSeconds(t, nice), time.Now()
	for used := 0.0; used < 0.05; used = threadSeconds(t, nice) - start {
		if time.Since(elapsed) > 20*time.Second {
			t.Fatal("the threads use no CPU")
		}
		runtime.Gosched()
	}
	must(t, b.set(0))
	for tick := range time.Tick(time.Millisecond) { // a thread ends a moment after its goroutine
		if left := niceThreads(t); len(left) == 0 {
			break
		} else if tick.Sub(elapsed) > 30*time.Second {
			t.Fatalf("threads %v are left", left)
		}
	}
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("GOMAXPROCS is %d afterwards, want %d", got, before)
	}
}

// niceThreads lists this process's threads of niceness 19.
func niceThreads(t *testing.T) []int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	must(t, err)
	var nice []int
	for _, task := range tasks {
		var id int
		if _, err := fmt.Sscan(task.Name(), &id); err != nil {
			t.Fatal(err)
		}
		// The system call gives 20 less the niceness.
		if prio, err := syscall.Getpriority(syscall.PRIO_PROCESS, id); err == nil && prio == 1 {
			nice = append(nice, id)
		}
	}
	return nice
}

// threadSeconds is the CPU time that threads have used.
func threadSeconds(t *testing.T, ids []int) float64 {
	t.Helper()
	sum := 0.0
	for _, id := range ids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/schedstat", id))
		must(t, err)
		var ns float64
		if _, err := fmt.Sscan(string(text), &ns); err != nil {
			t.Fatal(err)
		}
		sum += ns / 1e9
	}
	return sum
}

func TestFaultsAreListedWithTheirLevels(t *testing.T) {
	p, _ := start(t)
	status, _, text := ask(t, "POST", p.URL()+"/faults/latency?level=2.5", "")
	if status != 200 || field(t, text, "faults.0.level") != "2.5" {
		t.Errorf("status %d %s", status, text)
	}
	_, _, text = ask(t, "GET", p.URL()+"/faults", "")
	for i, want := range []string{"latency 2.5 700", "errors 0 0.05", "cold_cache 0 0.5", "memory 0 512", "cpu 0 1"} {
		at := func(name string) string { return field(t, text, fmt.Sprintf("faults.%d.%s", i, name)) }
		if got := at("name") + " " + at("level") + " " + at("on"); got != want {
			t.Errorf("fault %d is %q, want %q", i, got, want)
		}
	}
	for _, f := range p.Faults() {
		if f.Title == "" || f.Unit == "" || f.On > f.Max {
			t.Errorf("fault %+v lacks something", f)
		}
	}
}

func TestFaultsAreSwitchedFromThisMachineOnly(t *testing.T) {
	p, _ := start(t)
	for _, test := range []struct {
		remote, host, site string
		status             int
	}{
		{"127.0.0.1:5", "127.0.0.1:8000", "", 200},
		{"[::1]:5", "localhost:8000", "same-origin", 200},
		{"[::ffff:127.0.0.1]:5", "[::1]:8000", "", 200},
		{"127.0.0.1:5", "127.0.0.1:8000", "cross-site", 403},
		{"127.0.0.1:5", "evil.example:8000", "same-origin", 403}, // a name that leads here
		{"192.0.2.1:5", "127.0.0.1:8000", "", 403},
		{"", "127.0.0.1:8000", "", 403},
	} {
		req := httptest.NewRequest(http.MethodPost, "/faults/errors?level=0.5", nil)
		req.RemoteAddr, req.Host = test.remote, test.host
		if test.site != "" {
			req.Header.Set("Sec-Fetch-Site", test.site)
		}
		w := httptest.NewRecorder()
		must(t, p.SetFault("errors", 0))
		p.handler().ServeHTTP(w, req)
		if on := p.Faults()[1].Level != 0; w.Code != test.status || on != (test.status == 200) {
			t.Errorf("from %q to %q (%s): status %d, switched %v, want %d", test.remote, test.host, test.site, w.Code, on, test.status)
		}
	}
}

func TestFaultsMaySwitchWhileRequestsRun(t *testing.T) {
	p, _ := start(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 25 {
				ask(t, "GET", p.URL()+"/api/recommendations/1", "")
				ask(t, "GET", p.URL()+"/faults", "")
			}
		})
	}
	for i := range 50 {
		level := float64(i%2) / 2
		for _, name := range []string{"latency", "errors", "cold_cache", "memory"} {
			must(t, p.SetFault(name, level))
		}
	}
	all.Wait()
}
