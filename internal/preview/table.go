package preview

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// A grid is a table as it is shown.
type grid struct {
	Heads []string
	Rows  [][]cell
}

// A cell is a value as it is shown.
type cell struct{ Text, Class string }

// table merges the answers of a panel's queries: one row for each set of labels, one column for each label and query.
func (r *renderer) table(p *panel, found []series) grid {
	exclude, rename, index := p.columns()
	rows, order := map[string]map[string]cell{}, []string{}
	columns := map[string]bool{}
	for i := range found {
		s := &found[i]
		key := legend("", s.labels)
		if rows[key] == nil {
			rows[key], order = map[string]cell{}, append(order, key)
		}
		for name, value := range s.labels {
			rows[key][name], columns[name] = cell{Text: value}, true
		}
		column := "Value #" + s.refID
		columns[column] = true
		rows[key][column] = r.cell(p, cmp.Or(rename[column], column), s.last())
	}
	slices.Sort(order)
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(columns)), func(n string) bool { return exclude[n] })
	slices.SortStableFunc(names, func(a, b string) int { return place(index, a) - place(index, b) })
	g := grid{}
	for _, n := range names {
		g.Heads = append(g.Heads, cmp.Or(rename[n], n))
	}
	for _, key := range order {
		row := make([]cell, len(names))
		for i, n := range names {
			row[i] = rows[key][n]
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

// place is where a column stands; one that has no place of its own stands after labels and before nothing.
func place(index map[string]int, name string) int {
	if i, ok := index[name]; ok {
		return i
	}
	if strings.HasPrefix(name, "Value #") {
		return len(index) + 1
	}
	return len(index)
}

// cell writes a value with the settings of its column.
func (r *renderer) cell(p *panel, column string, v float64) cell {
	f := p.FieldConfig.of(column)
	if a, ok := f.mapped(digits(v)); ok {
		return cell{a.Text, shade(a.Color)}
	}
	return cell{write(f.Unit, v, r.end), shade(f.Thresholds.colorAt(v))}
}
