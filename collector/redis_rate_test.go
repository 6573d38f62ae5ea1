package collector

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/perfwatch/perfwatch/internal/peer"
)

// A tape is what scrapes saw, one each 15 s by the clock of a test of promtool.
type tape struct {
	reg    prometheus.Gatherer
	frames []map[string]string
	checks []tapeCheck
}

// A tapeCheck is an expression, and its only value at the last frame of then.
type tapeCheck struct {
	Expr     string      `yaml:"expr"`
	EvalTime string      `yaml:"eval_time"`
	Samples  []tapeValue `yaml:"exp_samples"`
}

type tapeValue struct {
	Labels string  `yaml:"labels"`
	Value  float64 `yaml:"value"`
}

// frame scrapes, and wants values of expressions now.
func (p *tape) frame(t *testing.T, want map[string]string) {
	t.Helper()
	p.frames = append(p.frames, series(t, p.reg))
	for expr, value := range want {
		c := tapeCheck{Expr: expr, EvalTime: fmt.Sprintf("%ds", 15*(len(p.frames)-1))}
		if value != "" {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			c.Samples = append(c.Samples, tapeValue{"{}", v})
		}
		p.checks = append(p.checks, c)
	}
}

// quiet wants no traffic at all since the frame before, and the values of more expressions.
func (p *tape) quiet(t *testing.T, more map[string]string) {
	t.Helper()
	want := map[string]string{trafficOf("rate"): "0", trafficOf("resets"): "0"}
	for expr, value := range more {
		want[expr] = value
	}
	p.frame(t, want)
}

// ofNode is a series of one node.
func ofNode(metric string, n *peer.Redis) string {
	return fmt.Sprintf(`perfwatch_redis_%s{node=%q,redis="cache"}`, metric, n.Address)
}

// holds waits until a server has so many keys.
func holds(t *testing.T, r *peer.Redis, keys string) {
	t.Helper()
	r.WaitFor(t, func() error {
		if size := r.Run(t, "DBSIZE"); size != keys {
			return fmt.Errorf("it has %s keys", size)
		}
		return nil
	})
}

// trafficOf applies a function to everything that clients cause, since the frame before.
func trafficOf(function string) string {
	var parts []string
	for _, series := range []string{
		tapedHits, tapedMisses, "perfwatch_redis_evicted_keys_total", "perfwatch_redis_rejected_connections_total",
		`perfwatch_redis_commands_total{command=~"get|set|mget"}`,
	} {
		parts = append(parts, fmt.Sprintf("sum(%s(%s[16s]))", function, series))
	}
	return strings.Join(parts, " + ")
}

// came is by how much a counter grew since the frame before.
func came(counter string) string { return fmt.Sprintf("sum(%s - %[1]s offset 15s)", counter) }

