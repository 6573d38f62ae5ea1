package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// scripted is a run whose browser gives each command the next of these replies, and the last one again and again.
func scripted(t *testing.T, replies ...string) *run {
	t.Helper()
	theirIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{conn: newConn(newWire(out, in)), said: &complaint{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = theirOut.Close() }()
		for r := bufio.NewReader(theirIn); ; {
			text, err := r.ReadString(0)
			if err != nil {
				return
			}
			var command struct{ ID int64 }
			if err := json.Unmarshal([]byte(strings.TrimSuffix(text, "\x00")), &command); err != nil {
				return
			}
			fmt.Fprintf(theirOut, `{"id":%d,"sessionId":"s",%s}`+"\x00", command.ID, replies[0])
			replies = replies[min(1, len(replies)-1):]
		}
	}()
	t.Cleanup(func() {
		p.wire.close()
		<-done
		<-p.lost
		_ = theirIn.Close()
	})
	r := newRun(p, &Page{})
	r.s, r.world = p.session("s"), "w"
	return r
}

// TestAStepWaitsThroughANavigation has the document go away while a step asks it, before the browser has told of that.
func TestAStepWaitsThroughANavigation(t *testing.T) {
	const (
		gone    = `"error":{"code":-32000,"message":"Inspected target navigated or closed"}`
		unknown = `"error":{"code":-32000,"message":"uniqueContextId not found"}`
		missing = `"result":{"result":{"value":false}}`
		there   = `"result":{"result":{"value":true}}`
		thrown  = `"result":{"result":{},"exceptionDetails":{"text":"Uncaught SyntaxError"}}`
	)
	tests := []struct {
		name    string
		replies []string
		want    string // in the error; "" for none
	}{
		{"it navigates", []string{gone, unknown, missing, there}, ""},
		{"it navigates to where the element is not", []string{gone, missing}, `expectation: no element "#x": context deadline exceeded`},
		{"it is never there", []string{gone}, `expectation: no element "#x": context deadline exceeded (asking for Runtime.evaluate: browser: Inspected target navigated or closed)`},
		{"a selector that is none", []string{gone, thrown, there}, "evaluating: Uncaught SyntaxError"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			limit := 30 * time.Second
			if strings.Contains(tt.want, "deadline") {
				limit = 2 * time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			got := ""
			err := scripted(t, tt.replies...).step(ctx, &Step{WaitFor: "#x"})
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if late := strings.Contains(tt.want, "deadline"); errors.Is(err, context.DeadlineExceeded) != late {
				t.Errorf("got %v, want the deadline as its cause: %v", err, late)
			}
		})
	}
}
