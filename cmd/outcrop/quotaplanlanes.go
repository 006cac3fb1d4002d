package main

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/governed"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/quota"
)

// planLane is one of a model's lanes, and what it lets through on its own.
type planLane struct {
	Backend string     `json:"backend"`
	Model   string     `json:"model"`
	Have    planLimits `json:"have"`
	Learned bool       `json:"learned"` // nobody knows beforehand, so it counts for nothing here
	MaxRate *float64   `json:"maxRequestsPerMinute"`
	Binds   string     `json:"binds"`
}

// planLanes are the lanes that the configuration gives a model, and the quotas of
// those that are known.
func planLanes(s *config.Config, l quota.Load) (lanes []planLane, known []quota.Quotas, err error) {
	for _, lane := range local.LanesOf(s, s.Model) {
		out := planLane{Backend: lane.Backend, Model: lane.Model, Learned: lane.Rule == nil || lane.Rule.Learn}
		if !out.Learned {
			have := quotasOf(lane.Rule)
			rate, binds, err := l.Most(have)
			if err != nil {
				return nil, nil, err
			}
			out.Have, out.MaxRate, out.Binds = limitsOf(have), finite(rate), binds.String()
			known = append(known, have)
		}
		lanes = append(lanes, out)
	}
	return lanes, known, nil
}

// quotasOf are the limits that a rule of the configuration sets.
func quotasOf(rule *governed.Rule) quota.Quotas {
	q := rule.Quota
	return quota.Quotas{TokensPerMinute: q.TokensPerMinute, RequestsPerMinute: q.RequestsPerMinute, TokensPerDay: q.TokensPerDay, Concurrent: q.Concurrent}
}

// mostOf is what lanes let through together, and what binds the one that carries
// most of it; without any nothing is bounded.
func mostOf(l quota.Load, lanes []quota.Quotas) (rate float64, binds quota.Limit, err error) {
	if len(lanes) == 0 {
		return math.Inf(1), quota.NoLimit, nil
	}
	most := -1.0
	for _, have := range lanes {
		n, limit, err := l.Most(have)
		if err != nil {
			return 0, quota.NoLimit, err
		}
		if rate += n; n > most {
			most, binds = n, limit
		}
	}
	return rate, binds, nil
}

// together is the sum of quotas; a limit that one of them has not is none.
func together(lanes []quota.Quotas) (sum quota.Quotas) {
	for i, q := range lanes {
		if i == 0 {
			sum = q
			continue
		}
		sum.TokensPerMinute = both(sum.TokensPerMinute, q.TokensPerMinute)
		sum.RequestsPerMinute = both(sum.RequestsPerMinute, q.RequestsPerMinute)
		sum.TokensPerDay = both(sum.TokensPerDay, q.TokensPerDay)
		sum.Concurrent = both(sum.Concurrent, q.Concurrent)
	}
	return sum
}

func both[N int | int64](a, b N) N {
	if a == 0 || b == 0 {
		return 0
	}
	return a + b
}

func showPlanLanes(out io.Writer, lanes []planLane) error {
	if len(lanes) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LANE\tTPM\tRPM\tLETS THROUGH\tBINDS")
	for _, l := range lanes {
		through, binds := "-", l.Binds
		switch {
		case l.Learned:
			through, binds = "not known", "it is learned"
		case l.MaxRate != nil:
			through = fmt.Sprintf("%.1f/min", *l.MaxRate)
		}
		fmt.Fprintf(w, "%s/%s\t%s\t%s\t%s\t%s\n", l.Backend, l.Model, quotaLimit(l.Have.TPM), quotaLimit(l.Have.RPM), through, binds)
	}
	return w.Flush()
}
