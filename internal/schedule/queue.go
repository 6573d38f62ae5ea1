package schedule

// An entry is a job with its place in time. The scheduler's mutex guards it.
type entry struct {
	job       Job
	phase     int64 // where in its interval an @every job is due, ns
	due       int64 // next intended instant, ns since the Unix epoch; 0 for never
	running   bool
	gone      bool   // removed by Replace
	skips     []skip // one a reason
	reporting bool   // a goroutine hands skips out
}

// A skip is runs that did not happen for one reason and are not reported yet.
type skip struct {
	due    int64 // of the first
	reason Reason
	n      int
}

// A queue is a heap of entries by due time.
type queue []queued

// A queued entry has its due time beside it: of ten thousand entries, those that are compared are not looked at.
type queued struct {
	due   int64
	entry *entry
}

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due < q[j].due }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface. Nothing is pushed: the queue is built as a whole.
func (q *queue) Push(any) {}

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last].entry
	(*q)[last] = queued{}
	*q = (*q)[:last]
	return e
}
