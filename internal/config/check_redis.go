package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"
)

// redis checks every Redis whose INFO is to be read. Nothing is dialled: a Redis that is away is no mistake.
func (c *checker) redis() {
	taken := map[string]string{}
	for i := range c.file.Redis {
		at := fmt.Sprintf("redis[%d]", i)
		in := &c.file.Redis[i]
		c.name(at+".name", in.Name, taken)
		c.cfg.Redis = append(c.cfg.Redis, c.oneRedis(at, in))
	}
}

// How a Redis is read if the file does not say otherwise, and how it may be.
const (
	defaultRedisInterval, defaultRedisTimeout = time.Second, 2 * time.Second
	minRedisInterval, maxRedisInterval        = time.Second, 10 * time.Minute
	minRedisTimeout, maxRedisTimeout          = 10 * time.Millisecond, time.Minute
	maxRedisAddresses                         = 64
)

// oneRedis checks that it is reached in one way.
func (c *checker) oneRedis(at string, in *redisSection) Redis {
	out := Redis{
		Name: in.Name, Username: in.Username,
		Interval: c.duration(at+".interval", in.Interval, defaultRedisInterval, minRedisInterval, maxRedisInterval),
		Timeout:  c.duration(at+".timeout", in.Timeout, defaultRedisTimeout, minRedisTimeout, maxRedisTimeout),
	}
	var given []string
	for _, key := range []string{"url", "sentinel", "cluster"} {
		if c.has(at + "." + key) {
			given = append(given, key)
		}
	}
	switch {
	case len(given) > 1:
		c.refuse(at, "%s, want one of them", strings.Join(given, " and "))
	case c.has(at + ".sentinel"):
		out.Sentinel = c.sentinel(at+".sentinel", &in.Sentinel)
	case c.has(at + ".cluster"):
		out.Cluster = in.Cluster.Addresses
		c.addresses(at+".cluster.addresses", out.Cluster)
	default:
		c.redisServer(at, in, &out)
	}
	out.PasswordFile = c.passwordFile(at, in.PasswordFile)
	if in.PasswordFile != "" && out.Password != "" {
		c.refuse(at+".password_file", "%s, but the URL has a password too, want one of them", quote(in.PasswordFile))
	}
	if c.has(at + ".tls_config") {
		if len(given) == 1 && given[0] == "url" && !strings.HasPrefix(in.URL, "rediss:") {
			c.refuse(at+".tls_config", "beside %s, want a url of rediss://", quote(in.URL))
		}
		out.TLS = c.redisTLS(at+".tls_config", in.TLS)
	}
	return out
}

// redisServer takes user and password out of the URL, which is printed, into the fields that are not or are masked.
func (c *checker) redisServer(at string, in *redisSection, out *Redis) {
	u := c.redisURL(at+".url", in.URL)
	if u == nil {
		return
	}
	password, _ := u.User.Password()
	out.Password = promconfig.Secret(password)
	if user := u.User.Username(); user != "" {
		if in.Username != "" && in.Username != user {
			c.refuse(at+".username", "%s, but the URL names another user, want one of them", quote(in.Username))
		}
		out.Username = user
	}
	u.User = nil
	out.URL = u.String()
}

// sentinel checks who knows where the primary is.
func (c *checker) sentinel(at string, in *redisSentinelSection) *RedisSentinel {
	const want = "the name that the sentinels have for the primary, without spaces"
	switch {
	case !c.has(at + ".master"):
		c.missing(at+".master", want)
	case in.Master == "" || len(in.Master) > maxText || strings.ContainsAny(in.Master, " \t\r\n"):
		c.refuse(at+".master", "%s, want %s", quote(in.Master), want)
	}
	c.addresses(at+".addresses", in.Addresses)
	return &RedisSentinel{
		Master: in.Master, Addresses: in.Addresses, Username: in.Username, Replicas: in.Replicas,
		PasswordFile: c.passwordFile(at, in.PasswordFile),
	}
}

// addresses checks a list of servers that are asked in turn.
func (c *checker) addresses(at string, list []string) {
	const want = "a list of HOST:PORT"
	if len(list) == 0 {
		c.missing(at, want)
		return
	}
	if len(list) > maxRedisAddresses {
		c.refuse(at, "%d addresses, want at most %d", len(list), maxRedisAddresses)
	}
	for i, address := range list {
		host, port, err := net.SplitHostPort(address)
		n, bad := strconv.ParseUint(port, 10, 16)
		if err != nil || bad != nil || n == 0 || !hostText.MatchString(host) {
			c.refuse(fmt.Sprintf("%s[%d]", at, i), "%s, want HOST:PORT", quote(address))
		}
	}
}

