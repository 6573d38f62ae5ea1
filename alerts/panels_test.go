package alerts

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/perfwatch/perfwatch/internal/objective"
)

func named(names ...string) (list []objective.Objective) {
	for _, n := range names {
		list = append(list, objective.Objective{Name: n, Measure: objective.LoadUsers, Target: new(1.0)})
	}
	return list
}

func TestPanelIDsComeFromNames(t *testing.T) {
	ab, ba := PanelIDs(named("a", "b")), PanelIDs(named("b", "a"))
	if !maps.Equal(ab, ba) || ab["a"] == ab["b"] {
		t.Errorf("ids %v and %v, want the same in the other order", ab, ba)
	}
}

// TestAlertsOfNamesThatMeetLeadToTheirOwnPanels with two names that have one id.
func TestAlertsOfNamesThatMeetLeadToTheirOwnPanels(t *testing.T) {
	first, second := meeting()
	objectives := named(first, second)
	ids := PanelIDs(objectives)
	if ids[second] != ids[first]+1 {
		t.Fatalf("ids %v, want the second beside the first", ids)
	}
	rules := render(t, objectives, Options{})
	for _, name := range []string{first, second} {
		if link := fmt.Sprintf("viewPanel=%d\n", ids[name]); !strings.Contains(string(rules), link) {
			t.Errorf("no alert leads to %s", link)
		}
	}
}

// meeting finds two names with one id.
func meeting() (first, second string) {
	seen := map[int]string{}
	for i := 0; ; i++ {
		name := fmt.Sprintf("n%d", i)
		if other, found := seen[panelID(name)]; found {
			return other, name
		}
		seen[panelID(name)] = name
	}
}
