package schedule

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"
	_ "time/tzdata" // CRON_TZ= must work in an image without zone files

	"github.com/robfig/cron/v3"
)

const (
	longestText  = 256
	longestEvery = 366 * 24 * time.Hour
)

// What is allowed, for messages.
const (
	wantFields = "five cron fields (minute hour day month weekday), or six with seconds first"
	wantEvery  = "@every with whole seconds from 1s to 8784h, such as @every 15s or @every 1h30m"
	wantNamed  = "@hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually or @every"
	wantZone   = "a zone of the IANA time zone database before the fields, such as CRON_TZ=Europe/Berlin 0 9 * * *"
)

var errPanic = errors.New("the parser gave up")

// A Spec is a parsed schedule: five cron fields, six with seconds, @every, @hourly and the like, CRON_TZ=.
//
// An @every schedule is spread over its interval by the job's name and anchored to the Unix epoch. Cron fields are due at
// their own instant, in the zone of CRON_TZ= or else the local one, and are not spread. A civil time that daylight saving
// leaves out does not happen, one that it repeats happens twice.
type Spec struct {
	text  string
	every time.Duration      // of @every, else 0
	cron  *cron.SpecSchedule // of cron fields, else nil; its Location is never nil
}

// Parse reads a schedule in robfig/cron syntax. It refuses @every below one second or with a fraction of a second,
// which the library would round silently. Its error says what is allowed.
func Parse(text string) (Spec, error) {
	if len(text) > longestText {
		return Spec{}, fmt.Errorf("parsing schedule %q…: %d bytes, want at most %d", text[:32], len(text), longestText)
	}
	spec := Spec{text: text}
	loc, body, err := cutZone(strings.TrimSpace(text))
	switch every, found := strings.CutPrefix(body, "@every"); {
	case err != nil:
	case found:
		spec.every, err = parseEvery(every)
	default:
		spec.cron, err = parseFields(body, loc)
	}
	if err != nil {
		return Spec{}, fmt.Errorf("parsing schedule %q: %w", text, err)
	}
	return spec, nil
}

// String is the schedule as it was written.
func (s Spec) String() string { return s.text }

// cutZone takes CRON_TZ= or TZ= off. The library slices out of bounds when nothing follows it.
func cutZone(text string) (*time.Location, string, error) {
	rest, found := cutPrefix(text)
	if !found {
		return time.Local, text, nil
	}
	name, body := rest, ""
	if i := strings.IndexAny(rest, " \t"); i >= 0 {
		name, body = rest[:i], strings.TrimSpace(rest[i:])
	}
	loc, err := time.LoadLocation(name)
	if name == "" || err != nil {
		return nil, "", fmt.Errorf("zone %q, want %s", name, wantZone)
	}
	if _, again := cutPrefix(body); again {
		return nil, "", fmt.Errorf("two zones, want %s", wantZone)
	}
	return loc, body, nil
}

func cutPrefix(text string) (rest string, found bool) {
	if rest, found = strings.CutPrefix(text, "CRON_TZ="); found {
		return rest, true
	}
	return strings.CutPrefix(text, "TZ=")
}

func parseEvery(text string) (time.Duration, error) {
	d, err := time.ParseDuration(strings.TrimSpace(text))
	switch {
	case err != nil || !strings.HasPrefix(text, " "):
		return 0, fmt.Errorf("want %s", wantEvery)
	case d < time.Second:
		return 0, fmt.Errorf("@every %v is below one second, want %s", d, wantEvery)
	case d%time.Second != 0:
		return 0, fmt.Errorf("@every %v has a fraction of a second, want %s", d, wantEvery)
	case d > longestEvery:
		return 0, fmt.Errorf("@every %v is too long, want %s", d, wantEvery)
	}
	return d, nil
}

// fields are the cron fields with what each allows, in the order of six.
func fields() []field {
	return []field{
		{"second", "0-59", cron.Second, func(c *cron.SpecSchedule) uint64 { return c.Second }},
		{"minute", "0-59", cron.Minute, func(c *cron.SpecSchedule) uint64 { return c.Minute }},
		{"hour", "0-23", cron.Hour, func(c *cron.SpecSchedule) uint64 { return c.Hour }},
		{"day of the month", "1-31", cron.Dom, func(c *cron.SpecSchedule) uint64 { return c.Dom }},
		{"month", "1-12 or jan-dec", cron.Month, func(c *cron.SpecSchedule) uint64 { return c.Month }},
		{"weekday", "0-6 or sun-sat", cron.Dow, func(c *cron.SpecSchedule) uint64 { return c.Dow }},
	}
}

type field struct {
	name, want string
	option     cron.ParseOption
	bits       func(*cron.SpecSchedule) uint64
}

// parseFields reads cron fields or a descriptor.
func parseFields(text string, loc *time.Location) (*cron.SpecSchedule, error) {
	all := cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor
	spec, err := parseCron(text, all)
	if err != nil {
		return nil, explain(text)
	}
	for _, f := range fields() {
		if f.bits(spec) == 0 { // the library takes "," for a list of nothing, and would look for it for years
			return nil, fmt.Errorf("%s is empty, want %s, *, lists, ranges and steps", f.name, f.want)
		}
	}
	spec.Location = loc
	return spec, nil
}

// parseCron calls the library's parser, which panics on some texts.
func parseCron(text string, options cron.ParseOption) (spec *cron.SpecSchedule, err error) {
	defer func() {
		if recover() != nil {
			spec, err = nil, errPanic
		}
	}()
	parsed, err := cron.NewParser(options).Parse(text)
	if err != nil {
		return nil, err
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, errPanic
	}
	return spec, nil
}

// explain says in our words what is wrong with a text that the library refused.
func explain(text string) error {
	if strings.HasPrefix(text, "@") {
		return fmt.Errorf("%q is not known, want %s", text, wantNamed)
	}
	parts := strings.Fields(text)
	known := fields()
	if len(parts) == len(known)-1 {
		known = known[1:]
	}
	if len(parts) != len(known) {
		return fmt.Errorf("%d fields, want %s; or %s", len(parts), wantFields, wantNamed)
	}
	for i, f := range known {
		if _, err := parseCron(parts[i], f.option); err != nil {
			return fmt.Errorf("%s %q, want %s, *, lists, ranges and steps", f.name, parts[i], f.want)
		}
	}
	return fmt.Errorf("want %s; or %s", wantFields, wantNamed)
}

// phase is where in its interval a job of this name is due: evenly spread, and the same in every process.
func (s Spec) phase(name string) int64 {
	if s.every == 0 {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(name))                    // never fails
	ms := uint64(s.every / time.Millisecond) // whole milliseconds read well in a log
	return int64(h.Sum64()%ms) * int64(time.Millisecond)
}
