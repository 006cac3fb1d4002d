package tokens

import (
	"container/list"
	"math"
	"sync"
)

// RatioConfig sets up Ratios. The zero value takes every default.
type RatioConfig struct {
	// Capacity is how many (model, tenant) pairs are remembered; the one that
	// was used longest ago is forgotten first. Default 4096, about 1 MB.
	Capacity int
	// Weight is the share of a new observation in the average, once enough of
	// them are in: 0 < Weight ≤ 1. Default 0.1.
	Weight float64
	// Margin is how many mean deviations Upper adds. Default 3.
	Margin float64
	// Spread is the relative deviation assumed of a pair never seen. Default
	// 0.15: Upper then adds Margin × 15 %, until usage teaches better.
	Spread float64
}

// Ratios learns, per model and tenant, by how much returned usage differs from
// the estimate. It keeps a smoothed ratio and a smoothed mean deviation, the
// pair of averages TCP keeps of round trips (RFC 6298), so Upper can say what
// to reserve and Mean what to expect. It corrects the estimate and not a plain
// count of bytes, since the estimate already knows prose from hashes.
//
// It is safe for concurrent use. A look-up costs under 100 ns and allocates
// nothing.
type Ratios struct {
	cfg RatioConfig

	mu    sync.Mutex
	pairs map[pair]*list.Element
	order *list.List // front: used last
}

type pair struct{ model, tenant string }

type learned struct {
	pair
	ratio, spread float64
	seen          int
}

// NewRatios returns empty Ratios. Fields of cfg out of range take their default.
func NewRatios(cfg RatioConfig) *Ratios {
	if cfg.Capacity <= 0 {
		cfg.Capacity = 4096
	}
	if !(cfg.Weight > 0 && cfg.Weight <= 1) {
		cfg.Weight = 0.1
	}
	if !(cfg.Margin > 0) {
		cfg.Margin = 3
	}
	if !(cfg.Spread > 0) {
		cfg.Spread = 0.15
	}
	return &Ratios{cfg: cfg, pairs: make(map[pair]*list.Element), order: list.New()}
}

// Mean returns estimate corrected by what the pair has taught: the number to
// expect.
func (r *Ratios) Mean(model, tenant string, estimate int) int {
	ratio, _ := r.look(model, tenant)
	return int(math.Ceil(float64(estimate) * ratio))
}

// Upper returns a number that usage seldom passes: the one to reserve.
func (r *Ratios) Upper(model, tenant string, estimate int) int {
	ratio, spread := r.look(model, tenant)
	return int(math.Ceil(float64(estimate) * (ratio + r.cfg.Margin*spread)))
}

// Observe teaches the pair that what was estimated came back as actual.
// Observations without an estimate or without usage teach nothing; a single one
// counts for no more than a factor of 8 either way, so that one strange reply
// does not rule the average.
func (r *Ratios) Observe(model, tenant string, estimate, actual int) {
	if estimate <= 0 || actual <= 0 {
		return
	}
	x := min(max(float64(actual)/float64(estimate), 1.0/8), 8)
	r.mu.Lock()
	defer r.mu.Unlock()
	key := pair{model, tenant}
	el, ok := r.pairs[key]
	if !ok {
		if r.order.Len() >= r.cfg.Capacity {
			old := r.order.Back()
			delete(r.pairs, r.order.Remove(old).(*learned).pair)
		}
		r.pairs[key] = r.order.PushFront(&learned{pair: key, ratio: x, spread: r.cfg.Spread, seen: 1})
		return
	}
	r.order.MoveToFront(el)
	l := el.Value.(*learned)
	l.seen++
	// A plain mean at first, then one that forgets.
	w := max(r.cfg.Weight, 1/float64(l.seen))
	l.spread += w * (math.Abs(x-l.ratio) - l.spread)
	l.ratio += w * (x - l.ratio)
}

// Len returns how many pairs are remembered.
func (r *Ratios) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.order.Len()
}

func (r *Ratios) look(model, tenant string) (ratio, spread float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	el, ok := r.pairs[pair{model, tenant}]
	if !ok {
		return 1, r.cfg.Spread
	}
	r.order.MoveToFront(el)
	l := el.Value.(*learned)
	return l.ratio, l.spread
}
