package governed

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/outcrop-ai/outcrop/quota"
)

// Stats count what became of a pool's calls since it was first asked for.
type Stats struct {
	Admitted    int64 `json:"admitted"`
	Waited      int64 `json:"waited"`      // of those admitted, or in observe mode, that would have
	WaitedMs    int64 `json:"waitedMs"`    // all of them together, in milliseconds
	LongestMs   int64 `json:"longestMs"`   // the longest wait, in milliseconds
	Refused     int64 `json:"refused"`     // by the queue
	Gone        int64 `json:"gone"`        // callers that went away while they waited
	Throttled   int64 `json:"throttled"`   // by the service
	Unavailable int64 `json:"unavailable"` // the service had no capacity
	Failed      int64 `json:"failed"`      // for other reasons
	Interrupted int64 `json:"interrupted"` // streams that were left before their end
	Filled      int64 `json:"filled"`      // output limits that were filled in
	Shortened   int64 `json:"shortened"`   // output limits that were lowered
	Continued   int64 `json:"continued"`   // replies that were cut by that and continued

	// Where a model has several lanes: calls for which the books chose this one,
	// or in observe mode, would have; and those of them that stayed for their
	// conversation.
	Placed int64 `json:"placed,omitzero"`
	Kept   int64 `json:"kept,omitzero"`
}

func (p *pool) note(change func(*Stats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.stats)
}

func (p *pool) admitted(a *attempt, d quota.Decision, observe bool) {
	waited := d.Waited
	held := waited >= time.Millisecond
	if observe {
		held, waited = d.Limit != quota.NoLimit, 0
		if !d.Until.IsZero() && held {
			waited = max(0, time.Until(d.Until))
		}
	}
	p.note(func(s *Stats) {
		s.Admitted++
		if a.unset && !observe {
			s.Filled++
		}
		if held {
			s.Waited++
			s.WaitedMs += waited.Milliseconds()
			s.LongestMs = max(s.LongestMs, waited.Milliseconds())
		}
	})
}

// Status tells how the books stand.
type Status struct {
	Time    time.Time    `json:"time"`
	Observe bool         `json:"observe"`
	Rules   []RuleStatus `json:"rules"`
	Pools   []PoolStatus `json:"pools"`
	Lanes   []LaneStatus `json:"lanes,omitzero"`

	// Backends are those whose calls are bounded, whatever their models.
	Backends []QueueStatus `json:"backends,omitzero"`
}

// QueueStatus is the queue before a back-end.
type QueueStatus struct {
	Backend    string `json:"backend"`
	Inflight   int    `json:"inflight"`
	Concurrent int    `json:"concurrent"`      // bound of it; 0 is none
	Tried      bool   `json:"tried,omitzero"`  // the bound was found out, and holds calls that are not interactive
	Queued     Queued `json:"queued,omitzero"` // by class; their tokens are not counted

	// LongestMs is how long the first of those that wait has waited, in
	// milliseconds, where the bound is Tried.
	LongestMs int64 `json:"longestMs,omitzero"`
}

// Queue is a back-end with a queue before it, as TakeTurns and Yield make it.
type Queue interface{ Queue() QueueStatus }

var (
	_ Queue = (*turns)(nil)
	_ Queue = (*yielding)(nil)
)

// LaneStatus is one of the lanes that the models of a pattern can go to.
type LaneStatus struct {
	Match   string  `json:"match"`
	Backend string  `json:"backend"`
	Model   string  `json:"model,omitzero"` // the name there; "" is the id as asked for
	Price   float64 `json:"price"`
}

// Lanes is what sets of lanes say, for a report.
func Lanes(sets []ChoiceSet) []LaneStatus {
	var list []LaneStatus
	for _, set := range sets {
		for _, c := range set.Choices {
			list = append(list, LaneStatus{Match: set.Match, Backend: c.Backend, Model: c.Model, Price: c.Price})
		}
	}
	return list
}

// RuleStatus is what a rule says. 0 is no limit.
type RuleStatus struct {
	Match             string   `json:"match"`
	Backend           string   `json:"backend,omitzero"`
	Scope             string   `json:"scope,omitzero"`
	Methods           []string `json:"methods,omitzero"`
	TokensPerMinute   int64    `json:"tpm"`
	RequestsPerMinute int64    `json:"rpm"`
	TokensPerDay      int64    `json:"tokensPerDay"`
	Concurrent        int      `json:"concurrent"`
	ConcurrentJobs    int      `json:"concurrentJobs"`
	Learn             bool     `json:"learn"`
}

// Rules is what rules say, for a report.
func Rules(rules []Rule) []RuleStatus {
	list := []RuleStatus{}
	for i := range rules {
		r := &rules[i]
		s := RuleStatus{
			Match: r.Match, Backend: r.Backend, Methods: r.Methods, TokensPerMinute: r.Quota.TokensPerMinute, RequestsPerMinute: r.Quota.RequestsPerMinute,
			TokensPerDay: r.Quota.TokensPerDay, Concurrent: r.Quota.Concurrent, ConcurrentJobs: r.Jobs, Learn: r.Learn,
		}
		if r.Scope != nil {
			s.Scope = r.Scope.String()
		}
		list = append(list, s)
	}
	return list
}

