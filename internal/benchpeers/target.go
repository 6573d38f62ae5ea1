package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// body is the small JSON that every client reads.
const body = `{"symbol":"ACME","price":12.34,"change":0.56,"volume":789012}`

// The target stops for the last second of every five once it was told to start, for each client at other instants: what
// all of them had sent meanwhile would be answered at once, and one would wait for the others.
const stopEvery, stopFor, stopApart = 5 * time.Second, time.Second, 700 * time.Millisecond

// stopped is how long the target still stands still at an instant after its start.
func stopped(at time.Duration) time.Duration {
	if in := at % stopEvery; in >= stopEvery-stopFor {
		return stopEvery - in
	}
	return 0
}

// A target answers, counts, and stops under /stall/N. It says little, so that the client is what is slow.
type target struct {
	served atomic.Int64
	ledger ledger       // of the open clients
	start  atomic.Int64 // of the stops, in Unix nanoseconds
}

// serveTarget serves until its standard input ends, as it does when the comparison has gone.
func serveTarget(in io.Reader, out io.Writer) error {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	t := &target{}
	srv := &fasthttp.Server{Handler: t.serve, NoDefaultServerHeader: true}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		_ = srv.Shutdown()
	}()
	fmt.Fprintf(out, "http://%s\n", l.Addr())
	return srv.Serve(l)
}

func (t *target) serve(c *fasthttp.RequestCtx) {
	switch string(c.Path()) {
	case "/count":
		c.SetBodyString(strconv.FormatInt(t.served.Load(), 10))
		return
	case "/start":
		t.start.Store(time.Now().UnixNano())
		return
	case "/account":
		text, _ := json.Marshal(t.ledger.close()) // numbers: never fails
		c.SetBody(text)
		return
	case "/space":
		t.ledger.note(time.Now(), 0)
	case "/delay":
		arrived := time.Now()
		time.Sleep(fixedDelay)
		t.ledger.note(arrived, time.Since(arrived))
	}
	if client, ok := strings.CutPrefix(string(c.Path()), "/stall/"); ok {
		n, _ := strconv.Atoi(client)
		time.Sleep(stopped(time.Since(time.Unix(0, t.start.Load())) + time.Duration(n)*stopApart))
	}
	t.served.Add(1)
	c.SetContentType("application/json")
	c.SetBodyString(body)
}
