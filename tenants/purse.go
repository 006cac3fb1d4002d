package tenants

import (
	"strconv"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/usage"
)

// purse is what a tenant's calls under way may still cost, in US dollars. What
// they did cost is in the ledger.
//
// A call begins while spent + held is below the cap, so that the cap is passed
// by the cost of one call at the most.
type purse struct {
	mu   sync.Mutex
	held float64
}

// take sets aside what a call may cost.
func (p *purse) take(d *Desk, a *account, worst float64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := d.config.Now()
	day, month := d.config.Ledger.Spent(a.Name, now)
	if err := reached(a, now, day, month); err != nil {
		return err
	}
	s := &a.Spending
	if s.PerDay > 0 && day+p.held >= s.PerDay || s.PerMonth > 0 && month+p.held >= s.PerMonth {
		// What is under way may use up the rest, or leave some.
		return outcrop.Errorf(bedrock.CodeThrottling, "Too many requests, please wait before trying again. Requests under way may use up what is left of the spending cap of tenant %s.", a.Name)
	}
	p.held += worst
	return nil
}

func (p *purse) give(worst float64) {
	p.mu.Lock()
	p.held = max(0, p.held-worst)
	p.mu.Unlock()
}

// check is the error of a cap that is reached.
func (p *purse) check(d *Desk, a *account) error {
	if a.Spending.none() {
		return nil
	}
	now := d.config.Now()
	day, month := d.config.Ledger.Spent(a.Name, now)
	return reached(a, now, day, month)
}

// reached is a ServiceQuotaExceededException, which AWS's clients do not retry,
// as they would a throttled call.
func reached(a *account, now time.Time, day, month float64) error {
	s := &a.Spending
	switch {
	case s.PerMonth > 0 && month >= s.PerMonth:
		return outcrop.Errorf(bedrock.CodeServiceQuotaExceeded, "Tenant %s has reached its spending cap of %s USD per month; the next month begins at %s.", a.Name, usd(s.PerMonth), nextMonth(now).Format(time.RFC3339))
	case s.PerDay > 0 && day >= s.PerDay:
		return outcrop.Errorf(bedrock.CodeServiceQuotaExceeded, "Tenant %s has reached its spending cap of %s USD per day; the next day begins at %s.", a.Name, usd(s.PerDay), nextDay(now).Format(time.RFC3339))
	}
	return nil
}

func usd(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func nextDay(now time.Time) time.Time { return now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour) }

func nextMonth(now time.Time) time.Time {
	now = now.UTC()
	return time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC)
}

// worst is what a call costs when its reply is as long as it may be.
func (d *Desk) worst(call *outcrop.Call, s size) float64 {
	if d.config.Prices == nil {
		return 0
	}
	u := bedrock.TokenUsage{InputTokens: s.input, OutputTokens: s.output}
	usd, _ := d.config.Prices.Cost(usage.Unalias(d.config.Aliases, call.ModelID), u, false)
	return usd
}
