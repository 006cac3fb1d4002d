package governed

import (
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/internal/pattern"
	"github.com/outcrop-ai/outcrop/quota"
	"github.com/outcrop-ai/outcrop/tokens"
)

// The defaults of Config.
const (
	// DefaultMaxWait leaves half of the minute after which boto3 and the AWS
	// CLI give a request up, for the answer.
	DefaultMaxWait      = 30 * time.Second
	DefaultBatchMaxWait = 10 * time.Minute
	DefaultSpareWait    = 2 * time.Second
	DefaultMaxTokens    = 4096
	DefaultMaxPools     = 1000
)

// Config says what is governed. Without Rules nothing is.
type Config struct {
	// Rules are held against a call in their order; the first that fits counts.
	Rules []Rule

	// Observe books and reports, and neither delays nor changes a call.
	Observe bool

	// MaxWait is how long an interactive call may wait for its turn, and
	// BatchMaxWait one of the other classes. A call whose context ends earlier
	// waits no longer than that. Zero means the default; negative not to wait.
	MaxWait, BatchMaxWait time.Duration

	// SpareWait is how long a call of any class may wait where another back-end
	// is asked next (outcrop.WithSpare). Zero means the default; negative not to
	// wait.
	SpareWait time.Duration

	// Days are tokens per day by account and Region, over all of their models.
	Days []quota.DayConfig

	// Lanes are the sets of lanes among which Place is asked to choose. They are
	// for reports alone.
	Lanes []ChoiceSet

	// Catalog knows inference profiles and output limits; nil means
	// catalog.Default().
	Catalog *catalog.Catalog

	// MaxPools bounds how many pools are kept: models whose names come from
	// callers, under a rule with a *, share one pool beyond it. 0 means
	// DefaultMaxPools.
	MaxPools int

	// Book is the rest of the book's settings; its Pools, Days and Ratios are
	// this package's.
	Book quota.Config
}

// Governor owns the books of any number of back-ends. It is safe for concurrent
// use, and owns one timer and no goroutine. Close it.
type Governor struct {
	config Config
	waits  waits
	gate   *quota.Gate
	ratios *tokens.Ratios
	seed   maphash.Seed // of prefixes

	mu    sync.RWMutex
	lanes map[string]*Lane       // of Govern, by name
	known map[key]*pool          // what a lane's model comes to; nil where no rule fits
	pools map[quota.PoolID]*pool // as there are in the gate
}

// key is what decides on a call's pool.
type key struct {
	lane, account, region string
	model, method         string
	learn                 bool // what no rule is about
}

// New makes a Governor, or an error that names the rule it cannot use.
func New(c Config) (*Governor, error) {
	if c.Catalog == nil {
		c.Catalog = catalog.Default()
	}
	if c.MaxPools <= 0 {
		c.MaxPools = DefaultMaxPools
	}
	for i := range c.Rules {
		if err := c.Rules[i].check(c.Book.Burndown); err != nil {
			return nil, fmt.Errorf("governed: rules[%d]: %w", i, err)
		}
	}
	g := &Governor{
		config: c, waits: waits{c.MaxWait, c.BatchMaxWait, c.SpareWait}.filled(), ratios: tokens.NewRatios(tokens.RatioConfig{}), seed: maphash.MakeSeed(),
		lanes: map[string]*Lane{}, known: map[key]*pool{}, pools: map[quota.PoolID]*pool{},
	}
	book := c.Book
	book.Pools, book.Days, book.Ratios = nil, c.Days, g.ratios
	if book.Now.IsZero() {
		book.Now = time.Now()
	}
	b, err := quota.NewBook(book)
	if err != nil {
		return nil, err
	}
	g.gate = quota.NewGate(b)
	return g, nil
}

// Close refuses whoever waits, and stops the timer. Calls under way go on, and
// settle. Closing twice does nothing.
func (g *Governor) Close() error {
	g.gate.Close()
	return nil
}

// Lane is what is known of a back-end.
type Lane struct {
	Name   string // as rules and reports call it
	Region string // the source Region; "" where there is none

	// Account says whose quota a caller's calls use up: an AWS account, or any
	// other name. Nil means the lane's name.
	Account func(outcrop.Caller) string
}

