package quota

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestForecastIsSound: whatever has happened to a pool and happens to it while a
// request waits, the request is not admitted before any time that a forecast gave
// for it on the way. So nobody is refused for a forecast who could have been
// admitted in time.
func TestForecastIsSound(t *testing.T) {
	for kind := Window; kind <= Fixed; kind++ {
		t.Run(kind.String(), rapid.MakeCheck(func(t *rapid.T) {
			f := newForecasts(t, kind)
			t.Repeat(map[string]func(*rapid.T){
				"ask":     f.ask,
				"watch":   f.watch,
				"end":     f.end,
				"grow":    f.grow,
				"time":    f.time,
				"give up": f.giveUp,
				"":        func(*rapid.T) { f.look() },
			})
			// The best that can happen: all others give up, and all that is held
			// comes back.
			for id := range f.open {
				f.book.Cancel(f.now, id)
			}
			for range 1000 {
				next := f.poll()
				if len(f.watched) == 0 || next.IsZero() {
					return
				}
				f.look()
				f.now = next
			}
		}))
	}
}

// forecasts are a pool, those that use it, and the latest forecasts for those
// among them that wait for as long as it takes.
type forecasts struct {
	t       *rapid.T
	book    *Book
	pool    *pool
	now     time.Time
	open    map[TicketID]int // their holds
	watched map[TicketID]int64
}

func newForecasts(t *rapid.T, kind Accounting) *forecasts {
	window := time.Duration(rapid.IntRange(1, 60).Draw(t, "window")) * time.Second
	minutes := float64(time.Minute) / float64(window)
	id := PoolID{Model: "m"}
	pc := PoolConfig{
		ID: id, Accounting: kind, Window: window, Exact: kind == Bucket && rapid.Bool().Draw(t, "exact"),
		Burndown:          rapid.SampledFrom([]float64{1, 1.3, 5, 15}).Draw(t, "burndown"),
		TokensPerMinute:   int64(rapid.SampledFrom([]float64{0, 10_000, 10_000}).Draw(t, "tokens") * minutes),
		RequestsPerMinute: int64(rapid.SampledFrom([]float64{0, 2, 3.5, 10}).Draw(t, "requests") * minutes),
		TokensPerDay:      rapid.SampledFrom([]int64{0, 0, 30_000}).Draw(t, "day"),
		Concurrent:        rapid.IntRange(0, 3).Draw(t, "concurrent"),
		Adaptive:          rapid.SampledFrom([]Adaptive{{}, {On: true}, {On: true, Most: 4}, {Off: true}}).Draw(t, "adaptive"),
	}
	// Midnight is near.
	start := epoch.Add(12*time.Hour - time.Duration(rapid.IntRange(0, 600).Draw(t, "before midnight"))*time.Second)
	b, err := NewBook(Config{Now: start, Pools: []PoolConfig{pc}})
	if err != nil {
		t.Fatal(err)
	}
	return &forecasts{t: t, book: b, pool: b.order[0], now: start, open: map[TicketID]int{}, watched: map[TicketID]int64{}}
}

func (f *forecasts) request(t *rapid.T) Request {
	r := Request{
		Pools: []PoolID{f.pool.ID}, Class: Class(rapid.IntRange(0, 2).Draw(t, "class")),
		Input: rapid.IntRange(0, 3000).Draw(t, "in"), MaxTokens: rapid.IntRange(1, 4000).Draw(t, "max"),
	}
	if rapid.IntRange(0, 4).Draw(t, "whole") == 0 { // a whole window's worth
		r.MaxTokens = 10_000 - r.Input
	}
	return r
}

// ask is a request that is not watched; some are let through whatever the limits
// say.
func (f *forecasts) ask(t *rapid.T) {
	r := f.request(t)
	r.MaxWait = time.Duration(rapid.IntRange(0, 100).Draw(t, "wait")) * time.Second
	r.Observe = rapid.IntRange(0, 9).Draw(t, "observe") == 0
	id, d, err := f.book.Reserve(f.now, r)
	if err != nil {
		t.Fatal(err)
	}
	if d.Reason == TooLate && !d.Until.After(f.now.Add(r.MaxWait)) {
		t.Fatalf("refused for %s, and may wait until %s", d.Until, f.now.Add(r.MaxWait))
	}
	if id != 0 {
		f.open[id] = d.Hold
	}
	f.poll()
}

