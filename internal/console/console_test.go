package console

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perfwatch/perfwatch/internal/oneshot"
)

func TestWithoutATerminalThereArePlainLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		c := New(&out, false)
		c.Begin("journey", func() oneshot.State {
			return oneshot.State{WithUsers: true, Users: 12, Requests: 200, Failures: 3, Rate: 48.6, P95: 0.25, Left: 39500 * time.Millisecond}
		})
		time.Sleep(25 * time.Second) // two lines, one each ten seconds
		c.End("journey", oneshot.State{Done: 1, Requests: 240, Rate: 9.6, P95: 0.2, Word: "completed"})
		c.Close()
		line := "journey                         12 users    48.6 req/s  p95 250ms  1.5% errors  at most 40s left\n"
		want := line + line + "journey                          9.6 req/s  p95 200ms  no errors  240 requests  completed\n"
		if out.String() != want {
			t.Errorf("%s\nwant %s", out.String(), want)
		}
	})
}

func TestQuietIsQuiet(t *testing.T) {
	var out bytes.Buffer
	c := New(&out, true)
	c.Begin("a", func() oneshot.State { return oneshot.State{} })
	c.End("a", oneshot.State{})
	c.Close()
	if out.Len() > 0 {
		t.Errorf("%q, want nothing", out.String())
	}
}

func TestLongNamesAndNothingYet(t *testing.T) {
	want := "a_name_that_is_longer_than_…     0.0 req/s  p95 –  no errors"
	if got := wide().line("a_name_that_is_longer_than_a_line_of_the_table", oneshot.State{}); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
