package web

import (
	"strconv"
	"strings"
)

// A verdict is the page in one line.
type verdict struct {
	Badge badge
	Wrong string // "1 target critical, 2 probes failing"
	Rest  string // "5 targets met, 11 probes answering"
	Icon  string // file of the icon that the browser's tab shows
}

// judge counts what is wrong. What is not known yet is said beside it, never passed over as good.
func judge(v *view) verdict {
	var wrong, rest []string
	worst := fine
	for _, c := range counts(v) {
		if c.n == 0 {
			continue
		}
		worst = max(worst, c.severity)
		words := strconv.Itoa(c.n) + " " + c.many
		if c.n == 1 {
			words = "1 " + c.one
		}
		if c.severity > unknown {
			wrong = append(wrong, words)
		} else {
			rest = append(rest, words)
		}
	}
	if wrong == nil && rest == nil { // nothing is watched
		worst = unknown
	}
	word, icon := "Waiting for data", "idle.svg"
	switch worst {
	case unknown:
	case broken:
		word, icon = "Needs attention", "bad.svg"
	case missed, noticed:
		word, icon = "Worth a look", "warn.svg"
	case fine:
		word, icon = "All is well", "ok.svg"
	}
	return verdict{Badge: newBadge(worst, word), Wrong: strings.Join(wrong, ", "), Rest: strings.Join(rest, ", "), Icon: icon}
}

// A count is how many things of one kind are in one state.
type count struct {
	n         int
	severity  severity
	one, many string
}

// counts lists what the page shows from the worst to the best.
func counts(v *view) []count {
	var targets, checks [broken + 1]int
	for i := range v.Targets {
		targets[v.Targets[i].Severity]++
	}
	for i := range v.Checks {
		checks[v.Checks[i].Severity]++
	}
	var pipes [broken + 1]int
	for i := range v.Pipes {
		pipes[v.Pipes[i].Severity]++
	}
	down, ended, refused := 0, 0, 0
	for i := range v.Redis {
		if !v.Redis[i].Up {
			down++
		}
	}
	for i := range v.Processes {
		if !v.Processes[i].Up {
			ended++
		}
	}
	if v.Config.ReloadError != "" {
		refused++
	}
	return []count{
		{targets[broken], broken, "target critical", "targets critical"},
		{checks[broken], broken, "probe failing", "probes failing"},
		{pipes[broken], broken, "pipeline late, stuck or failed", "pipelines late, stuck or failed"},
		{down, broken, "Redis away", "Redis away"},
		{ended, broken, "process away", "processes away"},
		{targets[missed], missed, "target missed", "targets missed"},
		{targets[noticed], noticed, "target past its warning", "targets past their warning"},
		{pipes[missed] + pipes[noticed], noticed, "pipeline slow", "pipelines slow"},
		{refused, noticed, "reload refused", "reloads refused"},
		{targets[unknown], unknown, "target without enough data", "targets without enough data"},
		{checks[unknown], unknown, "probe not run yet", "probes not run yet"},
		{targets[fine], fine, "target met", "targets met"},
		{checks[fine], fine, "probe answering", "probes answering"},
	}
}