// check has promtool judge everything that was wanted.
func (p *tape) check(t *testing.T) {
	t.Helper()
	type input struct {
		Series string `yaml:"series"`
		Values string `yaml:"values"`
	}
	values := map[string][]string{}
	for i, frame := range p.frames {
		for name, value := range frame {
			if values[name] == nil {
				values[name] = slices.Repeat([]string{"stale"}, len(p.frames))
			}
			values[name][i] = value
		}
	}
	var inputs []input
	for name, all := range values {
		if strings.HasPrefix(name, "perfwatch_redis_") {
			inputs = append(inputs, input{name, strings.Join(all, " ")})
		}
	}
	text, err := yaml.Marshal(map[string]any{"evaluation_interval": "15s", "tests": []any{map[string]any{
		"interval": "15s", "input_series": inputs, "promql_expr_test": p.checks,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	file := peer.WriteFile(t, t.TempDir(), "test.yml", string(text))
	if out, err := exec.CommandContext(t.Context(), peer.Find(t, "prometheus", "promtool"), "test", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%.4000s", err, out)
	}
}

// benchmark has redis-benchmark send a command n times.
func benchmark(t *testing.T, address string, n int, command ...string) {
	t.Helper()
	host, port, _ := strings.Cut(address, ":")
	args := append([]string{"-h", host, "-p", port, "-n", fmt.Sprint(n), "-c", "4", "-q"}, command...)
	if out, err := exec.CommandContext(t.Context(), peer.Find(t, "redis-tools", "redis-benchmark"), args...).CombinedOutput(); err != nil {
		t.Fatalf("redis-benchmark %v: %v\n%.2000s", args, err, out)
	}
}

const (
	tapedHits, tapedMisses = "perfwatch_redis_keyspace_hits_total", "perfwatch_redis_keyspace_misses_total"
	tapedUp, tapedRestarts = "sum(perfwatch_redis_up)", "sum(perfwatch_redis_restarts_total)"
)

func TestRatesAreOfTrafficThatWasWhateverHappensToTheServer(t *testing.T) {
	t.Parallel()
	server := peer.StartRedis(t)
	server.Run(t, "ACL", "SETUSER", "watcher", "on", ">pw", "-@all", "+info", "+ping")
	r, reg := watch(t, RedisServer{URL: "redis://" + server.Address, Username: "watcher", Password: "pw"}, emptyBook())
	p := &tape{reg: reg}
	pull := func() { r.pull(t.Context(), testTimeout) }
	server.Run(t, "SET", "stays", "x")
	benchmark(t, server.Address, 500, "GET", "nothing") // before the first reading: not ours
	pull()
	p.frame(t, nil)

	benchmark(t, server.Address, 3000, "GET", "stays")
	benchmark(t, server.Address, 1000, "GET", "nothing")
	pull()
	p.frame(t, map[string]string{
		came(tapedHits): "3000", came(tapedMisses): "1000", came(`perfwatch_redis_commands_total{command="get"}`): "4000",
		fmt.Sprintf("abs(sum(rate(%s[16s])) / (sum(rate(%[1]s[16s])) + sum(rate(%s[16s]))) - 0.75) < bool 0.001", tapedHits, tapedMisses): "1",
		"abs(sum(perfwatch_redis_hit_ratio) - 0.75) < bool 0.001":                                                                         "1",
	})
	pull()
	p.quiet(t, nil)
	server.Run(t, "CONFIG", "RESETSTAT")
	pull()
	p.quiet(t, map[string]string{"sum(perfwatch_redis_resets_total)": "1", tapedRestarts: "0"})
	benchmark(t, server.Address, 10, "GET", "nothing")
	server.Run(t, "FLUSHALL")
	pull()
	p.frame(t, map[string]string{
		came(tapedHits): "0", came(tapedMisses): "10", came(`perfwatch_redis_commands_total{command="flushall"}`): "1",
		"sum(perfwatch_redis_db_keys)": "",
	})

	refused(t, server, r, p)
	server.Run(t, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	server.Run(t, "CONFIG", "SET", "maxmemory", "4mb")
	benchmark(t, server.Address, 8000, "-r", "100000", "-d", "1000", "-t", "set")
	pull()
	p.frame(t, map[string]string{
		came("perfwatch_redis_evicted_keys_total"): infoOf(t, server, "evicted_keys"), came("perfwatch_redis_evicted_keys_total") + " > bool 1000": "1",
		"sum(perfwatch_redis_memory_max_bytes)": "4194304",
	})
	server.Stop(t)
	pull()
	p.quiet(t, map[string]string{tapedUp: "0"})
	startRedisAt(t, server.Address, "--user", "watcher", "on", ">pw", "-@all", "+info", "+ping")
	pull()
	p.quiet(t, map[string]string{tapedUp: "1", tapedRestarts: "1"})
	benchmark(t, server.Address, 7, "GET", "nothing")
	pull()
	p.frame(t, map[string]string{came(tapedHits): "0", came(tapedMisses): "7"})
	p.check(t)
}

// refused is a server that hangs, and one that does not let us read it any more, for a while.
func refused(t *testing.T, server *peer.Redis, r *Redis, p *tape) {
	t.Helper()
	pull := func() { r.pull(t.Context(), testTimeout) }
	server.Freeze(t)
	r.pull(t.Context(), 200*time.Millisecond)
	p.quiet(t, map[string]string{tapedUp: "0", "sum(perfwatch_redis_memory_used_bytes)": ""})
	server.Signal(t, syscall.SIGCONT)
	pull()
	p.quiet(t, map[string]string{tapedUp: "1", tapedRestarts: "0"})
	server.Run(t, "ACL", "SETUSER", "watcher", "-info")
	pull()
	p.quiet(t, map[string]string{tapedUp: "0"})
	if err := fmt.Sprint(only(r).err); !strings.Contains(err, "NOPERM") {
		t.Errorf("refused with %q, want NOPERM told", err)
	}
	server.Run(t, "ACL", "SETUSER", "watcher", "+info")
	pull()
	p.quiet(t, map[string]string{tapedUp: "1"})
}

// infoOf is one field of INFO.
func infoOf(t *testing.T, server *peer.Redis, field string) string {
	t.Helper()
	for line := range strings.Lines(server.Run(t, "INFO", "stats")) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("no %s in INFO", field)
	return ""
}

func TestAReplicaThatIsPromotedGoesOnCounting(t *testing.T) {
	t.Parallel()
	primary := peer.StartRedis(t)
	replica := peer.StartRedisReplica(t, primary)
	primary.Run(t, "SET", "stays", "x")
	r, reg := watch(t, RedisServer{URL: "redis://" + replica.Address}, emptyBook())
	p := &tape{reg: reg}
	primary.WaitFor(t, func() error {
		if replica.Run(t, "EXISTS", "stays") != "1" {
			return errors.New("the replica has no copy yet")
		}
		return nil
	})
	r.pull(t.Context(), testTimeout)
	p.frame(t, map[string]string{"sum(perfwatch_redis_replication_link_up)": "1", `sum(perfwatch_redis_info{role="replica"})`: "1"})
	benchmark(t, replica.Address, 200, "GET", "stays")
	r.pull(t.Context(), testTimeout)
	p.frame(t, map[string]string{came(tapedHits): "200", came(tapedMisses): "0"})
	primary.Stop(t)
	replica.WaitFor(t, func() error {
		if !strings.Contains(replica.Run(t, "INFO", "replication"), "master_link_status:down") {
			return errors.New("the replica has not noticed yet")
		}
		return nil
	})
	r.pull(t.Context(), testTimeout)
	p.quiet(t, map[string]string{"sum(perfwatch_redis_replication_link_up)": "0"})
	replica.Run(t, "REPLICAOF", "NO", "ONE")
	r.pull(t.Context(), testTimeout)
	p.quiet(t, map[string]string{
		"sum(perfwatch_redis_replication_link_up)": "", `sum(perfwatch_redis_info{role="master"})`: "1",
		`sum(perfwatch_redis_info{role="replica"})`: "", tapedRestarts: "0",
	})
	p.check(t)
}
