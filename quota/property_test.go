package quota

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/outcrop-ai/outcrop/backend/simulator/throttle"
)

// oracle is a second set of books, kept the dull way: a list of everything that
// was settled, and what is held; and the services that must never refuse what
// the Book admits.
type oracle struct {
	quota   float64 // per window
	window  int64
	settled []struct {
		at int64
		n  float64
	}
	held    map[TicketID]float64
	servers []server
}

// server is a service with accounting of its own.
type server struct {
	policy   throttle.Policy
	books    *throttle.Throttle
	admitted map[TicketID]throttle.Admission
}

// servers are those that an accounting promises never to overdraw.
func servers(t *rapid.T, kind Accounting, window time.Duration, perMinute int64) (all []server) {
	for _, p := range map[Accounting][]throttle.Policy{
		Window: {throttle.Strict, throttle.FixedWindow, throttle.RefundBucket},
		Fixed:  {throttle.FixedWindow, throttle.RefundBucket},
		Bucket: {throttle.RefundBucket},
	}[kind] {
		th, err := throttle.New(throttle.Config{
			Policy: p, Window: window, TokensPerMinute: perMinute,
			Align: time.Duration(rapid.Int64Range(0, int64(window)).Draw(t, "align")),
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, server{p, th, map[TicketID]throttle.Admission{}})
	}
	return all
}

func (o *oracle) admit(t *rapid.T, at time.Time, id TicketID, n float64) {
	o.held[id] = n
	for _, s := range o.servers {
		adm, limit := s.books.Start(at, throttle.Request{MaxTokens: int(n)})
		if limit != throttle.Accepted {
			t.Fatalf("a %s server refuses %v", s.policy, n)
		}
		s.admitted[id] = adm
	}
}

func (o *oracle) settle(at time.Time, id TicketID, n float64) {
	delete(o.held, id)
	o.settled = append(o.settled, struct {
		at int64
		n  float64
	}{at.UnixNano(), n})
	for _, s := range o.servers {
		s.books.End(at, s.admitted[id], throttle.Usage{Output: int(n)})
	}
}

// inWindow sums what is held and what settled in the window before now.
func (o *oracle) inWindow(now int64) float64 {
	sum := o.holding()
	for _, s := range o.settled {
		if s.at > now-o.window {
			sum += s.n
		}
	}
	return sum
}

func (o *oracle) holding() (sum float64) {
	for _, h := range o.held {
		sum += h
	}
	return sum
}

// TestNeverPassesTheQuota: on any interleaving of reservations, settlements of
// at most the hold, cancellations, polls late or early, and callers that crash,
// what is held plus what settled in a window stays within the quota where the
// accounting is Window; no service that an accounting covers refuses what it
// admits; and every ticket ends.
func TestNeverPassesTheQuota(t *testing.T) {
	for kind := Window; kind <= Fixed; kind++ {
		t.Run(kind.String(), rapid.MakeCheck(func(t *rapid.T) { neverPasses(t, kind, 1) }))
	}
}

// TestDebtIsNeverRefused is the same where requests spend up to three times their
// hold, some of it told by Grow. The books may be in debt then, as the services
// are, but no service refuses what the Book admits.
func TestDebtIsNeverRefused(t *testing.T) {
	for kind := Window; kind <= Fixed; kind++ {
		t.Run(kind.String(), rapid.MakeCheck(func(t *rapid.T) { neverPasses(t, kind, 3) }))
	}
}

// neverPasses lets requests spend at most that many times their hold.
func neverPasses(t *rapid.T, kind Accounting, most float64) {
	id := PoolID{Model: "m"}
	window := time.Duration(rapid.IntRange(1, 60).Draw(t, "window")) * time.Second
	const perWindow = 10_000
	lease := time.Duration(rapid.IntRange(1, 90).Draw(t, "lease")) * time.Second
	perMinute := int64(perWindow * float64(time.Minute) / float64(window))
	b, err := NewBook(Config{
		Now: epoch, Lease: lease, ColdOutput: 1,
		Pools: []PoolConfig{{
			ID: id, Accounting: kind, Window: window, Burndown: 5,
			TokensPerMinute: perMinute,
			Concurrent:      rapid.IntRange(0, 5).Draw(t, "concurrent"),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	o := &oracle{quota: b.order[0].tokens.capacity(), window: int64(window), held: map[TicketID]float64{}, servers: servers(t, kind, window, perMinute)}
	now := epoch
	open := map[TicketID]bool{} // reserved, not known to have ended
	leases := map[TicketID]time.Time{}
	admit := func(id TicketID, hold int) {
		o.admit(t, now, id, float64(hold))
		leases[id] = now.Add(lease)
	}
	check := func() {
		ns := now.UnixNano()
		if kind == Window && most <= 1 {
			if got := o.inWindow(ns); got > o.quota+1e-3 {
				t.Fatalf("%v of %v in the window", got, o.quota)
			}
		}
		if held := b.Snapshot(now, nil)[0].Held; held != int64(o.holding()) {
			t.Fatalf("held %d, the oracle says %v", held, o.holding())
		}
	}
	poll := func() {
		grants, _ := b.Poll(now, nil)
		// Crashed callers are settled at their hold by the poll that finds them.
		for id, end := range leases {
			if _, held := o.held[id]; held && !end.After(now) {
				o.settle(now, id, o.held[id])
				delete(open, id)
			}
		}
		for _, g := range grants {
			switch g.Decision.State {
			case Admitted:
				admit(g.Ticket, g.Decision.Hold)
			case Refused:
				delete(open, g.Ticket)
			}
		}
	}
	pick := func() (TicketID, bool) {
		ids := make([]TicketID, 0, len(open))
		for id := range open {
			ids = append(ids, id)
		}
		if len(ids) == 0 {
			return 0, false
		}
		low := ids[0]
		for _, id := range ids {
			low = min(low, id)
		}
		return low, true
	}
	t.Repeat(map[string]func(*rapid.T){
		"reserve": func(t *rapid.T) {
			r := Request{
				Pools: []PoolID{id}, Tenant: rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "tenant"),
				Class: Class(rapid.IntRange(0, 2).Draw(t, "class")),
				Input: rapid.IntRange(0, 3000).Draw(t, "in"), MaxTokens: rapid.IntRange(1, 4000).Draw(t, "max"),
				MaxWait: time.Duration(rapid.IntRange(0, 200).Draw(t, "wait")) * time.Second,
			}
			tid, d, err := b.Reserve(now, r)
			if err != nil {
				t.Fatal(err)
			}
			if d.State == Refused {
				return
			}
			open[tid] = true
			if d.State == Admitted {
				admit(tid, d.Hold)
			}
			poll()
		},
		"end": func(t *rapid.T) {
			tid, ok := pick()
			if !ok {
				t.Skip()
			}
			hold, held := o.held[tid]
			spent := rapid.IntRange(0, int(most*hold)).Draw(t, "spent")
			if held && rapid.Bool().Draw(t, "settle") {
				b.Settle(now, tid, Usage{Input: spent})
				o.settle(now, tid, float64(spent))
			} else {
				b.Cancel(now, tid)
				if held {
					o.settle(now, tid, 0)
				}
			}
			delete(open, tid)
			if b.Cancel(now, tid) || b.Settle(now, tid, Usage{}) {
				t.Fatal("a ticket ended twice")
			}
			poll()
		},
		"grow": func(t *rapid.T) {
			tid, ok := pick()
			if !ok || most <= 1 {
				t.Skip()
			}
			if hold, held := o.held[tid]; held {
				output := rapid.IntRange(0, int(most*hold)/5).Draw(t, "output")
				b.Grow(now, tid, output)
				k := b.tickets.get(b.tickets.find(tid))
				o.held[tid] = k.hold
				leases[tid] = now.Add(lease)
			}
		},
		"time": func(t *rapid.T) {
			now = now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond)
			poll()
		},
		"": func(t *rapid.T) { check() },
	})
	// Everybody crashes. Follow the timer: every ticket ends, none is forgotten.
	for range 10_000 {
		_, next := b.Poll(now, nil)
		if next.IsZero() {
			break
		}
		if !next.After(now) {
			t.Fatalf("next %s is not after now %s", next, now)
		}
		now = next
	}
	s := b.Snapshot(now, nil)[0]
	if s.Held != 0 || s.Inflight != 0 || s.Queued != [classes]int{} {
		t.Fatalf("left over: %+v", s)
	}
	for i := range b.tickets.all {
		if b.tickets.all[i].state != stateFree {
			t.Fatalf("ticket %d never ended", i)
		}
	}
}
