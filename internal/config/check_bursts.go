package config

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/perfwatch/perfwatch/internal/guard"
	"github.com/perfwatch/perfwatch/internal/schedule"
)

// The budget of all bursts in a day, and what it may be raised to. The default is twice what the bursts of the
// performance plan send.
const (
	defaultDailyRequests = 2_000_000
	maxDailyRequests     = 200_000_000
	maxBlackouts         = 50
	maxAllowedHosts      = 1000
	minBlackout          = time.Minute
	maxBlackout          = 24 * time.Hour
)

// bursts checks what holds for all bursts together.
func (c *checker) bursts() {
	in := &c.file.Bursts
	c.cfg.Bursts = Bursts{AllowHosts: in.AllowHosts, Rules: guard.Rules{DailyRequests: defaultDailyRequests}}
	if c.has("bursts.daily_requests") {
		if in.DailyRequests < 1 || in.DailyRequests > maxDailyRequests {
			c.refuse("bursts.daily_requests", "%d, want 1 to %d requests", in.DailyRequests, maxDailyRequests)
		}
		c.cfg.Bursts.Rules.DailyRequests = uint64(max(in.DailyRequests, 0))
	}
	if len(in.AllowHosts) > maxAllowedHosts {
		c.refuse("bursts.allow_hosts", "%d hosts, want at most %d", len(in.AllowHosts), maxAllowedHosts)
	}
	for i, host := range in.AllowHosts {
		if !hostText.MatchString(host) {
			c.refuse(fmt.Sprintf("bursts.allow_hosts[%d]", i), "%s, want a host name or an address, without a port", quote(host))
		}
	}
	if len(in.Blackouts) > maxBlackouts {
		c.refuse("bursts.blackouts", "%d blackouts, want at most %d", len(in.Blackouts), maxBlackouts)
		return
	}
	for i := range in.Blackouts {
		c.blackout(fmt.Sprintf("bursts.blackouts[%d]", i), &in.Blackouts[i])
	}
}

var hostText = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?|[0-9A-Fa-f:]{2,39})$`)

// blackout checks one window. It begins at an instant of the calendar: an @every has no place in a day.
func (c *checker) blackout(at string, in *blackoutSection) {
	length := c.duration(at+".duration", in.Duration, 0, minBlackout, maxBlackout)
	if !c.has(at + ".duration") {
		c.missing(at+".duration", "a duration from "+written(minBlackout)+" to "+written(maxBlackout))
	}
	if !c.has(at + ".start") {
		c.missing(at+".start", `cron fields such as "0 9 * * 1-5"`)
		return
	}
	begin, err := schedule.Parse(in.Start)
	switch {
	case err != nil:
		c.refuse(at+".start", "%s", foreign(err, in.Start))
	case strings.Contains(in.Start, "@every"):
		c.refuse(at+".start", `%s has no fixed instants, want cron fields such as "0 9 * * 1-5"`, quote(in.Start))
	default:
		c.cfg.Bursts.Rules.Blackouts = append(c.cfg.Bursts.Rules.Blackouts, guard.Window{Begin: begin, Length: length})
	}
}
