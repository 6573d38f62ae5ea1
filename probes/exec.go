package probes

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// What a command may give us, in bytes.
const (
	defaultMaxOutput ByteSize = 64 << 10
	maxMaxOutput     ByteSize = 10 << 20
	maxComplaint              = 300 // of what it says on its standard error
)

// traceVariable carries the trace of a run, https://opentelemetry.io/docs/specs/otel/context/env-carriers/.
const traceVariable = "TRACEPARENT"

// outputGrace is how long the output may stay open once the command and its process group are gone: what has left the
// group may hold it for ever.
const outputGrace = 100 * time.Millisecond

// Exec runs a command of the platform's own: its exit code is the verdict, or what it prints is.
type Exec struct {
	Command []string          `yaml:"command"` // the program and its arguments; no shell reads them
	Env     map[string]string `yaml:"env"`     // beside PATH, HOME, LANG, TZ and TMPDIR of perfwatch; values are secrets
	Dir     string            `yaml:"dir"`     // where it runs; default: the configuration's folder
	Expect  ExecExpect        `yaml:"expect"`
}

// ExecExpect says which runs are good ones.
type ExecExpect struct {
	ExitCode  []int    `yaml:"exit_code"`  // default 0
	Matches   string   `yaml:"matches"`    // RE2 of what it prints
	JSON      string   `yaml:"json"`       // gojq over what it prints; false, null or an error is an invalid_response
	MaxOutput ByteSize `yaml:"max_output"` // default 64KiB
}

// Kind implements Spec.
func (*Exec) Kind() string { return "exec" }

// Prober implements Spec.
func (s *Exec) Prober(env Env) (Prober, error) {
	var ms mistakes
	e := &s.Expect
	p := &execProber{dir: env.Dir, codes: e.ExitCode, limit: cmp.Or(e.MaxOutput, defaultMaxOutput)}
	if len(p.codes) == 0 {
		p.codes = []int{0}
	}
	if s.Dir != "" {
		p.dir = inDir(env.Dir, s.Dir)
	}
	p.command(s, env.Dir, &ms)
	p.environment(s.Env, &ms)
	for i, code := range e.ExitCode {
		if code < 0 || code > 255 {
			ms.add(fmt.Sprintf("expect.exit_code[%d]", i), code, "an exit code from 0 to 255")
		}
	}
	if e.MaxOutput < 0 || e.MaxOutput > maxMaxOutput {
		ms.add("expect.max_output", e.MaxOutput, "a size above 0 and up to "+maxMaxOutput.String())
	}
	p.expect.match = ms.matches(e.Matches)
	p.masks = hide(slices.Collect(maps.Values(s.Env))...)
	if e.JSON != "" {
		var err error
		p.expect.query = e.JSON
		if p.expect.code, err = compileQuery(e.JSON); err != nil {
			ms.add("expect.json", e.JSON, "a gojq query: "+err.Error())
		}
	}
	if err := errors.Join(ms...); err != nil {
		return nil, err
	}
	return p, nil
}

// command finds the program: by PATH, or from the configuration's folder on if it has a slash.
func (p *execProber) command(s *Exec, dir string, ms *mistakes) {
	if len(s.Command) == 0 || s.Command[0] == "" {
		ms.add("command", nil, "a program and its arguments, as a list")
		return
	}
	program := s.Command[0]
	if strings.ContainsRune(program, filepath.Separator) {
		program = inDir(dir, program)
	}
	path, err := exec.LookPath(program)
	if err == nil {
		path, err = filepath.Abs(path) // it runs in another folder
	}
	if err != nil {
		ms.add("command[0]", s.Command[0], "a program that can be run, on the PATH or from the configuration's folder on")
		return
	}
	p.path, p.args = path, slices.Clone(s.Command)
	for i, arg := range s.Command {
		if strings.ContainsRune(arg, 0) {
			ms.add(fmt.Sprintf("command[%d]", i), arg, "text without zero bytes")
		}
	}
}

// environment keeps perfwatch's own variables, which may be secrets, from the command.
func (p *execProber) environment(given map[string]string, ms *mistakes) {
	p.env = []string{} // nil would be all of ours
	for _, name := range []string{"PATH", "HOME", "LANG", "TZ", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			p.env = append(p.env, name+"="+value)
		}
	}
	_, p.traced = given[traceVariable]
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(given[name], 0) {
			ms.add("env."+name, hidden, "a name without = and text without zero bytes")
		}
		p.env = append(p.env, name+"="+given[name]) // the last of a name counts
	}
}

