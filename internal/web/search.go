package web

import (
	"net/url"
	"strconv"
	"strings"
)

// perPage is how many probes the page shows at once: a hundred are less than 100 KiB.
const perPage = 100

// A selection is which probes a reader wants to see.
type selection struct {
	Query       string
	Page, Pages int // from 1
	Found, All  int
}

// selectChecks takes the probes whose name, group, kind or last outcome has every word of a query, and of those a page.
// They are in order already, the worst first.
func selectChecks(all []check, query string, page int) ([]check, selection) {
	s := selection{Query: bounded(query, maxErrorText), All: len(all), Page: page}
	words := strings.Fields(strings.ToLower(s.Query))
	var found []check
	for i := range all {
		if all[i].matches(words) {
			found = append(found, all[i])
		}
	}
	s.Found = len(found)
	s.Pages = max(1, (s.Found+perPage-1)/perPage)
	s.Page = min(max(1, page), s.Pages)
	first := (s.Page - 1) * perPage
	return found[first:min(first+perPage, s.Found)], s
}

func (c *check) matches(words []string) bool {
	text := strings.ToLower(c.Name + " " + c.Group + " " + c.Kind + " " + c.Badge.Word)
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// Many says that there is something to search or to turn.
func (s *selection) Many() bool { return s.All > perPage/4 }

// Link leads to another page of the same search.
func (s *selection) Link(page int) string {
	v := url.Values{"page": {strconv.Itoa(page)}}
	if s.Query != "" {
		v.Set("q", s.Query)
	}
	return "?" + v.Encode() + "#probes"
}

// Previous and Next are the pages beside; 0 if there is none.
func (s *selection) Previous() int { return s.Page - 1 }

// Next is the page after this one; 0 if there is none.
func (s *selection) Next() int { return (s.Page + 1) % (s.Pages + 1) }
