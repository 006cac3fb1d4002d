package quota

// TicketID names a reservation. It is never reused: ending a ticket twice, or
// one that expired, is a no-op that says so. The zero TicketID names none.
type TicketID uint64

type ticketState uint8

const (
	stateFree ticketState = iota
	stateWaiting
	stateHeld
)

const none = int32(-1)

// ticket is a reservation's record. Records live in one slice and are reused,
// so a reservation allocates nothing once the slice has grown.
type ticket struct {
	generation uint32
	state      ticketState
	class      Class
	// Neighbours: in the tenant's queue while waiting, in the list of leases
	// while held, in the free list (next only) otherwise.
	prev, next int32
	place      int32 // in the heap of deadlines or among the pool's held, or none

	pool   *pool
	tenant *tenant
	weight float64

	estimate int     // input as the caller estimated it, for what is learned
	input    float64 // corrected
	hold     float64
	taken    float64 // the hold when it was admitted
	max      float64 // the output limit
	output   float64 // that was last reported, and when: see exposure
	outputAt int64
	start    int64 // admitted, or queued
	ends     int64 // of the lease, or the deadline of waiting
	seq      uint64
}

// tickets owns the records, the free list, the leases in order of expiry (all
// leases are equally long, so a renewed one goes to the end), and the heap of
// waiting deadlines.
type tickets struct {
	all       []ticket
	free      int32
	leases    ends
	deadlines []int32
	seq       uint64
}

// ends are the two ends of a linked list of tickets.
type ends struct{ first, last int32 }

func newTickets() tickets {
	return tickets{free: none, leases: ends{none, none}}
}

func (ts *tickets) get(i int32) *ticket { return &ts.all[i] }

// id returns the name of record i: its generation and its index.
func (ts *tickets) id(i int32) TicketID {
	return TicketID(ts.all[i].generation)<<32 | TicketID(i)
}

// find returns the record of id, or none when it has ended.
func (ts *tickets) find(id TicketID) int32 {
	i := int64(id & 0xFFFFFFFF)
	if i >= int64(len(ts.all)) {
		return none
	}
	t := &ts.all[i]
	if t.state == stateFree || t.generation != uint32(id>>32) {
		return none
	}
	return int32(i)
}

// alloc returns a blank record.
func (ts *tickets) alloc() int32 {
	i := ts.free
	if i == none {
		i = int32(len(ts.all))
		ts.all = append(ts.all, ticket{})
	} else {
		ts.free = ts.all[i].next
	}
	g := ts.all[i].generation + 1
	if g == 0 {
		g = 1 // the zero TicketID names none
	}
	ts.seq++
	ts.all[i] = ticket{generation: g, prev: none, next: none, place: none, seq: ts.seq}
	return i
}

func (ts *tickets) release(i int32) {
	t := &ts.all[i]
	*t = ticket{generation: t.generation, prev: none, next: ts.free, place: none}
	ts.free = i
}

// push appends i to a list.
func (ts *tickets) push(l *ends, i int32) {
	t := ts.get(i)
	t.prev, t.next = l.last, none
	if l.last == none {
		l.first = i
	} else {
		ts.get(l.last).next = i
	}
	l.last = i
}

// unlink takes i out of a list.
func (ts *tickets) unlink(l *ends, i int32) {
	t := ts.get(i)
	if t.prev == none {
		l.first = t.next
	} else {
		ts.get(t.prev).next = t.next
	}
	if t.next == none {
		l.last = t.prev
	} else {
		ts.get(t.next).prev = t.prev
	}
	t.prev, t.next = none, none
}

// addDeadline puts i into the heap of deadlines.
func (ts *tickets) addDeadline(i int32) {
	ts.get(i).place = int32(len(ts.deadlines))
	ts.deadlines = append(ts.deadlines, i)
	ts.up(len(ts.deadlines) - 1)
}

// dropDeadline takes i out of the heap, wherever it is.
func (ts *tickets) dropDeadline(i int32) {
	at := int(ts.get(i).place)
	ts.get(i).place = none
	last := len(ts.deadlines) - 1
	moved := ts.deadlines[last]
	ts.deadlines = ts.deadlines[:last]
	if at == last {
		return
	}
	ts.deadlines[at] = moved
	ts.get(moved).place = int32(at)
	ts.up(at)
	ts.down(int(ts.get(moved).place))
}

func (ts *tickets) sooner(a, b int) bool {
	x, y := ts.get(ts.deadlines[a]), ts.get(ts.deadlines[b])
	return x.ends < y.ends || x.ends == y.ends && x.seq < y.seq
}

func (ts *tickets) swap(a, b int) {
	d := ts.deadlines
	d[a], d[b] = d[b], d[a]
	ts.get(d[a]).place, ts.get(d[b]).place = int32(a), int32(b)
}

func (ts *tickets) up(i int) {
	for i > 0 && ts.sooner(i, (i-1)/2) {
		ts.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (ts *tickets) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(ts.deadlines) {
			return
		}
		if child+1 < len(ts.deadlines) && ts.sooner(child+1, child) {
			child++
		}
		if !ts.sooner(child, i) {
			return
		}
		ts.swap(child, i)
		i = child
	}
}
