package probes

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The bounds of a canary's times.
const (
	defaultTTL, minTTL, maxTTL  = 30 * time.Second, time.Second, 24 * time.Hour
	defaultTolerance            = time.Second
	replicaPause, mostReplicaGo = time.Millisecond, 50 * time.Millisecond // between two looks at a replica
	maxUproot                   = 500 * time.Millisecond                  // for the keys to be deleted at the end
)

// A Redis takes commands over a connection of its own. A reply of Redis that says nil is nil.
type Redis interface {
	Do(ctx context.Context, command ...any) (reply any, err error)
	Close()
}

// Canary plants keys with a time to live in a Redis, and looks on later runs whether they died too early, live too long,
// or have another time to live than they should. There are two: one that is watched until it ought to be gone, and planted
// anew then, and one that each run plants and that the next ought to find.
type Canary struct {
	Redis     string        `yaml:"redis"`     // name of a Redis of the configuration, which must be a primary
	TTL       time.Duration `yaml:"ttl"`       // of the key that ought to die; default 30s
	Tolerance time.Duration `yaml:"tolerance"` // by how much a time to live may be off; default 1s
	Prefix    string        `yaml:"prefix"`    // of its keys; default "perfwatch:canary:"
	Replica   string        `yaml:"replica"`   // name of a Redis that must come to have the keys; left out for none
}

// CanaryResult is what a run of the kind canary found out.
type CanaryResult struct {
	Lost     int           // keys that were gone before their time
	Outlived int           // keys that were there after it, or would be for ever
	Measured bool          // a time to live was read, so that there is a TTLError
	TTLError float64       // seconds by which it was too long, or below zero too short; the worst of the run
	Lag      time.Duration // until the replica had the new key; zero if none was asked, or it never had it
}

// Kind implements Spec.
func (*Canary) Kind() string { return "canary" }

// Prober implements Spec.
func (c *Canary) Prober(env Env) (Prober, error) {
	var ms mistakes
	p := &canaryProber{ttl: orElse(c.TTL, defaultTTL), tolerance: orElse(c.Tolerance, defaultTolerance), now: time.Now}
	if p.ttl < minTTL || p.ttl > maxTTL {
		ms.add("ttl", c.TTL, "a duration from 1s to 24h")
	}
	if p.tolerance <= 0 || p.tolerance >= p.ttl {
		ms.add("tolerance", p.tolerance, "a duration shorter than ttl")
	}
	prefix := c.Prefix
	if prefix == "" {
		prefix = "perfwatch:canary:"
	}
	if len(prefix) > 200 || strings.ContainsAny(prefix, "{}") {
		ms.add("prefix", prefix, "at most 200 bytes without braces, which choose a slot of a cluster")
	}
	p.primary = ms.redis("redis", c.Redis, env)
	if c.Replica != "" {
		p.replica = ms.redis("replica", c.Replica, env)
	}
	if c.Replica != "" && c.Replica == c.Redis {
		ms.add("replica", c.Replica, "another Redis than redis")
	}
	if err := errors.Join(ms...); err != nil {
		p.Close()
		return nil, err
	}
	p.prefix = prefix + rand.Text()[:8] + ":" // two perfwatch may watch the same Redis
	return p, nil
}

// redis finds a Redis of the configuration by its name.
func (ms *mistakes) redis(field, name string, env Env) Redis {
	if name == "" {
		ms.add(field, nil, "the name of a Redis under redis")
		return nil
	}
	if env.Redis == nil {
		return nil
	}
	r, err := env.Redis(name)
	if err != nil {
		ms.add(field, name, "the name of a Redis under redis")
	}
	return r
}

