package quota

import (
	"container/heap"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/outcrop-ai/outcrop/backend/simulator/throttle"
)

// TestLateNewsIsNeverRefused: the service learns of a request, and the client of
// its end, a while later. Whatever the replies come to, and however many of them
// have ended meanwhile, no service that the accounting covers refuses a batch
// request, as long as no reply is faster than the pace that the Book assumes.
func TestLateNewsIsNeverRefused(t *testing.T) {
	for kind := Window; kind <= Fixed; kind++ {
		t.Run(kind.String(), rapid.MakeCheck(func(t *rapid.T) { lateNews(t, kind) }))
	}
}

// later is what will happen, the soonest first.
type later []event

type event struct {
	at time.Time
	do func()
}

func (l later) Len() int           { return len(l) }
func (l later) Less(i, j int) bool { return l[i].at.Before(l[j].at) }
func (l later) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *later) Push(x any)        { *l = append(*l, x.(event)) }
func (l *later) Pop() any {
	last := len(*l) - 1
	e := (*l)[last]
	*l = (*l)[:last]
	return e
}

func lateNews(t *rapid.T, kind Accounting) {
	const perMinute = 600_000
	id := PoolID{Model: "m"}
	burndown := rapid.SampledFrom([]float64{1, 5, 15}).Draw(t, "burndown")
	window := time.Duration(rapid.IntRange(10, 60).Draw(t, "window")) * time.Second
	trip := time.Duration(rapid.IntRange(0, 500).Draw(t, "trip")) * time.Millisecond
	b, err := NewBook(Config{Now: epoch, Pools: []PoolConfig{{
		ID: id, Accounting: kind, Window: window, Burndown: burndown, TokensPerMinute: perMinute,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	services := servers(t, kind, window, perMinute)
	now := epoch
	var events later
	after := func(d time.Duration, do func()) { heap.Push(&events, event{now.Add(d), do}) }
	admitted := 0
	ask := func() bool {
		r := Request{
			Pools: []PoolID{id}, Class: Batch,
			Input: rapid.IntRange(0, 3000).Draw(t, "in"), MaxTokens: rapid.IntRange(1, 4000).Draw(t, "max"),
		}
		ticket, d, err := b.Reserve(now, r)
		if err != nil {
			t.Fatal(err)
		}
		if d.State != Admitted {
			return false
		}
		admitted++
		output := rapid.IntRange(1, r.MaxTokens).Draw(t, "out")
		takes := time.Duration(float64(output) / coldPace)
		after(trip, func() { // it arrives
			for i := range services {
				s := &services[i]
				adm, limit := s.books.Start(now, throttle.Request{Input: r.Input, MaxTokens: r.MaxTokens})
				if limit != throttle.Accepted {
					t.Fatalf("a %s server refuses the %dth", s.policy, admitted)
				}
				s.admitted[ticket] = adm
			}
			after(takes, func() { // it ends
				for _, s := range services {
					// Usage has no burndown of its own here: the service's is 1.
					s.books.End(now, s.admitted[ticket], throttle.Usage{Input: r.Input + int(burndown)*output})
				}
				after(trip, func() { // and is heard of
					b.Settle(now, ticket, Usage{Input: r.Input, Output: output})
					b.order[0].exposure = exposure{next: b.order[0].exposure.next} // what is assumed stays
				})
			})
		})
		return true
	}
	for range 60 {
		until := now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond)
		for len(events) > 0 && !events[0].at.After(until) {
			e := heap.Pop(&events).(event)
			now = e.at
			e.do()
		}
		now = until
		for range 20 {
			if !ask() {
				break
			}
		}
	}
}
