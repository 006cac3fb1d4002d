package quota

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestHistories runs testdata/histories/*.txt. Every command begins with a time; names
// stand for tickets.
//
//	book [lease=… cold=… batch-floor=… day=… sticky-wait=…]   then one pool a line
//	reserve NAME at=… in=… max=… [pool=a,b tenant=… weight=… class=… wait=… out=… conversation=…]
//	order at=… …   the pools of such a request as Order ranks them; prices=1+2
//	grow|settle|interrupted|throttled|unavailable|cancel|renew NAME at=…
//	poll at=…      who is admitted or refused, and when to poll again
//	show at=…      the pools' books
func TestHistories(t *testing.T) {
	datadriven.Walk(t, "testdata/histories", func(t *testing.T, path string) {
		h := &history{t: t}
		datadriven.RunTest(t, path, h.run)
	})
}

var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

type history struct {
	t     *testing.T
	book  *Book
	ids   map[string]TicketID
	names map[TicketID]string
	pools []PoolID
}

func (h *history) run(t *testing.T, d *datadriven.TestData) string {
	now := epoch
	if d.HasArg("at") {
		var s string
		d.ScanArgs(t, "at", &s)
		now = epoch.Add(h.duration(s))
	}
	switch d.Cmd {
	case "book":
		return h.newBook(d)
	case "reserve":
		return h.reserve(d, now)
	case "order":
		return h.order(d, now)
	case "poll":
		return h.poll(now)
	case "show":
		return h.show(now)
	}
	if d.Cmd == "flow" {
		return h.flow(d, now)
	}
	name := d.CmdArgs[0].Key
	id, ok := h.ids[name]
	if !ok {
		t.Fatalf("%s: no ticket %q", d.Pos, name)
	}
	n := func(key string) (n int) { d.MaybeScanArgs(t, key, &n); return n }
	switch d.Cmd {
	case "grow":
		ok = h.book.Grow(now, id, n("out"))
	case "settle":
		ok = h.book.Settle(now, id, Usage{Input: n("in"), CacheRead: n("read"), CacheWrite: n("write"), Output: n("out")})
	case "interrupted":
		ok = h.book.Interrupted(now, id, n("out"))
	case "throttled":
		limit := map[string]Limit{"tokens": Tokens, "requests": Requests, "tokens-per-day": TokensPerDay}[h.str(d, "by", "tokens")]
		ok = h.book.Throttled(now, id, limit)
	case "unavailable":
		ok = h.book.Unavailable(now, id)
	case "cancel":
		ok = h.book.Cancel(now, id)
	case "renew":
		ok = h.book.Renew(now, id)
	default:
		t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	}
	if !ok {
		return "had ended"
	}
	return "ok"
}

func (h *history) str(d *datadriven.TestData, key, or string) string {
	d.MaybeScanArgs(h.t, key, &or)
	return or
}

func (h *history) duration(s string) time.Duration {
	v, err := time.ParseDuration(s)
	if err != nil {
		h.t.Fatal(err)
	}
	return v
}

// newBook reads one pool a line: name tpm=… rpm=… [concurrent=… window=… accounting=bucket|window|fixed price=… b=… adaptive method=… start=… most=…]
func (h *history) newBook(d *datadriven.TestData) string {
	h.ids, h.names, h.pools = map[string]TicketID{}, map[TicketID]string{}, nil
	cfg := Config{Now: epoch}
	num := func(key string, or int64) int64 { d.MaybeScanArgs(h.t, key, &or); return or }
	cfg.Lease = h.duration(h.str(d, "lease", "0s"))
	cfg.StickyWait = h.duration(h.str(d, "sticky-wait", "0s"))
	cfg.ColdOutput = int(num("cold", 0))
	cfg.MaxQueue = int(num("max-queue", 0))
	if pct := num("batch-floor", -1); pct >= 0 {
		cfg.BatchFloor = float64(pct) / 100
	}
	if day := num("day", 0); day > 0 {
		cfg.Days = []DayConfig{{Account: "1", Region: "us-east-1", TokensPerDay: day}}
	}
	for line := range strings.Lines(d.Input) {
		f := strings.Fields(line)
		p := PoolConfig{ID: PoolID{Account: "1", Region: "us-east-1", Model: f[0]}, Burndown: 1, Accounting: Bucket}
		for _, kv := range f[1:] {
			k, v, _ := strings.Cut(kv, "=")
			var n float64
			fmt.Sscan(v, &n)
			switch k {
			case "tpm":
				p.TokensPerMinute = int64(n)
			case "rpm":
				p.RequestsPerMinute = int64(n)
			case "concurrent":
				p.Concurrent = int(n)
			case "window":
				p.Window = h.duration(v)
			case "accounting":
				kind, err := ParseAccounting(v)
				if err != nil {
					return "error: " + err.Error()
				}
				p.Accounting = kind
			case "price":
				p.Price = n
			case "b":
				p.Burndown = n
			case "adaptive":
				p.Adaptive.On = true
			case "most":
				p.Adaptive.Most = n
			case "start":
				p.Adaptive.Start = n
			case "method":
				p.ID.Method = v
			default:
				h.t.Fatalf("%s: unknown field %s", d.Pos, k)
			}
		}
		cfg.Pools = append(cfg.Pools, p)
		h.pools = append(h.pools, p.ID)
	}
	b, err := NewBook(cfg)
	if err != nil {
		return "error: " + err.Error()
	}
	h.book = b
	return "ok"
}

func (h *history) reserve(d *datadriven.TestData, now time.Time) string {
	id, dec, err := h.book.Reserve(now, h.request(d))
	if err != nil {
		return "error: " + err.Error()
	}
	name := d.CmdArgs[0].Key
	if id != 0 {
		h.ids[name], h.names[id] = id, name
	}
	return h.decision(dec)
}

func (h *history) order(d *datadriven.TestData, now time.Time) string {
	r := h.request(d)
	order, kept, err := h.book.Order(now, r, nil)
	if err != nil {
		return "error: " + err.Error()
	}
	var names []string
	for _, i := range order {
		names = append(names, r.Pools[i].Model)
	}
	if kept {
		names = append(names, "(kept)")
	}
	return strings.Join(names, " ")
}

func (h *history) request(d *datadriven.TestData) Request {
	num := func(key string, or int) int { d.MaybeScanArgs(h.t, key, &or); return or }
	r := Request{
		Tenant:       h.str(d, "tenant", "t"),
		Weight:       float64(num("weight", 0)),
		Class:        map[string]Class{"interactive": Interactive, "batch": Batch, "background": Background}[h.str(d, "class", "interactive")],
		Input:        num("in", 0),
		MaxTokens:    num("max", 0),
		Output:       num("out", 0),
		MaxWait:      h.duration(h.str(d, "wait", "0s")),
		Conversation: h.str(d, "conversation", ""),
	}
	if names := h.str(d, "pool", ""); names != "" {
		for name := range strings.SplitSeq(names, "+") {
			r.Pools = append(r.Pools, PoolID{Account: "1", Region: "us-east-1", Model: name, Method: h.str(d, "method", "")})
		}
	} else {
		r.Pools = h.pools
	}
	if prices := h.str(d, "prices", ""); prices != "" {
		for text := range strings.SplitSeq(prices, "+") {
			var price float64
			fmt.Sscan(text, &price)
			r.Prices = append(r.Prices, price)
		}
	}
	return r
}

func (h *history) decision(d Decision) string {
	s := fmt.Sprintf("%s pool=%s hold=%d", d.State, d.Pool.Model, d.Hold)
	if d.Limit != NoLimit {
		s += " limit=" + d.Limit.String()
	}
	if d.Reason != NoReason {
		s += " reason=" + d.Reason.String()
	}
	if !d.Until.IsZero() {
		s += " until=" + d.Until.Sub(epoch).Round(time.Millisecond).String()
	}
	return s
}

func (h *history) poll(now time.Time) string {
	grants, next := h.book.Poll(now, nil)
	var s strings.Builder
	for _, g := range grants {
		fmt.Fprintf(&s, "%s: %s\n", h.names[g.Ticket], h.decision(g.Decision))
	}
	if next.IsZero() {
		s.WriteString("next: never")
	} else {
		fmt.Fprintf(&s, "next: %s", next.Sub(epoch).Round(time.Millisecond))
	}
	return s.String()
}

func (h *history) show(now time.Time) string {
	var s strings.Builder
	for _, p := range h.book.Snapshot(now, nil) {
		fmt.Fprintf(&s, "%s: tokens %d used %d held %d inflight %d queued %v", p.ID.Model, p.Tokens, p.Used, p.Held, p.Inflight, p.Queued)
		if p.Limit != NoLimit {
			fmt.Fprintf(&s, " limit %s", p.Limit)
		}
		if !p.Next.IsZero() {
			fmt.Fprintf(&s, " next %s", p.Next.Sub(epoch).Round(time.Millisecond))
		}
		if p.Share != 1 {
			fmt.Fprintf(&s, " share %.3f", p.Share)
		}
		if p.Concurrent > 0 {
			fmt.Fprintf(&s, " concurrent %d", p.Concurrent)
		}
		if p.DayTokens > 0 {
			fmt.Fprintf(&s, " day %d/%d held %d", p.DayUsed, p.DayTokens, p.DayHeld)
		}
		s.WriteByte('\n')
	}
	return s.String()
}

// flow runs an endless backlog of one class against the book until a time: as
// many as may go are sent, each is held for=… and settles at in and out. It
// says how many were admitted in each of the steps that "every" divides it into.
func (h *history) flow(d *datadriven.TestData, now time.Time) string {
	var in, out, limit int
	d.MaybeScanArgs(h.t, "in", &in)
	d.MaybeScanArgs(h.t, "out", &out)
	d.MaybeScanArgs(h.t, "max", &limit)
	until := epoch.Add(h.duration(h.str(d, "until", "1m")))
	every := h.duration(h.str(d, "every", "10s"))
	held := h.duration(h.str(d, "for", "1s"))
	class := map[string]Class{"interactive": Interactive, "batch": Batch}[h.str(d, "class", "batch")]
	ends := map[TicketID]time.Time{}
	start, counts := now, make([]int, int((until.Sub(now)+every-1)/every))
	for now.Before(until) {
		for id, end := range ends {
			if !end.After(now) {
				h.book.Settle(now, id, Usage{Input: in, Output: out})
				delete(ends, id)
			}
		}
		for {
			id, dec, err := h.book.Reserve(now, Request{Pools: h.pools, Tenant: "flow", Class: class, Input: in, MaxTokens: limit, Output: out})
			if err != nil {
				return "error: " + err.Error()
			}
			if dec.State != Admitted {
				break
			}
			ends[id] = now.Add(held)
			counts[now.Sub(start)/every]++
		}
		now = now.Add(100 * time.Millisecond)
	}
	return fmt.Sprint("admitted ", counts)
}
