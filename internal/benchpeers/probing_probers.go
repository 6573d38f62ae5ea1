package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// probeEvery is how often each target is asked.
const probeEvery = 10 * time.Second

// A prober is a program that asks many targets.
type prober struct {
	name  string
	fresh bool // a connection for each probe
	// start starts it for the targets url/t/0 and so on; pages is where it tells its metrics, if it does.
	start func(ctx context.Context, url string, n int) (cmd *exec.Cmd, pages string, err error)
	loop  bool // what asks it for each target is another process, which counts for nothing
}

func (b *bench) probers() []prober {
	all := []prober{b.bareProber(true), b.ownProber(true, generatorCore)}
	if _, err := exec.LookPath("prometheus-blackbox-exporter"); err == nil {
		all = append(all, prober{name: "blackbox_exporter", fresh: true, loop: true, start: b.blackbox})
	}
	return append(all, b.bareProber(false), b.ownProber(false, generatorCore))
}

func (b *bench) bareProber(fresh bool) prober {
	return prober{name: "bare net/http", fresh: fresh, start: func(ctx context.Context, url string, n int) (*exec.Cmd, string, error) {
		return pinned(ctx, generatorCore, b.self, "prober", url+"/t/%d", strconv.Itoa(n), strconv.FormatBool(fresh)), "", nil
	}}
}

// ownProber is the daemon itself, with its histograms, the evidence and the status page.
func (b *bench) ownProber(fresh bool, cores string) prober {
	return prober{name: perfwatch, fresh: fresh, start: func(ctx context.Context, url string, n int) (*exec.Cmd, string, error) {
		if err := os.WriteFile(b.probesFile(), []byte(probesOf(url, n, fresh, 0)), 0o600); err != nil {
			return nil, "", err
		}
		address, err := freeAddress(ctx)
		return pinned(ctx, cores, b.perfwatch, "--config.file="+b.probesFile(), "serve", "--web.listen-address="+address,
			"--storage.path=", "--web.enable-lifecycle"), "http://" + address, err
	}}
}

func (b *bench) probesFile() string { return filepath.Join(b.folder, "probes.yml") }

// probesOf is a configuration of n probes, of which the first changed ask for something else than before.
func probesOf(url string, n int, fresh bool, changed int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "global: {base_url: %q, schedule: \"@every %s\"}\nprobes:\n", url, probeEvery)
	for i := range n {
		query := ""
		if i < changed {
			query = "?changed"
		}
		fmt.Fprintf(&text, "  - {name: t%d, group: api, http: {url: \"/t/%d%s\", fresh_connection: %t}}\n", i, i, query, fresh)
	}
	return text.String()
}

func (b *bench) blackbox(ctx context.Context, _ string, _ int) (*exec.Cmd, string, error) {
	const modules = "modules: {http: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4}}}\n"
	file := filepath.Join(b.folder, "blackbox.yml")
	if err := os.WriteFile(file, []byte(modules), 0o600); err != nil {
		return nil, "", err
	}
	address, err := freeAddress(ctx)
	return pinned(ctx, generatorCore, "prometheus-blackbox-exporter", "--config.file="+file, "--web.listen-address="+address),
		"http://" + address, err
}

// blackboxLoop asks a blackbox_exporter for each target as Prometheus does.
func (b *bench) blackboxLoop(ctx context.Context, pages, target string, n int) *exec.Cmd {
	ask := pages + "/probe?module=http&target=" + url.QueryEscape(target+"/t/") + "%d"
	return pinned(ctx, targetCore, b.self, "prober", ask, strconv.Itoa(n), "false")
}

// runProber is a process of the bare prober: a URL with %d, how many there are, and whether each gets a connection of its
// own each time. Each has a timer of its own; all are spread evenly.
func runProber(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return errors.New("prober: want a URL with %d, a number, and true for fresh connections")
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	t := &http.Transport{DisableKeepAlives: args[2] == "true", MaxIdleConnsPerHost: n, DisableCompression: true}
	client := &http.Client{Transport: t, Timeout: 5 * time.Second}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			select {
			case <-time.After(probeEvery * time.Duration(i) / time.Duration(n)):
			case <-ctx.Done():
				return
			}
			for tick := time.NewTicker(probeEvery); ; {
				probeOnce(ctx, client, strings.Replace(args[0], "%d", strconv.Itoa(i), 1))
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	all.Wait()
	return nil
}

// probeOnce is what any prober must do at least. A probe that fails is seen by the target that it does not reach.
func probeOnce(ctx context.Context, client *http.Client, of string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, of, nil)
	if err != nil {
		return
	}
	if resp, err := client.Do(req); err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}
