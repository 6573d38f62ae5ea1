package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/alecthomas/kingpin/v2"
)

// healthcheckTimeout is below the timeout of the image's HEALTHCHECK, so that the reason is printed.
const healthcheckTimeout = 2 * time.Second

func addHealthcheck(app *kingpin.Application, _ *cli) (string, action) {
	cmd := app.Command("healthcheck", "Ask a running daemon whether it is healthy; for images without a shell.")
	url := cmd.Arg("url", "What to ask.").Default("http://127.0.0.1:10095/-/healthy").String()
	return cmd.FullCommand(), func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, healthcheckTimeout)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, *url, nil)
		if err != nil {
			return err
		}
		resp, err := (&http.Client{}).Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("asking %q: status %d, want 200", *url, resp.StatusCode)
		}
		return nil
	}
}
