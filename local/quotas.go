package local

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/amazon"
	"github.com/outcrop-ai/outcrop/backend/simulator/strict"
	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/governed"
	"github.com/outcrop-ai/outcrop/quota"
	"github.com/outcrop-ai/outcrop/route"
	"github.com/outcrop-ai/outcrop/servicequotas"
)

// govern puts the quotas of the configuration around the back-ends of a router,
// and the bounds of their own calls. Without any, and without models of several
// lanes, it leaves them as they are.
func (o *opener) govern(backends map[string]route.Backend) error {
	sets, rules := laneSets(o.settings), quotaRules(&o.settings.Quotas)
	lanes := make(map[string]governed.Lane, len(backends))
	for name, b := range backends {
		lanes[name] = o.lane(name, b.Backend)
		if err := o.bound(name, &b); err != nil {
			return err
		}
		backends[name] = b
	}
	if len(rules)+len(sets) > 0 {
		if err := o.booked(backends, lanes, rules, sets); err != nil {
			return err
		}
	}
	o.yield(backends)
	return nil
}

// booked puts the quota books around back-ends.
func (o *opener) booked(backends map[string]route.Backend, lanes map[string]governed.Lane, rules []governed.Rule, sets []governed.ChoiceSet) error {
	s := &o.settings.Quotas
	c := governed.Config{Rules: rules, Lanes: sets, Observe: s.Observe, MaxWait: wait(s.MaxWait), BatchMaxWait: wait(s.BatchMaxWait), SpareWait: wait(s.SpareWait)}
	for name := range backends {
		if s.TokensPerDay > 0 {
			for _, account := range o.accounts(name) {
				c.Days = append(c.Days, quota.DayConfig{Account: account, Region: lanes[name].Region, TokensPerDay: s.TokensPerDay})
			}
		}
	}
	governor, err := governed.New(c)
	if err != nil {
		return err
	}
	for name, b := range backends {
		b.Backend = governor.Govern(b.Backend, lanes[name])
		backends[name] = b
	}
	o.governor = governor
	return nil
}

// bound has a back-end get as many calls at once as its limits say.
func (o *opener) bound(name string, b *route.Backend) error {
	concurrent := o.settings.Backends[name].Limits.Concurrent
	if concurrent == 0 {
		return nil
	}
	s := &o.settings.Quotas
	bounded, closer, err := governed.TakeTurns(b.Backend, governed.TurnsConfig{
		Concurrent: concurrent, MaxWait: wait(s.MaxWait), BatchMaxWait: wait(s.BatchMaxWait), SpareWait: wait(s.SpareWait),
	})
	if err != nil {
		return err
	}
	o.queued(name, bounded)
	b.Backend = bounded
	o.closers = append(o.closers, closer)
	return nil
}

// yield has the records of jobs make room at the back-ends that are not bounded.
func (o *opener) yield(backends map[string]route.Backend) {
	for name, b := range backends {
		if o.settings.Batch.Yield && o.settings.Backends[name].Limits.Concurrent == 0 {
			b.Backend = governed.Yield(b.Backend)
			o.queued(name, b.Backend)
			backends[name] = b
		}
	}
}

// queued notes the queue before a back-end, for reports.
func (o *opener) queued(name string, b outcrop.Backend) {
	if q, ok := b.(governed.Queue); ok {
		if o.queues == nil {
			o.queues = map[string]governed.Queue{}
		}
		o.queues[name] = q
	}
}

// bounds are the queues before back-ends, as far as they have a bound.
func (o *opener) bounds() []governed.QueueStatus {
	var list []governed.QueueStatus
	for _, name := range slices.Sorted(maps.Keys(o.queues)) {
		if s := o.queues[name].Queue(); s.Concurrent > 0 {
			s.Backend = name
			list = append(list, s)
		}
	}
	return list
}

// wait is a setting in which 0 is not to wait, as governed has it.
func wait[D ~int64](d D) D {
	if d == 0 {
		return -1
	}
	return d
}

// lane is what the governor should know of a back-end.
func (o *opener) lane(name string, b outcrop.Backend) governed.Lane {
	own := accountOf(o.settings.Backends, name)
	lane := governed.Lane{Name: name, Account: func(outcrop.Caller) string { return own }}
	if placed, ok := b.(interface{ Place() amazon.Place }); ok {
		lane.Region = placed.Place().Region.Value
	}
	if roles := o.settings.Backends[name].Roles; len(roles) > 0 {
		lane.Account = func(c outcrop.Caller) string {
			if role, ok := roles[c.Tenant]; ok {
				return accountIn(role.ARN, own)
			}
			return own
		}
	}
	return lane
}

// accounts are whose quotas the calls to a back-end can use up.
func (o *opener) accounts(name string) []string {
	own := accountOf(o.settings.Backends, name)
	list := []string{own}
	for _, role := range o.settings.Backends[name].Roles {
		list = append(list, accountIn(role.ARN, own))
	}
	return list
}

