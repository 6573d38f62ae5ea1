package collector

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
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

// version2 is a service in a slice, whose limits are outside the tightest ones.
func version2() map[string]string {
	return map[string]string{
		"proc/self/cgroup":                                      "0::/shop.slice/api.service\n",
		"sys/fs/cgroup/cgroup.controllers":                      "cpu memory\n",
		"sys/fs/cgroup/shop.slice/memory.max":                   "536870912\n",
		"sys/fs/cgroup/shop.slice/memory.current":               "402653184\n",
		"sys/fs/cgroup/shop.slice/memory.stat":                  "anon 1\ninactive_file 134217728\nactive_file 5\n",
		"sys/fs/cgroup/shop.slice/cpu.max":                      "max 100000\n",
		"sys/fs/cgroup/shop.slice/api.service/memory.max":       "max\n",
		"sys/fs/cgroup/shop.slice/api.service/memory.current":   "1048576\n",
		"sys/fs/cgroup/shop.slice/api.service/memory.stat":      "inactive_file 0\n",
		"sys/fs/cgroup/shop.slice/api.service/cpu.max":          "50000 100000\n",
		"sys/fs/cgroup/shop.slice/api.service/cpu.stat":         "usage_usec 7000000\nthrottled_usec 250000\n",
		"sys/fs/cgroup/other.slice/memory.max":                  "1048576\n",
		"sys/fs/cgroup/shop.slice/api.service/child/memory.max": "1048576\n",
	}
}

// version1 is a container that has its own hierarchies of memory and CPU.
func version1() map[string]string {
	return map[string]string{
		"proc/self/cgroup":                                            "9:name=systemd:/\n4:memory:/docker/4242\n3:cpu,cpuacct:/docker/4242\n0::/\n",
		"sys/fs/cgroup/memory/memory.limit_in_bytes":                  "9223372036854771712\n",
		"sys/fs/cgroup/memory/docker/memory.limit_in_bytes":           "536870912\n",
		"sys/fs/cgroup/memory/docker/memory.usage_in_bytes":           "402653184\n",
		"sys/fs/cgroup/memory/docker/memory.stat":                     "inactive_file 7\ntotal_inactive_file 134217728\n",
		"sys/fs/cgroup/memory/docker/4242/memory.limit_in_bytes":      "1073741824\n",
		"sys/fs/cgroup/cpu/cpu.cfs_quota_us":                          "-1\n",
		"sys/fs/cgroup/cpu/cpu.cfs_period_us":                         "100000\n",
		"sys/fs/cgroup/cpu/docker/4242/cpu.cfs_quota_us":              "50000\n",
		"sys/fs/cgroup/cpu/docker/4242/cpu.cfs_period_us":             "100000\n",
		"sys/fs/cgroup/cpu/docker/4242/cpu.stat":                      "nr_periods 9\nthrottled_time 250000000\n",
		"sys/fs/cgroup/cpuacct/docker/4242/cpuacct.usage":             "7000000000\n",
		"sys/fs/cgroup/unified/docker/4242/memory.max":                "1\n",
		"sys/fs/cgroup/cpu/docker/4242/another/cpu.cfs_quota_us":      "1000\n",
		"sys/fs/cgroup/memory/docker/4242/b/memory.limit_in_bytes":    "1\n",
		"sys/fs/cgroup/cpuacct/docker/4242/b/cpuacct.usage":           "1\n",
		"sys/fs/cgroup/memory/elsewhere/4242/memory.limit_in_bytes":   "1\n",
		"sys/fs/cgroup/memory/docker/4242/memory.soft_limit_in_bytes": "1\n",
	}
}

// bigHost is a machine of 8 CPUs and 16 GiB.
func bigHost(context.Context) (hostState, error) {
	return hostState{busy: 1, total: 100, available: 8 << 30, memory: 16 << 30, cpus: 8}, nil
}

func TestTheLeastLimitAroundAGroupIsJudged(t *testing.T) {
	without := func(files map[string]string, prefix string) map[string]string {
		for name := range files {
			if strings.HasPrefix(name, prefix) {
				delete(files, name)
			}
		}
		return files
	}
	with := func(files map[string]string, more ...string) map[string]string {
		for i := 0; i < len(more); i += 2 {
			files[more[i]] = more[i+1]
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
		{"version 2", "", version2(), want{half, quarter, 0.5, 7}},
		{"version 1", "", version1(), want{half, quarter, 0.5, 7}},
		{"none", "", map[string]string{}, machine},
		{"another group", "/shop.slice", version2(), want{half, quarter, 8, 1}},
		{"a group that is not there", "/no.slice", version2(), machine},
		{"a way out", "/../../shop.slice", version2(), want{half, quarter, 8, 1}},
		{"the group is the root that is seen", "", with(version2(),
			"proc/self/cgroup", "0::/docker/4242\n", "sys/fs/cgroup/memory.max", "536870912\n", "sys/fs/cgroup/memory.current", "268435456\n",
			"sys/fs/cgroup/memory.stat", "inactive_file 0\n"), want{half, quarter, 8, 1}},
		{"more than the machine has", "", with(version2(), "sys/fs/cgroup/shop.slice/memory.max", "99999999999999\n",
			"sys/fs/cgroup/shop.slice/api.service/cpu.max", "900000 100000\n"), machine},
		{"hostile numbers", "", with(version2(), "sys/fs/cgroup/shop.slice/memory.max", "-1\n",
			"sys/fs/cgroup/shop.slice/api.service/cpu.max", "50000 0\n"), machine},
		{"a file too long", "", with(version2(), "sys/fs/cgroup/shop.slice/memory.max", strings.Repeat("1", 1<<17),
			"sys/fs/cgroup/shop.slice/api.service/cpu.max", strings.Repeat("5", 30)+" 1"), machine},
		{"no controllers", "", without(version2(), "sys/fs/cgroup/cgroup.controllers"), machine},
		{"more used than there may be", "", with(version2(), "sys/fs/cgroup/shop.slice/memory.current", "999999999999\n"),
			want{half, 0, 0.5, 7}},
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
		files := version2()
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

// A real group with a real limit, where this machine lets a test make one.
func TestALimitOfTheKernelIsSeen(t *testing.T) {
	const most = 128 << 20
	name := fmt.Sprintf("/perfwatch-test-%d", os.Getpid())
	tree := newCgroupTree(name)
	mount, _, v2 := tree.where("memory")
	dir, file := filepath.Join(mount, name), "memory.limit_in_bytes"
	if v2 {
		file = "memory.max"
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Logf("no cgroup can be made here: %v", err)
		return
	}
	defer func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	}()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(strconv.Itoa(most)), 0o600); err != nil {
		t.Logf("no limit can be set here: %v", err)
		return
	}
	s, err := newLimitedHost(name, bigHost).read(t.Context())
	if err != nil || s.memory != most || !s.memoryLimited || s.available > most || s.available < most-16<<20 {
		t.Errorf("%+v and error %v, want an empty group of 128 MiB", s, err)
	}
}