// PoolStatus is one pool's books. Amounts are per window; a limit of 0 is none.
type PoolStatus struct {
	Backend string `json:"backend"`
	Account string `json:"account"`
	Region  string `json:"region"`
	Scope   string `json:"scope"` // in-region, geo or global
	Model   string `json:"model"`
	Methods string `json:"methods,omitzero"`

	WindowSeconds float64   `json:"windowSeconds"`
	Tokens        Amount    `json:"tokens"`
	Requests      Amount    `json:"requests"`
	Day           Amount    `json:"day"`
	DayEnds       time.Time `json:"dayEnds,omitzero"`

	Inflight   int       `json:"inflight"`
	Concurrent int       `json:"concurrent"` // bound of it; 0 is none
	Share      float64   `json:"share"`      // of the configured rate, where it is learned
	Queued     Queued    `json:"queued"`
	Binds      string    `json:"binds"`           // the limit that holds calls back, or would first
	Waiting    bool      `json:"waiting"`         // whether it holds any back now
	Next       time.Time `json:"next,omitzero"`   // when the next is admitted, as far as time alone decides
	Advice     string    `json:"advice,omitzero"` // what to raise
	Stats      Stats     `json:"stats"`
}

// Amount is how much of a limit is used, and held by calls under way.
type Amount struct {
	Limit int64 `json:"limit"`
	Used  int64 `json:"used"`
	Held  int64 `json:"held"`
}

func (a Amount) share() float64 {
	if a.Limit <= 0 {
		return 0
	}
	return float64(a.Used+a.Held) / float64(a.Limit)
}

// Queued counts what waits, by class.
type Queued struct {
	Interactive int   `json:"interactive"`
	Batch       int   `json:"batch"`
	Background  int   `json:"background"`
	Tokens      int64 `json:"tokens"` // that they will hold
}

// Status is how the books stand now: every pool that was asked for, by name.
func (g *Governor) Status() Status {
	status := Status{Time: time.Now(), Observe: g.config.Observe, Rules: Rules(g.config.Rules), Pools: []PoolStatus{}, Lanes: Lanes(g.config.Lanes)}
	for _, s := range g.gate.Snapshot() {
		g.mu.RLock()
		p := g.pools[s.ID]
		g.mu.RUnlock()
		if p == nil {
			continue
		}
		status.Pools = append(status.Pools, p.status(&s))
	}
	slices.SortFunc(status.Pools, func(a, b PoolStatus) int {
		return cmp.Or(cmp.Compare(a.Backend, b.Backend), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Model, b.Model),
			cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Methods, b.Methods))
	})
	return status
}

func (p *pool) status(s *quota.PoolStatus) PoolStatus {
	out := PoolStatus{
		Backend: p.lane, Account: s.ID.Account, Region: s.ID.Region, Scope: s.ID.Scope.String(), Model: s.ID.Model, Methods: s.ID.Method,
		WindowSeconds: cmp.Or(p.rule.Quota.Window, time.Minute).Seconds(),
		Tokens:        Amount{Limit: s.Tokens, Used: s.Used, Held: s.Held},
		Requests:      Amount{Limit: s.Requests, Used: s.UsedRequests},
		Day:           Amount{Limit: s.DayTokens, Used: s.DayUsed, Held: s.DayHeld},
		DayEnds:       s.DayEnds, Inflight: s.Inflight, Concurrent: s.Concurrent, Share: s.Share,
		Queued: Queued{Interactive: s.Queued[0], Batch: s.Queued[1], Background: s.Queued[2], Tokens: s.QueuedTokens},
		Next:   s.Next,
	}
	limit := s.Limit
	out.Waiting = out.Queued.Interactive+out.Queued.Batch+out.Queued.Background > 0
	if !out.Waiting {
		limit = out.nearest()
	}
	out.Binds = limit.String()
	out.Advice = out.advise(limit)
	p.mu.Lock()
	out.Stats = p.stats
	p.mu.Unlock()
	return out
}

// nearest is the limit of which most is used.
func (s *PoolStatus) nearest() quota.Limit {
	limit, most := quota.NoLimit, 0.0
	for _, c := range []struct {
		limit quota.Limit
		share float64
	}{
		{quota.Tokens, s.Tokens.share()},
		{quota.Requests, s.Requests.share()},
		{quota.TokensPerDay, s.Day.share()},
		{quota.Concurrency, Amount{Limit: int64(s.Concurrent), Used: int64(s.Inflight)}.share()},
	} {
		if c.share > most {
			limit, most = c.limit, c.share
		}
	}
	return limit
}

// advise says what would help against a limit, once it matters.
func (s *PoolStatus) advise(limit quota.Limit) string {
	switch limit {
	case quota.Tokens:
		if !s.Waiting && s.Tokens.share() < 0.8 {
			return ""
		}
		if s.Tokens.Held > s.Tokens.Used {
			return "most of the tokens are held for output that may not come: lower max_tokens, or raise " + QuotaName(s.Scope, "tokens", s.Model)
		}
		return "raise " + QuotaName(s.Scope, "tokens", s.Model)
	case quota.Requests:
		if !s.Waiting && s.Requests.share() < 0.8 {
			return ""
		}
		return "put several items in one request, or raise " + QuotaName(s.Scope, "requests", s.Model)
	case quota.TokensPerDay:
		if !s.Waiting && s.Day.share() < 0.8 {
			return ""
		}
		return "raise the tokens per day for " + s.Model
	case quota.Concurrency:
		if !s.Waiting {
			return ""
		}
		return fmt.Sprintf("raise concurrent, which is %d", s.Concurrent)
	case quota.Capacity:
		return "the service said that it has no capacity (503): no quota helps, another inference profile may"
	}
	return ""
}

// QuotaName is what Service Quotas calls a limit: what is "tokens" or
// "requests".
func QuotaName(scope, what, model string) string {
	kind := "On-demand"
	switch scope {
	case quota.Geo.String():
		kind = "Cross-region"
	case quota.Global.String():
		kind = "Global cross-region"
	}
	return fmt.Sprintf("%q", kind+" model inference "+what+" per minute for "+model)
}
