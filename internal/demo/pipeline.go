package demo

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	pipelineItems  = 60 // stocks that a run of the pipeline handles
	itemPace       = 50 * time.Millisecond
	progressEach   = 10 // items
	pipelineEvery  = time.Minute
	reportTimeout  = 2 * time.Second
	pipelineOffset = 2 * time.Second // after the minute, when perfwatch expects it
)

// RunPipeline runs the plan's daily pipeline each minute until ctx is done, and reports its stages to the perfwatch at a
// URL without a slash at its end. The latency fault slows it as it does the API. A perfwatch that is away does not stop it.
func (p *Platform) RunPipeline(ctx context.Context, perfwatch string) {
	client := &http.Client{Timeout: reportTimeout}
	defer client.CloseIdleConnections()
	for {
		now := time.Now()
		next := now.Truncate(pipelineEvery).Add(pipelineOffset)
		if !next.After(now) {
			next = next.Add(pipelineEvery)
		}
		if pause(ctx, next.Sub(now)) != nil {
			return
		}
		run := "demo-" + strconv.FormatInt(next.Unix(), 10)
		p.runStages(ctx, p.stages(), func(stage, event string, items int) {
			query := url.Values{"run": {run}}
			if items > 0 {
				query.Set("items", strconv.Itoa(items))
			}
			p.tell(ctx, client, fmt.Sprintf("%s/api/v1/pipelines/daily/%s/%s?%s", perfwatch, stage, event, query.Encode()))
		})
	}
}

// runStages runs each stage over all its items.
func (p *Platform) runStages(ctx context.Context, stages []pipelineStage, report func(stage, event string, items int)) {
	for _, stage := range stages {
		report(stage.name, "start", 0)
		for i := range pipelineItems {
			slower := time.Duration(p.faults.latency.Load()) / 4
			err := pause(ctx, itemPace+slower)
			if err == nil {
				err = stage.item(ctx, i)
			}
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				p.logger.Warn("pipeline of the demo failed", "stage", stage.name, "err", err)
				report(stage.name, "fail", i)
				return
			}
			if done := i + 1; done%progressEach == 0 && done < pipelineItems {
				report(stage.name, "progress", done)
			}
		}
		report(stage.name, "finish", pipelineItems)
	}
}

// A pipelineStage does the work of one item.
type pipelineStage struct {
	name string
	item func(ctx context.Context, i int) error
}

// stages are the plan's, in their order.
func (p *Platform) stages() []pipelineStage {
	features := make([]float64, 50)
	score := func(_ context.Context, i int) error {
		features[i%len(features)] = float64(i)
		if s := p.models["recommend"].predict(features); s < 0 || s > 1 {
			return fmt.Errorf("predicting %d: score %v, want 0 to 1", i, s)
		}
		return nil
	}
	read := func(ctx context.Context, i int) error {
		var price float64
		return p.store.db.QueryRowContext(ctx, `SELECT close FROM prices WHERE stock = ? AND day = 364`, i).Scan(&price)
	}
	write := func(ctx context.Context, i int) error {
		p.cache.set(ctx, "pipeline:"+strconv.Itoa(i), []byte("{}"))
		return nil
	}
	return []pipelineStage{
		{"data_fetch", read}, {"recommendations", score}, {"ml_inference", score}, {"database_updates", read}, {"cache_updates", write},
	}
}

// tell reports an event. What cannot be told is not told: the pipeline goes on.
func (p *Platform) tell(ctx context.Context, client *http.Client, address string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, nil)
	if err != nil {
		p.logger.Warn("pipeline of the demo not reported", "err", err)
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		p.logger.Debug("pipeline of the demo not reported", "err", err)
		return
	}
	_ = resp.Body.Close()
}
