package probes

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A cage is a Redis of one test: keys that die in the bubble's time, and what a test does to them.
type cage struct {
	role  string // of INFO; "" is a primary
	info  any    // what INFO replies in the place of a text; nil for that
	part  string // INFO's section on clusters
	keys  map[string]bird
	drift time.Duration // what PTTL adds
	fail  string        // the command that breaks
	asked []string

	misses int // as INFO counts them
}

type bird struct {
	value string
	dies  time.Time
	stays bool // it is there when it should have died
}

func (c *cage) Close() {}

func (c *cage) Do(_ context.Context, command ...any) (any, error) {
	name, key := fmt.Sprint(command[0]), fmt.Sprint(command[1])
	c.asked = append(c.asked, name)
	if name == c.fail {
		return nil, errors.New("connection reset by peer")
	}
	b, lives := c.keys[key]
	lives = lives && (b.stays || time.Now().Before(b.dies))
	switch name {
	case "INFO":
		switch {
		case c.info != nil:
			return c.info, nil
		case key == "cluster":
			return c.part, nil
		}
		return "role:" + c.role + "\r\n", nil
	case "SET":
		ttl, _ := command[4].(int64)
		c.keys[key] = bird{value: fmt.Sprint(command[2]), dies: time.Now().Add(time.Duration(ttl) * time.Millisecond)}
		return "OK", nil
	case "GET":
		if lives {
			return b.value, nil
		}
		c.misses++
		return nil, nil
	case "PTTL":
		if lives {
			return (time.Until(b.dies) + c.drift).Milliseconds(), nil
		}
		return int64(-2), nil
	case "DEL":
		delete(c.keys, key)
		if lives {
			return int64(1), nil
		}
		return int64(0), nil
	}
	return nil, fmt.Errorf("ERR unknown command %q", name)
}

// each changes every key.
func (c *cage) each(change func(*bird)) {
	for key, b := range c.keys {
		change(&b)
		c.keys[key] = b
	}
}

// canary is a prober of a cage, with the defaults.
func canary(t *testing.T, c *cage) *canaryProber {
	t.Helper()
	c.keys = map[string]bird{}
	p, err := (&Canary{Redis: "cache"}).Prober(Env{Redis: func(string) (Redis, error) { return c, nil }})
	if err != nil {
		t.Fatal(err)
	}
	prober, ok := p.(*canaryProber)
	if !ok {
		t.Fatalf("a %T", p)
	}
	return prober
}

// canaryRun runs it once and expects a failure that has these words in it; "" is success.
func canaryRun(t *testing.T, p *canaryProber, want string) CanaryResult {
	t.Helper()
	s := Take(t.Context(), p, time.Now())
	if want == "" && s.Outcome != OK || want != "" && (s.Outcome != InvalidResponse || !strings.Contains(s.Err.Error(), want)) {
		t.Errorf("outcome %v, error %v, want %q", s.Outcome, s.Err, want)
	}
	if s.Canary == nil {
		t.Fatalf("no result beside %v", s.Err)
	}
	return *s.Canary
}

func TestAHealthyCanaryIsQuietAtAnySchedule(t *testing.T) {
	for _, interval := range []time.Duration{time.Second, 15 * time.Second, 30 * time.Second, time.Minute, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			c := &cage{}
			p := canary(t, c)
			for range 5 {
				if got := canaryRun(t, p, ""); got != (CanaryResult{Measured: true}) {
					t.Errorf("each %v: %+v, want a time to live without an error", interval, got)
				}
				time.Sleep(interval)
			}
			if len(c.keys) != 2 || c.misses > 0 {
				t.Errorf("each %v: %d keys and %d misses, want always the same 2 keys and no look for one that is gone", interval,
					len(c.keys), c.misses)
			}
		})
	}
}

func TestWhatBefallsKeysIsTold(t *testing.T) {
	for _, tt := range []struct {
		name   string
		befall func(*cage)
		want   string
		found  CanaryResult
	}{
		{"deleted", func(c *cage) { clear(c.keys) }, "a key with a time to live of 2m0s was gone after 1m0s",
			CanaryResult{Lost: 1, Measured: true}},
		{"kept beyond their time", func(c *cage) { c.each(func(b *bird) { b.dies = b.dies.Add(time.Hour) }) },
			"a key with a time to live of 30s was there after 1m0s", CanaryResult{Outlived: 1, Measured: true, TTLError: 3600}},
		{"overwritten", func(c *cage) { c.each(func(b *bird) { b.value = "x" }) }, "a value that somebody else gave it",
			CanaryResult{Measured: true}},
		{"to die sooner", func(c *cage) { c.each(func(b *bird) { b.dies = b.dies.Add(-10 * time.Second) }) }, "off by -10s, want at most 1s",
			CanaryResult{Measured: true, TTLError: -10}},
		{"a little off", func(c *cage) { c.drift = 900 * time.Millisecond }, "", CanaryResult{Measured: true, TTLError: 0.9}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &cage{}
				p := canary(t, c)
				canaryRun(t, p, "")
				tt.befall(c)
				time.Sleep(time.Minute)
				if got := canaryRun(t, p, tt.want); got != tt.found {
					t.Errorf("found %+v, want %+v", got, tt.found)
				}
				c.drift = 0
				time.Sleep(time.Minute)
				if got := canaryRun(t, p, ""); got.Lost+got.Outlived > 0 {
					t.Errorf("%+v in the run after: it was told already", got)
				}
			})
		})
	}
}

