package collector

import (
	"context"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// lookAt makes a collector of a local process and a registry that holds it. The test reads it by pull, or runs it.
func lookAt(t *testing.T, spec ProcessSpec) (*Process, *prometheus.Registry) {
	t.Helper()
	spec.Name = "api"
	all, err := NewProcesses([]ProcessSpec{spec}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(all[0])
	return all[0], reg
}

// runProcess reads a process until the test ends.
func runProcess(t *testing.T, p *Process) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); p.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

// eventually waits until a condition holds, for at most a minute: a busy machine needs seconds to start a child.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// byPID is the pid file of a child.
func byPID(t *testing.T, c *child) ProcessSpec {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pid")
	writePID(t, file, c.pid())
	return ProcessSpec{PIDFile: file, Children: true}
}

func writePID(t *testing.T, file string, pid int) {
	t.Helper()
	if err := os.WriteFile(file, []byte(strconv.Itoa(pid)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func treeOf(t *testing.T, p *Process) *processTree {
	t.Helper()
	tree, ok := p.source.(*processTree)
	if !ok {
		t.Fatalf("%T is read, want a tree", p.source)
	}
	return tree
}

const (
	apiUp       = `perfwatch_process_up{process="api"}`
	apiCPU      = `perfwatch_process_cpu_seconds_total{process="api"}`
	apiCPUPeak  = `perfwatch_process_cpu_usage_peak_ratio{process="api"}`
	apiMemory   = `perfwatch_process_resident_memory_bytes{process="api"}`
	apiPeak     = `perfwatch_process_resident_memory_peak_bytes{process="api"}`
	apiShared   = `perfwatch_process_proportional_memory_bytes{process="api"}`
	apiFDs      = `perfwatch_process_open_fds{process="api"}`
	apiThreads  = `perfwatch_process_threads{process="api"}`
	apiScrape   = `perfwatch_scrape_success{collector="process/api"}`
	apiRestarts = `perfwatch_process_restarts_total{process="api"}`
)

// near says that two figures differ by no more than within.
func near(a, b, within float64) bool { return math.Abs(a-b) <= within }

// A busy machine may hold the child up, or us, so that there is something else to see: there are more attempts then.
func TestThirtyPercentForThreeTenthsOfASecondAreSeenByPeakAndHistogram(t *testing.T) {
	c := startChild(t)
	p, reg := lookAt(t, byPID(t, c))
	runProcess(t, p)
	upTo := func(share string) float64 {
		return number(t, reg, `perfwatch_process_cpu_usage_sample_ratio_bucket{process="api",le="`+share+`"}`)
	}
	var said string
	for range 20 {
		p.mu.Lock()
		p.peak.readings = nil
		p.mu.Unlock()
		eventually(t, "a reading", func() bool { return series(t, reg)[apiCPUPeak] != "" })
		before, low, high := number(t, reg, apiCPU), upTo("0.2"), upTo("0.4")
		spent, took := c.do("burn", 0.3, 0.3)
		eventually(t, "what the child spent", func() bool { return number(t, reg, apiCPU)-before >= spent })
		peak, got := number(t, reg, apiCPUPeak), number(t, reg, apiCPU)-before
		seen := (upTo("0.4") - high) - (upTo("0.2") - low) // readings of 0.2 to 0.4 cores: three, or two and two halves
		if near(peak, 0.3, 0.08) && near(got, spent, 0.02) && seen >= 2 && seen <= 4 {
			return
		}
		said = fmt.Sprintf("the child spent %g s in %g s: peak of %g cores, want 0.3; %g CPU seconds; %g readings near 0.3 cores, want 3",
			spent, took, peak, got, seen)
	}
	t.Error(said)
}

func TestGrowthIsSeenToAPage(t *testing.T) {
	const size = 64 << 20
	c := startChild(t)
	p, reg := lookAt(t, byPID(t, c))
	c.do("grow", 1<<20) // what the first growth costs beside its own memory
	p.pull(t.Context())
	before, want := number(t, reg, apiMemory), -walked(t, c.pid())
	c.do("grow", size)
	p.pull(t.Context())
	want += walked(t, c.pid()) // the size, and what the child's own work needs
	if grown := number(t, reg, apiMemory) - before; want < size || !near(grown, want, float64(os.Getpagesize())) {
		t.Errorf("grown by %.0f bytes, want %.0f to a page", grown, want)
	}
	if memory, peak := number(t, reg, apiMemory), number(t, reg, apiPeak); peak != memory {
		t.Errorf("peak of %g bytes, want the %g of now", peak, memory)
	}
	tree := treeOf(t, p)
	tree.sharedAt, tree.refreshAt = time.Time{}, time.Time{}
	p.pull(t.Context())
	if shared, memory := number(t, reg, apiShared), number(t, reg, apiMemory); shared < size || shared > memory {
		t.Errorf("%g bytes proportional of %g resident, want what is its own and no more than resident", shared, memory)
	}
}

func TestAKilledProcessIsDownAndItsSuccessorIsARestart(t *testing.T) {
	first := startChild(t)
	spec := byPID(t, first)
	p, reg := lookAt(t, spec)
	p.pull(t.Context())
	wantSeries(t, reg, map[string]string{apiUp: "1", apiRestarts: "0", apiScrape: "1"})
	own, _ := first.do("burn", 1, 0.05)
	p.pull(t.Context())
	spent := number(t, reg, apiCPU)
	if spent < own || spent > own+0.02 { // nothing of before the first look
		t.Errorf("%g CPU seconds, want %g", spent, own)
	}
	_ = first.cmd.Process.Kill() // nobody has waited for it: a zombie is no process either
	eventually(t, "its end", func() bool { p.pull(t.Context()); return series(t, reg)[apiUp] == "0" })
	first.kill()
	wantSeries(t, reg, map[string]string{
		apiRestarts: "0", apiMemory: "", apiFDs: "", apiThreads: "", apiShared: "",
		apiScrape: "0",
	})
	if number(t, reg, apiCPU) < spent {
		t.Errorf("CPU seconds fell to %g", number(t, reg, apiCPU))
	}
	second := startChild(t)
	burnt, _ := second.do("burn", 1, 0.05)
	before := number(t, reg, apiCPU)
	writePID(t, spec.PIDFile, second.pid())
	eventually(t, "its successor", func() bool { p.pull(t.Context()); return series(t, reg)[apiUp] == "1" })
	wantSeries(t, reg, map[string]string{apiRestarts: "1"})
	if got := number(t, reg, apiCPU) - before; got < burnt {
		t.Errorf("%g CPU seconds of the successor, want the %g since its start", got, burnt)
	}
}

func TestADescriptorAndAThreadAreCounted(t *testing.T) {
	c := startChild(t)
	p, reg := lookAt(t, byPID(t, c))
	p.pull(t.Context())
	before := number(t, reg, apiFDs)
	c.do("open", 25)
	// Its runtime may open some of its own meanwhile.
	eventually(t, "the files", func() bool { p.pull(t.Context()); return number(t, reg, apiFDs) >= before+25 })
	if opened := number(t, reg, apiFDs) - before; opened > 30 {
		t.Errorf("%g more files are open, want the 25 and a few", opened)
	}
	if threads := number(t, reg, apiThreads); threads < 1 || threads > 64 {
		t.Errorf("%g threads, want a few", threads)
	}
}

func TestChildrenCount(t *testing.T) {
	c := startChild(t)
	whole, wholeReg := lookAt(t, byPID(t, c))
	alone := byPID(t, c)
	alone.Children = false
	only, onlyReg := lookAt(t, alone)
	pull := func() {
		whole.pull(t.Context())
		only.pull(t.Context())
	}
	pull()
	parent := number(t, onlyReg, apiMemory)
	if number(t, wholeReg, apiMemory) != parent {
		t.Errorf("a process without children has %g bytes with them", number(t, wholeReg, apiMemory))
	}
	c.do("fork")
	eventually(t, "the child's memory", func() bool { pull(); return number(t, wholeReg, apiMemory) > 1.5*parent })
	if memory := number(t, onlyReg, apiMemory); memory > 1.4*parent {
		t.Errorf("%g bytes without children, want about the parent's %g", memory, parent)
	}
	wantSeries(t, wholeReg, map[string]string{apiUp: "1", apiRestarts: "0"})
}

func TestChildrenThatCameAndWentAreCounted(t *testing.T) {
	c := startChild(t)
	p, reg := lookAt(t, byPID(t, c))
	runProcess(t, p)
	eventually(t, "a reading", func() bool { return series(t, reg)[apiUp] == "1" })
	var spent float64
	for _, seconds := range []float64{0.02, 0.3, 0.02, 0.02, 0.1} { // most of them no look at the tree will see
		s, _ := c.do("run", seconds)
		spent += s
	}
	eventually(t, "what they spent", func() bool { return number(t, reg, apiCPU) >= spent-0.02 })
	own, _ := cpuClock(c.pid())
	last := 0.0
	for range 20 { // nothing is counted twice, whatever the looks saw of it
		p.pull(t.Context())
		now := number(t, reg, apiCPU)
		if now < last {
			t.Errorf("CPU seconds fell from %g to %g", last, now)
		}
		last = now
	}
	if last > spent+own+0.03 {
		t.Errorf("%g CPU seconds, want the %g of the children and at most %g of the parent", last, spent, own)
	}
}

func TestACommandLineFindsTheOldestAndNeverItself(t *testing.T) {
	text := fmt.Sprintf("uvicorn backend.main:app%d", os.Getpid())
	first, second := startChild(t, "uvicorn", fmt.Sprintf("backend.main:app%d", os.Getpid())), startChild(t, text)
	p, reg := lookAt(t, ProcessSpec{Command: text, Children: true})
	eventually(t, "the process", func() bool { p.pull(t.Context()); return series(t, reg)[apiUp] == "1" })
	if root := treeOf(t, p).root; root.pid != first.pid() {
		t.Errorf("process %d is watched, want the oldest: %d, not %d", root.pid, first.pid(), second.pid())
	}
	first.kill()
	eventually(t, "the other", func() bool { p.pull(t.Context()); return series(t, reg)[apiRestarts] == "1" })
	if root := treeOf(t, p).root; root.pid != second.pid() {
		t.Errorf("process %d is watched, want %d", root.pid, second.pid())
	}
	scan, err := newProcessTable("/proc").scan(0)
	if err != nil {
		t.Fatal(err)
	}
	scan.boot += commandAge
	self, err := commandLine("/proc", os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if pid, err := byCommand("/proc", self)(scan); err == nil && pid == os.Getpid() {
		t.Error("perfwatch found itself")
	}
}

func TestAPortFindsItsListener(t *testing.T) {
	c := startChild(t)
	port, _ := c.do("listen")
	p, reg := lookAt(t, ProcessSpec{Port: int(port), Children: true})
	p.pull(t.Context())
	wantSeries(t, reg, map[string]string{apiUp: "1"})
	if root := treeOf(t, p).root; root.pid != c.pid() {
		t.Errorf("process %d is watched, want %d", root.pid, c.pid())
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := net.SplitHostPort(l.Addr().String())
	free, _ := strconv.Atoi(text)
	_ = l.Close()
	p, reg = lookAt(t, ProcessSpec{Port: free})
	p.pull(t.Context())
	wantSeries(t, reg, map[string]string{apiUp: "0"})
	if s := p.Snapshot(); s.Error != fmt.Sprintf("finding process: none listens on port %d", free) {
		t.Errorf("error %q", s.Error)
	}
}

func TestALookForAProcessThatIsGoneBacksOff(t *testing.T) {
	tree := newProcessTree(newProcessTable("/proc"), func(*procScan) (int, error) { return 0, fmt.Errorf("not there") }, true)
	now := time.Now()
	var waits []time.Duration
	for range 7 {
		_ = tree.lose(now, errProcessEnded)
		waits = append(waits, tree.refreshAt.Sub(now).Round(100*time.Millisecond))
	}
	want := "[300ms 500ms 1s 2s 4s 5s 5s]"
	if got := fmt.Sprint(waits); got != want {
		t.Errorf("waits of %s, want %s", got, want)
	}
}

func TestPIDFilesThatNameNothing(t *testing.T) {
	scan := &procScan{byPID: map[int]procStat{7: {pid: 7}, 8: {pid: 8, dead: true}}}
	file := filepath.Join(t.TempDir(), "pid")
	for _, row := range []struct{ text, want string }{
		{"7", ""},
		{" 7 \n8\n", ""},
		{"", `reading the pid file "FILE": "", want a process id`},
		{"-7", `reading the pid file "FILE": "-7", want a process id`},
		{"0", `reading the pid file "FILE": "0", want a process id`},
		{"8", `finding process: 8, which "FILE" names, does not run`},
		{"9", `finding process: 9, which "FILE" names, does not run`},
		{"99999999999999999999", `reading the pid file "FILE": "99999999999999999999", want a process id`},
		{"\x00\xff", `reading the pid file "FILE": "\x00\xff", want a process id`},
	} {
		if err := os.WriteFile(file, []byte(row.text), 0o600); err != nil {
			t.Fatal(err)
		}
		pid, err := byPIDFile(file)(scan)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if want := strings.ReplaceAll(row.want, "FILE", file); got != want || err == nil && pid != 7 {
			t.Errorf("%q: process %d, %s, want 7 or %s", row.text, pid, got, want)
		}
	}
}

func TestAUsageNeedsTwoReadingsApartAndNoneOfAGapCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProcess("api", nil, quiet())
		reg := prometheus.NewPedanticRegistry()
		reg.MustRegister(p)
		read := func(after time.Duration, r processReading, err error) {
			time.Sleep(after)
			r.at = time.Now()
			p.source = sourceFunc(func(context.Context) (processReading, error) { return r, err })
			p.pull(t.Context())
		}
		want := func(cpu, peak string) {
			t.Helper()
			wantSeries(t, reg, map[string]string{apiCPU: cpu, apiCPUPeak: peak})
		}
		read(0, processReading{cpu: 0, resident: 1}, nil)
		want("0", "")
		read(100*time.Millisecond, processReading{cpu: 0.25, steady: 0.05, resident: 5}, nil)
		want("0.25", "0.5") // a child that is new counts, and is no use of these 100 ms
		read(time.Millisecond, processReading{cpu: 0.015625, steady: 0.015625, resident: 2}, nil)
		want("0.265625", "0.5") // too close
		read(99*time.Millisecond, processReading{cpu: 0.046875, steady: 0.046875, resident: 2}, nil)
		want("0.3125", "0.625")
		read(100*time.Millisecond, processReading{cpu: 0.5, steady: 0.5, took: 900 * time.Millisecond, resident: 2}, nil)
		want("0.8125", "0.625") // held up in the midst of reading: half a core of a second it may have been
		read(time.Second, processReading{}, errProcessEnded)
		want("0.8125", "0.625")
		read(time.Second, processReading{cpu: 2, steady: 2, resident: 1}, nil)
		want("2.8125", "0.625")
		read(100*time.Millisecond, processReading{cpu: 1, steady: 1, restarted: true, resident: 1}, nil)
		want("3.8125", "0.625")
		wantSeries(t, reg, map[string]string{apiPeak: "5", apiMemory: "1", apiRestarts: "1"})
		pass(time.Minute)
		wantSeries(t, reg, map[string]string{apiPeak: "", apiCPUPeak: "", apiCPU: "3.8125"})
	})
}

func TestLinesOfStat(t *testing.T) {
	const rest = " S 41 42 42 0 -1 4194560 5358 49362 2 16 150 50 3400 400 20 0 7 0 207277 5124096 991 184467440737095"
	want := procStat{pid: 42, parent: 41, cpu: 2, waited: 38, threads: 7, start: 207277}
	dead := want
	dead.dead = true
	for _, row := range []struct {
		text string
		want procStat
		err  string
	}{
		{"42 (bash)" + rest, want, ""},
		{"42 (a) Z 1 (b))" + rest, want, ""},
		{"42 (x)" + strings.Replace(rest, " S ", " Z ", 1), dead, ""},
		{"", procStat{}, `reading stat: "", want a name in parentheses`},
		{"42 )x( S 41", procStat{}, `reading stat: "42 )x( S 41", want a name in parentheses`},
		{"42 (x) S 1 2", procStat{}, "reading stat: 3 fields, want more than 19"},
		{"42 (x)" + strings.Replace(rest, "150", "1x0", 1), procStat{}, `reading a number: "1x0"`},
		{"42 (x)" + strings.Replace(rest, "207277", "99999999999999999999", 1), procStat{}, `reading a number: "99999999999999999999"`},
	} {
		got, err := parseStat([]byte(row.text))
		if text := fmt.Sprint(err); row.err != "" && text != row.err || row.err == "" && (err != nil || got != row.want) {
			t.Errorf("%.20q: %+v, %s, want %+v, %s", row.text, got, text, row.want, row.err)
		}
	}
}
