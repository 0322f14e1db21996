package sim

// An event is something that is due.
type event struct {
	// Virtual nanoseconds.
	at   int64
	rank uint64
	do   func()
}

// events is a binary heap. What is due at the same instant comes in the order
// of rank, which says what kind of thing it is and whose, so that the order
// does not depend on what else is in the heap.
type events struct {
	heap   []event
	pushed uint64
}

// Kinds of events, in the order in which they come at one instant.
const (
	rankServer = iota
	rankDeliver
	rankDeadline
	rankJanitor
	rankOverdue
	rankLook
	rankCall
)

// push makes do due at the given time. Of two events with the same time, kind
// and owner, the first one pushed comes first.
func (e *events) push(at int64, kind, owner int, do func()) {
	e.pushed++
	e.heap = append(e.heap, event{at, uint64(kind)<<60 | uint64(owner)<<40 | e.pushed, do})
	for i := len(e.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !e.heap[i].before(&e.heap[parent]) {
			break
		}
		e.heap[i], e.heap[parent] = e.heap[parent], e.heap[i]
		i = parent
	}
}

// pop takes the next event out. There must be one.
func (e *events) pop() event {
	top := e.heap[0]
	last := len(e.heap) - 1
	e.heap[0], e.heap[last] = e.heap[last], event{}
	e.heap = e.heap[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return top
		}
		if child+1 < last && e.heap[child+1].before(&e.heap[child]) {
			child++
		}
		if !e.heap[child].before(&e.heap[i]) {
			return top
		}
		e.heap[i], e.heap[child] = e.heap[child], e.heap[i]
		i = child
	}
}

func (e *event) before(o *event) bool {
	return e.at < o.at || e.at == o.at && e.rank < o.rank
}
