package dashboards

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perfwatch/perfwatch/alerts"
	"github.com/perfwatch/perfwatch/internal/config"
)

// certificates shows how long those last that probes meet, against the lines below which the alert fires.
func certificates() panel {
	const ends = "perfwatch_tls_certificate_not_after_timestamp_seconds"
	const day = 24 * time.Hour
	line := func(left time.Duration, level string) query {
		return query{fmt.Sprintf("max(%s) * 0 + %g", ends, left.Hours()/day.Hours()), level}
	}
	return series(241, "Days until certificates end",
		"Of each probe, the first end in the chain that the server sent last. Below a line the alert fires.", "d",
		query{fmt.Sprintf("(min by (probe) (%s) - time()) / %g", ends, day.Seconds()), "{{probe}}"},
		line(alerts.CertificateWarning, "warning"), line(alerts.CertificateCritical, "critical"))
}

// meetsTLS says that some probe surely sees a certificate.
func meetsTLS(cfg *config.Config) bool {
	secure := func(url string) bool {
		base := cfg.Global.BaseURL
		return strings.HasPrefix(url, "https://") || base != nil && base.Scheme == "https" && strings.HasPrefix(url, "/")
	}
	return slices.ContainsFunc(cfg.Probes, func(p config.Probe) bool {
		return p.TLS != nil || p.HTTP != nil && secure(p.HTTP.URL) || p.Page != nil && secure(p.Page.URL) ||
			p.GRPC != nil && p.GRPC.TLSConfig != nil || p.Consistency != nil && slices.ContainsFunc(p.Consistency.URLs, secure)
	})
}