// accountOf is whose quotas the calls to a back-end use up, where no role says
// otherwise: the account that the configuration names, or else the first
// back-end that asks Amazon with the same credentials.
func accountOf(backends map[string]config.Backend, name string) string {
	b := backends[name]
	if b.Account != "" || b.Kind != amazon.Name {
		return cmp.Or(b.Account, name)
	}
	for _, other := range slices.Sorted(maps.Keys(backends)) {
		o := backends[other]
		if o.Kind == amazon.Name && o.Account == "" && o.Profile == b.Profile && o.Endpoint == b.Endpoint {
			return other
		}
	}
	return name
}

// accountIn is the account in a role's ARN, arn:aws:iam::ACCOUNT:role/NAME.
func accountIn(arn, otherwise string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 && parts[4] != "" {
		return parts[4]
	}
	return otherwise
}

// quotaRules are the entries of the configuration.
func quotaRules(s *config.Quotas) []governed.Rule {
	var rules []governed.Rule
	for i := range s.Models {
		q := &s.Models[i]
		r := governed.Rule{
			Match: q.Match, Backend: q.Backend, Methods: q.Methods, Learn: q.Learn, MaxTokens: q.MaxTokens, Shorten: q.Shorten, Jobs: q.ConcurrentJobs,
			Quota: quota.PoolConfig{
				TokensPerMinute: q.TPM, RequestsPerMinute: q.RPM, TokensPerDay: q.TokensPerDay, Concurrent: q.Concurrent,
				Burndown: q.Burndown, Window: q.Window,
			},
		}
		r.Quota.Accounting, _ = quota.ParseAccounting(q.Accounting) // Window where it is not said; the configuration checks the words
		for scope := quota.InRegion; scope <= quota.Global; scope++ {
			if q.Scope == scope.String() {
				r.Scope = &scope
			}
		}
		rules = append(rules, r)
	}
	return rules
}

// Quotas is where the calls of this process are governed, or nil where nobody
// is, or a server answers.
func (l *Local) Quotas() *governed.Governor {
	if l.opened == nil {
		return nil
	}
	return l.opened.governor
}

// QuotaStatus tells how the books stand: those of the server that answers, or of
// this process.
func (l *Local) QuotaStatus(ctx context.Context) (governed.Status, error) {
	if l.server != nil {
		var status governed.Status
		err := l.server.Page(ctx, "/quota", &status)
		return status, err
	}
	status := governed.Status{Time: time.Now(), Rules: []governed.RuleStatus{}, Pools: []governed.PoolStatus{}}
	if g := l.Quotas(); g != nil {
		status = g.Status()
	}
	if l.opened != nil {
		status.Backends = l.opened.bounds()
	}
	return status, nil
}

// Strict is the embedded simulator's accounting, or nil where it grants
// everything or does not answer.
func (l *Local) Strict() *strict.Backend {
	if l.opened == nil {
		return nil
	}
	return l.opened.strict
}

// NamedQuotas are what the calls of this process are granted, under the names of
// Service Quotas: by the strict simulator, or else by the quotas of the
// configuration.
func (l *Local) NamedQuotas() []servicequotas.Quota {
	if l.opened == nil {
		return nil
	}
	known := catalog.Default()
	if l.opened.strict != nil {
		return servicequotas.List(known, func(model, scope string) servicequotas.Limits {
			g := l.opened.grants.Of(model, scope)
			if g == nil {
				return servicequotas.Limits{}
			}
			return servicequotas.Limits{
				TokensPerMinute: g.Throttle.TokensPerMinute, RequestsPerMinute: g.Throttle.RequestsPerMinute,
				TokensPerDay: g.Throttle.TokensPerDay, ConcurrentJobs: g.ConcurrentJobs,
			}
		})
	}
	rules := quotaRules(&l.opened.settings.Quotas)
	return servicequotas.List(known, func(model, scope string) servicequotas.Limits {
		r := governed.RuleOf(rules, model, scope)
		if r == nil || r.Learn {
			return servicequotas.Limits{}
		}
		return servicequotas.Limits{
			TokensPerMinute: r.Quota.TokensPerMinute, RequestsPerMinute: r.Quota.RequestsPerMinute,
			TokensPerDay: r.Quota.TokensPerDay, ConcurrentJobs: r.Jobs,
		}
	})
}

// PullQuotas lists what Amazon Bedrock grants the account of a back-end of kind
// amazon, or of the AWS configuration where name is "": from AWS's Service
// Quotas, or from the server at endpoint.
func PullQuotas(ctx context.Context, s *config.Config, name, endpoint string) ([]servicequotas.Quota, error) {
	list, err := amazon.ListServiceQuotas(ctx, amazonConfig(s, name), endpoint)
	if err != nil {
		return nil, err
	}
	quotas := make([]servicequotas.Quota, len(list))
	for i, q := range list {
		quotas[i] = servicequotas.Quota(q)
	}
	return quotas, nil
}

// QuotaOf is the entry of the configuration for a model, or nil.
func QuotaOf(s *config.Config, modelID string) *governed.Rule {
	model, scope := governed.Identity(modelID)
	return governed.RuleOf(quotaRules(&s.Quotas), model, scope.String())
}
