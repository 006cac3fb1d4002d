package tenants

import (
	"slices"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop/quota"
	"github.com/outcrop-ai/outcrop/usage"
)

// Forecast is how far a tenant is from one of its limits, and when it will be
// there if it goes on as in the last hour.
type Forecast struct {
	Tenant string  `json:"tenant"`
	Limit  string  `json:"limit"` // the setting: limits.tokensPerDay, spending.perMonth, …
	Max    float64 `json:"max"`
	// Used is what was used of it so far; of a limit per minute, the average of
	// the last hour.
	Used float64 `json:"used"`
	// PerHour is the rate of the last hour, and of this one as far as it went.
	PerHour float64 `json:"perHour"`
	// Reached is when Max will be used up: in the past when it is, zero when it
	// will not be before Resets.
	Reached time.Time `json:"reachedAt,omitzero"`
	// Resets is when the counting begins anew; zero for limits per minute.
	Resets time.Time `json:"resetsAt,omitzero"`
}

// recent is what rates are taken from: this hour and the one before it.
const recent = time.Hour

// Forecasts tells of every limit and cap of the tenants. rows are the books
// since the beginning of the month, or of the last hour where that is earlier:
// see [Since].
func Forecasts(list []Tenant, rows []usage.Row, burndown quota.Burndown, now time.Time) []Forecast {
	now = now.UTC()
	from := now.Truncate(time.Hour).Add(-recent)
	hours := now.Sub(from).Hours()
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Tenant) int { return strings.Compare(a.Name, b.Name) })
	day, month := now.Truncate(24*time.Hour), nextMonth(now).AddDate(0, -1, 0)
	var out []Forecast
	for i := range list {
		t := &list[i]
		var rate, today, thisMonth struct{ requests, tokens, usd float64 }
		for _, r := range rows {
			if r.Tenant != t.Name {
				continue
			}
			admitted, tokens := float64(r.Requests-r.Refused), spent(burndown, &r)
			if !r.Hour.Before(from) {
				rate.requests += admitted / hours
				rate.tokens += tokens / hours
				rate.usd += r.USD / hours
			}
			if !r.Hour.Before(day) {
				today.tokens += tokens
				today.usd += r.USD
			}
			if !r.Hour.Before(month) {
				thisMonth.usd += r.USD
			}
		}
		l, s := &t.Limits, &t.Spending
		for _, f := range []Forecast{
			perMinute("limits.requestsPerMinute", l.RequestsPerMinute, rate.requests, now),
			perMinute("limits.tokensPerMinute", l.TokensPerMinute, rate.tokens, now),
			until("limits.tokensPerDay", float64(l.TokensPerDay), today.tokens, rate.tokens, now, nextDay(now)),
			until("spending.perDay", s.PerDay, today.usd, rate.usd, now, nextDay(now)),
			until("spending.perMonth", s.PerMonth, thisMonth.usd, rate.usd, now, nextMonth(now)),
		} {
			if f.Max > 0 {
				f.Tenant = t.Name
				out = append(out, f)
			}
		}
	}
	return out
}

// Since is how far back the rows of Forecasts have to go.
func Since(now time.Time) time.Time {
	now = now.UTC()
	month, hour := nextMonth(now).AddDate(0, -1, 0), now.Truncate(time.Hour).Add(-recent)
	if hour.Before(month) {
		return hour
	}
	return month
}

func perMinute(limit string, most int64, perHour float64, now time.Time) Forecast {
	f := Forecast{Limit: limit, Max: float64(most), Used: perHour / 60, PerHour: perHour}
	if f.Used >= f.Max {
		f.Reached = now
	}
	return f
}

func until(limit string, most, used, perHour float64, now, resets time.Time) Forecast {
	f := Forecast{Limit: limit, Max: most, Used: used, PerHour: perHour, Resets: resets}
	switch {
	case used >= most:
		f.Reached = now
	case perHour > 0:
		hours := (most - used) / perHour
		if left := resets.Sub(now); hours < left.Hours() {
			f.Reached = now.Add(time.Duration(hours * float64(time.Hour))).Truncate(time.Second)
		}
	}
	return f
}
