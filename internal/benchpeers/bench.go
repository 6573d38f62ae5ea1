package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The generator has one core and the target another, where the machine has taskset and two cores.
const generatorCore, targetCore, bothCores = "0", "1", "0,1"

// startup is how long a client may take beyond the time it was asked to run.
const startup = 30 * time.Second

// A bench is one comparison.
type bench struct {
	self string // this program
	many string // URL of the target of probes

	perfwatch string // the program; "" leaves probes out
	tools     string
	folder    string // for what the clients need and leave
	out       io.Writer
	url       string // of the target
	quit      []func()

	client http.Client
}

// pinned is a command on one core.
func pinned(ctx context.Context, core, program string, args ...string) *exec.Cmd {
	if path, err := exec.LookPath("taskset"); err == nil {
		return exec.CommandContext(ctx, path, append([]string{"-c", core, program}, args...)...)
	}
	return exec.CommandContext(ctx, program, args...)
}

// startTarget starts the targets, which end with this process.
func (b *bench) startTarget(ctx context.Context) error {
	for kind, url := range map[string]*string{"target": &b.url, "probed": &b.many} {
		if err := b.startServer(ctx, kind, url); err != nil {
			return err
		}
	}
	return nil
}

// startServer starts one of them and learns its URL.
func (b *bench) startServer(ctx context.Context, kind string, url *string) error {
	cmd := pinned(ctx, targetCore, b.self, kind)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the target: %w", err)
	}
	b.quit = append(b.quit, func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	*url = strings.TrimSpace(line)
	return err
}

func (b *bench) close() {
	for _, quit := range b.quit {
		quit()
	}
}

// ask is a request to the target itself.
func (b *bench) ask(ctx context.Context, path string) (string, error) { return b.get(ctx, b.url+path) }

// get is a request to anybody. What is not answered with 200 is an error.
func (b *bench) get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("fetching %q: status %d, want 200: %.200s", url, resp.StatusCode, text)
	}
	return string(text), err
}

func (b *bench) served(ctx context.Context) (int64, error) {
	text, err := b.ask(ctx, "/count")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

// A client is a load generator: how it is called for a time in the closed model, and for the stall.
type client struct {
	name    string
	program string // a path, or a name to look up; "" is this program
	args    func(url string, d time.Duration) []string
	stdin   func(url string) string
	env     []string
}

// clients are those that this machine has, and why others are left out.
func (b *bench) clients() (all []client, missing []string) {
	own := func(name string) client {
		return client{name: name, program: b.self, args: func(url string, d time.Duration) []string {
			return []string{"client", name, url, d.String()}
		}}
	}
	all = []client{own(bareFastHTTP), own(perfwatch), own(bareNetHTTP), own(perfwatchNet)}
	for _, c := range []client{
		{name: "wrk", program: "wrk", args: func(url string, d time.Duration) []string {
			return []string{"-t1", "-c100", "-d" + d.String(), url + "/"}
		}},
		{name: "fortio", args: func(url string, d time.Duration) []string {
			return []string{"load", "-quiet", "-c", "100", "-qps", "0", "-t", d.String(), url + "/"}
		}},
		{name: "vegeta", args: func(_ string, d time.Duration) []string {
			return []string{"attack", "-rate=0", "-max-workers=100", "-workers=100", "-duration=" + d.String(), "-output=/dev/null"}
		}, stdin: func(url string) string { return "GET " + url + "/\n" }},
		{name: "hey", args: func(url string, d time.Duration) []string { return []string{"-c", "100", "-z", d.String(), url + "/"} }},
		{name: "k6", args: func(url string, d time.Duration) []string {
			return []string{"run", "--quiet", "--vus", "100", "--duration", d.String(), "-e", "URL=" + url + "/", "-"}
		}, stdin: func(string) string {
			return "import http from 'k6/http'; export default function () { http.get(__ENV.URL); }"
		}},
		b.locust("locust FastHttpUser", "fast"),
		b.locust("locust HttpUser", "http"),
	} {
		if c.program == "" {
			c.program = filepath.Join(b.tools, c.name)
		}
		if _, err := exec.LookPath(c.program); err != nil {
			missing = append(missing, c.name)
			continue
		}
		all = append(all, c)
	}
	return all, missing
}

func (b *bench) locust(name, of string) client {
	l := locust{folder: b.folder, client: of}
	return client{
		name: name, program: "locust", env: l.env("/", 0),
		args: func(url string, d time.Duration) []string { return l.args(url, connections, d) },
	}
}

// run runs a client and says what CPU time it took and how many requests arrived.
func (b *bench) run(ctx context.Context, c *client, d time.Duration) (cpu time.Duration, n int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, d+startup)
	defer cancel()
	before, err := b.served(ctx)
	if err != nil {
		return 0, 0, err
	}
	cmd := pinned(ctx, generatorCore, c.program, c.args(b.url, d)...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Env = append(append(os.Environ(), "K6_NO_USAGE_REPORT=true"), c.env...)
	if c.stdin != nil {
		cmd.Stdin = strings.NewReader(c.stdin(b.url))
	}
	if err := cmd.Run(); err != nil {
		return 0, 0, fmt.Errorf("running %s: %w: %.500s", c.name, err, said.String())
	}
	after, err := b.served(ctx)
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), after - before, err
}