func (c *checker) passwordFile(at, file string) string {
	if file == "" {
		return ""
	}
	c.readableFile(at+".password_file", file)
	return promconfig.JoinDir(c.dir, file)
}

// redisTLS makes the paths start at the configuration's folder and checks that they can be read.
func (c *checker) redisTLS(at string, config promconfig.TLSConfig) *promconfig.TLSConfig {
	good := true
	for field, file := range map[string]string{"ca_file": config.CAFile, "cert_file": config.CertFile, "key_file": config.KeyFile} {
		good = c.readableFile(at+"."+field, file) && good
	}
	config.SetDirectory(c.dir)
	if good && !c.doubtful(at) {
		if _, err := promconfig.NewTLSConfig(&config); err != nil {
			c.refuse(at, "%s", foreign(err, ""))
		}
	}
	return &config
}

const wantRedisURL = "redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix:///PATH"

var redisDB = regexp.MustCompile(`^(/[0-9]{0,9})?$`)

// redisURL parses what the Redis client will take, and refuses what it would silently replace by a default.
func (c *checker) redisURL(path, given string) *url.URL {
	if !c.has(path) {
		c.missing(path, wantRedisURL)
		return nil
	}
	u, err := url.Parse(given)
	good := err == nil
	if good {
		switch u.Scheme {
		case "redis", "rediss":
			good = u.Hostname() != "" && redisDB.MatchString(u.Path)
		case "unix":
			good = u.Path != "" && u.Path != "/"
		default:
			good = false
		}
	}
	if !good {
		c.refuse(path, "%s, want %s", quote(given), wantRedisURL)
		return nil
	}
	return u
}

// client makes the paths of an HTTP client's secrets start at the configuration's folder, checks each, and that a client
// can be built of them. It reports whether that is so.
func (c *checker) client(at string, h *promconfig.HTTPClientConfig) bool {
	good := true
	check := func(field, file string) { good = c.readableFile(at+"."+field, file) && good }
	if a := h.BasicAuth; a != nil {
		check("basic_auth.username_file", a.UsernameFile)
		check("basic_auth.password_file", a.PasswordFile)
	}
	if a := h.Authorization; a != nil {
		check("authorization.credentials_file", a.CredentialsFile)
	}
	if a := h.OAuth2; a != nil {
		check("oauth2.client_secret_file", a.ClientSecretFile)
		check("oauth2.client_certificate_key_file", a.ClientCertificateKeyFile)
	}
	if headers := h.HTTPHeaders; headers != nil {
		for _, name := range slices.Sorted(maps.Keys(headers.Headers)) {
			for i, file := range headers.Headers[name].Files {
				check(fmt.Sprintf("http_headers.%s.files[%d]", name, i), file)
			}
		}
	}
	check("tls_config.ca_file", h.TLSConfig.CAFile)
	check("tls_config.cert_file", h.TLSConfig.CertFile)
	check("tls_config.key_file", h.TLSConfig.KeyFile)
	h.SetDirectory(c.dir)
	if !good || c.doubtful(at) {
		return false
	}
	if _, err := promconfig.NewRoundTripperFromConfig(*h, "perfwatch"); err != nil {
		c.refuse(at, "%s", foreign(err, ""))
		return false
	}
	return true
}

// readableFile checks that a file can be read now. It is read again whenever it is used.
func (c *checker) readableFile(path, file string) bool {
	const want = "a file that can be read, from the configuration's folder on"
	if file == "" {
		return true
	}
	name := promconfig.JoinDir(c.dir, file)
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		c.refuse(path, "%s is not a file, want %s", quote(file), want)
		return false
	}
	if err == nil {
		err = opens(name)
	}
	var cause *fs.PathError
	if errors.As(err, &cause) {
		err = cause.Err // the path is told as it is written
	}
	if err != nil {
		before := len(c.mistakes)
		c.refuse(path, "%s: %s, want %s", quote(file), err, want)
		if errors.Is(err, fs.ErrNotExist) {
			c.absent(before)
		}
		return false
	}
	return true
}

// opens says why a file cannot be opened; nil if it can.
func opens(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return f.Close()
}
