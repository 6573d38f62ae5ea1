package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"

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

// oneRedis takes user and password out of the URL, which is printed, into the fields that are not or are masked.
func (c *checker) oneRedis(at string, in *redisSection) Redis {
	out := Redis{Name: in.Name, Username: in.Username}
	if u := c.redisURL(at+".url", in.URL); u != nil {
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
	if in.PasswordFile != "" {
		out.PasswordFile = promconfig.JoinDir(c.dir, in.PasswordFile)
		c.readableFile(at+".password_file", in.PasswordFile)
		if out.Password != "" {
			c.refuse(at+".password_file", "%s, but the URL has a password too, want one of them", quote(in.PasswordFile))
		}
	}
	return out
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
