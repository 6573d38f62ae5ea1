package collector

import (
	"github.com/perfwatch/perfwatch/probes"
)

func journeyFamilies() []Family {
	return []Family{
		{stepDuration, histogram, []string{"probe", "step"},
			"Time of one step of a probe of the kind journey, from its sending to its last byte or its failure."},
	}
}

// journeySeries are the series of the steps of a journey, by name; nil for any other probe.
type journeySeries map[string]*latency

// newJourneySeries makes them at zero, if the probe has steps.
func newJourneySeries(v *latencyVec, info ProbeInfo) journeySeries {
	if len(info.Steps) == 0 {
		return nil
	}
	s := make(journeySeries, len(info.Steps))
	for _, name := range info.Steps {
		s[name] = v.of(info.Name, name)
	}
	return s
}

// observe records the steps that a run came to; a nil res is a run of another kind, or one that sent nothing.
func (s journeySeries) observe(res *probes.JourneyResult) {
	if res == nil {
		return
	}
	for _, step := range res.Steps {
		if o, ok := s[step.Name]; ok { // labels come from the configuration
			o.observe(step.Duration, step.TraceID, step.Start)
		}
	}
}
