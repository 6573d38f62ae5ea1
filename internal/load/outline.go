package load

// A Draw is one thing that a user's draw can come to: a leaf, or another list, where the user draws on and stays.
type Draw struct {
	Share float64 // of the list's draws; they sum to 1
	Leaf  int     // of Plan.Leaves; -1 for a list
	Into  int     // the list: a sticky group that is entered, or the one around it by the exit
}

// Draws are the lists that users draw from: first that of the whole tree, then one for each sticky group.
func (p *Plan) Draws() [][]Draw {
	lists := make([][]Draw, len(p.regions))
	for i, r := range p.regions {
		for _, b := range r {
			lists[i] = append(lists[i], Draw{Share: b.share, Leaf: b.leaf, Into: b.into})
		}
	}
	return lists
}

// A Column is a Feed whose values are read and whose defaults are filled in.
type Column struct {
	Name     string
	Values   []string // nil if they are the numbers from 1 to N
	N        int
	Pick     Pick
	Exponent float64 // of Zipf
	Batch    int     // of Unique; at least 1
}

// Columns are the data of the burst in the order of their names. Their values are the plan's and not to be changed.
func (p *Plan) Columns() []Column {
	columns := make([]Column, len(p.data))
	for i := range p.data {
		f := &p.data[i]
		columns[i] = Column{Name: f.name, Values: f.values, N: f.n, Pick: f.pick, Exponent: f.exponent, Batch: f.batch}
	}
	return columns
}

// OpenStages are the stages of the open model, a single one where its rate stays; nil in the closed model.
func (s *Spec) OpenStages() []Stage {
	if !s.open() {
		return nil
	}
	return s.stages()
}
