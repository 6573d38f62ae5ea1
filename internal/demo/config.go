package demo

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
)

// Config is the configuration that watches a demo: the plan's probes, bursts and objectives, on a schedule quick enough
// that the objectives have values within a minute, and those of its page within two. baseURL has no slash at its end;
// redisAddress is host:port. As root the browser has no sandbox, and needs none for the platform's own page.
func Config(baseURL, redisAddress string) []byte {
	text, err := files.ReadFile("demo.yml")
	if err != nil {
		panic(fmt.Sprintf("reading an embedded file: %v", err)) // it is part of the program
	}
	text = bytes.Replace(text, []byte("http://127.0.0.1:8000"), []byte(baseURL), 1)
	if u, err := url.Parse(baseURL); err == nil && u.Port() != "" {
		text = bytes.Replace(text, []byte("port: 8000"), []byte("port: "+u.Port()), 1)
	}
	if os.Geteuid() == 0 {
		text = bytes.Replace(text, []byte("no_sandbox: false"), []byte("no_sandbox: true"), 1)
	}
	return bytes.Replace(text, []byte("redis://127.0.0.1:6379"), []byte("redis://"+redisAddress), 1)
}
