package guard

import (
	"encoding/json"
	"fmt"
	"time"
)

// version is that of the stored state.
const version = 1

// maxBursts bounds how many bursts a stored state may speak of; a configuration has fewer probes.
const maxBursts = 10_000

// state is what must not be forgotten over a restart.
type state struct {
	Version  int                `json:"version"`
	Day      string             `json:"day"` // of UTC, 2026-11-24
	Requests uint64             `json:"requests"`
	Backoff  map[string]backoff `json:"backoff"`
}

// backoff is what is held against a burst.
type backoff struct {
	Aborts int `json:"aborts"` // in a row
	Skips  int `json:"skips"`  // bursts still to skip
}

// turn begins a new day. A clock that was set back begins one too.
func (s *state) turn(now time.Time) {
	if day := now.UTC().Format(time.DateOnly); s.Day != day {
		s.Day, s.Requests = day, 0
	}
}

func (s *state) encode() []byte {
	s.Version = version
	text, _ := json.Marshal(s) // numbers and names: never fails
	return text
}

// decode reads a stored state. After an error it is empty.
func (s *state) decode(text []byte) error {
	*s = state{Backoff: map[string]backoff{}}
	if len(text) == 0 {
		return nil
	}
	var read state
	if err := json.Unmarshal(text, &read); err != nil {
		return fmt.Errorf("reading the budget and back-off of bursts: %w", err)
	}
	if read.Version != version || len(read.Backoff) > maxBursts {
		return fmt.Errorf("reading the budget and back-off of bursts: version %d with %d bursts, want version %d and at most %d",
			read.Version, len(read.Backoff), version, maxBursts)
	}
	for name, b := range read.Backoff {
		if b.Aborts > 0 {
			s.Backoff[name] = backoff{Aborts: b.Aborts, Skips: min(max(b.Skips, 0), mostSkips)}
		}
	}
	s.Day, s.Requests = read.Day, read.Requests
	return nil
}