// watch is a request that waits for longer than any forecast says.
func (f *forecasts) watch(t *rapid.T) {
	r := f.request(t)
	r.MaxWait = 100 * 24 * time.Hour
	f.pool.advance(f.book.tick(f.now))
	_, soonest := f.pool.soonest(f.book.hold(f.pool, &r, r.Input), f.book.now)
	id, d, err := f.book.Reserve(f.now, r)
	if err != nil {
		t.Fatal(err)
	}
	switch d.State {
	case Admitted:
		if soonest > f.now.UnixNano() {
			t.Fatalf("admitted %s before its forecast", time.Duration(soonest-f.now.UnixNano()))
		}
		f.open[id] = d.Hold
	case Waiting:
		f.watched[id] = soonest
	case Refused:
		if d.Reason != TooLarge {
			t.Fatalf("refused as %s", d.Reason)
		}
	}
	f.poll()
}

func (f *forecasts) pick(t *rapid.T) TicketID {
	if len(f.open) == 0 {
		t.Skip()
	}
	return rapid.SampledFrom(slices.Sorted(maps.Keys(f.open))).Draw(t, "ticket")
}

// end ends one of the tickets in any way.
func (f *forecasts) end(t *rapid.T) {
	id := f.pick(t)
	switch rapid.SampledFrom([]string{"settle", "cancel", "throttled", "unavailable"}).Draw(t, "how") {
	case "settle":
		u := Usage{Input: rapid.IntRange(0, f.open[id]).Draw(t, "input"), Output: rapid.IntRange(0, f.open[id]/2).Draw(t, "output")}
		f.book.Settle(f.now, id, u)
	case "cancel":
		f.book.Cancel(f.now, id)
	case "throttled":
		f.book.Throttled(f.now, id, rapid.SampledFrom([]Limit{Tokens, Requests, TokensPerDay}).Draw(t, "limit"))
	case "unavailable":
		f.book.Unavailable(f.now, id)
	}
	f.poll()
}

func (f *forecasts) grow(t *rapid.T) {
	id := f.pick(t)
	f.book.Grow(f.now, id, rapid.IntRange(0, f.open[id]).Draw(t, "output"))
	f.poll()
}

func (f *forecasts) time(t *rapid.T) {
	f.now = f.now.Add(time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "ns")))
	f.poll()
}

// giveUp ends whatever is held or waits, but for those watched, as if it had
// never been.
func (f *forecasts) giveUp(*rapid.T) {
	for _, id := range slices.Sorted(maps.Keys(f.open)) {
		f.book.Cancel(f.now, id)
	}
	clear(f.open)
	f.poll()
}

// look takes new forecasts.
func (f *forecasts) look() {
	f.pool.advance(f.book.tick(f.now))
	for id, before := range f.watched {
		_, soonest := f.pool.soonest(f.book.tickets.get(f.book.tickets.find(id)).hold, f.book.now)
		f.watched[id] = max(before, soonest)
	}
}

func (f *forecasts) poll() (next time.Time) {
	grants, next := f.book.Poll(f.now, nil)
	for _, g := range grants {
		soonest, watched := f.watched[g.Ticket]
		switch {
		case watched && g.Decision.State != Admitted:
			f.t.Fatalf("a request that waits for a hundred days was refused as %s", g.Decision.Reason)
		case watched && soonest > f.now.UnixNano():
			f.t.Fatalf("admitted %s before its forecast", time.Duration(soonest-f.now.UnixNano()))
		case watched:
			f.open[g.Ticket] = g.Decision.Hold
		case g.Decision.State == Refused:
			delete(f.open, g.Ticket)
		}
		delete(f.watched, g.Ticket)
	}
	return next
}
