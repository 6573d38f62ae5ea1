package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// costs measures each client in turn, round after round, so that all meet the same machine. A turn is a short run and a
// long one, and counts what lies between them: starting up and ending cost nobody anything.
func (b *bench) costs(ctx context.Context, rounds int, short, long time.Duration) error {
	clients, missing := b.clients()
	micros := make([][]float64, len(clients))
	for range rounds {
		for i := range clients {
			c := &clients[i]
			cpuShort, nShort, err := b.run(ctx, c, short)
			if err != nil {
				return err
			}
			cpuLong, nLong, err := b.run(ctx, c, long)
			if err != nil {
				return err
			}
			if nLong <= nShort {
				return fmt.Errorf("%s sent %d requests in %s and %d in %s", c.name, nShort, short, nLong, long)
			}
			micros[i] = append(micros[i], float64((cpuLong-cpuShort).Nanoseconds())/1000/float64(nLong-nShort))
		}
	}
	return b.printCosts(clients, micros, missing)
}

func (b *bench) printCosts(clients []client, micros [][]float64, missing []string) error {
	of := map[string]float64{}
	for i := range clients {
		slices.Sort(micros[i])
		of[clients[i].name] = median(micros[i])
	}
	fmt.Fprintf(b.out, "CPU of the generator, microseconds a request: %d connections, keep-alive, %d bytes of JSON, %d rounds\n\n",
		connections, len(body), len(micros[0]))
	w := tabwriter.NewWriter(b.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "client\tmedian\tleast\tmost\tx fasthttp\tx net/http\tx k6")
	for i := range clients {
		m := of[clients[i].name]
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.1f\t%s\t%s\t%s\n", clients[i].name, m, micros[i][0], micros[i][len(micros[i])-1],
			times(m, of[bareFastHTTP]), times(m, of[bareNetHTTP]), times(m, of["k6"]))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(b.out, "\nnot on this machine: %s\n", strings.Join(missing, ", "))
	return err
}

// median is that of sorted values.
func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func times(a, of float64) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", a/of)
}
