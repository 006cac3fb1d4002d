package quota

import (
	"container/list"
	"math"
)

// lengths learns quantiles of the output length per tenant and model: a
// histogram of buckets that grow by an eighth of a doubling, so a quantile is at
// most 9 % too long and never too short. It forgets by halving, and keeps the
// pairs used last.
type lengths struct {
	capacity int
	pairs    map[lengthKey]*list.Element
	order    *list.List // front: used last
}

type lengthKey struct{ tenant, model string }

const (
	lengthBuckets = 160  // 8 per doubling: up to a million tokens
	lengthEnough  = 8    // fewer observations say nothing yet
	lengthMost    = 1024 // observations, then all are halved
)

type lengthEntry struct {
	key   lengthKey
	total int
	count [lengthBuckets]uint16
}

func newLengths(capacity int) *lengths {
	return &lengths{capacity: capacity, pairs: make(map[lengthKey]*list.Element), order: list.New()}
}

func lengthBucket(n int) int {
	if n <= 1 {
		return 0
	}
	return min(lengthBuckets-1, int(math.Ceil(8*math.Log2(float64(n)))))
}

func (l *lengths) observe(tenant, model string, n int) {
	key := lengthKey{tenant, model}
	el, ok := l.pairs[key]
	if !ok {
		if l.order.Len() >= l.capacity {
			delete(l.pairs, l.order.Remove(l.order.Back()).(*lengthEntry).key)
		}
		el = l.order.PushFront(&lengthEntry{key: key})
		l.pairs[key] = el
	} else {
		l.order.MoveToFront(el)
	}
	e := el.Value.(*lengthEntry)
	e.count[lengthBucket(n)]++
	e.total++
	if e.total > lengthMost {
		e.total = 0
		for i := range e.count {
			e.count[i] /= 2
			e.total += int(e.count[i])
		}
	}
}

// quantile returns a length that the share q of outputs does not pass; ok is
// false when too little is known.
func (l *lengths) quantile(tenant, model string, q float64) (n int, ok bool) {
	el, found := l.pairs[lengthKey{tenant, model}]
	if !found {
		return 0, false
	}
	l.order.MoveToFront(el)
	e := el.Value.(*lengthEntry)
	if e.total < lengthEnough {
		return 0, false
	}
	rank := int(math.Ceil(q * float64(e.total)))
	seen := 0
	for i, c := range e.count {
		if seen += int(c); seen >= rank && c > 0 {
			return int(math.Exp2(float64(i) / 8)), true
		}
	}
	return 0, false
}

// seen returns how many outputs of a pair are remembered.
func (l *lengths) seen(tenant, model string) int {
	if el, ok := l.pairs[lengthKey{tenant, model}]; ok {
		return el.Value.(*lengthEntry).total
	}
	return 0
}

// Lengths returns an output length that the share q of a tenant's replies of a
// model did not pass, and of how many replies that is learned. Fewer than eight
// say nothing: the length is then 0.
func (b *Book) Lengths(tenant, model string, q float64) (length, seen int) {
	length, _ = b.lengths.quantile(tenant, model, q)
	return length, b.lengths.seen(tenant, model)
}
