package demo

import (
	"io"
	"net"
	"net/http"
	"testing"
)

// BenchmarkWarmEndpoint is one request over a kept connection, answered from the embedded Redis.
func BenchmarkWarmEndpoint(b *testing.B) {
	p, _ := start(b)
	for _, path := range []string{"/api/portfolio/summary", "/api/recommendations", "/api/stocks/AAPL/history?days=365"} {
		b.Run(path, func(b *testing.B) { benchmarkGet(b, p.URL()+path) })
	}
}

// BenchmarkColdEndpoint is the same with every lookup a miss: the store and the model do their work.
func BenchmarkColdEndpoint(b *testing.B) {
	p, _ := start(b)
	must(b, p.SetFault("cold_cache", 1))
	for _, path := range []string{
		"/api/portfolio/summary", "/api/recommendations", "/api/market/overview", "/api/portfolio/performance",
	} {
		b.Run(path, func(b *testing.B) { benchmarkGet(b, p.URL()+path) })
	}
}

// BenchmarkWarmEndpointWhileTheCPUBurns shows that the burners leave the CPU to the requests.
func BenchmarkWarmEndpointWhileTheCPUBurns(b *testing.B) {
	p, _ := start(b)
	must(b, p.SetFault("cpu", 1))
	benchmarkGet(b, p.URL()+"/api/recommendations")
}

func benchmarkGet(b *testing.B, url string) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	b.ReportAllocs()
	for b.Loop() {
		resp, err := client.Get(url)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			b.Fatalf("status %d: %v", resp.StatusCode, err)
		}
		_ = resp.Body.Close()
	}
}

// BenchmarkStart is the whole platform from nothing: store filled, cache warm, serving.
func BenchmarkStart(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		r, err := startEmbedded()
		if err != nil {
			b.Fatal(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		p, err := Start(b.Context(), l, r.Address, quiet())
		if err != nil {
			b.Fatal(err)
		}
		must(b, p.Close())
		must(b, r.Close())
	}
}

// BenchmarkPredict is one vector through one model.
func BenchmarkPredict(b *testing.B) {
	m := newModels()["recommend"]
	_, features := featuresFor("x")
	b.ReportAllocs()
	for b.Loop() {
		m.predict(features)
	}
}
