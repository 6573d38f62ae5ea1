package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// treeOf writes files below a folder that stands for the root; /proc and /sys are in it.
func treeOf(t *testing.T, group string, files map[string]string) Tree {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Tree{Root: filepath.Join(dir, "sys/fs/cgroup"), Proc: filepath.Join(dir, "proc"), Group: group}
}

// version2 is a service in a slice, whose limits are outside the tightest ones.
func version2(more ...string) map[string]string {
	return with(map[string]string{
		"proc/self/cgroup":                                      "0::/shop.slice/api.service\n",
		"sys/fs/cgroup/cgroup.controllers":                      "cpu memory\n",
		"sys/fs/cgroup/shop.slice/memory.max":                   "536870912\n",
		"sys/fs/cgroup/shop.slice/memory.current":               "402653184\n",
		"sys/fs/cgroup/shop.slice/memory.stat":                  "anon 1\ninactive_file 134217728\nactive_file 5\n",
		"sys/fs/cgroup/shop.slice/cpu.max":                      "max 100000\n",
		"sys/fs/cgroup/shop.slice/cpu.stat":                     "usage_usec 8000000\nthrottled_usec 1000\n",
		"sys/fs/cgroup/shop.slice/api.service/memory.max":       "max\n",
		"sys/fs/cgroup/shop.slice/api.service/memory.current":   "1048576\n",
		"sys/fs/cgroup/shop.slice/api.service/memory.stat":      "inactive_file 0\n",
		"sys/fs/cgroup/shop.slice/api.service/cpu.max":          "50000 100000\n",
		"sys/fs/cgroup/shop.slice/api.service/cpu.stat":         "usage_usec 7000000\nthrottled_usec 250000\n",
		"sys/fs/cgroup/other.slice/memory.max":                  "1048576\n",
		"sys/fs/cgroup/other.slice/cpu.stat":                    "throttled_usec 99\n",
		"sys/fs/cgroup/shop.slice/api.service/child/memory.max": "1048576\n",
	}, more)
}

// version1 is a container that has its own hierarchies of memory and CPU.
func version1(more ...string) map[string]string {
	return with(map[string]string{
		"proc/self/cgroup":                                            "9:name=systemd:/\n4:memory:/docker/4242\n3:cpu,cpuacct:/docker/4242\n0::/\n",
		"sys/fs/cgroup/memory/memory.limit_in_bytes":                  "9223372036854771712\n",
		"sys/fs/cgroup/memory/docker/memory.limit_in_bytes":           "536870912\n",
		"sys/fs/cgroup/memory/docker/memory.usage_in_bytes":           "402653184\n",
		"sys/fs/cgroup/memory/docker/memory.stat":                     "inactive_file 7\ntotal_inactive_file 134217728\n",
		"sys/fs/cgroup/memory/docker/4242/memory.limit_in_bytes":      "1073741824\n",
		"sys/fs/cgroup/memory/docker/4242/cpu.stat":                   "throttled_time 99\n",
		"sys/fs/cgroup/cpu/cpu.cfs_quota_us":                          "-1\n",
		"sys/fs/cgroup/cpu/cpu.cfs_period_us":                         "100000\n",
		"sys/fs/cgroup/cpu/docker/cpu.stat":                           "nr_periods 9\nthrottled_time 1000000\n",
		"sys/fs/cgroup/cpu/docker/4242/cpu.cfs_quota_us":              "50000\n",
		"sys/fs/cgroup/cpu/docker/4242/cpu.cfs_period_us":             "100000\n",
		"sys/fs/cgroup/cpu/docker/4242/cpu.stat":                      "nr_periods 9\nthrottled_time 250000000\n",
		"sys/fs/cgroup/cpuacct/docker/4242/cpuacct.usage":             "7000000000\n",
		"sys/fs/cgroup/unified/docker/4242/memory.max":                "1\n",
		"sys/fs/cgroup/unified/docker/4242/cpu.stat":                  "throttled_usec 99\n",
		"sys/fs/cgroup/cpu/docker/4242/another/cpu.cfs_quota_us":      "1000\n",
		"sys/fs/cgroup/memory/docker/4242/b/memory.limit_in_bytes":    "1\n",
		"sys/fs/cgroup/cpuacct/docker/4242/b/cpuacct.usage":           "1\n",
		"sys/fs/cgroup/memory/elsewhere/4242/memory.limit_in_bytes":   "1\n",
		"sys/fs/cgroup/memory/docker/4242/memory.soft_limit_in_bytes": "1\n",
	}, more)
}

// with has more files, each a name and its text; a text of "" takes the file away.
func with(files map[string]string, more []string) map[string]string {
	for i := 0; i < len(more); i += 2 {
		files[more[i]] = more[i+1]
		if more[i+1] == "" {
			delete(files, more[i])
		}
	}
	return files
}

