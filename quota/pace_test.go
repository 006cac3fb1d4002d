package quota

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestNobodyWaitsForAnOldPace: a reply that costs more than was reserved brings
// the pace down, and it is planned anew as the window forgets. Who polls only when
// told to sees what waits admitted as soon as who looks all the time, give or take
// one plan.
func TestNobodyWaitsForAnOldPace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		window := time.Duration(rapid.IntRange(1, 60).Draw(t, "window")) * time.Second
		kind := rapid.SampledFrom([]Accounting{Window, Fixed}).Draw(t, "accounting")
		class := rapid.SampledFrom([]Class{Interactive, Batch}).Draw(t, "class")
		spent := rapid.IntRange(0, 100_000).Draw(t, "spent")
		told := admittedAfter(t, kind, window, class, spent, func(now, next time.Time) time.Time { return next })
		step := window / 100
		looking := admittedAfter(t, kind, window, class, spent, func(now, _ time.Time) time.Time { return now.Add(step) })
		if late := told - looking; late > window/plans+step {
			t.Fatalf("who polls when told to goes after %v, who looks all the time after %v", told, looking)
		}
	})
}

// admittedAfter is how long a request waits behind one that has spent so many
// tokens, of 1,000 that a window has. next says when to poll again.
func admittedAfter(t *rapid.T, kind Accounting, window time.Duration, class Class, spent int, next func(now, told time.Time) time.Time) time.Duration {
	id := PoolID{Model: "m"}
	b, err := NewBook(Config{Now: epoch, Pools: []PoolConfig{{
		ID: id, Accounting: kind, Window: window, TokensPerMinute: int64(1000 * time.Minute / window),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	r := Request{Pools: []PoolID{id}, Class: Batch, Input: 300, MaxTokens: 500}
	first, d, err := b.Reserve(epoch, r)
	if err != nil || d.State != Admitted {
		t.Fatalf("the first: %+v, %v", d, err)
	}
	r.Class, r.MaxWait = class, 1000*time.Hour
	if _, d, err = b.Reserve(epoch, r); err != nil || d.State != Waiting {
		t.Fatalf("the second: %+v, %v", d, err)
	}
	now := epoch.Add(window / 2)
	b.Settle(now, first, Usage{Input: spent})
	for range 1_000_000 {
		grants, told := b.Poll(now, nil)
		if len(grants) > 0 {
			return now.Sub(epoch)
		}
		now = next(now, told)
	}
	t.Fatal("it is never admitted")
	return 0
}

// TestWhoFitsIsTold: whatever has happened to a pool, the head of its queue does
// not fit for longer than a plan of the pace before Poll wants to be called.
func TestWhoFitsIsTold(t *testing.T) {
	for kind := Window; kind <= Fixed; kind++ {
		t.Run(kind.String(), rapid.MakeCheck(func(t *rapid.T) {
			f := newForecasts(t, kind)
			t.Repeat(map[string]func(*rapid.T){
				"ask":     f.ask,
				"end":     f.end,
				"grow":    f.grow,
				"give up": f.giveUp,
				"time":    f.walk,
			})
		}))
	}
}

// walk lets time pass, in steps, polls when told to, and looks at the head of the
// queue in between.
func (f *forecasts) walk(t *rapid.T) {
	window := time.Duration(f.pool.tokens.window)
	step := max(window/200, time.Millisecond)
	most := window/plans + 4*step
	if f.pool.adapt.learning() { // looked at every second
		most = max(most, time.Second+4*step)
	}
	next, fits := f.poll(), time.Duration(0)
	for range rapid.IntRange(1, 1000).Draw(t, "steps") {
		f.now = f.now.Add(step)
		if !next.IsZero() && !next.After(f.now) {
			next, fits = f.poll(), 0
			continue
		}
		head := f.pool.queue.head(&f.book.tickets)
		if head == none {
			continue
		}
		now := f.book.tick(f.now)
		f.pool.advance(now)
		k := f.book.tickets.get(head)
		if limit, _ := f.pool.check(k.hold, k.class, now); limit != NoLimit {
			fits = 0
			continue
		}
		if fits += step; fits > most {
			t.Fatalf("the head, of class %s and %v tokens, has fitted for %v, and Poll wants to be called in %v", k.class, k.hold, fits, next.Sub(f.now))
		}
	}
}
