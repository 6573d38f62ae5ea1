package web

import (
	"net/http"
	"time"

	"github.com/perfwatch/perfwatch/internal/load"
)

// The JSON of the API. Times are in UTC, durations in seconds.
type (
	burstJSON struct {
		Name     string         `json:"name"`
		Plan     string         `json:"plan"` // "100 users", "120/s"
		Running  bool           `json:"running"`
		Progress *load.Progress `json:"progress,omitempty"` // of the one that runs
		Last     *lastJSON      `json:"last,omitempty"`
		Skipped  *skippedJSON   `json:"skipped,omitempty"` // the last that was due and did not begin
	}
	lastJSON struct {
		Result     load.Result       `json:"result"`
		Reason     string            `json:"reason,omitempty"` // why it is not completed
		End        time.Time         `json:"end"`
		Requests   uint64            `json:"requests"`
		Asked      uint64            `json:"asked,omitempty"` // requests that its iterations come to
		Throughput float64           `json:"throughput"`      // requests a second that succeeded
		ErrorRatio float64           `json:"error_ratio"`
		P50        float64           `json:"p50_seconds"`
		P95        float64           `json:"p95_seconds"`
		P99        float64           `json:"p99_seconds"`
		Fairness   float64           `json:"fairness,omitempty"`
		Runs       []load.RunSummary `json:"runs,omitempty"` // of a matrix or a search
		Verdict    string            `json:"verdict,omitempty"`
	}
	skippedJSON struct {
		At  time.Time `json:"at"`
		Why string    `json:"why"`
	}
)

// listBursts answers GET /api/v1/bursts.
func (o *Options) listBursts(w http.ResponseWriter, _ *http.Request) {
	rows := o.Status().Bursts
	list := make([]burstJSON, 0, len(rows))
	for i := range rows {
		list = append(list, newBurstJSON(&rows[i]))
	}
	writeJSON(w, http.StatusOK, "application/json", map[string]any{"bursts": list})
}

// showBurst answers GET /api/v1/bursts/{name} with all that is kept of its last burst.
func (o *Options) showBurst(w http.ResponseWriter, r *http.Request) {
	kept, err := o.Kept(r.PathValue("name"))
	if err != nil {
		refuse(w, http.StatusNotFound, bounded(err.Error(), maxErrorText))
		return
	}
	writeJSON(w, http.StatusOK, "application/json", kept)
}

func newBurstJSON(b *Burst) burstJSON {
	j := burstJSON{Name: b.Probe, Plan: b.Plan, Running: b.Running}
	if !b.Progress.Start.IsZero() {
		j.Progress = &b.Progress
	}
	if b.Result != "" {
		j.Last = &lastJSON{
			Result: b.Result, Reason: b.Reason, End: b.End.UTC(), Requests: b.Requests, Asked: b.Asked, Throughput: b.Throughput,
			ErrorRatio: b.ErrorRatio, P50: b.P50.Seconds(), P95: b.P95.Seconds(), P99: b.P99.Seconds(),
			Fairness: b.Fairness, Runs: b.Runs, Verdict: b.Verdict,
		}
	}
	if b.Skip.Why != "" {
		j.Skipped = &skippedJSON{At: b.Skip.At.UTC(), Why: b.Skip.Why}
	}
	return j
}
