package probes

import (
	"encoding/binary"
	"encoding/hex"
	"maps"
	"math/rand/v2"
	"net/http"
)

// traceHeader carries the trace id of a request, https://www.w3.org/TR/trace-context/.
const traceHeader = "Traceparent"

// traceTemplate is version 00 with its flags. The flag says sampled: scheduled runs are few, a burst is short and
// bounded, and the traces that people want to see, those of the slowest requests, are known only when it is too late to
// ask for them.
const traceTemplate = "00-00000000000000000000000000000000-0000000000000000-01"

// A TraceID names a request to the platform's tracing. The zero id means that the request carried none.
type TraceID [16]byte

// String is the id in the 32 hexadecimal digits under which tracing knows it; empty if there is none.
func (t TraceID) String() string {
	if t == (TraceID{}) {
		return ""
	}
	return hex.EncodeToString(t[:])
}

// A tracer gives each request a trace of its own. It is not safe for concurrent use.
type tracer struct {
	random *rand.PCG
	id     TraceID
	header [len(traceTemplate)]byte // of the request now sent
}

func newTracer(random *rand.PCG) *tracer {
	t := &tracer{random: random}
	copy(t.header[:], traceTemplate)
	return t
}

// newTrace makes the trace of a run that is not HTTP, and its header.
func newTrace() (id TraceID, header string) {
	t := newTracer(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	id = t.next()
	return id, string(t.header[:])
}

// next draws the ids of a request. None of their halves is zero, as both ids must be other than zero.
func (t *tracer) next() TraceID {
	var span [8]byte
	binary.BigEndian.PutUint64(t.id[:8], t.random.Uint64()|1)
	binary.BigEndian.PutUint64(t.id[8:], t.random.Uint64())
	binary.BigEndian.PutUint64(span[:], t.random.Uint64()|1)
	hex.Encode(t.header[3:], t.id[:])
	hex.Encode(t.header[36:], span[:])
	return t.id
}

// add gives req, which is a copy already, the trace of the request now sent. The map that it shares with other requests
// stays as it is.
func (t *tracer) add(req *http.Request) {
	req.Header = maps.Clone(req.Header)
	req.Header[traceHeader] = []string{string(t.header[:])}
}