// Govern is a back-end kept within its quotas. What it can do besides Do, as
// listing its models, it still can.
func (g *Governor) Govern(next outcrop.Backend, lane Lane) outcrop.Backend {
	b := &Backend{abilities: abilities{outcrop.Abilities{Next: next}}, governor: g, lane: lane}
	g.mu.Lock()
	g.lanes[lane.Name] = &b.lane
	g.mu.Unlock()
	if _, ok := next.(outcrop.ModelLister); ok {
		return lister{b}
	}
	return b
}

// find is the pool of a call to a model by its name on a lane, made when it is
// met for the first time; nil when no rule fits, unless it is to be learned then.
func (g *Governor) find(lane *Lane, call *outcrop.Call, model string, learn bool) *pool {
	if len(g.config.Rules) == 0 && !learn {
		return nil
	}
	k := key{lane: lane.Name, account: lane.Name, region: lane.Region, model: model, method: method(call), learn: learn}
	if lane.Account != nil {
		k.account = lane.Account(call.Caller)
	}
	g.mu.RLock()
	p, ok := g.known[k]
	g.mu.RUnlock()
	if ok {
		return p
	}
	return g.meet(k)
}

func (g *Governor) meet(k key) *pool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p, ok := g.known[k]; ok {
		return p
	}
	model, scope := identity(g.config.Catalog, k.model)
	p := g.ruled(k, model, scope)
	if len(g.known) < 4*g.config.MaxPools { // beyond, it is found out again each time
		g.known[k] = p
	}
	return p
}

// ruled is the pool that the first fitting rule gives a model.
func (g *Governor) ruled(k key, model string, scope quota.Scope) *pool {
	r := g.rule(k, model, scope)
	if r == nil {
		return nil
	}
	id := quota.PoolID{Account: k.account, Region: k.region, Scope: scope, Model: model, Method: r.methods()}
	if p, ok := g.pools[id]; ok {
		return p
	}
	if len(g.pools) >= g.config.MaxPools {
		id.Model = "other"
		if p, ok := g.pools[id]; ok {
			return p
		}
	}
	p := g.newPool(id, r, k)
	if p != nil {
		g.pools[id] = p
	}
	return p
}

// learned is the rule of lanes that no other is about.
var learned = Rule{Match: "*", Learn: true}

// rule is the first that fits, or nil.
func (g *Governor) rule(k key, model string, scope quota.Scope) *Rule {
	for i := range g.config.Rules {
		if r := &g.config.Rules[i]; r.fits(k, model, scope) {
			return r
		}
	}
	if k.learn {
		return &learned
	}
	return nil
}

func (g *Governor) newPool(id quota.PoolID, r *Rule, k key) *pool {
	pc := r.pool()
	pc.ID = id
	if g.gate.Add(pc) != nil {
		return nil // New has checked the rule; what is left is an id without a model
	}
	p := &pool{id: id, rule: r, lane: k.lane, counter: tokens.Default().For(id.Model)}
	if match, ok := g.config.Catalog.Resolve(id.Model); ok {
		p.most = match.Model.MaxOutput
	}
	return p
}

// pool is one of the gate's pools, with what is known around it.
type pool struct {
	id      quota.PoolID
	rule    *Rule
	lane    string
	counter tokens.Model
	most    int // output tokens of a reply, at the most; 0 when unknown

	mu    sync.Mutex
	stats Stats
}

// fits tells whether a rule is about a call.
func (r *Rule) fits(k key, model string, scope quota.Scope) bool {
	if r.Backend != "" && r.Backend != k.lane || r.Scope != nil && *r.Scope != scope || !r.covers(k.method) {
		return false
	}
	for _, form := range []string{k.model, catalog.FromARN(k.model), model} {
		if _, ok := pattern.Match(r.Match, form); ok {
			return true
		}
	}
	return false
}

// RuleOn is the first rule about calls of every method to a model, by its id on a
// lane, or nil.
func RuleOn(rules []Rule, lane, modelID string) *Rule {
	model, scope := Identity(modelID)
	for i := range rules {
		if r := &rules[i]; len(r.Methods) == 0 && r.fits(key{lane: lane, model: modelID}, model, scope) {
			return r
		}
	}
	return nil
}

// RuleOf is the first rule about a model's calls of every method in a scope
// (in-region, geo, global), or nil.
func RuleOf(rules []Rule, model, scope string) *Rule {
	for i := range rules {
		r := &rules[i]
		named := quota.InRegion
		for named.String() != scope && named < quota.Global {
			named++
		}
		if len(r.Methods) == 0 && r.fits(key{lane: r.Backend, model: model}, model, named) {
			return r
		}
	}
	return nil
}
