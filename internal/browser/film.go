package browser

import (
	"bytes"
	"slices"
	"time"
)

const (
	// filmSide is the longer side of a frame in pixels, and filmQuality that of its JPEG.
	filmSide, filmQuality = 320, 40
	// maxFilm and maxFrameBytes bound what is kept of a visit.
	maxFilm, maxFrameBytes = 12, 32 << 10
	// brisk is how many frames between two beats are enough.
	brisk = 4
)

// A Frame is what the page looked like at some instant.
type Frame struct {
	At   time.Duration // from the start of the navigation
	JPEG []byte
}

// A film is what a visit looked like from the first paint on. The browser makes it of what it has drawn anyway, and the
// page's thread has no part in that. After some frames it is stopped until the next beat, which keeps an animation from
// costing more than a few a second.
type film struct {
	frames  []Frame // the oldest first
	lately  int     // frames since the last beat
	stopped bool    // it was stopped, and no frame has come since
}

// roll has frames sent. The first is what the page looks like now.
func (r *run) roll() {
	r.post(r.s.id, "Page.startScreencast", object{
		"format": "jpeg", "quality": filmQuality, "maxWidth": filmSide, "maxHeight": filmSide,
	})
}

// cut has no more of them sent.
func (r *run) cut() { r.post(r.s.id, "Page.stopScreencast", nil) }

// beat lets a film that was stopped go on.
func (r *run) beat() {
	r.film.lately = 0
	if r.film.stopped {
		r.roll()
	}
}

// frame keeps one.
func (r *run) frame(m *message) {
	var e struct {
		Data      []byte
		SessionID int
	}
	if !m.read(&e) {
		return
	}
	if r.doc.committed { // and not what stood there before
		r.film.add(Frame{r.since(time.Now()), e.Data})
	}
	r.film.lately++
	if r.film.stopped = r.film.lately >= brisk; r.film.stopped {
		r.cut()
		return
	}
	r.post(r.s.id, "Page.screencastFrameAck", object{"sessionId": e.SessionID})
}

// add keeps a frame that differs from the one before it. Where there are too many the one goes whose neighbours are
// closest to each other, so that the first and the last stay.
func (f *film) add(next Frame) {
	n := len(f.frames)
	if len(next.JPEG) > maxFrameBytes || n > 0 && bytes.Equal(f.frames[n-1].JPEG, next.JPEG) {
		return
	}
	f.frames = append(f.frames, next)
	if len(f.frames) <= maxFilm {
		return
	}
	gap := func(i int) time.Duration { return f.frames[i+1].At - f.frames[i-1].At }
	least := 1
	for i := 2; i < n; i++ {
		if gap(i) < gap(least) {
			least = i
		}
	}
	f.frames = slices.Delete(f.frames, least, least+1)
}
