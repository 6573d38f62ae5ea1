package stage

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	requestTimeout = 5 * time.Second
	firstWait      = 200 * time.Millisecond // after a report that did not arrive; twice as long after the next
	mostWait       = 5 * time.Second
	maxWaiting     = 64      // events that wait to be sent; of progress the newest is enough
	maxAnswer      = 4 << 10 // bytes
)

// An event is what is told of the command.
type event struct {
	verb   string
	at     time.Time
	items  int64 // negative if not known
	exit   int   // of finish and fail
	memory int64 // bytes
}

// A reporter sends events in their order, beside the command. Each is sent until perfwatch takes it or refuses it.
type reporter struct {
	stage  *Stage
	key    string
	run    string
	events chan event
	ended  chan struct{}
	cancel context.CancelFunc
}

// reporter starts sending. It outlives ctx, which a signal ends: the command is to be reported even then.
func (s *Stage) reporter(ctx context.Context) *reporter {
	r := &reporter{
		stage: s, key: rand.Text(), run: s.Run, events: make(chan event, maxWaiting), ended: make(chan struct{}),
	}
	ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(r.ended)
		for e := range r.events {
			r.deliver(ctx, e)
		}
	}()
	return r
}

// send hands an event over and never waits. Progress that finds no room is left out.
func (r *reporter) send(e event) {
	if e.verb == "progress" && len(r.events) > maxWaiting/2 {
		return
	}
	r.events <- e
}

// close waits for what is still to be sent, but not longer than the stage has patience.
func (r *reporter) close() {
	close(r.events)
	timer := time.AfterFunc(r.stage.Patience, r.cancel)
	<-r.ended
	timer.Stop()
	r.cancel()
}

// deliver sends an event until it is taken or refused, or until there is no time left.
func (r *reporter) deliver(ctx context.Context, e event) {
	for wait := firstWait; ; wait = min(2*wait, mostWait) {
		err := r.post(ctx, e)
		var refused *refusedError
		switch {
		case err == nil:
			return
		case errors.As(err, &refused), ctx.Err() != nil:
			r.stage.Logger.Warn("stage not reported", "stage", r.stage.Name, "event", e.verb, "err", err)
			return
		}
		r.stage.Logger.Debug("stage not reported yet", "stage", r.stage.Name, "event", e.verb, "err", err)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// A refusedError is an answer that would be the same the next time.
type refusedError struct {
	status int
	detail string
}

func (e *refusedError) Error() string { return fmt.Sprintf("status %d: %s", e.status, e.detail) }

func (r *reporter) post(ctx context.Context, e event) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url(e), nil)
	if err != nil {
		return &refusedError{0, err.Error()}
	}
	req.Header.Set("Idempotency-Key", r.key)
	resp, err := r.stage.Client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	var answer struct{ Run, Detail string }
	_ = json.Unmarshal(body, &answer) // what is no JSON has neither
	switch {
	case resp.StatusCode == http.StatusOK:
		r.run = answer.Run // what follows belongs to the same run
		return nil
	case resp.StatusCode/100 == 4 && resp.StatusCode != http.StatusRequestTimeout && resp.StatusCode != http.StatusTooManyRequests:
		return &refusedError{resp.StatusCode, answer.Detail}
	}
	return fmt.Errorf("status %d", resp.StatusCode)
}

func (r *reporter) url(e event) string {
	query := url.Values{"at": {e.at.UTC().Format(time.RFC3339Nano)}}
	if r.run != "" {
		query.Set("run", r.run)
	}
	if e.items >= 0 {
		query.Set("items", strconv.FormatInt(e.items, 10))
	}
	if e.verb == "finish" || e.verb == "fail" {
		query.Set("exit_code", strconv.Itoa(e.exit))
		if e.memory > 0 {
			query.Set("memory_peak_bytes", strconv.FormatInt(e.memory, 10))
		}
	}
	return fmt.Sprintf("%s/api/v1/pipelines/%s/%s/%s?%s", r.stage.URL, url.PathEscape(r.stage.Pipeline),
		url.PathEscape(r.stage.Name), e.verb, query.Encode())
}
