package browser

import (
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	// maxRequests is how many requests of one page are followed.
	maxRequests = 20_000
	// maxWaterfall and maxURL bound what is kept of them.
	maxWaterfall = 300
	maxURL       = 300
)

// A request is one that the page has sent. Times are the browser's own clock, seconds.
type request struct {
	loader                           string
	method, url, kind                string
	status                           int
	err                              string
	start, end                       float64 // end is 0 while it is in flight
	bytes                            float64
	cached, local, blocked, canceled bool
}

// good says that a request keeps the network busy while it is in flight: a GET over the network that did not fail.
func (q *request) good() bool {
	return q.method == "GET" && !q.local && q.err == "" && q.status < 400
}

// requests are those of a page, in the order in which they were sent.
type requests struct {
	all   []*request
	byID  map[string]*request // those in flight
	total float64             // bytes, of earlier documents too
	over  bool                // there are too many to follow
}

// keep forgets all that did not belong to a document.
func (rs *requests) keep(loader string) {
	rs.all = slices.DeleteFunc(rs.all, func(q *request) bool { return q.loader != loader })
	maps.DeleteFunc(rs.byID, func(_ string, q *request) bool { return q.loader != loader })
}

func (rs *requests) add(id string, q *request) {
	if len(rs.all) >= maxRequests {
		rs.over = true
		return
	}
	rs.all = append(rs.all, q)
	rs.byID[id] = q
}

// A netEvent has what all events of requests have.
type netEvent struct {
	RequestID, LoaderID, FrameID, Type string
	Timestamp                          float64
	Request                            struct{ URL, Method string }
	RedirectResponse, Response         *netResponse
	EncodedDataLength, DataLength      float64
	ErrorText                          string
	Canceled                           bool
	BlockedReason                      string
}

type netResponse struct {
	Status            int
	EncodedDataLength float64
	FromDiskCache     bool
	RemoteIPAddress   string
	Timing            *struct {
		DNSStart, DNSEnd, ConnectStart, ConnectEnd, SSLStart, SSLEnd, SendStart, SendEnd float64
		ReceiveHeadersStart, ReceiveHeadersEnd                                           float64
	}
	SecurityDetails *struct{ ValidTo float64 }
}

// network takes note of an event of the domain Network.
func (r *run) network(m *message) {
	name, ok := strings.CutPrefix(m.method, "Network.")
	if !ok {
		return
	}
	var e netEvent
	if !m.read(&e) {
		return
	}
	id := m.session + " " + e.RequestID
	rs := &r.requests
	if name == "requestWillBeSent" {
		r.sent(m, id, &e)
		return
	}
	q := rs.byID[id]
	if q == nil {
		return
	}
	was := q.bytes
	switch name {
	case "requestServedFromCache":
		q.cached = true
	case "responseReceived":
		r.answered(m, q, &e)
	case "dataReceived":
		if q.bytes += e.EncodedDataLength; e.EncodedDataLength == 0 { // it may say what came over the wire only at the end
			q.bytes += e.DataLength
		}
	case "loadingFinished":
		q.end, q.bytes = e.Timestamp, e.EncodedDataLength
		delete(rs.byID, id)
	case "loadingFailed":
		q.end, q.err, q.canceled, q.blocked = e.Timestamp, e.ErrorText, e.Canceled, e.BlockedReason != ""
		delete(rs.byID, id)
		r.documentFailed(q, &e)
	}
	rs.total += q.bytes - was
	if limit := r.page.MaxBytes; limit > 0 && r.measuring && rs.total > float64(limit) {
		r.fail(&PageError{Reason: NoLoad, Size: true, Err: errSize(limit)})
	}
}

