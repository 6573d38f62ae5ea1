package dashboards

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/perfwatch/perfwatch/alerts"
)

// TestLinksLeadToPanels of the dashboards: those of every alert, and of every page. An alert of what a configuration does not
// watch leads to what its dashboards do not have, and never fires: the shipped objectives are watched with everything else.
func TestLinksLeadToPanels(t *testing.T) {
	cfg := whole(t)
	cfg.Objectives = shipped(t).Objectives
	titles := map[string]string{} // by path
	for _, d := range Render(cfg) {
		titles["/d/"+d.model.UID] = ""
		for _, p := range d.model.Panels {
			titles[fmt.Sprintf("/d/%s?viewPanel=%d", d.model.UID, p.ID)] = p.Title
		}
	}
	rules, err := alerts.Render(cfg.Objectives, alerts.Options{}).Encode(alerts.Prometheus)
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(string(rules), -1)
	leads := regexp.MustCompile(`dashboard_url: http://localhost:3000(\S+)`).FindAllStringSubmatch(string(rules), -1)
	if len(leads) != len(names) {
		t.Errorf("%d links of %d alerts", len(leads), len(names))
	}
	for i, m := range leads {
		if _, ok := titles[m[1]]; !ok {
			t.Errorf("%s leads to no panel", m[1])
		}
		page, _ := alerts.Runbook(names[i][1], cfg.Objectives, alerts.Options{})
		if !strings.Contains(string(page), "(http://localhost:3000"+m[1]+")") {
			t.Errorf("the page of %s does not lead to %s", names[i][1], m[1])
		}
		for _, link := range regexp.MustCompile(`\[(.*)\]\(http://localhost:3000(/d/\S+)\)`).FindAllStringSubmatch(string(page), -1) {
			if title, ok := titles[link[2]]; !ok || title != "" && title != link[1] {
				t.Errorf("the page of %s leads to %s as %q, which is %q, %t", names[i][1], link[2], link[1], title, ok)
			}
		}
	}
}
