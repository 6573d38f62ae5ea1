package browser

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"net/http"
	"testing"
	"time"
)

// looks are the colours of the middles of frames, as "red", "blue" or "white".
func looks(t *testing.T, film []Frame) (all []string) {
	t.Helper()
	for i, f := range film {
		picture, err := jpeg.Decode(bytes.NewReader(f.JPEG))
		if err != nil {
			t.Fatal(err)
		}
		size := picture.Bounds().Size()
		if max(size.X, size.Y) != filmSide || len(f.JPEG) > maxFrameBytes || i > 0 && f.At < film[i-1].At {
			t.Errorf("frame %d at %v has %v pixels and %d bytes", i, f.At, size, len(f.JPEG))
		}
		all = append(all, named(picture, size))
	}
	return all
}

func named(picture image.Image, size image.Point) string {
	const bright = 0xc000
	switch r, _, b, _ := picture.At(size.X/2, size.Y/2).RGBA(); {
	case r > bright && b > bright:
		return "white"
	case r > bright:
		return "red"
	case b > bright:
		return "blue"
	}
	return "?"
}

func TestTheFilmOfAFailure(t *testing.T) {
	t.Parallel()
	s := site(t, map[string]http.HandlerFunc{
		"/turns": html(`<p>x<script>const turn = (c) => { document.body.style.background = c };
			setTimeout(() => turn('red'), 2500); setTimeout(() => turn('blue'), 4500)</script>`),
		// A busy machine has two seconds and more to draw it before it is stuck, which is before it would be interactive.
		"/stuck": html(`<p>x<script>setTimeout(() => { document.body.style.background = 'blue' }, 2000);
			setTimeout(() => { for (;;); }, 4700)</script>`),
		"/spins": html(`<style>@keyframes a { to { transform: rotate(360deg) } }
			div { width: 200px; height: 200px; background: red; animation: a 1s linear infinite }</style><p>x<div></div>`),
	})
	b := browserFor(t)
	b.slots = make(chan struct{}, 4) // most of the time they wait
	t.Run("what it looked like on its way", func(t *testing.T) {
		t.Parallel()
		p := pageAt(t, s.URL, "/turns")
		p.Expect.Selector = "#missing"
		v := load(t, b, p, 30*time.Second, Expectation)
		got := looks(t, v.Evidence.Film)
		if n := len(got); n < 3 || fmt.Sprint(got[n-3:]) != "[white red blue]" {
			t.Errorf("the film ends with %v, want white, red and blue", got)
		} else if at := v.Evidence.Film[n-2].At; at < 2400*time.Millisecond || at > 4500*time.Millisecond {
			t.Errorf("it is red after %v, want 2.5 s", at)
		}
	})
	t.Run("before it was stuck", func(t *testing.T) {
		t.Parallel()
		v := load(t, b, pageAt(t, s.URL, "/stuck"), 30*time.Second, MainStuck)
		if got := looks(t, v.Evidence.Film); len(got) == 0 || got[len(got)-1] != "blue" || v.Evidence.Screenshot != nil {
			t.Errorf("the film is %v, want the last of it to be blue", got)
		}
	})
	t.Run("an animation is not all kept", func(t *testing.T) {
		t.Parallel()
		p := pageAt(t, s.URL, "/spins")
		p.Expect.Selector = "#missing"
		v := load(t, b, p, 30*time.Second, Expectation)
		film := v.Evidence.Film
		if looks(t, film); len(film) != maxFilm || film[maxFilm-1].At < 4*time.Second || film[maxFilm/2].At < 2*time.Second {
			t.Errorf("%d frames, want %d over the whole time", len(film), maxFilm)
		}
	})
	t.Run("a good one has none", func(t *testing.T) {
		t.Parallel()
		if v := load(t, b, pageAt(t, s.URL, "/turns"), 30*time.Second, ""); v.Evidence.Film != nil {
			t.Errorf("%d frames of a page that did not fail", len(v.Evidence.Film))
		}
	})
}

func TestTheClosestFramesGo(t *testing.T) {
	var f film
	f.add(Frame{0, make([]byte, maxFrameBytes+1)})
	for i := range 2 * maxFilm {
		at := time.Duration(i) * time.Second
		f.add(Frame{at, []byte{byte(i)}})
		f.add(Frame{at + time.Millisecond, []byte{byte(i)}})
	}
	if n := len(f.frames); n != maxFilm || f.frames[0].At != 0 || f.frames[n-1].At != (2*maxFilm-1)*time.Second {
		t.Errorf("%d frames from %v to %v", n, f.frames[0].At, f.frames[n-1].At)
	}
	for i := 1; i < len(f.frames); i++ {
		if gap := f.frames[i].At - f.frames[i-1].At; gap < time.Second || gap > 4*time.Second {
			t.Errorf("%v between frames, want them all over the time", gap)
		}
	}
}
