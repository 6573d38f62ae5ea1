package collector

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	promconfig "github.com/prometheus/common/config"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/peer"
)

func connTo(t *testing.T, server RedisServer) *RedisConn {
	t.Helper()
	c, err := NewRedisConn(server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// must sends a command that works.
func must(t *testing.T, c *RedisConn, command ...any) any {
	t.Helper()
	reply, err := c.Do(t.Context(), command...)
	if err != nil {
		t.Fatalf("%v: %v", command, err)
	}
	return reply
}

func TestAClusterIsReadNodeByNodeAndJudgedAsOne(t *testing.T) {
	t.Parallel()
	nodes := peer.StartRedisCluster(t, 3)
	for _, n := range nodes {
		n.Run(t, "ACL", "SETUSER", "watcher", "on", ">pw", "-@all", "+info", "+ping", "+cluster|nodes")
	}
	book := objective.NewBook([]objective.Objective{
		{Name: "hits", Measure: objective.CacheHitRatio, Redis: "cache", Window: time.Minute, Target: new(0.5)},
	})
	seeds := []string{peer.FreeAddress(t), nodes[1].Address} // the first is away
	r, reg := watch(t, RedisServer{Cluster: seeds, Username: "watcher", Password: "pw"}, book)
	reg.MustRegister(NewObjectives(book))
	r.pull(t.Context(), testTimeout)
	c := connTo(t, RedisServer{Cluster: seeds})
	for i := range 300 {
		must(t, c, "SET", fmt.Sprint("key", i), "x")
	}
	for i := range 400 { // a quarter of them is not there
		must(t, c, "GET", fmt.Sprint("key", i))
	}
	r.pull(t.Context(), testTimeout)
	var hits, misses float64
	for _, n := range nodes {
		wantSeries(t, reg, map[string]string{ofNode("up", n): "1"})
		h := number(t, reg, ofNode("keyspace_hits_total", n))
		if h == 0 {
			t.Errorf("no hit on %s, want some on each node", n.Address)
		}
		hits, misses = hits+h, misses+number(t, reg, ofNode("keyspace_misses_total", n))
	}
	if hits != 300 || misses != 100 {
		t.Errorf("%g hits and %g misses, want 300 and 100", hits, misses)
	}
	wantSeries(t, reg, map[string]string{
		`perfwatch_redis_nodes{redis="cache"}`: "3", `perfwatch_objective_value{objective="hits"}`: "0.75",
		`perfwatch_scrape_success{collector="redis/cache"}`: "1",
	})

	nodes[2].Stop(t)
	r.pull(t.Context(), testTimeout)
	wantSeries(t, reg, map[string]string{ofNode("up", nodes[0]): "1", ofNode("up", nodes[2]): "0"})
	gone := clusterID(t, nodes[0], nodes[2].Address)
	for _, n := range nodes[:2] {
		n.Run(t, "CLUSTER", "FORGET", gone)
	}
	for range nodeMissed {
		wantSeries(t, reg, map[string]string{ofNode("up", nodes[2]): "0"})
		r.pull(t.Context(), testTimeout)
	}
	wantSeries(t, reg, map[string]string{
		`perfwatch_redis_nodes{redis="cache"}`: "2", ofNode("up", nodes[2]): "", ofNode("keyspace_hits_total", nodes[2]): "",
	})
}

// clusterID is what the cluster calls a node.
func clusterID(t *testing.T, asked *peer.Redis, address string) string {
	t.Helper()
	for line := range strings.Lines(asked.Run(t, "CLUSTER", "NODES")) {
		if strings.Contains(line, address+"@") {
			return strings.Fields(line)[0]
		}
	}
	t.Fatalf("%s is not in the cluster", address)
	return ""
}

func TestSentinelsSayWhichServerIsReadAndAFailoverAddsNoTraffic(t *testing.T) {
	t.Parallel()
	primary := peer.StartRedis(t)
	replica := peer.StartRedisReplica(t, primary)
	sentinel := peer.StartSentinel(t, "carts", primary, 1)
	sentinel.Run(t, "ACL", "SETUSER", "finder", "on", ">pw", "-@all", "+sentinel|get-master-addr-by-name", "+sentinel|replicas")
	sentinels := RedisSentinel{
		Master: "carts", Addresses: []string{peer.FreeAddress(t), sentinel.Address}, Username: "finder",
		PasswordFile: peer.WriteFile(t, t.TempDir(), "password", "pw\n"),
	}
	all := sentinels
	all.Replicas = true
	one, reg := watch(t, RedisServer{Sentinel: &sentinels}, emptyBook())
	both, regs := watch(t, RedisServer{Sentinel: &all}, emptyBook())
	for range 900 { // the replica has counted more than the primary
		client(t, replica.Address).Get(t.Context(), "nothing")
	}
	tapes := []*tape{{reg: reg}, {reg: regs}}
	pull := func(want map[string]string) {
		one.pull(t.Context(), testTimeout)
		both.pull(t.Context(), testTimeout)
		for _, p := range tapes {
			p.frame(t, want)
		}
	}
	pull(nil)
	c := connTo(t, RedisServer{Sentinel: &sentinels})
	must(t, c, "SET", "key", "x")
	for range 40 {
		must(t, c, "GET", "key")
	}
	holds(t, replica, "1") // it counts the SET too, when that comes there
	pull(map[string]string{came(tapedHits): "40", came(tapedMisses): "0"})
	hits, misses := `perfwatch_redis_keyspace_hits_total{redis="cache"}`, `perfwatch_redis_keyspace_misses_total{redis="cache"}`
	wantSeries(t, reg, map[string]string{hits: "40", misses: "0", `perfwatch_redis_nodes{redis="cache"}`: ""})
	wantSeries(t, regs, map[string]string{
		`perfwatch_redis_nodes{redis="cache"}`: "2", ofNode("keyspace_hits_total", primary): "40",
		ofNode("keyspace_misses_total", replica): "0", ofNode("replication_link_up", replica): "1", ofNode("replicas", primary): "1",
	})

	primary.Stop(t)
	none := map[string]string{trafficOf("rate"): "0", trafficOf("resets"): "0"}
	replica.WaitFor(t, func() error { // the sentinel makes the replica the primary
		pull(none)
		if _, ok := series(t, regs)[ofNode("replicas", replica)]; !ok {
			return errors.New("the replica is not a primary yet")
		}
		if up := series(t, reg)[`perfwatch_redis_up{redis="cache"}`]; up != "1" {
			return errors.New("the new primary is not read yet")
		}
		return nil
	})
	wantSeries(t, reg, map[string]string{hits: "40", misses: "0", `perfwatch_redis_restarts_total{redis="cache"}`: "1"})
	wantSeries(t, regs, map[string]string{
		ofNode("up", primary): "0", ofNode("up", replica): "1", ofNode("keyspace_hits_total", primary): "40",
		ofNode("restarts_total", replica): "0", ofNode("keyspace_misses_total", replica): "0",
	})
	benchmark(t, replica.Address, 7, "GET", "nothing")
	pull(map[string]string{came(tapedHits): "0", came(tapedMisses): "7"})
	for _, p := range tapes {
		p.check(t)
	}
	c.Do(t.Context(), "GET", "key") //nolint:errcheck // over the connection that broke, perhaps
	_, _ = c.Do(t.Context(), "PING")
	must(t, c, "SET", "key", "y") // a replica would refuse
}

// A sentinel that was cut off names the primary of before a failover, or none.
func TestAnotherSentinelIsAskedWhenOneIsBehind(t *testing.T) {
	t.Parallel()
	primary := peer.StartRedis(t)
	replica := peer.StartRedisReplica(t, primary)
	naming := func(reply string) string {
		return strings.TrimPrefix(fakeServer(t, func(command string) string {
			if command == "SENTINEL" {
				return reply
			}
			return "-ERR unknown command\r\n"
		}), "redis://")
	}
	address := func(n *peer.Redis) string {
		host, port, _ := strings.Cut(n.Address, ":")
		return "*2\r\n" + bulk(host) + bulk(port)
	}
	for _, row := range []struct {
		name    string
		replies []string
		err     string
	}{
		{"the second knows better", []string{address(replica), address(primary)}, ""},
		{"the first knows none", []string{"*-1\r\n", address(primary)}, ""},
		{"all are behind", []string{address(replica), address(replica)}, "the sentinels say " + replica.Address + ", which is a replica"},
		{"the second is too", []string{address(replica), "*-1\r\n"}, "the sentinels say " + replica.Address + ", which is a replica"},
	} {
		t.Run(row.name, func(t *testing.T) {
			sentinels := &RedisSentinel{Master: "carts"}
			for _, reply := range row.replies {
				sentinels.Addresses = append(sentinels.Addresses, naming(reply))
			}
			r, reg := watch(t, RedisServer{Sentinel: sentinels}, emptyBook())
			for range 2 {
				r.pull(t.Context(), testTimeout)
				if row.err != "" {
					up(t, reg, "0")
				} else {
					wantSeries(t, reg, map[string]string{`perfwatch_redis_replicas{redis="cache"}`: "1"})
				}
			}
			if err := fmt.Sprint(only(r).err); row.err != "" && !strings.Contains(err, row.err) {
				t.Errorf("error %q, want one with %q", err, row.err)
			}
			wantSeries(t, reg, map[string]string{`perfwatch_redis_restarts_total{redis="cache"}`: map[bool]string{true: "0"}[row.err == ""]})
		})
	}
}

func TestASentinelThatDoesNotKnowThePrimarySaysSo(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, reply, want string }{
		{"unknown", "*-1\r\n", `no sentinel knows "carts"`},
		{"odd", "*1\r\n" + bulk("10.0.0.1"), `no sentinel knows "carts"`},
		{"no right", "-NOPERM this user has no permissions\r\n", "NOPERM"},
		{"silent", hang, "i/o timeout"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			address := strings.TrimPrefix(fakeServer(t, func(command string) string {
				if command == "HELLO" {
					return "-ERR unknown command\r\n"
				}
				return row.reply
			}), "redis://")
			server := RedisServer{Sentinel: &RedisSentinel{Master: "carts", Addresses: []string{address}}}
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			if got, err := server.primary(ctx, 500*time.Millisecond, ""); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("found %q and error %v, want one with %q", got, err, row.want)
			}
			r, reg := watch(t, server, emptyBook())
			r.pull(t.Context(), 500*time.Millisecond)
			up(t, reg, "0")
		})
	}
}

