package browser

import (
	"testing"
	"time"
)

const ms = time.Millisecond

func spans(edges ...int) (list []span) {
	for i := 0; i < len(edges); i += 2 {
		s := span{time.Duration(edges[i]) * ms, time.Duration(edges[i+1]) * ms}
		if edges[i+1] < 0 {
			s.end = never
		}
		list = append(list, s)
	}
	return list
}

func TestInteractive(t *testing.T) {
	tests := []struct {
		name            string
		tasks, requests []span
		fcp, dcl, until int // ms
		want            int // ms; -1 for unresolved
		since           int // ms; -1 for never
		busy            Reason
	}{
		{"nothing after the paint", nil, nil, 400, 300, 5400, 400, 400, CPUBusy},
		{"a window not over yet", nil, nil, 400, 300, 5399, -1, 400, CPUBusy},
		{"parsed after the paint", nil, nil, 400, 900, 6000, 900, 400, CPUBusy},
		{"not painted", nil, nil, 0, 300, 9000, -1, -1, CPUBusy},
		{"not parsed", nil, nil, 400, 0, 9000, -1, -1, CPUBusy},
		{"one task", spans(1000, 1200), nil, 400, 300, 6200, 1200, 1200, CPUBusy},
		{"one task, its window not over", spans(1000, 1200), nil, 400, 300, 6199, -1, 1200, CPUBusy},
		{"a task before the paint", spans(100, 350), nil, 400, 300, 5400, 400, 400, CPUBusy},
		{"tasks less than five seconds apart", spans(1000, 1100, 6000, 6080), nil, 400, 300, 11080, 6080, 6080, CPUBusy},
		{"tasks five seconds apart", spans(1000, 1100, 6100, 6200), nil, 400, 300, 6300, 1100, 6200, CPUBusy},
		{"tasks out of order", spans(3000, 3100, 1000, 1100), nil, 400, 300, 8100, 3100, 3100, CPUBusy},
		{"a quiet start counts where it outlasts the paint by five seconds", spans(5400, 5500), nil, 400, 300, 5500, 400, -1, CPUBusy},
		{"a quiet start that is too short", spans(5399, 5500), nil, 400, 300, 10500, 5500, 5500, CPUBusy},
		{"two requests at once", nil, spans(0, 9000, 0, 9000), 400, 300, 5400, 400, 400, CPUBusy},
		{"three requests at once", nil, spans(0, 3000, 0, 3000, 0, 3000), 400, 300, 8000, 400, 3000, NetworkBusy},
		{"three, and a task within", spans(2000, 2100), spans(0, 3000, 0, 3000, 0, 3000), 400, 300, 8000, 2100, 3000, NetworkBusy},
		{"three, and a task after", spans(4000, 4100), spans(0, 3000, 0, 3000, 0, 3000), 400, 300, 9100, 4100, 4100, CPUBusy},
		{"three that never end", nil, spans(500, -1, 600, -1, 700, -1), 400, 300, 30000, -1, -1, NetworkBusy},
		{"two that never end", nil, spans(500, -1, 600, -1), 400, 300, 5400, 400, 400, CPUBusy},
		{"a third for a moment, every three seconds", nil, spans(0, -1, 0, -1, 3000, 3050, 6000, 6050, 9000, 9050), 400, 300, 10000, -1, 9050, NetworkBusy},
		{"one follows on another", nil, spans(0, 3000, 0, 9000, 0, 9000, 3000, 4000), 400, 300, 9000, 400, 4000, NetworkBusy},
		{"busy until now", spans(0, -1), nil, 400, 300, 30000, -1, -1, CPUBusy},
		{"the network's window ends before the processor's begins", spans(0, 7000), spans(7100, -1, 7100, -1, 7100, -1), 400, 300, 30000, -1, -1, NetworkBusy},
		{"windows that overlap for less", spans(0, 3000), spans(7900, 9000, 7900, 9000, 7900, 9000), 400, 300, 14000, 3000, 9000, NetworkBusy},
	}
	at := func(n int) time.Duration {
		if n < 0 {
			return never
		}
		return time.Duration(n) * ms
	}
	for _, tt := range tests {
		got := interactive(&activity{tt.tasks, tt.requests, at(tt.fcp), at(tt.dcl), at(tt.until)})
		if got.found != (tt.want >= 0) || got.found && got.interactive != at(tt.want) {
			t.Errorf("%s: got %v %v, want %d ms", tt.name, got.interactive, got.found, tt.want)
		}
		if got.since != at(tt.since) || got.busy != tt.busy {
			t.Errorf("%s: quiet since %v, %s, want %v, %s", tt.name, got.since, got.busy, at(tt.since), tt.busy)
		}
	}
}

func TestBlocking(t *testing.T) {
	tests := []struct {
		name     string
		tasks    []span
		from, to int
		want     int
	}{
		{"none", nil, 400, 2000, 0},
		{"50 ms", spans(500, 550), 400, 2000, 0},
		{"60 ms", spans(500, 560), 400, 2000, 10},
		{"several", spans(500, 560, 700, 1500, 1600, 1720), 400, 2000, 10 + 750 + 70},
		{"before the paint", spans(100, 300), 400, 2000, 0},
		{"over the paint", spans(300, 500), 400, 2000, 50},
		{"over the paint, little left", spans(300, 440), 400, 2000, 0},
		{"over the end", spans(1900, 2600), 400, 2000, 50},
		{"after the end", spans(2100, 2600), 400, 2000, 0},
	}
	for _, tt := range tests {
		got := blocking(tt.tasks, time.Duration(tt.from)*ms, time.Duration(tt.to)*ms)
		if got != time.Duration(tt.want)*ms {
			t.Errorf("%s: got %v, want %d ms", tt.name, got, tt.want)
		}
	}
}

func TestLayoutShift(t *testing.T) {
	tests := []struct {
		name   string
		shifts []shift
		want   float64
	}{
		{"none", nil, 0},
		{"one", []shift{{100 * ms, 0.25}}, 0.25},
		{"in one window", []shift{{100 * ms, 0.25}, {1099 * ms, 0.5}}, 0.75},
		{"a second apart", []shift{{100 * ms, 0.25}, {1100 * ms, 0.5}}, 0.5},
		{"the first window is the worst", []shift{{100 * ms, 0.5}, {200 * ms, 0.25}, {5000 * ms, 0.5}}, 0.75},
		{"for more than five seconds", []shift{
			{0, 1}, {900 * ms, 1}, {1800 * ms, 1}, {2700 * ms, 1}, {3600 * ms, 1}, {4500 * ms, 1}, {5000 * ms, 1}, {5900 * ms, 1},
		}, 6},
	}
	for _, tt := range tests {
		if got := layoutShift(tt.shifts); got != tt.want {
			t.Errorf("%s: got %g, want %g", tt.name, got, tt.want)
		}
	}
}
