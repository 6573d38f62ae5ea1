package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/procfs"
	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/disk"
	"github.com/shirou/gopsutil/v3/load"
	psnet "github.com/shirou/gopsutil/v3/net"
)

// How often what changes slowly is read, and how many devices of a kind have series.
const (
	detailsInterval = 5 * time.Second
	detailsTimeout  = 4 * time.Second
	maxDevices      = 32
)

// HostDetails reads what the kernel counts of the machine beside CPU and memory in use, beside the scrapes, which get what
// it said last. What one kernel does not count is absent and no failure.
type HostDetails struct {
	descs
	poller
	source  func(context.Context) ([]hostFigure, error)
	figures []hostFigure // guarded by mu; nil while the last reading failed
}

// A hostFigure is one value of a family.
type hostFigure struct {
	name   string
	v      float64
	labels []string
}

// NewHostDetails makes a collector of this machine. It is for the caller to register and to Run.
func NewHostDetails(log *slog.Logger) *HostDetails {
	dir := cmp.Or(os.Getenv("HOST_PROC"), "/proc") // as gopsutil has it
	return newHostDetails(func(ctx context.Context) ([]hostFigure, error) { return readHostDetails(ctx, dir) }, log)
}

func newHostDetails(source func(context.Context) ([]hostFigure, error), log *slog.Logger) *HostDetails {
	return &HostDetails{
		descs: newDescs(hostDetailFamilies(), nil), poller: newPoller("host_details", detailsTimeout, log), source: source,
	}
}

// Run reads until ctx is done.
func (h *HostDetails) Run(ctx context.Context) { poll(ctx, detailsInterval, h.pull) }

// pull reads once. A part that could not be read leaves the others.
func (h *HostDetails) pull(ctx context.Context) {
	h.poller.pull(ctx, func(ctx context.Context) (func(), error) {
		figures, err := h.source(ctx)
		return func() { h.figures = figures }, err
	})
}

// Describe implements prometheus.Collector.
func (h *HostDetails) Describe(ch chan<- *prometheus.Desc) {
	h.descs.Describe(ch)
	h.scrape.Describe(ch)
}

// Collect implements prometheus.Collector.
func (h *HostDetails) Collect(ch chan<- prometheus.Metric) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.scrape.collect(ch)
	for _, f := range h.figures {
		kind := prometheus.GaugeValue
		if strings.HasSuffix(f.name, "_total") {
			kind = prometheus.CounterValue
		}
		ch <- prometheus.MustNewConstMetric(h.descs[f.name], kind, f.v, f.labels...)
	}
}

// readHostDetails reads this machine; dir is where its /proc is.
func readHostDetails(ctx context.Context, dir string) (all []hostFigure, err error) {
	parts := []func(context.Context, string) ([]hostFigure, error){
		hostModes, hostLoads, hostDisks, hostNetworks, hostPressures, hostFiles,
	}
	errs := make([]error, 0, len(parts))
	for _, part := range parts {
		figures, err := part(ctx, dir)
		all = append(all, figures...)
		errs = append(errs, err)
	}
	return all, errors.Join(errs...)
}

func hostModes(ctx context.Context, _ string) ([]hostFigure, error) {
	times, err := cpu.TimesWithContext(ctx, false)
	if err != nil || len(times) != 1 {
		return nil, fmt.Errorf("reading CPU times: %w", cmp.Or(err, errors.New("the system gives none")))
	}
	t := times[0]
	var all []hostFigure
	// Linux counts the time of guests in user and nice already.
	for mode, v := range map[string]float64{
		"user": t.User, "nice": t.Nice, "system": t.System, "irq": t.Irq, "softirq": t.Softirq, "steal": t.Steal,
		"idle": t.Idle, "iowait": t.Iowait,
	} {
		all = append(all, hostFigure{hostCPUSeconds, v, []string{mode}})
	}
	return all, nil
}

func hostLoads(ctx context.Context, _ string) ([]hostFigure, error) {
	l, err := load.AvgWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the load average: %w", err)
	}
	return []hostFigure{{hostLoad5, l.Load5, nil}, {hostLoad15, l.Load15, nil}}, nil
}

// hostDisks are whole devices and partitions as the kernel names them, without those that are files or memory.
func hostDisks(ctx context.Context, _ string) (all []hostFigure, err error) {
	counters, err := disk.IOCountersWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading disks: %w", err)
	}
	names := make([]string, 0, len(counters))
	for name, c := range counters {
		if !strings.HasPrefix(name, "loop") && !strings.HasPrefix(name, "ram") && c.ReadCount+c.WriteCount > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names[:min(len(names), maxDevices)] {
		c, of := counters[name], []string{infoLabel(name)}
		all = append(all,
			hostFigure{hostDiskRead, float64(c.ReadBytes), of}, hostFigure{hostDiskWritten, float64(c.WriteBytes), of},
			hostFigure{hostDiskBusy, float64(c.IoTime) / 1000, of})
	}
	return all, nil
}

func hostNetworks(ctx context.Context, _ string) (all []hostFigure, err error) {
	counters, err := psnet.IOCountersWithContext(ctx, true)
	if err != nil {
		return nil, fmt.Errorf("reading network devices: %w", err)
	}
	slices.SortFunc(counters, func(a, b psnet.IOCountersStat) int { return cmp.Compare(a.Name, b.Name) })
	seen := 0
	for i := range counters {
		c := &counters[i]
		if strings.HasPrefix(c.Name, "veth") || seen == maxDevices { // a container's end of a wire comes and goes with it
			continue
		}
		seen++
		of := []string{infoLabel(c.Name)}
		all = append(all,
			hostFigure{hostNetworkReceived, float64(c.BytesRecv), of}, hostFigure{hostNetworkSent, float64(c.BytesSent), of},
			hostFigure{hostNetworkDropped, float64(c.Dropin + c.Dropout), of},
			hostFigure{hostNetworkErrors, float64(c.Errin + c.Errout), of})
	}
	return all, nil
}

// hostPressures is empty where the kernel does not keep pressure stall information.
func hostPressures(_ context.Context, dir string) (all []hostFigure, err error) {
	files, err := procfs.NewFS(dir)
	if err != nil {
		return nil, fmt.Errorf("reading pressure: %w", err)
	}
	for _, resource := range []string{"cpu", "memory", "io"} {
		p, err := files.PSIStatsForResource(resource)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errors.ErrUnsupported) {
			continue
		}
		if err != nil {
			return all, fmt.Errorf("reading pressure: %w", err)
		}
		for kind, line := range map[string]*procfs.PSILine{"some": p.Some, "full": p.Full} {
			if line != nil {
				all = append(all, hostFigure{hostPressure, float64(line.Total) / 1e6, []string{resource, kind}})
			}
		}
	}
	return all, nil
}

// hostFiles are the file descriptors of all processes; absent where it is not Linux.
func hostFiles(_ context.Context, dir string) ([]hostFigure, error) {
	text, err := os.ReadFile(dir + "/sys/fs/file-nr") //nolint:gosec // whoever starts us says where /proc is
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading open files: %w", err)
	}
	fields := strings.Fields(string(text))
	if len(fields) != 3 {
		return nil, fmt.Errorf("reading open files: %d fields, want 3", len(fields))
	}
	open, most := parseCount(fields[0]), parseCount(fields[2])
	if !open.known || !most.known {
		return nil, fmt.Errorf("reading open files: %.80q, want numbers", text)
	}
	return []hostFigure{{hostOpenFiles, float64(open.n), nil}, {hostMaxFiles, float64(most.n), nil}}, nil
}
