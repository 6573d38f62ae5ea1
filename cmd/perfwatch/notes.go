package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/perfwatch/perfwatch/internal/archive"
	"github.com/perfwatch/perfwatch/internal/report"
)

const (
	notesState    = "objectives"
	notesInterval = time.Minute
)

// notes are the objectives as the daemon valued them, for who reports without it.
type notes struct {
	At         time.Time          `json:"at"`
	Objectives []report.Objective `json:"objectives"`
}

// noteObjectives keeps the value of every objective on disk until ctx is done, and once more then.
func (d *daemon) noteObjectives(ctx context.Context) {
	if d.archive == nil {
		return
	}
	ticker := time.NewTicker(notesInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			d.note()
		case <-ctx.Done():
			d.note()
			return
		}
	}
}

func (d *daemon) note() {
	text, err := json.Marshal(notes{time.Now().UTC(), d.objectiveRows()})
	if err == nil {
		err = d.archive.SetState(notesState, text)
	}
	if err != nil {
		d.logger.Error("objectives not noted", "err", err)
	}
}

// objectiveRows are the objectives of the daemon now.
func (d *daemon) objectiveRows() (rows []report.Objective) {
	for _, t := range d.current.Load().book.All() {
		rows = append(rows, report.ObjectiveOf(t.Objective(), t.Status(time.Now())))
	}
	return rows
}

// remembered reads what a daemon noted last; nil if there is nothing that can be read.
func remembered(a *archive.Archive) *notes {
	text, err := a.State(notesState)
	if err != nil || len(text) == 0 {
		return nil
	}
	var n notes
	if err := json.Unmarshal(text, &n); err != nil {
		a.RejectState(notesState, err)
		return nil
	}
	return &n
}

// objective is a row as it was noted, if the configuration still means the same by it.
func (n *notes) objective(row report.Objective) report.Objective {
	if n == nil {
		return row
	}
	for _, noted := range n.Objectives {
		if noted.Name == row.Name && noted.Measure == row.Measure && noted.Wanted() == row.Wanted() && noted.Of == row.Of {
			return noted
		}
	}
	return row
}

// report is what the daemon says at /report: the objectives now, and the bursts that it keeps.
func (d *daemon) report(burst string) (*report.Report, error) {
	cfg := d.current.Load().config
	pick, err := pickOf(burst, cfg)
	if err != nil {
		return nil, err
	}
	r := newReport(cfg, report.FromDaemon)
	if d.archive != nil {
		if err := r.AddArchived(d.archive, cfg, pick, nil); err != nil {
			return nil, err
		}
	}
	for _, row := range d.objectiveRows() {
		if pick.Probe == "" || row.Of == pick.Probe {
			r.Objectives = append(r.Objectives, row)
		}
	}
	if now := time.Now().UTC(); pick.Probe == "" {
		r.End = now
	}
	if r.Start.IsZero() {
		r.Start = r.End
	}
	r.Judge()
	return r, nil
}