// The mortal key is watched until it ought to be gone, however often the canary is asked, and planted anew then.
func TestAMortalKeyIsWatchedUntilItsDeath(t *testing.T) {
	for _, interval := range []time.Duration{time.Second, 7 * time.Second, 20 * time.Second, 30 * time.Second, 31 * time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			c := &cage{}
			p := canary(t, c)
			canaryRun(t, p, "")
			c.each(func(b *bird) { b.stays = time.Until(b.dies) == 30*time.Second })
			planted := time.Now()
			for time.Since(planted) <= 31*time.Second-interval {
				time.Sleep(interval)
				canaryRun(t, p, "")
			}
			time.Sleep(interval)
			if got := canaryRun(t, p, "with a time to live of 30s was there after"); got.Outlived != 1 {
				t.Errorf("each %v: %+v after %v, want one that outlived its time", interval, got, time.Since(planted))
			}
			time.Sleep(interval)
			if got := canaryRun(t, p, ""); got.Outlived > 0 || len(c.keys) != 2 {
				t.Errorf("each %v: %+v and %d keys in the run after", interval, got, len(c.keys))
			}
		})
	}
}

func TestAKeyThatLivesForEverIsTold(t *testing.T) {
	p := &canaryProber{tolerance: time.Second}
	var found CanaryResult
	err := p.drift(plant{ttl: time.Minute}, int64(-1), time.Now(), time.Now(), &found)
	if err == nil || !strings.Contains(err.Error(), "lives for ever") || found != (CanaryResult{Outlived: 1}) {
		t.Errorf("error %v, %+v, want one that outlives its time", err, found)
	}
}

func TestWhatCouldNotBeReadIsLookedAtAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cage{}
		p := canary(t, c)
		canaryRun(t, p, "")
		c.fail = "PTTL"
		time.Sleep(20 * time.Second)
		if s := Take(t.Context(), p, time.Now()); s.Outcome != Error {
			t.Errorf("outcome %v, want error", s.Outcome)
		}
		c.fail = ""
		clear(c.keys)
		if got := canaryRun(t, p, "was gone after"); got.Lost != 2 {
			t.Errorf("%d lost, want both that were planted before the failure", got.Lost)
		}
	})
}

func TestWhatIsNoPrimaryIsRefused(t *testing.T) {
	for _, tt := range []struct {
		c    cage
		want string
	}{
		{cage{role: "slave"}, "it is a replica, want a primary"},
		{cage{role: "replica", part: "cluster_enabled:0\r\n"}, "it is a replica, want a primary"},
		{cage{info: int64(7)}, "INFO is a int64, want a string"},
		{cage{info: []any{"role:master"}}, "INFO is a []interface {}, want a string"},
	} {
		s := Take(t.Context(), canary(t, &tt.c), time.Now())
		if s.Outcome != InvalidResponse || !strings.Contains(s.Err.Error(), tt.want) || len(tt.c.keys) > 0 {
			t.Errorf("outcome %v, error %v, %d keys, want none and %s", s.Outcome, s.Err, len(tt.c.keys), tt.want)
		}
	}
	canaryRun(t, canary(t, &cage{role: "slave", part: "cluster_enabled:1\r\n"}), "") // which leads to the keys' owners
}

// The keys go with the canary, unless it is away when they should.
func TestACanaryTakesItsKeysAway(t *testing.T) {
	for fail, want := range map[string]int{"": 0, "DEL": 2} {
		c := &cage{}
		p := canary(t, c)
		canaryRun(t, p, "")
		c.fail = fail
		p.Close()
		p.Close()
		if len(c.keys) != want {
			t.Errorf("%d keys are left where %q fails, want %d", len(c.keys), fail, want)
		}
	}
}

func TestCanaryMistakes(t *testing.T) {
	env := Env{Redis: func(name string) (Redis, error) {
		if name == "cache" || name == "other" {
			return &cage{}, nil
		}
		return nil, errors.New("unknown")
	}}
	for _, tt := range []struct {
		spec Canary
		want string
	}{
		{Canary{}, "redis: missing, want the name of a Redis under redis"},
		{Canary{Redis: "nobody"}, `redis: "nobody", want the name of a Redis under redis`},
		{Canary{Redis: "cache", Replica: "cache"}, `replica: "cache", want another Redis than redis`},
		{Canary{Redis: "cache", TTL: time.Millisecond}, `ttl: "1ms", want a duration from 1s to 24h`},
		{Canary{Redis: "cache", TTL: 2 * time.Second, Tolerance: 3 * time.Second}, `tolerance: "3s", want a duration shorter than ttl`},
		{Canary{Redis: "cache", Prefix: "{a}"}, `prefix: "{a}", want at most 200 bytes without braces`},
	} {
		if _, err := tt.spec.Prober(env); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %s", tt.spec, err, tt.want)
		}
	}
	if _, err := (&Canary{Redis: "cache", Replica: "other", TTL: time.Hour}).Prober(env); err != nil {
		t.Error(err)
	}
}