func orElse(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// A canaryProber remembers what it planted; nothing else of it changes.
type canaryProber struct {
	primary, replica Redis // replica is nil if none is asked
	ttl, tolerance   time.Duration
	prefix           string
	now              func() time.Time

	mu      sync.Mutex
	planted [2]plant  // the mortal and the lasting one; without a key where there is none
	last    time.Time // when the run before planted; zero before the first
	runs    uint64
	follows bool // the replica had the last key, so that it is one
}

// A plant is a key and what is known of it. The instant of its planting lies between two, since Redis is asked over a
// network.
type plant struct {
	key, value    string
	ttl           time.Duration
	before, after time.Time
}

// The places of the two keys.
const mortal, lasting = 0, 1

// Probe looks at what was planted, and plants anew what has served.
func (p *canaryProber) Probe(ctx context.Context) (Result, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := &CanaryResult{}
	if err := p.isPrimary(ctx); err != nil {
		return Result{}, err
	}
	var problems []error
	for i := range p.planted {
		k := p.planted[i]
		if k.key == "" {
			continue
		}
		dead := p.now().Sub(k.after) > k.ttl+p.tolerance
		problem, err := p.look(ctx, k, found)
		if err != nil {
			return Result{Canary: found}, err // it stays planted, and is looked at in the next run
		}
		if i == lasting { // the next has another key, which a replica cannot have had before
			if _, err := p.primary.Do(ctx, "DEL", k.key); err != nil {
				return Result{Canary: found}, err
			}
		}
		if problems = append(problems, problem); i == lasting || dead || problem != nil {
			p.planted[i] = plant{}
		}
	}
	if err := p.plantAll(ctx, found, &problems); err != nil {
		return Result{Canary: found}, err
	}
	if err := errors.Join(problems...); err != nil {
		return Result{Canary: found}, fmt.Errorf("%w: %w", ErrInvalidResponse, err)
	}
	return Result{Canary: found}, p.follow(ctx, found)
}

// Close deletes the keys and lets go of the connections. Keys that it cannot delete die of their time to live.
func (p *canaryProber) Close() {
	if p.mu.TryLock() { // a run that still goes on keeps its keys
		p.uproot()
		p.mu.Unlock()
	}
	for _, r := range []Redis{p.primary, p.replica} {
		if r != nil {
			r.Close()
		}
	}
}

// uproot deletes what is planted.
func (p *canaryProber) uproot() {
	ctx, cancel := context.WithTimeout(context.Background(), maxUproot)
	defer cancel()
	for i, k := range p.planted {
		if k.key == "" {
			continue
		}
		if _, err := p.primary.Do(ctx, "DEL", k.key); err != nil {
			return
		}
		p.planted[i] = plant{}
	}
}

// isPrimary refuses a replica: it would take keys on which nobody may rely, or none. In a cluster it is no matter who
// answers, since only primaries take keys there and all others lead to them.
func (p *canaryProber) isPrimary(ctx context.Context) error {
	replica, err := isReplica(ctx, p.primary)
	if err != nil || !replica {
		return err
	}
	text, err := section(ctx, p.primary, "cluster")
	if err == nil && !strings.Contains(text, "cluster_enabled:1") {
		err = fmt.Errorf("%w: it is a replica, want a primary", ErrInvalidResponse)
	}
	return err
}

// isReplica reports what a Redis says that it is.
func isReplica(ctx context.Context, r Redis) (bool, error) {
	text, err := section(ctx, r, "replication")
	return strings.Contains(text, "role:slave") || strings.Contains(text, "role:replica"), err
}

// section is one of those of INFO.
func section(ctx context.Context, r Redis, name string) (string, error) {
	reply, err := r.Do(ctx, "INFO", name)
	if err != nil {
		return "", err
	}
	text, ok := reply.(string)
	if !ok {
		return "", fmt.Errorf("%w: INFO is a %T, want a string", ErrInvalidResponse, reply)
	}
	return text, nil
}

// look holds a key against what it should be by now. The problem is the key's; the error is that it could not be read.
func (p *canaryProber) look(ctx context.Context, k plant, found *CanaryResult) (problem, err error) {
	asked := p.now()
	switch {
	case asked.Sub(k.after) > k.ttl+p.tolerance:
		return p.outlived(ctx, k, found)
	case asked.Sub(k.before) > k.ttl-p.tolerance: // whether it is there says nothing
		return nil, nil //nolint:nilnil // neither a problem nor a failure
	}
	value, err := p.primary.Do(ctx, "GET", k.key)
	if err != nil {
		return nil, err
	}
	left, err := p.primary.Do(ctx, "PTTL", k.key)
	if err != nil {
		return nil, err
	}
	answered := p.now()
	switch latest := answered.Sub(k.before); { // its age is at most this, and at least asked less after
	case value == nil && latest < k.ttl-p.tolerance:
		found.Lost++
		return fmt.Errorf("a key with a time to live of %v was gone after %v", k.ttl, latest.Round(time.Millisecond)), nil
	case value == nil:
		return nil, nil //nolint:nilnil // it died when it should, and could be asked
	case value != k.value:
		return errors.New("a key has a value that somebody else gave it"), nil
	}
	return p.drift(k, left, asked, answered, found), nil
}

// outlived looks for a key that must be gone by deleting it, which cleans up at once. To read it would count as a miss: a
// canary that is well would look like a cache that is not.
func (p *canaryProber) outlived(ctx context.Context, k plant, found *CanaryResult) (problem, err error) {
	n, err := p.primary.Do(ctx, "DEL", k.key)
	if err != nil || n == int64(0) {
		return nil, err
	}
	found.Outlived++
	age := p.now().Sub(k.before).Round(time.Millisecond)
	return fmt.Errorf("a key with a time to live of %v was there after %v", k.ttl, age), nil
}

// drift holds the time that Redis gives a key to live against the time that is left of it. The key may die between the
// two questions.
func (p *canaryProber) drift(k plant, left any, asked, answered time.Time, found *CanaryResult) error {
	milliseconds, ok := left.(int64)
	switch {
	case !ok:
		return fmt.Errorf("its time to live is a %T, want a number", left)
	case milliseconds == -1:
		found.Outlived++
		return fmt.Errorf("a key with a time to live of %v lives for ever", k.ttl)
	case milliseconds < 0:
		return nil
	}
	middle := k.before.Add(k.after.Sub(k.before) / 2)
	age := asked.Add(answered.Sub(asked) / 2).Sub(middle)
	off := time.Duration(milliseconds)*time.Millisecond - (k.ttl - age)
	if !found.Measured || off.Abs().Seconds() > max(found.TTLError, -found.TTLError) {
		found.Measured, found.TTLError = true, off.Seconds()
	}
	if off.Abs() > p.tolerance+answered.Sub(asked)+k.after.Sub(k.before) { // what the network took is no drift
		return fmt.Errorf("a key has a time to live that is off by %v, want at most %v", off.Round(time.Millisecond), p.tolerance)
	}
	return nil
}

// plantAll plants what is missing. The lasting key lives for twice the time between runs. Each is read back at once.
func (p *canaryProber) plantAll(ctx context.Context, found *CanaryResult, problems *[]error) error {
	long := 4 * p.ttl
	if !p.last.IsZero() {
		long = min(max(2*p.now().Sub(p.last), 2*p.ttl), 2*maxTTL)
	}
	p.last = p.now()
	p.runs++
	for i, ttl := range [...]time.Duration{mortal: p.ttl, lasting: long} {
		if p.planted[i].key != "" {
			continue
		}
		k := plant{key: p.prefix + strconv.Itoa(i), value: strconv.FormatUint(p.runs, 10), ttl: ttl.Truncate(time.Millisecond)}
		k.before = p.now()
		if i == lasting {
			k.key += ":" + k.value
		}
		if _, err := p.primary.Do(ctx, "SET", k.key, k.value, "PX", k.ttl.Milliseconds()); err != nil {
			return err
		}
		k.after = p.now()
		problem, err := p.look(ctx, k, found)
		if err != nil {
			return err
		}
		if *problems = append(*problems, problem); problem == nil { // otherwise it has been told
			p.planted[i] = k
		}
	}
	return nil
}

// follow waits until the replica has the key that was planted last.
func (p *canaryProber) follow(ctx context.Context, found *CanaryResult) error {
	if p.replica == nil {
		return nil
	}
	if !p.follows {
		if replica, err := isReplica(ctx, p.replica); err != nil {
			return fmt.Errorf("asking the replica: %w", err)
		} else if !replica {
			return fmt.Errorf("asking the replica: %w: it is a primary, want a replica of redis", ErrInvalidResponse)
		}
	}
	err := p.arrives(ctx, p.planted[lasting].key)
	if p.follows = err == nil; p.follows {
		found.Lag = max(p.now().Sub(p.planted[lasting].after), time.Nanosecond)
	}
	return err
}

// arrives waits for a key on the replica. MEMORY USAGE is the one command on a key that counts no miss where there is none;
// a replica that does not let us use it is asked by GET, more and more seldom.
func (p *canaryProber) arrives(ctx context.Context, key string) error {
	ask := []any{"MEMORY", "USAGE", key}
	for pause, most := replicaPause, mostReplicaGo; ; pause = min(2*pause, most) {
		reply, err := p.replica.Do(ctx, ask...)
		if err != nil && len(ask) > 2 && ctx.Err() == nil {
			ask, most = []any{"GET", key}, time.Minute
			reply, err = p.replica.Do(ctx, ask...)
		}
		switch {
		case err != nil:
			return fmt.Errorf("asking the replica: %w", err)
		case reply != nil:
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("waiting for the replica to have a key: %w", ctx.Err())
		}
	}
}