// sent begins a request, or the next one of a redirect.
func (r *run) sent(m *message, id string, e *netEvent) {
	if q := r.requests.byID[id]; q != nil && e.RedirectResponse != nil {
		q.end, q.status, q.bytes = e.Timestamp, e.RedirectResponse.Status, e.RedirectResponse.EncodedDataLength
	}
	local := !strings.HasPrefix(e.Request.URL, "http://") && !strings.HasPrefix(e.Request.URL, "https://")
	loader := e.LoaderID
	if m.session != r.s.id {
		loader = r.doc.loader // a frame of another site belongs to the document that it stands in
	}
	r.requests.add(id, &request{
		loader: loader, method: e.Request.Method, url: clip(e.Request.URL, maxURL), kind: e.Type, start: e.Timestamp, local: local,
	})
	if r.requests.over {
		r.fail(failed(NetworkBusy, "it sent more than %d requests", maxRequests))
	}
	if e.RequestID == e.LoaderID && m.session == r.s.id && e.FrameID == r.target {
		r.pending = e.LoaderID
	}
}

func (r *run) answered(m *message, q *request, e *netEvent) {
	if e.Response == nil {
		return
	}
	q.status, q.kind, q.bytes = e.Response.Status, e.Type, max(q.bytes, e.Response.EncodedDataLength)
	q.cached = q.cached || e.Response.FromDiskCache
	if e.RequestID == e.LoaderID && m.session == r.s.id && e.FrameID == r.target {
		r.response, r.answeredAt = e.Response.response(), e.Timestamp
	}
}

// documentFailed ends the run where the document itself does not come.
func (r *run) documentFailed(q *request, e *netEvent) {
	if r.measuring && q.loader == e.RequestID && q.loader == r.pending && !e.Canceled {
		r.fail(netFailure(e.ErrorText))
	}
}

func (p *netResponse) response() Response {
	res := Response{Status: p.Status, Address: p.RemoteIPAddress}
	if t := p.Timing; t != nil {
		res.DNS, res.TLS = between(t.DNSStart, t.DNSEnd), between(t.SSLStart, t.SSLEnd)
		res.Connect = between(t.ConnectStart, t.ConnectEnd) - res.TLS // the one of Chromium includes the handshake
		headers := t.ReceiveHeadersStart
		if headers <= 0 {
			headers = t.ReceiveHeadersEnd
		}
		res.Request, res.Wait = between(t.SendStart, t.SendEnd), between(t.SendEnd, headers)
	}
	if d := p.SecurityDetails; d != nil && d.ValidTo > 0 {
		res.CertNotAfter = time.Unix(int64(d.ValidTo), 0)
	}
	return res
}

// between is a phase in milliseconds; what did not happen is -1.
func between(start, end float64) time.Duration {
	if start < 0 || end < start {
		return 0
	}
	return millis(end - start)
}

// spans are the requests that keep the network busy, counted from an instant of the browser's clock.
func (rs *requests) spans(from float64) (list []span) {
	for _, q := range rs.all {
		if !q.good() {
			continue
		}
		s := span{seconds(q.start - from), never}
		if q.end > 0 {
			s.end = seconds(q.end - from)
		}
		list = append(list, s)
	}
	return list
}

// count sums them up.
func (rs *requests) count(f *Figures) {
	f.Types = map[string]TypeCount{}
	for _, q := range rs.all {
		if q.local {
			continue
		}
		f.Requests++
		if q.status >= 400 || q.err != "" && !q.canceled {
			f.Failed++
		}
		f.Bytes += int64(q.bytes)
		c := f.Types[q.kind]
		f.Types[q.kind] = TypeCount{c.Requests + 1, c.Bytes + int64(q.bytes)}
	}
}

// waterfall shows the first of them.
func (rs *requests) waterfall(from float64) []Request {
	list := make([]Request, 0, min(len(rs.all), maxWaterfall))
	for _, q := range rs.all[:min(len(rs.all), maxWaterfall)] {
		w := Request{
			Method: q.method, URL: shown(q.url), Type: q.kind, Status: q.status, Error: q.err, Start: seconds(q.start - from),
			Bytes: int64(q.bytes), Cached: q.cached,
		}
		if q.end > 0 {
			w.End = seconds(q.end - from)
		}
		list = append(list, w)
	}
	return list
}

// shown is a URL as it is kept: what follows the path may be a secret.
func shown(url string) string {
	if at := strings.IndexAny(url, "?#"); at >= 0 {
		url = url[:at+1] + "…"
	}
	return clip(url, maxURL)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func millis(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
