package quota

// Class orders requests before fairness does.
type Class uint8

// The classes, first to last.
const (
	Interactive Class = iota
	Batch
	Background
	classes = 3
)

func (c Class) String() string {
	return [...]string{"interactive", "batch", "background"}[min(c, Background)]
}

// queue is what waits for one pool: class before class (a lower one has a small
// floor), within a class the tenant with the lowest virtual token counter, and
// within a tenant the order of arrival. The head blocks: nothing behind it is
// admitted first, or large requests would starve.
type queue struct {
	classes [classes]classQueue
	len     int
	tokens  float64 // the sum of holds that wait
}

type classQueue struct {
	tenants map[string]*tenant
	heap    []*tenant // those that wait, lowest counter first
	len     int
	tokens  float64
	lastV   float64 // counter of the tenant that was served last
	floor   float64 // share of what higher classes are admitted
	credit  float64 // tokens this class is owed while it waits
}

// tenant is one tenant's place in one class of one pool. Its counter is the
// virtual token counter of Sheng et al., Fairness in Serving Large Language
// Models (OSDI 2024): it grows by hold/weight at admission and is corrected to
// what was spent at settlement.
type tenant struct {
	name  string
	v     float64
	line  ends
	place int // in the heap, or -1
	held  int
}

// manyTenants is when a class forgets those that neither wait nor hold.
const manyTenants = 4096

func newQueue(floor [classes]float64) (q queue) {
	for c := range q.classes {
		q.classes[c].tenants = make(map[string]*tenant)
		q.classes[c].floor = floor[c]
	}
	return q
}

// wake returns the tenant's place, its counter lifted so that having been idle
// earns nothing: to the lowest counter that waits, or, when none does, to that
// of the tenant served last.
func (c *classQueue) wake(name string) *tenant {
	t, ok := c.tenants[name]
	if !ok {
		if len(c.tenants) >= manyTenants {
			c.forget()
		}
		t = &tenant{name: name, line: ends{none, none}, place: -1}
		c.tenants[name] = t
	}
	if t.place < 0 {
		least := c.lastV
		if len(c.heap) > 0 {
			least = c.heap[0].v
		}
		t.v = max(t.v, least)
	}
	return t
}

// forget drops tenants that neither wait nor hold. They come back at the least
// counter, which costs a tenant that was ahead of the others nothing.
func (c *classQueue) forget() {
	for name, t := range c.tenants {
		if t.place < 0 && t.held == 0 {
			delete(c.tenants, name)
		}
	}
}

// add puts a ticket at the end of its tenant's line.
func (q *queue) add(ts *tickets, i int32) {
	k := ts.get(i)
	c := &q.classes[k.class]
	ts.push(&k.tenant.line, i)
	if k.tenant.place < 0 {
		c.push(ts, k.tenant)
	}
	q.len++
	c.len++
	q.tokens += k.hold
	c.tokens += k.hold
}

// remove takes a ticket out, from anywhere in its line.
func (q *queue) remove(ts *tickets, i int32) {
	k := ts.get(i)
	c := &q.classes[k.class]
	t := k.tenant
	first := t.line.first == i
	ts.unlink(&t.line, i)
	switch {
	case t.line.first == none:
		c.drop(ts, t)
	case first: // the counter may tie, and the arrival has changed
		c.fix(ts, t)
	}
	q.len--
	c.len--
	q.tokens -= k.hold
	c.tokens -= k.hold
	if c.len == 0 {
		c.tokens, c.credit = 0, 0
	}
	if q.len == 0 {
		q.tokens = 0
	}
}

// head returns the ticket that is next, or none.
func (q *queue) head(ts *tickets) int32 {
	for c := Batch; c < classes; c++ {
		if q.classes[c].due(ts) {
			return q.classes[c].head()
		}
	}
	for c := range q.classes {
		if k := q.classes[c].head(); k != none {
			return k
		}
	}
	return none
}

// due says whether the class has earned its head's admission by waiting.
func (c *classQueue) due(ts *tickets) bool {
	k := c.head()
	return k != none && c.credit >= ts.get(k).hold
}

func (c *classQueue) head() int32 {
	if len(c.heap) == 0 {
		return none
	}
	return c.heap[0].line.first
}

// owed says whether a class below this one is due, and so comes first.
func (q *queue) owed(ts *tickets, class Class) bool {
	for c := class + 1; c < classes; c++ {
		if q.classes[c].due(ts) {
			return true
		}
	}
	return false
}

// admitted books an admission: the tenant's counter, and what the lower classes
// that wait are owed for it.
func (q *queue) admitted(ts *tickets, i int32) {
	k := ts.get(i)
	c := &q.classes[k.class]
	k.tenant.v += k.hold / k.weight
	k.tenant.held++
	c.lastV = max(c.lastV, k.tenant.v-k.hold/k.weight)
	if k.tenant.place >= 0 {
		c.fix(ts, k.tenant)
	}
	c.credit = max(0, c.credit-k.hold)
	for lower := int(k.class) + 1; lower < classes; lower++ {
		if q.classes[lower].len > 0 {
			q.classes[lower].credit += q.classes[lower].floor * k.hold
		}
	}
}

// ended corrects the tenant's counter to what was spent.
func (q *queue) ended(ts *tickets, k *ticket, spent float64) {
	c := &q.classes[k.class]
	k.tenant.v += (spent - k.hold) / k.weight
	k.tenant.held--
	if k.tenant.place >= 0 {
		c.fix(ts, k.tenant)
	}
}

// The heap of tenants: lowest counter first, then earliest arrival.

func (c *classQueue) before(ts *tickets, a, b int) bool {
	x, y := c.heap[a], c.heap[b]
	return x.v < y.v || x.v == y.v && ts.get(x.line.first).seq < ts.get(y.line.first).seq
}

func (c *classQueue) swap(a, b int) {
	c.heap[a], c.heap[b] = c.heap[b], c.heap[a]
	c.heap[a].place, c.heap[b].place = a, b
}

func (c *classQueue) push(ts *tickets, t *tenant) {
	t.place = len(c.heap)
	c.heap = append(c.heap, t)
	c.up(ts, t.place)
}

func (c *classQueue) drop(ts *tickets, t *tenant) {
	at, last := t.place, len(c.heap)-1
	if at != last {
		c.swap(at, last)
	}
	c.heap[last] = nil
	c.heap = c.heap[:last]
	t.place = -1
	if at != last {
		c.fix(ts, c.heap[at])
	}
}

func (c *classQueue) fix(ts *tickets, t *tenant) {
	c.up(ts, t.place)
	c.down(ts, t.place)
}

func (c *classQueue) up(ts *tickets, i int) {
	for i > 0 && c.before(ts, i, (i-1)/2) {
		c.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (c *classQueue) down(ts *tickets, i int) {
	for {
		child := 2*i + 1
		if child >= len(c.heap) {
			return
		}
		if child+1 < len(c.heap) && c.before(ts, child+1, child) {
			child++
		}
		if !c.before(ts, child, i) {
			return
		}
		c.swap(child, i)
		i = child
	}
}