func TestNodesOfAClusterAreReadByLine(t *testing.T) {
	const text = "07c3 127.0.0.1:30004@31004,host4 slave e7d1 0 1426238317239 4 connected\n" +
		"67ed 127.0.0.1:30002@31002,host2,shard-id=69b master - 0 1426238316232 2 connected 5461-10922\n" +
		"292f fd00::3:30003@31003,? master,fail - 0 1426238318243 3 connected 10923-16383\n" +
		"6ec2 :30005@31005 myself,master - 0 0 5 connected\n" +
		"824f :0@0 slave,noaddr e7d1 0 1426238317741 6 disconnected\n" +
		"e7d1 127.0.0.1:30001@31001 master,handshake - 0 0 1 connected\n" +
		"67ed 127.0.0.1:30002@31002 master - 0 0 2 connected\n" +
		"bad\nbad line\nbad one:two three\nbad a/b:1@2 master\nbad \xff:1@2 master\n"
	for _, row := range []struct {
		names bool
		want  []string
	}{
		{false, []string{"127.0.0.1:30004", "127.0.0.1:30002", "[fd00::3]:30003", "10.0.0.9:30005"}},
		{true, []string{"host4:30004", "host2:30002", "[fd00::3]:30003", "10.0.0.9:30005", "127.0.0.1:30002"}},
	} {
		if diff := cmp.Diff(row.want, parseClusterNodes(text, "10.0.0.9:7000", row.names)); diff != "" {
			t.Errorf("by name %t:\n%s", row.names, diff)
		}
	}
	if n := len(parseClusterNodes(manyNodes(5000), "", false)); n != maxRedisNodes+1 {
		t.Errorf("%d nodes of 5000, want one more than are read, so that it is told", n)
	}
}

