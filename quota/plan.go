package quota

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"time"
)

// Load is a steady load of like requests, for Plan.
type Load struct {
	Rate      float64       // requests per minute
	Input     int           // tokens a request
	Output    int           // tokens a reply, on average
	MaxTokens int           // output limit; less than Output means Output
	Burndown  float64       // quota per output token; 0 means 1
	Takes     time.Duration // that a reply takes, on average
	Window    time.Duration // over which is counted; 0 means a minute
}

// Quotas are the limits that a Load is held against. 0 is no limit.
type Quotas struct {
	TokensPerMinute, RequestsPerMinute, TokensPerDay int64
	Concurrent                                       int
}

// Need is what a Load uses, per request and in all.
type Need struct {
	Reserved float64 // R = I + M, what Bedrock reserves at the start
	Settled  float64 // S = I + b × output, what it settles at the end
	Hold     float64 // max(R, S), what is booked
	Inflight float64 // requests under way, by Little's law: rate × takes
	Quotas           // what the load takes, each on its own
	// ByHold tells that tokens per minute are needed for what is held at a time
	// rather than for what is spent: a smaller output limit needs less.
	ByHold bool
}

// Plan tells what a load needs. Tokens per minute: rate × S for what is spent,
// and inflight × hold for what is held within one window; the larger counts.
// The second is the bound W/(T·ρ) of docs/design/quota.md, solved for the quota.
func (l Load) Plan() (Need, error) {
	if err := l.fill(); err != nil {
		return Need{}, err
	}
	n := Need{
		Reserved: float64(l.Input + l.MaxTokens),
		Settled:  float64(l.Input) + l.Burndown*float64(l.Output),
		Inflight: l.Rate * l.Takes.Minutes(),
	}
	n.Hold = max(n.Reserved, n.Settled)
	spent, held := l.Rate*n.Settled, max(n.Inflight, 1)*n.Hold/l.Window.Minutes()
	n.ByHold = held > spent
	n.TokensPerMinute = ceil(max(spent, held))
	n.RequestsPerMinute = ceil(l.Rate)
	n.TokensPerDay = ceil(l.Rate * n.Settled * minutesPerDay)
	n.Concurrent = int(math.Ceil(n.Inflight))
	return n, nil
}

const minutesPerDay = 24 * 60

// Most is how many requests a minute a quota lets through, and which limit
// binds; +Inf and NoLimit where none does.
func (l Load) Most(q Quotas) (rate float64, binds Limit, err error) {
	if err := l.fill(); err != nil {
		return 0, NoLimit, err
	}
	one := l
	one.Rate = 1
	n, err := one.Plan()
	if err != nil {
		return 0, NoLimit, err
	}
	type bound struct {
		limit Limit
		rate  float64
	}
	bounds := []bound{{NoLimit, math.Inf(1)}}
	if q.TokensPerMinute > 0 {
		tpm := float64(q.TokensPerMinute)
		most := tpm / n.Settled
		if inflight := l.Takes.Minutes(); inflight > 0 {
			most = min(most, tpm*l.Window.Minutes()/(inflight*n.Hold))
		}
		if n.Reserved > tpm*l.Window.Minutes() {
			most = 0 // none is ever admitted
		}
		bounds = append(bounds, bound{Tokens, most})
	}
	if q.RequestsPerMinute > 0 {
		bounds = append(bounds, bound{Requests, float64(q.RequestsPerMinute)})
	}
	if q.TokensPerDay > 0 {
		bounds = append(bounds, bound{TokensPerDay, float64(q.TokensPerDay) / minutesPerDay / n.Settled})
	}
	if q.Concurrent > 0 && l.Takes > 0 {
		bounds = append(bounds, bound{Concurrency, float64(q.Concurrent) / l.Takes.Minutes()})
	}
	least := slices.MinFunc(bounds, func(a, b bound) int { return cmp.Compare(a.rate, b.rate) })
	return least.rate, least.limit, nil
}

func (l *Load) fill() error {
	switch {
	case l.Rate < 0 || math.IsNaN(l.Rate) || math.IsInf(l.Rate, 0):
		return errors.New("rate: must be a number, and not negative")
	case l.Input < 0, l.Output < 0, l.MaxTokens < 0, l.Burndown < 0, l.Takes < 0, l.Window < 0:
		return errors.New("input, output, maxTokens, burndown, takes, window: must not be negative")
	case l.Input+l.Output == 0:
		return errors.New("input, output: a request has some tokens")
	}
	l.MaxTokens = max(l.MaxTokens, l.Output)
	if l.Burndown == 0 {
		l.Burndown = 1
	}
	if l.Window == 0 {
		l.Window = time.Minute
	}
	return nil
}

func ceil(n float64) int64 { return int64(math.Ceil(n - epsilon)) }
