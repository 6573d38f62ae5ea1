package demo

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

const (
	sweepInterval = 100 * time.Millisecond // how late a key may end
	numDBs        = 16                     // as a redis-server has by default
	keyOverhead   = 64                     // bytes that a key costs beside its own and its value's, roughly
)

// An embedded Redis is miniredis with what it lacks: keys that end by themselves, a bound on memory, and an INFO with
// the keyspace counters of a real one.
type embedded struct {
	mini    *miniredis.Miniredis
	srv     *server.Server // miniredis forgets it when it is closed
	address string
	started time.Time
	runID   string

	stopping chan struct{}
	stopped  chan struct{}
	stopOnce sync.Once

	mu       sync.Mutex
	selected map[*server.Peer]int // database of each connection that is not in 0
	used     [numDBs]bool         // databases that were ever selected; asking for another would make it
	counts   counts
}

// counts are the counters of INFO.
type counts struct{ hits, misses, expired, evicted uint64 }

func startEmbedded() (*Redis, error) {
	e := &embedded{
		mini: miniredis.NewMiniRedis(), started: time.Now(), runID: newRunID(),
		stopping: make(chan struct{}), stopped: make(chan struct{}), selected: map[*server.Peer]int{},
	}
	e.used[0] = true
	if err := e.mini.Start(); err != nil {
		return nil, fmt.Errorf("starting the embedded redis: %w", err)
	}
	e.srv, e.address = e.mini.Server(), e.mini.Addr()
	e.srv.SetPreHook(e.hook)
	go e.sweepLoop()
	return &Redis{Address: e.address, Embedded: true, stop: e.stop}, nil
}

// newRunID makes 40 hexadecimal digits, as a redis-server does at each start.
func newRunID() string {
	id := make([]byte, 20)
	_, _ = rand.Read(id) // it never fails
	return hex.EncodeToString(id)
}

func (e *embedded) stop() error {
	e.stopOnce.Do(func() {
		close(e.stopping)
		<-e.stopped
		e.mini.Close()
	})
	return nil
}

// hook sees every command before miniredis does. It says true if it has answered the command itself.
func (e *embedded) hook(peer *server.Peer, cmd string, args ...string) bool {
	switch cmd {
	case "INFO":
		peer.WriteBulk(e.info(args))
		return true
	case "EVAL", "EVALSHA", "SCRIPT": // a script holds the lock that counting its lookups would need
		peer.WriteError("ERR scripts are not supported by the embedded redis")
		return true
	case "SELECT", "SWAPDB":
		return e.selectDB(peer, cmd, args)
	}
	e.count(peer, lookedUp(cmd, args))
	return false
}

// selectDB follows which database a connection is in.
func (e *embedded) selectDB(peer *server.Peer, cmd string, args []string) bool {
	if len(args) != 1 {
		return false // miniredis knows what is wrong with it
	}
	n, err := strconv.Atoi(args[0])
	if cmd == "SWAPDB" || err != nil || n < 0 || n >= numDBs {
		peer.WriteError("ERR DB index is out of range")
		return true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, known := e.selected[peer]; !known {
		peer.OnDisconnect(func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			delete(e.selected, peer)
		})
	}
	e.selected[peer], e.used[n] = n, true
	return false
}

// count notes for each key that is looked up whether it is there.
func (e *embedded) count(peer *server.Peer, keys []string) {
	if len(keys) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	db := e.mini.DB(e.selected[peer])
	for _, key := range keys {
		if db.Exists(key) {
			e.counts.hits++
		} else {
			e.counts.misses++
		}
	}
}

// lookedUp returns the keys of a command that Redis counts as keyspace hits or misses: those that are read. Writes such
// as INCR, DEL, EXPIRE and SETNX look keys up too, but are not counted.
func lookedUp(cmd string, args []string) []string {
	if len(args) == 0 {
		return nil
	}
	switch cmd {
	case "MGET", "EXISTS", "TOUCH":
		return args
	case "GET", "GETEX", "GETDEL", "GETSET", "STRLEN", "GETRANGE", "GETBIT", "BITCOUNT",
		"TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME", "TYPE", "DUMP",
		"HGET", "HMGET", "HGETALL", "HLEN", "HEXISTS", "HKEYS", "HVALS", "HSTRLEN",
		"LLEN", "LRANGE", "LINDEX", "SCARD", "SISMEMBER", "SMEMBERS", "SRANDMEMBER",
		"ZCARD", "ZSCORE", "ZRANGE", "ZRANK", "ZCOUNT", "ZRANGEBYSCORE", "XLEN", "XRANGE":
		return args[:1]
	}
	return nil
}

func (e *embedded) sweepLoop() {
	defer close(e.stopped)
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for last := time.Now(); ; {
		select {
		case <-ticker.C:
			now := time.Now()
			e.sweep(now.Sub(last))
			last = now
		case <-e.stopping:
			return
		}
	}
}

// sweep lets time pass for the keys: those whose time is over end and are counted. Then keys are evicted until the rest
// fits the memory that they may have.
func (e *embedded) sweep(elapsed time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	due := map[int][]string{}
	for n, db := range e.databases() {
		for _, key := range db.Keys() {
			if ttl := db.TTL(key); ttl > 0 && ttl <= elapsed {
				due[n] = append(due[n], key)
			}
		}
	}
	e.mini.FastForward(elapsed)
	for n, keys := range due {
		for _, key := range keys {
			if !e.mini.DB(n).Exists(key) {
				e.counts.expired++
			}
		}
	}
	e.evict()
}

// evict deletes keys in the order of their names until the memory bound holds. Called with mu held.
func (e *embedded) evict() {
	excess := e.memory() - redisMemory
	for _, db := range e.databases() {
		for _, key := range db.Keys() {
			if excess <= 0 {
				return
			}
			excess -= sizeOf(db, key)
			db.Del(key)
			e.counts.evicted++
		}
	}
}

// databases are those in use. Called with mu held.
func (e *embedded) databases() map[int]*miniredis.RedisDB {
	dbs := map[int]*miniredis.RedisDB{}
	for n, used := range e.used {
		if used {
			dbs[n] = e.mini.DB(n)
		}
	}
	return dbs
}

// memory is about what all keys and values occupy, in bytes. Called with mu held.
func (e *embedded) memory() int {
	sum := 0
	for _, db := range e.databases() {
		for _, key := range db.Keys() {
			sum += sizeOf(db, key)
		}
	}
	return sum
}

// sizeOf is about what a key and its value occupy, in bytes. Only strings are measured: the platform stores no others.
func sizeOf(db *miniredis.RedisDB, key string) int {
	value, _ := db.Get(key)
	return keyOverhead + len(key) + len(value)
}

// info answers INFO: all sections, or those that are named.
func (e *embedded) info(names []string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var text []string
	for _, s := range e.sections() {
		if len(names) == 0 || wanted(s.name, names) {
			text = append(text, "# "+s.name+"\r\n"+strings.Join(s.lines, "\r\n")+"\r\n")
		}
	}
	return strings.Join(text, "\r\n")
}
