# make test    all tests, installing what they need
# make e2e     the end-to-end test alone; it prints how long each alert took to reach the pager, and keeps the dashboards that it
#              draws in the folder PERFWATCH_PREVIEWS
# make check   format, vet, lint, dead code, known vulnerabilities, rendered files unchanged, dashboards as Grafana's types have them
# make bench   the benchmarks
# make bench-peers  what bursts cost and say beside wrk, vegeta, hey, fortio, k6 and Locust, and what probes cost beside
#              blackbox_exporter, and reading a Redis beside redis_exporter; it installs them; about a quarter of an hour
# make bench-redis  the last part of it alone; about four minutes
# make bench-pages  how right the figures of pages are, beside Lighthouse, which it installs; about a quarter of an hour
# make soak-pages   whether a browser and perfwatch stay as large over 300 loads of a page; about six minutes
# make render  write the rendered files (rules, rule tests, dashboards, schemas, the reference) anew
# make build   ./perfwatch with its version linked in

GOLANGCI_LINT_VERSION := v2.15.0
DEADCODE_VERSION      := v0.52.0
GOVULNCHECK_VERSION   := v1.9.0

TOOLS   := $(CURDIR)/.tools
# Debian has these outside of the PATH.
POSTGRES := /usr/lib/postgresql/15/bin
PEERS   := redis-server=redis-server prometheus=prometheus promtool=prometheus \
           prometheus-alertmanager=prometheus-alertmanager amtool=prometheus-alertmanager \
           $(POSTGRES)/initdb=postgresql-15 $(POSTGRES)/postgres=postgresql-15 \
           prometheus-blackbox-exporter=prometheus-blackbox-exporter \
           mariadbd=mariadb-server-core my_print_defaults=mariadb-client-core \
           chromium-headless-shell=chromium-headless-shell pgbouncer=pgbouncer
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
PKG     := github.com/prometheus/common/version
LDFLAGS := -s -w -X $(PKG).Version=$(VERSION) -X $(PKG).Revision=$(shell git rev-parse HEAD 2>/dev/null) \
           -X $(PKG).Branch=$(shell git rev-parse --abbrev-ref HEAD 2>/dev/null)

LIGHTHOUSE := lighthouse@12

K6 := go.k6.io/k6@v1.8.1
# Fortio's later releases need a module that not every proxy hands out.
LOADERS := vegeta=github.com/tsenart/vegeta/v12@v12.13.0 hey=github.com/rakyll/hey@v0.1.5 fortio=fortio.org/fortio@v1.63.0 \
           k6=$(K6)

.PHONY: test e2e check bench bench-peers bench-redis bench-pages soak-pages render build peers lint deadcode vulnerabilities dashboards-schema \
        rendered fuzz

test: peers
	go test ./...
	$(MAKE) e2e

e2e: peers
	go test -tags e2e -run TestEndToEnd -count=1 -v -timeout 15m ./cmd/perfwatch

# The seeds of the fuzz targets run with make test; this looks for new inputs, for a minute in each, of which making those
# smaller that are found must not take most.
fuzz:
	@for f in $$(git grep -l '^func Fuzz' -- '*_test.go'); do \
		for name in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\).*/\1/p' $$f); do \
			echo "$$f: $$name"; go test -run '^$$' -fuzz "^$$name$$" -fuzztime 60s -fuzzminimizetime 100x ./$$(dirname $$f) || exit 1; \
		done; \
	done

bench: peers
	go test -run '^$$' -bench . -benchmem ./...

