// Package demo is the reference platform that `perfwatch demo` and the end-to-end tests watch: the performance plan's
// endpoints over a SQLite store, a Redis cache and a small numeric model, with faults that can be switched on while it
// runs. It needs nothing but itself; where no redis-server is installed it brings an embedded one.
package demo

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"time"
)

//go:embed home.html demo.yml
var files embed.FS

// stopTimeout is how long Close waits for requests that are being answered before it cuts their connections.
const stopTimeout = 3 * time.Second

// A Platform is a running reference platform. Its methods are safe for concurrent use.
type Platform struct {
	logger *slog.Logger
	url    string
	store  *store
	cache  *cache
	models map[string]*perceptron
	home   *template.Template
	faults *faults
	secret []byte // signs the access tokens; new in each process

	server *http.Server
	cancel context.CancelFunc // ends the context of every request
	served chan error         // what Serve returned
}

// Start builds a platform and serves it on l, which it then owns. ctx bounds the start only. A Redis that cannot be
// reached is no error: the platform then answers without a cache. Whoever starts it must Close it.
func Start(ctx context.Context, l net.Listener, redisAddress string, logger *slog.Logger) (*Platform, error) {
	p, err := newPlatform(ctx, redisAddress, logger)
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("starting the reference platform: %w", err)
	}
	p.url = "http://" + l.Addr().String()
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel = cancel
	p.server = &http.Server{
		Handler:           p.handler(),
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second, // above the most latency that a fault can add
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	go func() { p.served <- p.server.Serve(l) }()
	return p, nil
}

// newPlatform builds everything but the server.
func newPlatform(ctx context.Context, redisAddress string, logger *slog.Logger) (*Platform, error) {
	home, err := template.ParseFS(files, "home.html")
	if err != nil {
		return nil, fmt.Errorf("parsing the home page: %w", err)
	}
	s, err := openStore(ctx)
	if err != nil {
		return nil, err
	}
	f := newFaults()
	p := &Platform{
		logger: logger, store: s, cache: newCache(redisAddress, &f.cold), models: newModels(), home: home, faults: f,
		secret: newSecret(), served: make(chan error, 1),
	}
	p.warm(ctx)
	return p, nil
}

// URL is where the platform answers, without a slash at its end.
func (p *Platform) URL() string { return p.url }

// Close stops serving, ends every fault and frees everything. Requests that are being answered get a moment to end.
func (p *Platform) Close() error {
	p.cancel() // wakes the requests that a fault holds back
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	err := p.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, p.server.Close())
	}
	if served := <-p.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return errors.Join(err, p.faults.close(), p.cache.close(), p.store.close())
}

// Faults lists the faults that can be switched on, with their current levels.
func (p *Platform) Faults() []Fault { return p.faults.list() }

// SetFault sets the level of a fault; 0 switches it off. Its error says which levels are allowed, and is ErrUnknownFault
// for a name that Faults does not list. Setting the memory fault takes as long as touching that much memory.
func (p *Platform) SetFault(name string, level float64) error { return p.faults.set(name, level) }
