package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// The elements of JUnit's XML, as Jenkins, GitLab and GitHub's reporters read it.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name      string      `xml:"name,attr"`
		Tests     int         `xml:"tests,attr"`
		Failures  int         `xml:"failures,attr"`
		Skipped   int         `xml:"skipped,attr"`
		Time      string      `xml:"time,attr"`
		Timestamp string      `xml:"timestamp,attr"`
		Cases     []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string       `xml:"name,attr"`
		ClassName string       `xml:"classname,attr"`
		Time      string       `xml:"time,attr"`
		Failure   *junitReason `xml:"failure"`
		Skipped   *junitReason `xml:"skipped"`
		Output    string       `xml:"system-out,omitempty"`
	}
	junitReason struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
	}
)

// writeJUnit writes a test case for each objective, probe and burst. Not enough data is a failure: it is never a pass.
func (r *Report) writeJUnit(w io.Writer) error {
	suites := junitSuites{Name: "perfwatch", Time: seconds(r.Duration().Seconds())}
	for _, s := range []junitSuite{
		{Name: "objectives", Cases: r.objectiveCases()},
		{Name: "probes", Cases: r.probeCases()},
		{Name: "bursts", Cases: r.burstCases()},
	} {
		if len(s.Cases) == 0 {
			continue
		}
		s.Timestamp, s.Time, s.Tests = r.Start.Format("2006-01-02T15:04:05"), seconds(0), len(s.Cases)
		for i := range s.Cases {
			c := &s.Cases[i]
			c.ClassName = "perfwatch." + s.Name
			c.Name, c.Output = printable(c.Name), printable(c.Output)
			if c.Failure != nil {
				c.Failure.Message = printable(c.Failure.Message)
				s.Failures++
			}
			if c.Skipped != nil {
				s.Skipped++
			}
		}
		suites.Tests, suites.Failures, suites.Skipped = suites.Tests+s.Tests, suites.Failures+s.Failures, suites.Skipped+s.Skipped
		suites.Suites = append(suites.Suites, s)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(suites); err != nil {
		return fmt.Errorf("writing JUnit: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (r *Report) objectiveCases() (cases []junitCase) {
	for i := range r.Objectives {
		o := &r.Objectives[i]
		c := junitCase{Name: o.Title, Time: seconds(0)}
		c.Output = fmt.Sprintf("%s, want %s, of %d samples", o.Current(), o.Wanted(), o.Samples)
		switch {
		case o.Skipped:
			c.Skipped = &junitReason{Message: "nothing of what it is about was run"}
		case o.State != objective.Met:
			c.Failure = &junitReason{Message: fmt.Sprintf("%s: %s, want %s", o.Status(), o.Current(), o.Wanted()), Type: string(o.State)}
		}
		cases = append(cases, c)
	}
	return cases
}

func (r *Report) probeCases() (cases []junitCase) {
	for i := range r.Probes {
		p := &r.Probes[i]
		c := junitCase{Name: p.Name, Time: seconds(p.Latency.Mean), Output: fmt.Sprintf("%d runs, %d failed", p.Requests, p.Failures)}
		if p.Failures == p.Requests {
			c.Failure = &junitReason{Message: p.outcomes() + ": " + p.Error, Type: "down"}
		}
		cases = append(cases, c)
	}
	return cases
}

func (r *Report) burstCases() (cases []junitCase) {
	for i := range r.Bursts {
		b := &r.Bursts[i]
		c := junitCase{Name: b.Probe, Time: seconds(b.Duration), Output: b.Summary()}
		switch {
		case b.Result != load.Completed:
			c.Failure = &junitReason{Message: b.Reason, Type: string(b.Result)}
		case b.All.Failures == b.All.Requests:
			c.Failure = &junitReason{Message: "no request succeeded: " + b.All.outcomes(), Type: "down"}
		}
		cases = append(cases, c)
	}
	return cases
}

func seconds(v float64) string { return fmt.Sprintf("%.3f", v) }

// printable replaces what XML cannot hold.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0xfffe || r == 0xffff {
			return '�'
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
}