bench-peers:
	@.ci/install wrk=wrk locust=python3-locust || echo "wrk, locust: what is missing is left out"
	@for l in $(LOADERS); do [ -x $(TOOLS)/peers/$${l%%=*} ] || GOBIN=$(TOOLS)/peers go install $${l#*=} || echo "$${l%%=*}: left out"; done
	@.ci/install prometheus-blackbox-exporter=prometheus-blackbox-exporter || echo "blackbox_exporter is left out"
	@.ci/install prometheus-redis-exporter=prometheus-redis-exporter redis-server=redis-server || echo "redis_exporter is left out"
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $(TOOLS)/perfwatch ./cmd/perfwatch
	cd internal/benchpeers && go build -mod=mod -o $(TOOLS)/benchpeers . && \
		$(TOOLS)/benchpeers -tools $(TOOLS)/peers -perfwatch $(TOOLS)/perfwatch

bench-redis:
	@.ci/install prometheus-redis-exporter=prometheus-redis-exporter redis-server=redis-server
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $(TOOLS)/perfwatch ./cmd/perfwatch
	cd internal/benchpeers && go build -mod=mod -o $(TOOLS)/benchpeers . && \
		$(TOOLS)/benchpeers -perfwatch $(TOOLS)/perfwatch -rounds 0 -open 0 -stall 0 -probing 0

# Needs a whole Chromium beside the headless shell, and Lighthouse from npm. Where it may, it takes the processors first, so
# that what else the machine does is not measured.
bench-pages: FIRST = $(shell chrt --rr 10 true 2>/dev/null && echo chrt --rr 10)
bench-pages: peers
	@.ci/install chromium=chromium npm=npm
	@[ -x $(TOOLS)/lighthouse/node_modules/.bin/lighthouse ] || npm install --silent --prefix $(TOOLS)/lighthouse $(LIGHTHOUSE)
	go build -o $(TOOLS)/benchpages ./internal/benchpages
	$(FIRST) $(TOOLS)/benchpages -lighthouse $(TOOLS)/lighthouse/node_modules/.bin/lighthouse -chromium $$(command -v chromium)

soak-pages: peers
	PERFWATCH_SOAK_LOADS=300 go test -run '^TestLoadsLeaveNothingBehind$$' -count=1 -v -timeout 30m ./internal/browser

build:
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o perfwatch ./cmd/perfwatch

peers: $(TOOLS)/peers/k6 $(TOOLS)/peers/prometheus3
	@.ci/install $(PEERS)

# It takes some minutes, once.
$(TOOLS)/peers/k6:
	GOBIN=$(TOOLS)/peers go install $(K6)

# Debian's Prometheus is a 2; this is a 3 of the version that its go.mod says, without what finds targets in clouds. It
# takes some minutes, once.
$(TOOLS)/peers/prometheus3:
	cd .ci/prometheus && GOBIN=$@.new go install -tags remove_all_sd -ldflags '-s -w' tool
	mv $@.new $@

check: rendered lint deadcode vulnerabilities dashboards-schema

# golangci-lint formats (gofmt, goimports) and vets too.
lint: $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION)
	go vet -tags e2e ./...
	cd internal/benchpeers && go vet -mod=mod .
	$< run --build-tags e2e ./...

deadcode: $(TOOLS)/deadcode-$(DEADCODE_VERSION)
	@found=$$($< -test -tags e2e ./...); [ -z "$$found" ] || { echo "$$found"; echo "deadcode: remove what nothing uses"; exit 1; }

# The database of vulnerabilities is on the internet; without it the check says so and passes.
vulnerabilities: $(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION)
	@if curl -fsS --max-time 10 -o /dev/null https://vuln.go.dev/index/modules.json 2>/dev/null; \
	then $< ./...; else echo "govulncheck: its database cannot be reached, not checked"; fi

# Types of Grafana's from npm, pinned; without npm it says so and passes.
dashboards-schema:
	@if command -v npm >/dev/null; then .ci/grafana/check $(TOOLS)/grafana-schema; \
	else echo "dashboards-schema: npm is not installed, not checked"; fi

render:
	go run ./cmd/perfwatch --config.file perfwatch.yml rules --output-dir alerts
	go run ./cmd/perfwatch --config.file perfwatch.yml dashboards --output-dir dashboards
	-go test ./internal/config ./internal/report -run Schema -update-schema > /dev/null
	go test ./internal/config ./internal/report -run Schema
	-go test ./collector -run TestTheReferenceIsThatOfTheMetrics -update-reference > /dev/null
	go test ./collector -run TestTheReferenceIsThatOfTheMetrics
	-go test ./alerts -run TestEveryMeasureHasItsPage -update-measures > /dev/null
	go test ./alerts -run TestEveryMeasureHasItsPage

rendered: render
	@git diff --exit-code --stat -- alerts dashboards internal/config internal/report collector/metrics.md || { echo "rendered files differ: commit what make render writes"; exit 1; }

$(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION): TOOL = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
$(TOOLS)/deadcode-$(DEADCODE_VERSION): TOOL = golang.org/x/tools/cmd/deadcode@$(DEADCODE_VERSION)
$(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION): TOOL = golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)
$(TOOLS)/%:
	GOBIN=$(TOOLS)/new go install $(TOOL)
	mv $(TOOLS)/new/* $@
