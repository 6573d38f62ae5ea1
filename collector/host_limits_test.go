package collector

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// cgroupFiles writes files below a folder that stands for the root; /proc and /sys are in it.
func cgroupFiles(t *testing.T, files map[string]string) {
	t.Helper()
	dir := procTree(t, files)
	t.Setenv("HOST_PROC", filepath.Join(dir, "proc"))
	t.Setenv("HOST_SYS", filepath.Join(dir, "sys"))
}

// limitedGroup is a service in a slice: the slice has a limit of memory, the service one of CPU.
func limitedGroup() map[string]string {
	return map[string]string{
		"proc/self/cgroup":                              "0::/shop.slice/api.service\n",
		"sys/fs/cgroup/cgroup.controllers":              "cpu memory\n",
		"sys/fs/cgroup/shop.slice/memory.max":           "536870912\n",
		"sys/fs/cgroup/shop.slice/memory.current":       "402653184\n",
		"sys/fs/cgroup/shop.slice/memory.stat":          "anon 1\ninactive_file 134217728\nactive_file 5\n",
		"sys/fs/cgroup/shop.slice/api.service/cpu.max":  "50000 100000\n",
		"sys/fs/cgroup/shop.slice/api.service/cpu.stat": "usage_usec 7000000\nthrottled_usec 250000\n",
	}
}

// bigHost is a machine of 8 CPUs and 16 GiB.
func bigHost(context.Context) (hostState, error) {
	return hostState{busy: 1, total: 100, available: 8 << 30, memory: 16 << 30, cpus: 8}, nil
}

func TestTheLesserOfMachineAndGroupIsJudged(t *testing.T) {
	with := func(more ...string) map[string]string {
		files := limitedGroup()
		for i := 0; i < len(more); i += 2 {
			files["sys/fs/cgroup/shop.slice/"+more[i]] = more[i+1]
		}
		return files
	}
	type want struct {
		memory, available uint64
		cpus, busy        float64
	}
	const half, quarter = 512 << 20, 256 << 20 // of the slice, without its file cache
	machine := want{16 << 30, 8 << 30, 8, 1}
	for _, row := range []struct {
		name, group string
		files       map[string]string
		want        want
	}{
		{"its own group", "", with(), want{half, quarter, 0.5, 7}},
		{"another group", "/shop.slice", with(), want{half, quarter, 8, 1}},
		{"none", "", map[string]string{}, machine},
		{"more than the machine has", "", with("memory.max", "99999999999999\n", "api.service/cpu.max", "900000 100000\n"), machine},
		{"more used than there may be", "", with("memory.current", "999999999999\n"), want{half, 0, 0.5, 7}},
	} {
		t.Run(row.name, func(t *testing.T) {
			cgroupFiles(t, row.files)
			s, err := newLimitedHost(row.group, bigHost).read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := (want{s.memory, s.available, s.cpus, s.busy}); got != row.want {
				t.Errorf("%+v, want %+v", got, row.want)
			}
			if limited := row.want.cpus < 8; s.throttled.known != limited || limited && s.throttled.v != 0.25 {
				t.Errorf("throttled for %+v, want 0.25 s with a quota", s.throttled)
			}
		})
	}
}

func TestAGroupThatCannotBeReadIsToldAndLookedForAnew(t *testing.T) {
	for _, file := range []string{"shop.slice/memory.stat", "shop.slice/memory.current", "shop.slice/api.service/cpu.stat"} {
		files := limitedGroup()
		delete(files, "sys/fs/cgroup/"+file)
		cgroupFiles(t, files)
		l := newLimitedHost("", bigHost)
		if _, err := l.read(t.Context()); err == nil || !strings.Contains(err.Error(), "reading ") {
			t.Errorf("without %s: error %v, want one that says what was read", file, err)
		}
		if err := os.RemoveAll(filepath.Join(os.Getenv("HOST_SYS"), "fs/cgroup/shop.slice")); err != nil {
			t.Fatal(err)
		}
		if s, err := l.read(t.Context()); err != nil || s.cpus != 8 {
			t.Errorf("once the group is gone: %g CPUs and error %v, want those of the machine", s.cpus, err)
		}
	}
}

// The group uses half a CPU of a quota of half a one in its first half second, nothing in the next, and has then more.
func TestUsageIsOfTheQuota(t *testing.T) {
	book := objective.NewBook([]objective.Objective{
		{Name: "cpu", Measure: objective.CPUUsage, Window: time.Minute, Warning: new(0.4), Critical: new(0.9)},
	})
	state := hostState{memory: 2, available: 1, cpus: 8, total: 100}
	host := newHost(func(context.Context) (hostState, error) { return state, nil }, book, quiet())
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(host)
	step := func(busy, total, quota float64) {
		state.busy, state.total, state.quota = busy, total, quota
		host.sample(t.Context())
	}
	step(10, 100, 0) // of the machine
	step(1, 5, 0.5)  // of the group: no difference of the two
	wantSeries(t, reg, map[string]string{hostCPUUsage: "", `perfwatch_host_cgroup_limited{resource="cpu"}`: "1"})
	step(1.25, 5.25, 0.5)
	wantSeries(t, reg, map[string]string{hostCPUUsage: "1", hostCPUUsagePeak: "1"})
	step(1.25, 5.5, 0.5)
	wantSeries(t, reg, map[string]string{hostCPUUsage: "0.5"})
	wantSeries(t, reg, map[string]string{`perfwatch_host_above_threshold_seconds_total{level="target",objective="cpu"}`: ""})
}

func TestTimeAboveAThresholdIsCounted(t *testing.T) {
	book := objective.NewBook([]objective.Objective{
		{Name: "cpu", Measure: objective.CPUUsage, Window: time.Minute, Warning: new(0.5), Critical: new(0.95)},
		{Name: "memory", Measure: objective.MemoryUsage, Window: time.Minute, Warning: new(0.2)},
	})
	source := busyHost(func(sample int) float64 {
		if sample > 20 && sample <= 50 { // 3 s
			return 0.6
		}
		return 0.5
	})
	runHost(t, source, book, func(t *testing.T, reg *prometheus.Registry) {
		pass(0)
		warning := `perfwatch_host_above_threshold_seconds_total{level="warning",objective="cpu"}`
		wantSeries(t, reg, map[string]string{warning: "0"})
		pass(9950 * time.Millisecond)
		wantNear(t, reg, warning, 3)
		wantNear(t, reg, `perfwatch_host_above_threshold_seconds_total{level="critical",objective="cpu"}`, 0)
		wantNear(t, reg, `perfwatch_host_above_threshold_seconds_total{level="warning",objective="memory"}`, 9.9)
	})
}
