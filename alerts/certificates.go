package alerts

import (
	"fmt"
	"time"
)

// certificateExpiry is about the first certificate of a chain, that of the server.
const certificateExpiry = "PerfwatchCertificateExpiry"

// How long before the end of a certificate it is told of: time to mend what should have renewed it, and time to renew it
// by hand.
const (
	certificateWarning  = 14 * 24 * time.Hour
	certificateCritical = 3 * 24 * time.Hour
)

func certificateRules(opts Options) []rule {
	return []rule{
		certificate("warning", certificateWarning, opts),
		certificate("critical", certificateCritical, opts),
	}
}

// certificate makes the rule of certificates that end sooner than that.
func certificate(severity string, left time.Duration, opts Options) rule {
	return health(opts, certificateExpiry, severity, 0,
		"min by (probe) (perfwatch_tls_certificate_not_after_timestamp_seconds) - time() < "+number(left.Seconds()),
		"The certificate that probe {{ $labels.probe }} meets ends within "+short(left),
		"The certificate that probe {{ $labels.probe }} meets ends in {{ $value | humanizeDuration }}. "+
			"Once it has, clients refuse the platform.")
}

// certificateTests are the promtool tests of certificateRules. Time starts at zero in them, so that a certificate ends at
// as many seconds as it has left then.
func (h healthTester) certificateTests() []testCase {
	ends := func(instance string, at time.Duration) inputSeries {
		return inputSeries{
			`perfwatch_tls_certificate_not_after_timestamp_seconds{instance="` + instance + `",job="perfwatch",probe="shop"}`,
			fmt.Sprintf("%sx9", number(at.Seconds())),
		}
	}
	shop := map[string]string{"probe": "shop"}
	const at, warn, page = 2 * time.Minute, certificateWarning, certificateCritical
	h.step = time.Minute
	left := func(d time.Duration) healthTester { h.value = d.Seconds(); return h }
	return []testCase{
		h.several("a certificate with as long as it takes", []inputSeries{ends("a:1", warn+at)}, h.check(certificateExpiry, at, nil)),
		h.several("a certificate with a second less", []inputSeries{ends("a:1", warn+at-time.Second)},
			left(warn-time.Second).check(certificateExpiry, at, shop, "warning")),
		h.several("a certificate with three days", []inputSeries{ends("a:1", page+at)},
			left(page).check(certificateExpiry, at, shop, "warning")),
		h.several("a certificate with less than three days", []inputSeries{ends("a:1", page+at-time.Second)},
			left(page-time.Second).check(certificateExpiry, at, shop, "warning", "critical")),
		h.several("a certificate that has ended", []inputSeries{ends("a:1", at-time.Hour)},
			left(-time.Hour).check(certificateExpiry, at, shop, "warning", "critical")),
		h.several("a certificate that was renewed on one server of two", []inputSeries{ends("a:1", 2*warn), ends("b:1", warn)},
			left(warn-at).check(certificateExpiry, at, shop, "warning")),
		h.several("a certificate of a probe that is gone",
			[]inputSeries{{ends("a:1", warn).Series, number(warn.Seconds()) + " stale"}}, h.check(certificateExpiry, at, nil)),
	}
}
