// Benchpages says how right the figures of pages are and what a load costs beside the page's own time: it loads pages whose
// truth is known, with the browser of perfwatch and, where it is given one, with Lighthouse. `make bench-pages` runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/signal"
	"strings"

	"github.com/perfwatch/perfwatch/internal/browser"
	"github.com/perfwatch/perfwatch/internal/truth"
)

func main() {
	os.Exit(report(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) //nolint:forbidigo // this is main
}

// report is run with its error said.
func report(ctx context.Context, args []string, out, errors io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	if err := run(ctx, args, out, errors); err != nil {
		fmt.Fprintln(errors, "benchpages:", err)
		return 1
	}
	return 0
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	flags := flag.NewFlagSet("benchpages", flag.ContinueOnError)
	rounds := flags.Int("rounds", 10, "how often each page is loaded")
	path := flags.String("browser", "", "the browser of perfwatch; by default the one it finds")
	program := flags.String("lighthouse", "", "Lighthouse's command, which loads each page too")
	chromium := flags.String("chromium", "", "the whole Chromium that Lighthouse starts; by default the one it finds")
	lighthouseRounds := flags.Int("lighthouse-rounds", 5, "how often it loads each page")
	if err := flags.Parse(args); err != nil {
		return err
	}
	server := httptest.NewServer(truth.Handler())
	defer server.Close()
	root := os.Geteuid() == 0
	b := browser.New(browser.Settings{Path: *path, NoSandbox: root}, slog.New(slog.NewTextHandler(progress, nil)))
	defer b.Close()
	ours, err := measure(ctx, b, server.URL, *rounds)
	if err != nil {
		return err
	}
	missed := writeErrors(out, ours)
	if *program != "" {
		theirs := &lighthouse{program: *program, chromium: *chromium, root: root}
		found, err := theirs.measure(ctx, server.URL, *lighthouseRounds, progress)
		if err != nil {
			return err
		}
		missed = append(missed, writeBeside(out, ours, found)...)
	}
	if len(missed) > 0 {
		return fmt.Errorf("%d figures are not as good as they have to be:\n%s", len(missed), strings.Join(missed, "\n"))
	}
	return nil
}