func TestTheLeastLimitAroundAGroupIsFound(t *testing.T) {
	const slice, api = "sys/fs/cgroup/shop.slice/", "sys/fs/cgroup/shop.slice/api.service/"
	const both = "memory 268435456 of 536870912, cpu 7 of 0.5, throttled 250ms true, 251ms in all"
	const memory = "memory 268435456 of 536870912, cpu none"
	for _, row := range []struct {
		name, group string
		files       map[string]string
		want        string
	}{
		{"version 2", "", version2(), both},
		{"version 1", "", version1(), both},
		{"none", "", nil, "memory none, cpu none, 0s in all"},
		{"no list of groups", "", map[string]string{"proc/self/cgroup": "nonsense\n::\n:::::\n"}, "memory none, cpu none, 0s in all"},
		{"another group", "/shop.slice", version2(), memory + ", 1ms in all"},
		{"a group that is not there", "/no.slice", version2(), "memory none, cpu none, 0s in all"},
		{"a way out", "/../../shop.slice", version2(), memory + ", 1ms in all"},
		{"out of its namespace", "", version2("proc/self/cgroup", "0::/../../shop.slice\n"), memory + ", 1ms in all"},
		{"the group is the root that is seen", "", version2(
			"proc/self/cgroup", "0::/docker/4242\n", "sys/fs/cgroup/memory.max", "536870912\n", "sys/fs/cgroup/memory.current", "268435456\n",
			"sys/fs/cgroup/memory.stat", "inactive_file 0\n", "sys/fs/cgroup/cpu.stat", "throttled_usec 7\n"), memory + ", 7µs in all"},
		{"hostile limits", "", version2(slice+"memory.max", "-1\n", api+"cpu.max", "50000 0\n"), "memory none, cpu none, 251ms in all"},
		{"a file too long", "", version2(slice+"memory.max", strings.Repeat("1", 1<<17), api+"cpu.max", strings.Repeat("5", 30)+" 1"),
			"memory none, cpu none, 251ms in all"},
		{"no controllers", "", version2("sys/fs/cgroup/cgroup.controllers", ""), "memory none, cpu none, 0s in all"},
		{"more cache than is used", "", version2(slice+"memory.stat", "inactive_file 999999999999\n", api+"cpu.max", "max 1\n"),
			"memory 0 of 536870912, cpu none, 251ms in all"},
		{"no numbers", "", version2(slice+"memory.current", "much\n", api+"cpu.stat", "usage_usec 7\nthrottled_usec -5\n"),
			"memory unknown of 536870912, cpu 7e-06 of 0.5, throttled 0s false, 1ms in all"},
		{"over every duration", "", version2(slice+"memory.stat", "", api+"cpu.stat", "throttled_usec 9223372036854775807\n"),
			"memory unknown of 536870912, cpu unknown of 0.5, throttled 0s false, 1ms in all"},
		{"version 1 without its counts", "", version1("sys/fs/cgroup/cpuacct/docker/4242/cpuacct.usage", ""),
			"memory 268435456 of 536870912, cpu unknown of 0.5, throttled 250ms true, 251ms in all"},
	} {
		t.Run(row.name, func(t *testing.T) {
			tree := treeOf(t, row.group, row.files)
			got := describe(t, tree, Memory, Limit.MemoryUsed) + ", " + describe(t, tree, CPU, Limit.CPUUsed)
			if l, ok := tree.Least(CPU); ok {
				d, known := l.Throttled()
				got += fmt.Sprintf(", throttled %v %v", d, known)
			}
			if got += fmt.Sprintf(", %v in all", tree.Throttled()); got != row.want {
				t.Errorf("%s\nwant %s", got, row.want)
			}
		})
	}
}

// describe is a limit and what is used of it.
func describe(t *testing.T, tree Tree, resource string, used func(Limit) (float64, error)) string {
	t.Helper()
	l, ok := tree.Least(resource)
	if !ok {
		return resource + " none"
	}
	n, err := used(l)
	text := strconv.FormatFloat(n, 'g', 12, 64)
	if err != nil {
		text = "unknown"
		if !strings.Contains(err.Error(), "reading ") || !strings.Contains(err.Error(), "of cgroup ") {
			t.Errorf("error %v, want one that says what was read", err)
		}
	}
	return fmt.Sprintf("%s %s of %.12g", resource, text, l.Most)
}

// A real group with a real limit, where this machine lets a test make one.
func TestALimitOfTheKernelIsSeen(t *testing.T) {
	const most = 128 << 20
	name := fmt.Sprintf("/perfwatch-test-%d", os.Getpid())
	tree := Of(name)
	mount, _, v2 := tree.where(Memory)
	if mount == "" {
		t.Log("no cgroups have memory here: no limit is made")
		return
	}
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
	l, ok := tree.Least(Memory)
	if used, err := l.MemoryUsed(); !ok || err != nil || l.Most != most || used > 16<<20 {
		t.Errorf("%g of %g bytes used, %v and error %v; want an empty group of 128 MiB", used, l.Most, ok, err)
	}
	t.Logf("a limit of %s, version 2: %v", file, v2)
}
