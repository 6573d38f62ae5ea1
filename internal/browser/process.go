package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// launchLimit is how long a browser may take to answer for the first time.
	launchLimit = 20 * time.Second
	// maxComplaint is how much of what a browser says of itself is kept.
	maxComplaint = 4 << 10
)

var errLost = errors.New("the browser is gone")

// programs are what is looked for, on the PATH where it is not said where, in this order. The shell takes half of the
// memory of the whole browser. What Debian has on the PATH is a script that waits for the program: it would die with
// perfwatch in the place of the browser.
func programs() []string {
	return []string{
		"/usr/lib/chromium/chromium-headless-shell", "chromium-headless-shell", "chrome-headless-shell",
		"/usr/lib/chromium/chromium", "chromium", "chromium-browser", "google-chrome",
	}
}

// Find is the program that is started for a path of Settings.
func Find(path string) (string, error) {
	if path != "" {
		return exec.LookPath(path)
	}
	return first(programs())
}

// first is the first program that there is.
func first(names []string) (string, error) {
	for _, name := range names {
		if found, err := exec.LookPath(name); err == nil {
			return found, nil
		}
	}
	return "", errors.New("no browser on the PATH: install chromium-headless-shell, or set browser.chromium_path")
}

// sandboxed refuses to start a browser as a user that it would refuse.
func sandboxed(user int, without bool) error {
	if user == 0 && !without {
		return errors.New("as root the browser has no sandbox: run perfwatch as another user, or set browser.no_sandbox: true")
	}
	return nil
}

// A process is a browser that runs, in a process group of its own that dies with perfwatch.
type process struct {
	*conn
	pid     int
	path    string
	profile *profile
	said    *complaint
	gone    chan struct{} // closed when the whole group is dead and reaped
	born    time.Time
	taken   atomic.Int64 // bytes of memory, when they were last read

	version, agent string // as it names itself; set before the first run
	runs           int    // guarded by the lock of Browser
}

// start launches a browser and waits for its first answer.
func start(ctx context.Context, s *Settings) (*process, error) {
	path, err := Find(s.Path)
	if err != nil {
		return nil, err
	}
	if err := sandboxed(os.Geteuid(), s.NoSandbox); err != nil {
		return nil, err
	}
	dir, err := newProfile()
	if err != nil {
		return nil, err
	}
	p := &process{path: path, profile: dir, said: &complaint{}, gone: make(chan struct{}), born: time.Now()}
	if err := p.launch(s); err != nil {
		dir.remove()
		return nil, fmt.Errorf("starting %q: %w", path, err)
	}
	ctx, cancel := context.WithTimeout(ctx, launchLimit)
	defer cancel()
	if err := p.call(ctx, "Browser.getVersion", nil, nil); err != nil {
		p.kill()
		return nil, fmt.Errorf("starting %q: %w%s", path, err, p.said.hint())
	}
	return p, nil
}

// launch starts the program. What waits for its end holds on to its thread: the kernel tells a child of its parent's
// death when the thread that made it ends.
func (p *process) launch(s *Settings) error {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return err
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return errors.Join(err, theirIn.Close(), in.Close())
	}
	cmd := &exec.Cmd{Path: p.path, Args: append([]string{p.path}, arguments(s, p.profile.dir)...), Env: environment(p.profile.dir)}
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4, as --remote-debugging-pipe has them
	cmd.Stderr = p.said
	cmd.WaitDelay = time.Second
	ownGroup(cmd)
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer close(p.gone)
		err := cmd.Start()
		started <- err
		if err == nil {
			reap(cmd)
		}
	}()
	err = <-started
	_ = errors.Join(theirIn.Close(), theirOut.Close())
	if err != nil {
		return errors.Join(err, in.Close(), out.Close())
	}
	p.pid = cmd.Process.Pid
	p.conn = newConn(newWire(out, in))
	return nil
}

// kill ends the browser with all of its processes, waits for that, and removes its profile.
func (p *process) kill() {
	killGroup(p.pid)
	p.wire.close()
	<-p.gone
	<-p.lost
	p.profile.remove()
}

// arguments start a browser that does nothing of its own and treats a page as if a person looked at it.
func arguments(s *Settings, dir string) []string {
	args := []string{
		"--headless", "--remote-debugging-pipe", "--user-data-dir=" + dir,
		"--no-first-run", "--no-default-browser-check", "--no-pings", "--no-service-autorun", "--mute-audio",
		"--disable-background-networking", "--disable-breakpad", "--disable-crash-reporter", "--disable-component-update",
		"--disable-default-apps", "--disable-domain-reliability", "--disable-extensions", "--disable-sync",
		"--disable-client-side-phishing-detection", "--metrics-recording-only",
		"--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding",
		"--disable-hang-monitor", "--disable-ipc-flooding-protection", "--disable-popup-blocking",
		"--password-store=basic", "--use-mock-keychain", "--force-color-profile=srgb", "--hide-scrollbars", "--disable-gpu",
		"--disable-features=Translate,MediaRouter,OptimizationHints,InterestFeedContentSuggestions",
	}
	if smallSharedMemory() {
		args = append(args, "--disable-dev-shm-usage")
	}
	if s.NoSandbox {
		args = append(args, "--no-sandbox")
	}
	return append(args, "about:blank")
}

// environment keeps perfwatch's own variables, which may be secrets, from the browser.
func environment(dir string) []string {
	env := []string{"TMPDIR=" + dir}
	for _, name := range []string{"PATH", "LANG", "TZ", "FONTCONFIG_PATH"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	home := dir // it wants to write there
	if h, ok := os.LookupEnv("HOME"); ok {
		home = h // the certificates that a person trusts are there
	}
	return append(env, "HOME="+home)
}

// A complaint keeps the end of what a browser says on its standard error.
type complaint struct {
	mu   sync.Mutex
	kept []byte
}

func (c *complaint) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = append(c.kept, b...)
	if over := len(c.kept) - maxComplaint; over > 0 {
		c.kept = append(c.kept[:0], c.kept[over:]...)
	}
	return len(b), nil
}

// hint says what a browser said before it ended, and what to do about it where that is known.
func (c *complaint) hint() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	said := string(c.kept)
	switch {
	case strings.Contains(said, "No usable sandbox"), strings.Contains(said, "Failed to move to new namespace"):
		return ": its sandbox is forbidden here: allow user namespaces, or set browser.no_sandbox: true"
	}
	for _, line := range slices.Backward(strings.Split(said, "\n")) {
		if strings.Contains(line, ":dbus/") { // where there is no bus, which a browser does without
			continue
		}
		if strings.Contains(line, "ERROR:") || strings.Contains(line, "FATAL:") {
			return fmt.Sprintf(": it says %.300q", line)
		}
	}
	return ""
}
