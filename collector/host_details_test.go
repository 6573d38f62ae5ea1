package collector

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// procTree writes files below a folder that stands for /proc.
func procTree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, path, text)
	}
	return dir
}

func watchDetails(t *testing.T, dir string) *prometheus.Registry {
	t.Helper()
	t.Setenv("HOST_PROC", dir)
	h := NewHostDetails(quiet())
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(h)
	h.pull(t.Context())
	return reg
}

const stalls = "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=250000\n"

func TestTheDetailsOfAHostAreReadFromItsProc(t *testing.T) {
	reg := watchDetails(t, procTree(t, map[string]string{
		"stat":            "cpu  1000 200 300 4000 50 60 70 80 90 10\ncpu0 1000 200 300 4000 50 60 70 80 90 10\n",
		"loadavg":         "0.50 1.25 2.75 1/200 4242\n",
		"diskstats":       "   8 0 sda 10 0 2048 5 20 0 4096 7 0 1500 12\n   7 0 loop0 9 0 9 9 9 0 9 9 0 9 9\n   8 1 sdb 0 0 0 0 0 0 0 0 0 0 0\n",
		"net/dev":         "Inter-| Receive | Transmit\n face |bytes\n  eth0: 111 1 2 3 0 0 0 0 222 1 4 5 0 0 0 0\nveth12: 9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0\n",
		"pressure/memory": stalls,
		"sys/fs/file-nr":  "1216\t0\t9000\n",
	}))
	wantSeries(t, reg, map[string]string{
		`perfwatch_host_cpu_seconds_total{mode="user"}`:                        "10",
		`perfwatch_host_cpu_seconds_total{mode="iowait"}`:                      "0.5",
		`perfwatch_host_cpu_seconds_total{mode="steal"}`:                       "0.8",
		`perfwatch_host_load5`:                                                 "1.25",
		`perfwatch_host_load15`:                                                "2.75",
		`perfwatch_host_disk_read_bytes_total{device="sda"}`:                   "1.048576e+06",
		`perfwatch_host_disk_written_bytes_total{device="sda"}`:                "2.097152e+06",
		`perfwatch_host_disk_busy_seconds_total{device="sda"}`:                 "1.5",
		`perfwatch_host_disk_busy_seconds_total{device="loop0"}`:               "",
		`perfwatch_host_disk_busy_seconds_total{device="sdb"}`:                 "",
		`perfwatch_host_network_received_bytes_total{device="eth0"}`:           "111",
		`perfwatch_host_network_sent_bytes_total{device="eth0"}`:               "222",
		`perfwatch_host_network_errors_total{device="eth0"}`:                   "6",
		`perfwatch_host_network_dropped_packets_total{device="eth0"}`:          "8",
		`perfwatch_host_network_sent_bytes_total{device="veth12"}`:             "",
		`perfwatch_host_pressure_seconds_total{kind="some",resource="memory"}`: "1.5",
		`perfwatch_host_pressure_seconds_total{kind="full",resource="memory"}`: "0.25",
		`perfwatch_host_pressure_seconds_total{kind="some",resource="cpu"}`:    "", // this kernel does not say
		`perfwatch_host_open_files`:                                            "1216",
		`perfwatch_host_max_open_files`:                                        "9000",
		`perfwatch_scrape_success{collector="host_details"}`:                   "1",
	})
}

func TestAPartThatCannotBeReadLeavesTheOthers(t *testing.T) {
	reg := watchDetails(t, procTree(t, map[string]string{
		"stat": "cpu  1000 200 300 4000 50 60 70 80 90 10\n", "sys/fs/file-nr": "many\n",
		"pressure/cpu": "some total=" + strings.Repeat("9", 40) + "\n",
	}))
	wantSeries(t, reg, map[string]string{
		`perfwatch_host_cpu_seconds_total{mode="user"}`:                     "10",
		`perfwatch_host_open_files`:                                         "",
		`perfwatch_host_pressure_seconds_total{kind="some",resource="cpu"}`: "",
		`perfwatch_scrape_success{collector="host_details"}`:                "0",
	})
}

func TestThisMachineHasDetails(t *testing.T) {
	reg := watchDetails(t, "/proc")
	for _, name := range []string{
		`perfwatch_host_cpu_seconds_total{mode="idle"}`, `perfwatch_host_network_received_bytes_total{device="lo"}`, `perfwatch_host_open_files`,
	} {
		if v := number(t, reg, name); v <= 0 {
			t.Errorf("%s is %g, want more than none", name, v)
		}
	}
	wantSeries(t, reg, map[string]string{`perfwatch_scrape_success{collector="host_details"}`: "1"})
}

func fullHostDetails(t *testing.T) *HostDetails {
	var all []hostFigure
	for i, f := range hostDetailFamilies() {
		labels := make([]string, len(f.Labels))
		for j, l := range f.Labels {
			labels[j] = "a_" + l
		}
		all = append(all, hostFigure{f.Name, float64(i + 1), labels})
	}
	h := newHostDetails(func(context.Context) ([]hostFigure, error) { return all, nil }, quiet())
	h.pull(t.Context())
	return h
}
