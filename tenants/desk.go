package tenants

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/quota"
	"github.com/outcrop-ai/outcrop/usage"
)

// Config says what a Desk works with. Ledger is required.
type Config struct {
	Tenants []Tenant

	// Ledger knows what tenants have spent, before a restart too.
	Ledger *usage.Ledger

	// Prices bound what a call under way may still cost; nil: nothing.
	Prices usage.Prices

	// Aliases are other names for model ids.
	Aliases map[string]string

	// Burndown is the table of output factors; nil means
	// quota.DefaultBurndown.
	Burndown quota.Burndown

	// Known tells of tenants that are not among Tenants and have no limits, as
	// those of a keys file. What is left of any other's work, as of one that was
	// removed before a restart, is refused. Nil knows everybody.
	Known func(name string) bool

	// Now is the clock for days and months; time.Now when nil. The quotas have
	// the system's.
	Now func() time.Time
}

// Desk decides which calls of tenants go on. It is safe for concurrent use.
// Close it.
type Desk struct {
	config  Config
	setting sync.Mutex // one Set at a time
	tenants atomic.Pointer[map[string]*account]
}

var _ usage.Gate = (*Desk)(nil)

// account is a tenant with its books.
type account struct {
	Tenant
	gone  bool        // it was removed: its jobs must not go on without limits
	gate  *quota.Gate // nil: nothing is limited
	pool  []quota.PoolID
	purse *purse
}

// New makes a Desk.
func New(config Config) (*Desk, error) {
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Burndown == nil {
		config.Burndown = quota.DefaultBurndown()
	}
	d := &Desk{config: config}
	d.tenants.Store(&map[string]*account{})
	if err := d.Set(config.Tenants); err != nil {
		return nil, err
	}
	return d, nil
}

// Set puts other tenants in the place of those that there are. A tenant whose
// limits stay keeps its books; one whose limits change begins a minute anew, and
// calls that wait for the old ones are refused. When it fails, nothing changes.
func (d *Desk) Set(list []Tenant) error {
	d.setting.Lock()
	defer d.setting.Unlock()
	old := *d.tenants.Load()
	made := make(map[string]*account, len(list))
	var opened, closed []*quota.Gate
	for _, t := range list {
		if t.Weight == 0 {
			t.Weight = 1
		}
		before := old[t.Name]
		a := &account{Tenant: t, purse: new(purse)}
		err := t.check()
		switch {
		case err != nil:
		case before != nil && !before.gone && before.Limits == t.Limits:
			a.gate, a.pool, a.purse = before.gate, before.pool, before.purse
		default:
			if before != nil {
				a.purse = before.purse
			}
			err = d.open(a)
			opened = append(opened, a.gate)
		}
		if err != nil {
			closeAll(opened)
			return err
		}
		made[t.Name] = a
	}
	for name, before := range old {
		now := made[name]
		if now == nil {
			made[name] = &account{Tenant: Tenant{Name: name}, gone: true, purse: before.purse}
		}
		if now == nil || now.gate != before.gate {
			closed = append(closed, before.gate)
		}
	}
	d.tenants.Store(&made)
	closeAll(closed)
	return nil
}

// open makes the gate of a tenant, with what was used of the day.
func (d *Desk) open(a *account) error {
	l := &a.Limits
	if l.none() {
		return nil
	}
	now := d.config.Now()
	a.pool = []quota.PoolID{{Account: a.Name, Model: "*"}}
	config := quota.Config{Now: now, Pools: []quota.PoolConfig{{
		ID: a.pool[0], RequestsPerMinute: l.RequestsPerMinute, TokensPerMinute: l.TokensPerMinute, Concurrent: l.Concurrent,
		Accounting: quota.Bucket, Exact: true, // this is the service's side
		Burndown: 1, // a call's own factor is in what it is settled at
	}}}
	if l.TokensPerDay > 0 {
		rows, err := d.config.Ledger.RowsOf(a.Name, now.UTC().Truncate(24*time.Hour), now)
		if err != nil {
			return err
		}
		var used float64
		for i := range rows {
			used += spent(d.config.Burndown, &rows[i])
		}
		config.Days = []quota.DayConfig{{Account: a.Name, TokensPerDay: l.TokensPerDay, Used: int64(used)}}
	}
	book, err := quota.NewBook(config)
	if err != nil {
		return err
	}
	a.gate = quota.NewGate(book)
	return nil
}