// An execProber runs a command in a process group of its own. The group is killed when the run ends, whether by its
// deadline, by too much output, or because the command is done and has left something behind.
//
// A run has no phases. An exit code that is not expected, or a death by a signal, is an invalid response; a program that
// cannot be started is an error.
type execProber struct {
	path   string
	args   []string // the name that it was called by first
	env    []string
	traced bool // env has a trace already
	dir    string
	codes  []int
	limit  ByteSize
	expect expectation
	masks  *masks
}

// Probe implements Prober.
func (p *execProber) Probe(ctx context.Context) (res Result, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd := &exec.Cmd{Path: p.path, Args: p.args, Env: p.env, Dir: p.dir}
	var trace TraceID
	if !p.traced {
		var parent string
		trace, parent = newTrace()
		cmd.Env = append(slices.Clip(p.env), traceVariable+"="+parent)
	}
	ownGroup(cmd)
	out := &output{limit: int64(p.limit), full: func() { cancel(ErrBodyTooLarge) }}
	complaint := &output{limit: maxComplaint}
	code, err := execute(ctx, cmd, out, complaint)
	res = Result{ended: time.Now(), Bytes: out.size, TraceID: trace}
	if cmd.ProcessState != nil {
		res.Evidence = p.masks.said("Ended: "+cmd.ProcessState.String()+"\n", out.kept, out.size)
	}
	switch {
	case errors.Is(context.Cause(ctx), ErrBodyTooLarge):
		err = fmt.Errorf("%w: over %s of output", ErrBodyTooLarge, p.limit)
	case err != nil:
	default:
		err = p.judge(ctx, code, cmd, out.kept)
	}
	if err == nil {
		return res, nil
	}
	err = fmt.Errorf("running %q: %w", p.args[0], err)
	if said := p.masks.text(bytes.TrimSpace(complaint.kept), complaint.size > maxComplaint); len(said) > 0 {
		err = fmt.Errorf("%w: it says %q", err, said)
	}
	return res, shorten(err)
}

// execute runs a command to its end or to that of ctx, and kills its process group. It returns the exit code, -1 for a
// death by a signal.
func execute(ctx context.Context, cmd *exec.Cmd, stdout, stderr io.Writer) (int, error) {
	reads, writes, err := pipes(cmd)
	if err != nil {
		return -1, err
	}
	defer closeAll(reads)
	err = cmd.Start()
	closeAll(writes) // the command has its own
	if err != nil {
		return -1, err
	}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		said := make(chan struct{})
		go func() {
			defer close(said)
			_, _ = io.Copy(stderr, reads[1])
		}()
		_, _ = io.Copy(stdout, reads[0])
		<-said
	}()
	killed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(killed)
		killGroup(cmd.Process)
	})
	err = reap(cmd, func() {
		if !stop() {
			<-killed
		}
	})
	for _, r := range reads {
		_ = r.SetReadDeadline(time.Now().Add(outputGrace))
	}
	<-copied
	if ctx.Err() != nil {
		return -1, ctx.Err()
	}
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		return -1, err
	}
	return cmd.ProcessState.ExitCode(), nil
}

// pipes gives a command its standard output and error.
func pipes(cmd *exec.Cmd) (reads, writes []*os.File, err error) {
	for _, to := range []*io.Writer{&cmd.Stdout, &cmd.Stderr} {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(reads)
			closeAll(writes)
			return nil, nil, err
		}
		reads, writes = append(reads, r), append(writes, w)
		*to = w
	}
	return reads, writes, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// judge holds a run against what is expected of it.
func (p *execProber) judge(ctx context.Context, code int, cmd *exec.Cmd, out []byte) error {
	if !slices.Contains(p.codes, code) {
		return fmt.Errorf("%w: %s, want exit status %s", ErrInvalidResponse, cmd.ProcessState,
			strings.Trim(fmt.Sprint(p.codes), "[]"))
	}
	if m := p.expect.match; m != nil && !m.Match(out) {
		return fmt.Errorf("%w: no match of %q in %d bytes", ErrInvalidResponse, m, len(out))
	}
	if p.expect.code != nil {
		return p.expect.checkJSON(ctx, out)
	}
	return nil
}

// An output keeps the beginning of what is written to it and takes the rest.
type output struct {
	kept  []byte
	limit int64
	size  int64  // of all that was written
	full  func() // is called when more came than is kept; nil where nobody minds
}

func (o *output) Write(b []byte) (int, error) {
	room := max(0, min(o.limit-o.size, int64(len(b))))
	o.size += int64(len(b))
	o.kept = append(o.kept, b[:room]...)
	if o.size > o.limit && o.full != nil {
		o.full()
	}
	return len(b), nil
}
