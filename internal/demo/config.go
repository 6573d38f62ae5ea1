package demo

import (
	"bytes"
	"fmt"
	"net/url"
)

// Config is the configuration that watches a demo: the plan's probes, bursts and objectives, on a schedule quick enough
// that the objectives have values within a minute. baseURL has no slash at its end; redisAddress is host:port.
func Config(baseURL, redisAddress string) []byte {
	text, err := files.ReadFile("demo.yml")
	if err != nil {
		panic(fmt.Sprintf("reading an embedded file: %v", err)) // it is part of the program
	}
	text = bytes.Replace(text, []byte("http://127.0.0.1:8000"), []byte(baseURL), 1)
	if u, err := url.Parse(baseURL); err == nil && u.Port() != "" {
		text = bytes.Replace(text, []byte("port: 8000"), []byte("port: "+u.Port()), 1)
	}
	return bytes.Replace(text, []byte("redis://127.0.0.1:6379"), []byte("redis://"+redisAddress), 1)
}
