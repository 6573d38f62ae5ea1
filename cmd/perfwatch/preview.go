package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"github.com/perfwatch/perfwatch/dashboards"
	"github.com/perfwatch/perfwatch/internal/preview"
)

// previewTimeout bounds all queries of one dashboard.
const previewTimeout = 2 * time.Minute

// addPreview gives `dashboards preview` its flags.
func addPreview(cmd *kingpin.CmdClause, c *cli) action {
	dir := cmd.Flag("output-dir", "Where to write the pages.").Required().String()
	address := cmd.Flag("prometheus.url", "The Prometheus that has the data.").Default("http://localhost:9090").String()
	span := cmd.Flag("range", "How far back the drawings go.").Default("3h").Duration()
	rate := cmd.Flag("rate-interval", "What $__rate_interval is: at least four scrape intervals.").Default("1m").Duration()
	variables := cmd.Flag("variable", "What a variable of the dashboards stands for, as probe=home; may be repeated.").StringMap()
	return func(ctx context.Context) error {
		client, err := api.NewClient(api.Config{Address: *address})
		if err != nil {
			return fmt.Errorf("preparing to ask %q: %w", *address, err)
		}
		view := preview.View{From: v1.NewAPI(client), End: time.Now(), Range: *span, RateInterval: *rate, Variables: *variables}
		broken := 0
		err = eachDashboard(c.configFile, *dir, func(d *dashboards.Dashboard) (string, []byte, error) {
			ctx, cancel := context.WithTimeout(ctx, previewTimeout)
			defer cancel()
			text, err := d.Encode()
			if err != nil {
				return "", nil, err
			}
			var page bytes.Buffer
			problems, err := preview.Write(ctx, &page, text, view)
			for _, p := range problems {
				fmt.Fprintf(c.stderr, "perfwatch: %s: %s\n", d.File(), p)
			}
			broken += len(problems)
			return strings.TrimSuffix(d.File(), ".json") + ".html", page.Bytes(), err
		})
		if err == nil && broken > 0 {
			return fmt.Errorf("previewing dashboards: %d panels could not be drawn", broken)
		}
		return err
	}
}
