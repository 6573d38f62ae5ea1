package k6

import (
	"maps"
	"slices"

	"github.com/perfwatch/perfwatch/internal/load"
)

// maxCounted is the longest period of a list for which the script counts the draws of a column task by task.
const maxCounted = 1000

// A column is data as the script reads it.
type column struct {
	Name     string
	N        int
	Values   []string // nil if they are the numbers from 1 to N
	Pick     load.Pick
	Exponent float64 // of zipf

	// Order says which draw of the column a request's first one is, where they have an order.
	Order order
}

// An order counts the draws of a column without a memory that all users share: from the number of the user, or that of
// the request in the whole burst.
type order struct {
	Setup  bool  `json:"setup"`  // only the setup draws from it
	Each   int   `json:"each"`   // draws of each user's setup, or of each request; 0 if they differ
	Tasks  []int `json:"tasks"`  // draws of each task
	Period int   `json:"period"` // draws of a period of the list of tasks
}

// data are the columns, in the order in which templates name them.
func (x *exporter) data(lists []list) []column {
	columns := x.plan.Columns()
	all := make([]column, len(columns))
	for i := range columns {
		c := &columns[i]
		all[i] = column{Name: c.Name, N: c.N, Values: c.Values, Pick: c.Pick, Exponent: c.Exponent}
		at := "load.data." + c.Name
		if feed := x.spec.Data[c.Name]; feed.File != "" && feed.Digest == "" {
			x.refuse(at+".file", "%q cannot be read here, and its values stand in the script", feed.File)
		}
		if c.Pick == load.Sequential || c.Pick == load.Unique {
			all[i].Order = x.order(at, &x.uses[i], lists)
		}
		if c.Pick == load.Unique {
			x.unique(at, c, &x.uses[i])
		}
	}
	return all
}

// order finds out how draws can be counted.
func (x *exporter) order(at string, u *use, lists []list) order {
	most, least := slices.Max(u.tasks), slices.Min(u.tasks)
	switch {
	case u.setup > 0 && most > 0:
		x.refuse(at+".pick", "the setup and the tasks both draw from it: users of k6 cannot count their draws together")
	case u.setup > 0:
		return order{Setup: true, Each: u.setup}
	case most == least:
		return order{Each: most}
	case len(lists) > 1 || lists[0].Period > maxCounted:
		x.refuse(at+".pick", "users of k6 share no memory, and know which values are next only where every task draws as many, "+
			"or the shares of a tree without sticky groups are whole parts of at most %d", maxCounted)
	default:
		o := order{Tasks: u.tasks}
		before := 0
		for k, task := range lists[0].To {
			o.Period += (lists[0].Upto[k] - before) * u.tasks[task]
			before = lists[0].Upto[k]
		}
		return o
	}
	return order{}
}

// unique notes what is other with values of which each is drawn once.
func (x *exporter) unique(at string, c *load.Column, u *use) {
	if c.Batch > 1 {
		x.note(at+".batch", "users of k6 take one value at a time")
	}
	most := float64(x.plan.Users() * u.setup)
	if asked := x.plan.Asked(); asked > 0 {
		most += float64(asked) * float64(slices.Max(u.tasks))
	} else if slices.Max(u.tasks) > 0 {
		most = float64(c.N) + 1
	}
	if most > float64(c.N) {
		x.note(at, "when the values are used up k6 says that the test is aborted")
	}
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
