package quota

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop/tokens"
)

func TestConfigErrorsNameTheField(t *testing.T) {
	id := PoolID{Account: "1", Region: "us-east-1", Model: "m"}
	for want, cfg := range map[string]Config{
		"id.model":             {Pools: []PoolConfig{{}}},
		"tokensPerMinute":      {Pools: []PoolConfig{{ID: id, TokensPerMinute: -1}}},
		"window":               {Pools: []PoolConfig{{ID: id, Window: -1}}},
		"accounting":           {Pools: []PoolConfig{{ID: id, Accounting: 9}}},
		"exact":                {Pools: []PoolConfig{{ID: id, Exact: true}}},
		"burndown":             {Pools: []PoolConfig{{ID: id, Burndown: -1}}},
		"adaptive.cut":         {Pools: []PoolConfig{{ID: id, Adaptive: Adaptive{On: true, Cut: 1}}}},
		"configured twice":     {Pools: []PoolConfig{{ID: id}, {ID: id}}},
		"days[0].tokensPerDay": {Days: []DayConfig{{}}},
		"quantile":             {Quantile: 2},
		"lease":                {Lease: -1},
		"batchFloor":           {BatchFloor: 2},
		"maxQueue":             {MaxQueue: -1},
	} {
		if _, err := NewBook(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestRequestErrorsNameTheField(t *testing.T) {
	b := onePool(t, PoolConfig{})
	ok := Request{Pools: []PoolID{b.order[0].ID}, MaxTokens: 1}
	for want, change := range map[string]func(*Request){
		"pools":     func(r *Request) { r.Pools = nil },
		"class":     func(r *Request) { r.Class = 3 },
		"weight":    func(r *Request) { r.Weight = -1 },
		"input":     func(r *Request) { r.Input = -1 },
		"maxTokens": func(r *Request) { r.MaxTokens = 0 },
		"output":    func(r *Request) { r.Output = -1 },
		"maxWait":   func(r *Request) { r.MaxWait = -1 },
	} {
		r := ok
		change(&r)
		if _, _, err := b.Reserve(epoch, r); err == nil || !strings.Contains(err.Error(), want+":") {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestBurndown(t *testing.T) {
	table := append(Burndown{{"my-model", 3}}, DefaultBurndown()...)
	for model, want := range map[string]float64{
		"anthropic.claude-opus-4-8-v1:0":            15,
		"us.anthropic.claude-sonnet-5-v1:0":         10,
		"anthropic.claude-opus-5-5-v1:0":            10,
		"anthropic.claude-3-7-sonnet-20250219-v1:0": 5,
		"anthropic.claude-sonnet-4-6-v1:0":          5,
		"anthropic.claude-3-5-sonnet-20241022-v2:0": 1,
		"amazon.nova-pro-v1:0":                      1,
		"MY-MODEL":                                  3,
	} {
		if got := table.Of(model); got != want {
			t.Errorf("%s: %v, want %v", model, got, want)
		}
	}
}

// What was learned is booked: long outputs raise the hold where a quantile of
// them is asked for, returned input corrects the estimate.
func TestLearns(t *testing.T) {
	ratios := tokens.NewRatios(tokens.RatioConfig{})
	b, err := NewBook(Config{Now: epoch, Ratios: ratios, Quantile: 0.7, ColdOutput: 1, Pools: []PoolConfig{{ID: PoolID{Model: "m"}, Burndown: 5}}})
	if err != nil {
		t.Fatal(err)
	}
	r := Request{Pools: []PoolID{{Model: "m"}}, Tenant: "t", Input: 1000, MaxTokens: 4000}
	_, first, _ := b.Reserve(epoch, r)
	if first.Hold != 1450+4000 {
		t.Errorf("cold: %d", first.Hold)
	}
	for range 100 {
		id, _, _ := b.Reserve(epoch, r)
		b.Settle(epoch, id, Usage{Input: 1200, CacheRead: 300, Output: 2000})
	}
	_, d, _ := b.Reserve(epoch, r)
	// Input 1500 with hardly a deviation, and 5 × a quantile at most 9 % above 2000.
	if d.Hold < 1500+5*2000 || d.Hold > 1520+5*2180 {
		t.Errorf("learned: %d", d.Hold)
	}
	r.Tenant = "other"
	if _, d, _ := b.Reserve(epoch, r); d.Hold != first.Hold {
		t.Errorf("another tenant's lengths were taken: %d", d.Hold)
	}
}

// The pace of replies settles where few are faster, and one strange reply moves
// it by little.
func TestPaceOfReplies(t *testing.T) {
	var x exposure
	perSecond := func() float64 { return x.pace() * float64(time.Second) }
	if got := perSecond(); got != 200 {
		t.Errorf("cold: %v", got)
	}
	for i := range 20_000 {
		x.learn(50+i%50, int64(time.Second)) // 50 to 99 tokens a second
	}
	if got := perSecond(); got < 95 || got > 105 {
		t.Errorf("learned %v, of 50 to 99", got)
	}
	before := perSecond()
	x.learn(1_000_000, int64(time.Millisecond))
	if got := perSecond(); got > 1.06*before {
		t.Errorf("one reply out of a cache: %v, was %v", got, before)
	}
}

func TestLengthQuantiles(t *testing.T) {
	l := newLengths(2)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		l.observe("t", "m", 1+rng.IntN(1000))
	}
	for _, q := range []float64{0.5, 0.9, 0.99} {
		got, ok := l.quantile("t", "m", q)
		if want := 1000 * q; !ok || float64(got) < want*0.95 || float64(got) > want*1.13 {
			t.Errorf("q%v: %d %v", q, got, ok)
		}
	}
	// It forgets.
	for range 4000 {
		l.observe("t", "m", 10)
	}
	if got, _ := l.quantile("t", "m", 0.9); got > 11 {
		t.Errorf("after a change: %d", got)
	}
	l.observe("u", "m", 1)
	l.observe("v", "m", 1)
	if l.order.Len() != 2 {
		t.Errorf("%d pairs", l.order.Len())
	}
	if _, ok := l.quantile("v", "m", 0.9); ok {
		t.Error("one observation is not enough")
	}
}

// Two tenants with an endless backlog share by weight (Jain's index of
// spent/weight is 1), although their requests differ in size by four.
func TestFairByWeight(t *testing.T) {
	b := onePool(t, PoolConfig{Concurrent: 4, Burndown: 1})
	spent := map[string]float64{}
	who := map[TicketID]string{}
	size := map[string]int{"small": 100, "large": 400}
	weight := map[string]float64{"small": 1, "large": 2}
	now := epoch
	var running []TicketID
	add := func(name string) {
		id, d, err := b.Reserve(now, Request{Pools: []PoolID{b.order[0].ID}, Tenant: name, Weight: weight[name], Input: size[name], MaxTokens: 1, MaxWait: time.Hour})
		if err != nil || d.State == Refused {
			t.Fatal(d, err)
		}
		who[id] = name
		if d.State == Admitted {
			running = append(running, id)
		}
	}
	for range 20 {
		add("small")
		add("large")
	}
	for range 3000 {
		now = now.Add(10 * time.Millisecond)
		id := running[0]
		running = running[1:]
		spent[who[id]] += float64(size[who[id]])
		b.Settle(now, id, Usage{Input: size[who[id]]})
		add(who[id])
		grants, _ := b.Poll(now, nil)
		for _, g := range grants {
			running = append(running, g.Ticket)
		}
	}
	x, y := spent["small"]/weight["small"], spent["large"]/weight["large"]
	if jain := (x + y) * (x + y) / (2 * (x*x + y*y)); jain < 0.999 {
		t.Errorf("Jain %.4f of %v", jain, spent)
	}
}

// TestHundredThousandWait: all of them are admitted, in the order of arrival.
func TestHundredThousandWait(t *testing.T) {
	b := onePool(t, PoolConfig{TokensPerMinute: 60_000_000, Burndown: 1, Accounting: Bucket})
	r := Request{Pools: []PoolID{b.order[0].ID}, Tenant: "t", Input: 900, MaxTokens: 100, Output: 1, MaxWait: 24 * time.Hour}
	const n = 100_000
	var line []TicketID
	for range n {
		id, d, err := b.Reserve(epoch, r)
		switch {
		case err != nil || d.State == Refused:
			t.Fatal(d, err)
		case d.State == Admitted:
			b.Settle(epoch, id, Usage{Input: 1000})
		default:
			line = append(line, id)
		}
	}
	if len(line) != n-60_000 {
		t.Fatalf("%d wait", len(line))
	}
	now, seen := epoch, 0
	var grants []Grant
	for seen < len(line) {
		var next time.Time
		grants, next = b.Poll(now, grants[:0])
		for _, g := range grants {
			if want := line[seen]; g.Ticket != want {
				t.Fatalf("ticket %d was admitted instead of %d", g.Ticket, want)
			}
			b.Settle(now, g.Ticket, Usage{Input: 1000})
			seen++
		}
		if len(grants) == 0 {
			now = next
		}
	}
	// 40 million tokens at a million a second.
	if got := now.Sub(epoch).Seconds(); math.Abs(got-40) > 0.01 {
		t.Errorf("took %.3f s", got)
	}
}

func TestTenantsAreBounded(t *testing.T) {
	b := onePool(t, PoolConfig{})
	for i := range 3 * manyTenants {
		id, _, _ := b.Reserve(epoch, Request{Pools: []PoolID{b.order[0].ID}, Tenant: fmt.Sprint(i), MaxTokens: 1, Conversation: fmt.Sprint(i)})
		b.Settle(epoch, id, Usage{Output: 1})
	}
	if n := len(b.order[0].queue.classes[0].tenants); n > manyTenants {
		t.Errorf("%d tenants", n)
	}
	if n := len(b.tickets.all); n != 1 {
		t.Errorf("%d records for one ticket at a time", n)
	}
	if b.sticky.order.Len() > 4096 || b.lengths.order.Len() > 4096 {
		t.Error("conversations or lengths are not bounded")
	}
}

func TestTheFastPathDoesNotAllocate(t *testing.T) {
	b := onePool(t, PoolConfig{TokensPerMinute: 1 << 50, RequestsPerMinute: 1 << 40, Burndown: 5})
	r := Request{Pools: []PoolID{b.order[0].ID}, Tenant: "t", Input: 100, MaxTokens: 100, Conversation: "c"}
	now := epoch
	cycle := func() {
		now = now.Add(time.Millisecond)
		id, _, _ := b.Reserve(now, r)
		b.Settle(now, id, Usage{Input: 100, Output: 50})
		b.Poll(now, nil)
	}
	cycle()
	if n := testing.AllocsPerRun(1000, cycle); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func onePool(tb testing.TB, p PoolConfig) *Book {
	tb.Helper()
	p.ID = PoolID{Account: "123456789012", Region: "us-east-1", Model: "anthropic.claude-sonnet-4-6-v1:0"}
	b, err := NewBook(Config{Now: epoch, Pools: []PoolConfig{p}})
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func BenchmarkAdmission(b *testing.B) {
	for kind := Window; kind <= Fixed; kind++ {
		b.Run(kind.String(), func(b *testing.B) {
			book := onePool(b, PoolConfig{TokensPerMinute: 1 << 50, RequestsPerMinute: 1 << 40, Accounting: kind, Burndown: 5})
			r := Request{Pools: []PoolID{book.order[0].ID}, Tenant: "t", Input: 100, MaxTokens: 100}
			now := epoch
			var grants []Grant
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Microsecond)
				id, _, _ := book.Reserve(now, r)
				book.Settle(now, id, Usage{Input: 100, Output: 50})
				grants, _ = book.Poll(now, grants[:0])
			}
		})
	}
}

// BenchmarkAdmissionWhileBusy is an admission each millisecond while 2,000 replies
// are under way that have cost more than their holds.
func BenchmarkAdmissionWhileBusy(b *testing.B) {
	id := PoolID{Model: "m"}
	book, err := NewBook(Config{Now: epoch, Lease: 1 << 20 * time.Hour, Pools: []PoolConfig{{ID: id, TokensPerMinute: 1 << 50, Burndown: 15}}})
	if err != nil {
		b.Fatal(err)
	}
	r := Request{Pools: []PoolID{id}, Tenant: "t", Input: 100, MaxTokens: 4096}
	for range 2000 {
		book.Reserve(epoch, r)
	}
	now := epoch.Add(time.Minute)
	var grants []Grant
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Millisecond)
		id, _, _ := book.Reserve(now, r)
		book.Settle(now, id, Usage{Input: 100, Output: 50})
		grants, _ = book.Poll(now, grants[:0])
	}
}

// BenchmarkOrder is what placing a call over two and over eight pools costs.
func BenchmarkOrder(b *testing.B) {
	for _, n := range []int{2, 8} {
		for _, conversation := range []string{"", "talk"} {
			b.Run(fmt.Sprintf("pools=%d/conversation=%t", n, conversation != ""), func(b *testing.B) {
				var cfg Config
				r := Request{Tenant: "t", Input: 100, MaxTokens: 100, Conversation: conversation}
				for i := range n {
					id := PoolID{Account: "1", Region: "us-east-1", Model: fmt.Sprint("m", i)}
					cfg.Pools = append(cfg.Pools, PoolConfig{ID: id, TokensPerMinute: 1 << 50, RequestsPerMinute: 1 << 40})
					r.Pools = append(r.Pools, id)
				}
				book, err := NewBook(cfg)
				if err != nil {
					b.Fatal(err)
				}
				id, _, _ := book.Reserve(epoch, r)
				book.Settle(epoch, id, Usage{Input: 100, Output: 50})
				now, order := epoch, make([]int, 0, n)
				b.ReportAllocs()
				for b.Loop() {
					now = now.Add(time.Microsecond)
					order, _, _ = book.Order(now, r, order[:0])
				}
			})
		}
	}
}

// BenchmarkWaiting is one request joining, and one leaving, a queue of 100,000
// of 1,000 tenants.
func BenchmarkWaiting(b *testing.B) {
	book := onePool(b, PoolConfig{Concurrent: 1, Burndown: 1})
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprint("tenant-", i)
	}
	r := Request{Pools: []PoolID{book.order[0].ID}, Input: 100, MaxTokens: 100, MaxWait: 24 * time.Hour}
	now := epoch
	running, _, _ := book.Reserve(now, r)
	for i := range 100_000 {
		r.Tenant = names[i%len(names)]
		book.Reserve(now, r)
	}
	var grants []Grant
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Microsecond)
		r.Tenant = names[i%len(names)]
		i++
		book.Reserve(now, r)
		book.Settle(now, running, Usage{Input: 100, Output: 50})
		grants, _ = book.Poll(now, grants[:0])
		running = grants[0].Ticket
	}
}
