package tenants

import (
	"fmt"
	"slices"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/route"
	"github.com/outcrop-ai/outcrop/usage"
)

// Tenant is what one tenant may use. A limit of 0 is no limit.
type Tenant struct {
	Name     string
	Weight   float64 // share where several wait for one quota; 0 means 1
	Class    outcrop.Class
	Models   []string // ids and patterns; none: all
	Operator bool     // may see what all tenants use
	Limits   Limits
	Spending Spending
}

// Limits bound what a tenant uses, over all its models.
type Limits struct {
	RequestsPerMinute int64
	TokensPerMinute   int64
	TokensPerDay      int64
	Concurrent        int

	// Queue is how long a call waits for these before it is refused, and
	// BatchQueue the same for records of jobs and other batch work.
	Queue, BatchQueue time.Duration
}

// Spending caps what the tenant's calls cost, in US dollars.
type Spending struct {
	PerDay, PerMonth float64
}

// none tells whether nothing is limited.
func (l *Limits) none() bool {
	return l.RequestsPerMinute == 0 && l.TokensPerMinute == 0 && l.TokensPerDay == 0 && l.Concurrent == 0
}

// countsTokens tells whether a call's tokens matter.
func (l *Limits) countsTokens() bool { return l.TokensPerMinute > 0 || l.TokensPerDay > 0 }

// grants is how many tokens the limits grant one call at the most; 0 is any
// number.
func (l *Limits) grants() int64 {
	switch {
	case l.TokensPerMinute == 0:
		return l.TokensPerDay
	case l.TokensPerDay == 0:
		return l.TokensPerMinute
	}
	return min(l.TokensPerMinute, l.TokensPerDay)
}

func (s *Spending) none() bool { return s.PerDay == 0 && s.PerMonth == 0 }

// allows tells whether the tenant may use a model, under the name that was
// asked for or under the id that this name stands for.
func (t *Tenant) allows(aliases map[string]string, modelID string) bool {
	if len(t.Models) == 0 {
		return true
	}
	id := usage.Unalias(aliases, modelID)
	return slices.ContainsFunc(t.Models, func(pattern string) bool {
		return route.Matches(pattern, modelID) || id != modelID && route.Matches(pattern, id)
	})
}

func (t *Tenant) check() error {
	l, s := &t.Limits, &t.Spending
	switch {
	case t.Name == "":
		return fmt.Errorf("tenants: a tenant without a name")
	case t.Weight < 0:
		return fmt.Errorf("tenants: %s: weight: must not be negative, got %v", t.Name, t.Weight)
	case l.RequestsPerMinute < 0, l.TokensPerMinute < 0, l.TokensPerDay < 0, l.Concurrent < 0, l.Queue < 0, l.BatchQueue < 0:
		return fmt.Errorf("tenants: %s: limits: must not be negative", t.Name)
	case s.PerDay < 0, s.PerMonth < 0:
		return fmt.Errorf("tenants: %s: spending: must not be negative", t.Name)
	}
	return nil
}