func manyNodes(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "id 10.0.%d.%d:7000@17000 master\n", i/250, i%250)
	}
	return text.String()
}

func TestNodesBeyondTheMostAreToldAndNotRead(t *testing.T) {
	r := newRedis("cache", emptyBook(), quiet())
	r.find = func(context.Context, time.Duration) ([]string, error) {
		return parseClusterNodes(manyNodes(300), "", false), nil
	}
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(r)
	if n := len(r.refresh(t.Context(), time.Second)); n != maxRedisNodes {
		t.Errorf("%d nodes, want %d", n, maxRedisNodes)
	}
	wantSeries(t, reg, map[string]string{
		`perfwatch_redis_nodes{redis="cache"}`: "256", `perfwatch_scrape_success{collector="redis/cache"}`: "0",
	})
	r.find = func(context.Context, time.Duration) ([]string, error) { return nil, errors.New("away") }
	if n := len(r.refresh(t.Context(), time.Second)); n != 0 || len(r.all()) != maxRedisNodes {
		t.Errorf("%d nodes of %d are new while nobody knows, want those of before", n, len(r.all()))
	}
}

func FuzzClusterNodes(f *testing.F) {
	f.Add("07c3 127.0.0.1:30004@31004,host4 slave e7d1 0 1426238317239 4 connected\n", "h:1")
	f.Add("x :0@0 myself,master\ny [::1]:7000 master\n", ":")
	f.Add("0 :4,` e", "h:1")
	f.Fuzz(func(t *testing.T, text, asked string) {
		for _, address := range parseClusterNodes(text, asked, true) {
			if _, err := newRedisClient((&RedisServer{}).at(address)); err != nil {
				t.Errorf("%q names %q: %v", text, address, err)
			}
		}
	})
}

