package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/perfwatch/perfwatch/internal/demo"
)

// TestMain puts two programs on the PATH of the tests: perfwatch itself and the reference platform, so that a test runs
// each as a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"perfwatch": main, "platform": platformMain, "lean-site": leanSiteMain})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", RequireExplicitExec: true, Setup: smallPlatform})
}

// platformMain is the reference platform as a program: platform ADDRESS REDIS.
func platformMain() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := runPlatform(ctx, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "platform:", err)
		os.Exit(1) //nolint:forbidigo,gocritic // a program of the tests
	}
}

func runPlatform(ctx context.Context, address, redis string) (err error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	p, err := demo.Start(ctx, l, redis, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	<-ctx.Done()
	return nil
}