// spent is what a row counts against a quota of tokens.
func spent(b quota.Burndown, r *usage.Row) float64 {
	return float64(r.Input+r.CacheWrite) + b.Of(r.Model)*float64(r.Output)
}

// Close refuses who waits. Calls under way may end afterwards.
func (d *Desk) Close() {
	for _, a := range *d.tenants.Load() {
		closeAll([]*quota.Gate{a.gate})
	}
}

func closeAll(gates []*quota.Gate) {
	for _, g := range gates {
		if g != nil {
			g.Close()
		}
	}
}

// Tenant is what a tenant may use.
func (d *Desk) Tenant(name string) (Tenant, bool) {
	a := (*d.tenants.Load())[name]
	if a == nil || a.gone {
		return Tenant{}, false
	}
	return a.Tenant, true
}

// Tenants are those that there are, in no order.
func (d *Desk) Tenants() []Tenant {
	var list []Tenant
	for _, a := range *d.tenants.Load() {
		if !a.gone {
			list = append(list, a.Tenant)
		}
	}
	return list
}

// account is the caller's, or nil where nothing holds it to anything.
func (d *Desk) account(caller outcrop.Caller) *account {
	name := caller.Tenant
	a := (*d.tenants.Load())[name]
	if a == nil && name != "" && d.config.Known != nil && !d.config.Known(name) {
		return &account{Tenant: Tenant{Name: name}, gone: true, purse: new(purse)}
	}
	return a
}

// Origin completes what a door knows of a request with what the desk knows of
// its tenant.
func (d *Desk) Origin(o outcrop.Origin) outcrop.Origin {
	if a := (*d.tenants.Load())[o.Caller.Tenant]; a != nil && !a.gone {
		o.Caller.Weight, o.Class = a.Weight, a.Class
	}
	return o
}

// Check is the error of a call to a model that the tenant may not use, or
// whose money is spent.
func (d *Desk) Check(caller outcrop.Caller, modelID string) error {
	a := d.account(caller)
	if a == nil {
		return nil
	}
	if err := d.allowed(a, modelID); err != nil {
		return err
	}
	return a.purse.check(d, a)
}

func (d *Desk) allowed(a *account, modelID string) error {
	switch {
	case a.gone:
		return errGone(a.Name)
	case !a.allows(d.config.Aliases, modelID):
		return errModel()
	}
	return nil
}

// Admit lets a call in, or refuses it.
func (d *Desk) Admit(ctx context.Context, call *outcrop.Call) (usage.Ticket, error) {
	a := d.account(call.Caller)
	if a == nil {
		return nil, nil
	}
	if err := d.allowed(a, call.ModelID); err != nil {
		return nil, err
	}
	if a.gate == nil && a.Spending.none() {
		return nil, nil
	}
	t := &ticket{account: a, gate: a.gate, factor: d.config.Burndown.Of(usage.Unalias(d.config.Aliases, call.ModelID))}
	var size size
	if a.Limits.countsTokens() || !a.Spending.none() {
		size = sizeOf(call, &a.Limits)
	}
	if !a.Spending.none() {
		t.worst = d.worst(call, size)
		if err := a.purse.take(d, a, t.worst); err != nil {
			return nil, err
		}
	}
	if a.gate != nil {
		if err := t.acquire(ctx, call.Class, size); err != nil {
			a.purse.give(t.worst)
			return nil, err
		}
	}
	return t, nil
}
