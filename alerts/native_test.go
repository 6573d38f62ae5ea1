package alerts

import (
	"testing"

	"github.com/perfwatch/perfwatch/internal/peer"
)

func promtool3(t *testing.T) string {
	t.Helper()
	return peer.Built(t, "prometheus3/promtool")
}

func TestEventsOfNativeHistogramsAreThoseOfClassicSeries(t *testing.T) {
	t.Parallel()
	opts := Options{}.withDefaults()
	for _, o := range ofBudgets() {
		newEvaluator().try(t, budgetRules(&o, opts), nativeEventTests(&o), evaluation(opts))
	}
}
