package collector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"

	dto "github.com/prometheus/client_model/go"
	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// maxMetricsBytes bounds a page of metrics, decompressed.
const maxMetricsBytes = 1 << 20

// What client libraries say of their own process.
const (
	remoteCPU    = "process_cpu_seconds_total"
	remoteMemory = "process_resident_memory_bytes"
	remoteFDs    = "process_open_fds"
	remoteStart  = "process_start_time_seconds"
)

// A remoteProcess reads what a process says of itself on its page of metrics.
type remoteProcess struct {
	url    string
	client *http.Client
	seen   bool    // there was a reading
	cpu    float64 // seconds, as last read
	start  float64 // of the process, in seconds since 1970; 0 if it does not say
}

func newRemoteProcess(s *ProcessSpec) (*remoteProcess, error) {
	client, err := promconfig.NewClientFromConfig(s.HTTPClient, "perfwatch")
	if err != nil {
		return nil, err
	}
	return &remoteProcess{url: s.MetricsURL, client: client}, nil
}

// read implements processSource. The counter starts anew with the process: what it shows then was spent since.
func (p *remoteProcess) read(ctx context.Context) (r processReading, err error) {
	r.at = time.Now()
	page, err := p.fetch(ctx)
	if err != nil {
		return r, err
	}
	values, err := processValues(page)
	if err != nil {
		return r, err
	}
	cpu, hasCPU := values[remoteCPU]
	memory, hasMemory := values[remoteMemory]
	if !hasCPU || !hasMemory {
		return r, fmt.Errorf("reading metrics: no %s and %s, want both", remoteCPU, remoteMemory)
	}
	r.took, r.resident = time.Since(r.at), int64(memory)
	if fds, ok := values[remoteFDs]; ok {
		r.fds = count{n: uint64(fds), known: true}
	}
	start := values[remoteStart]
	if p.seen {
		r.restarted = cpu < p.cpu || math.Abs(start-p.start) > 1 && start > 0 && p.start > 0
		r.cpu = cpu - p.cpu
		r.steady = r.cpu
		if r.restarted {
			r.cpu, r.steady = cpu, 0
		}
	}
	p.seen, p.cpu, p.start = true, cpu, start
	return r, nil
}

// fetch asks for the page once.
func (p *remoteProcess) fetch(ctx context.Context) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("asking for metrics: %w", err)
	}
	req.Header.Set("Accept", "text/plain;version=0.0.4")
	req.Header.Set("User-Agent", "perfwatch")
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking for metrics: %w", withoutURL(err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking for metrics: status %d, want 200", resp.StatusCode)
	}
	page, err := io.ReadAll(io.LimitReader(resp.Body, maxMetricsBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading metrics: %w", err)
	}
	if len(page) > maxMetricsBytes {
		return nil, fmt.Errorf("reading metrics: more than %d bytes", maxMetricsBytes)
	}
	return page, nil
}

// processValues are the figures of the process on a page. Lines of other metrics, of which there may be thousands, are
// not looked at, and may be wrong; nor are those that say the types of ours, which we know.
func processValues(page []byte) (map[string]float64, error) {
	names := []string{remoteCPU, remoteMemory, remoteFDs, remoteStart}
	var ours bytes.Buffer
	for line := range bytes.Lines(page) {
		for _, name := range names {
			if rest, ok := bytes.CutPrefix(line, []byte(name)); ok && len(rest) > 0 && bytes.IndexByte([]byte("{ \t"), rest[0]) >= 0 {
				ours.Write(bytes.TrimRight(line, "\r\n"))
				ours.WriteByte('\n')
			}
		}
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(&ours)
	if err != nil {
		return nil, fmt.Errorf("reading metrics: %s", shortText([]byte(err.Error()))) // it holds what the page holds
	}
	values := map[string]float64{}
	for name, f := range families {
		v, err := onlyValue(f)
		if err != nil {
			return nil, fmt.Errorf("reading metrics: %s: %w", name, err)
		}
		values[name] = v
	}
	return values, nil
}

// onlyValue is the value of a family of one series, which must be one that a process can have.
func onlyValue(f *dto.MetricFamily) (float64, error) {
	if n := len(f.GetMetric()); n != 1 {
		return 0, fmt.Errorf("%d series, want 1", n)
	}
	m := f.GetMetric()[0]
	if m.GetUntyped() == nil {
		return 0, errors.New("no plain value")
	}
	v := m.GetUntyped().GetValue()
	if !(v >= 0) || v > maxRemoteValue {
		return 0, fmt.Errorf("%g, want a figure from 0 to %g", v, float64(maxRemoteValue))
	}
	return v, nil
}

// maxRemoteValue is more than any of the figures can be, and still a whole number.
const maxRemoteValue = 1 << 53
