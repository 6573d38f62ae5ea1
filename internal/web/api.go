package web

import (
	_ "embed" // the description of the API
	"math"
	"net/http"
	"time"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// openapi describes the API. Tests check the real answers against it.
//
//go:embed openapi.yaml
var openapi []byte

// openAPI answers GET /api/v1/openapi.yaml.
func openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(openapi) // the reader is gone if this fails
}

// An objectiveJSON is an objective with its value now. Values are in the base unit of the measure.
type objectiveJSON struct {
	Name       string                      `json:"name"`
	Title      string                      `json:"title"`
	Measure    objective.Measure           `json:"measure"`
	Unit       objective.Unit              `json:"unit"`
	Thresholds map[objective.Level]float64 `json:"thresholds"`
	Window     float64                     `json:"window_seconds,omitempty"` // none where the last burst or run is judged
	State      objective.State             `json:"state"`
	Level      objective.Level             `json:"level,omitempty"` // the worst threshold that is crossed
	Value      *float64                    `json:"value,omitempty"`
	Samples    int                         `json:"samples"`
	Floor      int                         `json:"samples_needed"`
}

// listObjectives answers GET /api/v1/objectives.
func (o *Options) listObjectives(w http.ResponseWriter, _ *http.Request) {
	page := o.Status()
	list := make([]objectiveJSON, 0, len(page.Objectives))
	for i := range page.Objectives {
		row := &page.Objectives[i]
		j := objectiveJSON{
			Name: row.Name, Title: row.Title, Measure: row.Measure, Unit: row.Unit, Thresholds: map[objective.Level]float64{},
			Window: row.Window.Seconds(), State: row.State, Level: row.Level, Samples: row.Samples, Floor: row.Floor,
		}
		for _, t := range row.Thresholds {
			j.Thresholds[t.Level] = t.Value
		}
		if v := row.Value; row.State != objective.NoData && !math.IsNaN(v) && !math.IsInf(v, 0) {
			j.Value = &v
		}
		list = append(list, j)
	}
	answer := map[string]any{"at": page.Now.UTC().Format(time.RFC3339Nano), "objectives": list}
	writeJSON(w, http.StatusOK, "application/json", answer)
}