// selfSigned writes a certificate of the loopback that signed itself, and its key.
func selfSigned(t *testing.T) (certificate, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	shape := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"cache.example"},
	}
	der, err := x509.CreateCertificate(rand.Reader, shape, shape, &secret.PublicKey, secret)
	if err != nil {
		t.Fatal(err)
	}
	secretDER, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	encode := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return peer.WriteFile(t, dir, "cert.pem", encode("CERTIFICATE", der)), peer.WriteFile(t, dir, "key.pem", encode("PRIVATE KEY", secretDER))
}

func TestTLSIsSpokenAsTheConfigurationSays(t *testing.T) {
	t.Parallel()
	certificate, key := selfSigned(t)
	other, _ := selfSigned(t)
	address := peer.FreeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	peer.StartRedis(t, "--tls-port", port, "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate)
	ours := promconfig.TLSConfig{CAFile: certificate, CertFile: certificate, KeyFile: key}
	with := func(change func(*promconfig.TLSConfig)) *promconfig.TLSConfig {
		c := ours
		change(&c)
		return &c
	}
	for _, row := range []struct {
		name string
		tls  *promconfig.TLSConfig
		want string
	}{
		{"our authority and our certificate", &ours, "1"},
		{"another name of the server", with(func(c *promconfig.TLSConfig) { c.ServerName = "cache.example" }), "1"},
		{"a wrong name", with(func(c *promconfig.TLSConfig) { c.ServerName = "other.example" }), "0"},
		{"another authority", with(func(c *promconfig.TLSConfig) { c.CAFile = other }), "0"},
		{"not verified", with(func(c *promconfig.TLSConfig) { c.CAFile, c.InsecureSkipVerify = "", true }), "1"},
		{"without our certificate", with(func(c *promconfig.TLSConfig) { c.CertFile, c.KeyFile = "", "" }), "0"},
		{"a file that is gone", with(func(c *promconfig.TLSConfig) { c.CAFile = filepath.Join(t.TempDir(), "gone") }), "0"},
		{"the authorities of this machine", nil, "0"},
	} {
		r, reg := watch(t, RedisServer{URL: "rediss://" + address, TLS: row.tls}, emptyBook())
		r.pull(t.Context(), testTimeout)
		if got := series(t, reg)[`perfwatch_redis_up{redis="cache"}`]; got != row.want {
			t.Errorf("%s: up is %s (%v), want %s", row.name, got, only(r).err, row.want)
		}
	}
}

func TestACommandIsSentInTheDatabaseOfTheURL(t *testing.T) {
	t.Parallel()
	server := peer.StartRedis(t)
	must(t, connTo(t, RedisServer{URL: "redis://" + server.Address + "/3"}), "SET", "key", "x")
	if got := must(t, connTo(t, RedisServer{URL: "redis://" + server.Address}), "GET", "key"); got != nil {
		t.Errorf("database 0 has %v, want nothing", got)
	}
	if got := must(t, connTo(t, RedisServer{URL: "redis://" + server.Address + "/3"}), "GET", "key"); got != "x" {
		t.Errorf("database 3 has %v, want x", got)
	}
}
