package strict

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator/throttle"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/native"
	"github.com/outcrop-ai/outcrop/tokens"
)

// Config says what is enforced. Simulator and Grants are required.
type Config struct {
	// Simulator answers what is let in. It must count tokens.
	Simulator outcrop.Backend
	Grants    Grants

	// Catalog knows what a model's longest output is, which a call reserves that
	// sets no limit; nil means catalog.Default().
	Catalog *catalog.Catalog

	// Now is the clock; nil means time.Now.
	Now func() time.Time

	// MaxPools bounds how many pools are kept, as models and accounts are named
	// by callers; one more and the calls are refused. 0 means 10,000.
	MaxPools int
}

// Backend is a simulator that throttles. It is safe for concurrent use, starts
// no goroutine, and need not be closed.
type Backend struct {
	outcrop.Abilities
	config Config

	mu    sync.Mutex
	pools map[poolID]*pool
}

var (
	_ outcrop.Backend  = (*Backend)(nil)
	_ outcrop.Embedder = (*Backend)(nil)
)

// poolID is what is counted together.
type poolID struct{ account, region, scope, model string }

// pool is one quota's state. The backend's lock guards it.
type pool struct {
	id       poolID
	grant    *Grant
	throttle *throttle.Throttle
	begun    time.Time // the first call
	foreign  time.Time // load until then has been counted
	last     time.Time // of what was told to the throttle: its time does not run backwards
	inflight int
	count    Count
}

// Count is what became of a pool's calls.
type Count struct {
	Accepted     int64   `json:"accepted"`
	Tokens       int64   `json:"throttledForTokens"`
	Requests     int64   `json:"throttledForRequests"`
	TokensPerDay int64   `json:"throttledForTokensPerDay"`
	Unavailable  int64   `json:"unavailable"`
	Spent        float64 `json:"spent"` // tokens of quota, settled
}

// New makes a Backend, or an error that names the grant it cannot use.
func New(c Config) (*Backend, error) {
	if c.Catalog == nil {
		c.Catalog = catalog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.MaxPools <= 0 {
		c.MaxPools = 10_000
	}
	for i := range c.Grants {
		if err := c.Grants[i].check(); err != nil {
			return nil, err
		}
	}
	return &Backend{Abilities: outcrop.Abilities{Next: c.Simulator}, config: c, pools: map[poolID]*pool{}}, nil
}

// Do lets a call in, or refuses it as Bedrock does. What the simulator cannot
// read is its to refuse, before any quota is looked at.
func (b *Backend) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	grant, id := b.granted(call)
	if grant == nil {
		return b.Next.Do(ctx, call)
	}
	count, err := b.CountTokens(ctx, call)
	if err != nil {
		return b.Next.Do(ctx, call)
	}
	e, err := b.enter(id, grant, throttle.Request{Input: count.InputTokens, MaxTokens: b.maxTokens(call)})
	if err != nil {
		return nil, err
	}
	reply, err := b.Next.Do(ctx, call)
	if err != nil {
		e.leave(throttle.Usage{}) // it failed on the service's side
		return nil, err
	}
	if reply.Stream != nil {
		reply.Stream = e.watch(reply.Stream, count.InputTokens)
		return reply, nil
	}
	e.leave(used(reply.Usage(), count.InputTokens))
	return reply, nil
}

// Embed makes embeddings, whose quota counts their input.
func (b *Backend) Embed(ctx context.Context, call *outcrop.Call, req *native.EmbedRequest) (*native.Embeddings, outcrop.Meta, error) {
	grant, id := b.granted(call)
	if grant == nil {
		return b.Abilities.Embed(ctx, call, req)
	}
	counter, input := tokens.Default().For(id.model), 0
	for _, text := range req.Texts {
		input += counter.Text(text)
	}
	e, err := b.enter(id, grant, throttle.Request{Input: input})
	if err != nil {
		return nil, outcrop.Meta{}, err
	}
	embeddings, meta, err := b.Abilities.Embed(ctx, call, req)
	if err != nil {
		input = 0
	}
	e.leave(throttle.Usage{Input: input})
	return embeddings, meta, err
}

// granted is the grant that a call falls under, and its pool.
func (b *Backend) granted(call *outcrop.Call) (*Grant, poolID) {
	plain, model, scope := whose(b.config.Catalog, call.ModelID)
	for i := range b.config.Grants {
		if g := &b.config.Grants[i]; g.fits(plain, model, scope) {
			return g, poolID{call.Caller.Account, call.Caller.Region, scope, model}
		}
	}
	return nil, poolID{}
}

// maxTokens is what a call reserves of output: its limit, or the model's
// longest.
func (b *Backend) maxTokens(call *outcrop.Call) int {
	if call.Native() {
		family, err := native.For(call.ModelID, call.Raw)
		if err != nil || family.Embeds() {
			return 0
		}
		if limit, ok, err := family.OutputLimit(call.Raw); err == nil && ok {
			return max(limit, 0)
		}
	} else if req, err := call.Converse(); err == nil && req.InferenceConfig != nil && req.InferenceConfig.MaxTokens != nil {
		return max(*req.InferenceConfig.MaxTokens, 0)
	}
	if m, ok := b.config.Catalog.Resolve(call.ModelID); ok && m.Model.MaxOutput > 0 {
		return m.Model.MaxOutput
	}
	return 4096
}

// enter reserves for a call, or refuses it.
func (b *Backend) enter(id poolID, grant *Grant, r throttle.Request) (*entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.config.Now()
	p, err := b.pool(id, grant, now)
	if err != nil {
		return nil, err
	}
	p.loadForeign(now)
	p.last = now
	if u := grant.Unavailable; u.Every > 0 && now.Sub(p.begun)%u.Every >= u.Every-u.Lasts && p.inflight >= u.Above {
		p.count.Unavailable++
		return nil, outcrop.Errorf(bedrock.CodeServiceUnavailable, "The service is temporarily unable to handle the request. Please try again later.")
	}
	admission, limit := p.throttle.Start(now, r)
	switch limit {
	case throttle.Accepted:
		p.count.Accepted++
		p.inflight++
		return &entry{backend: b, pool: p, admission: admission}, nil
	case throttle.Tokens:
		p.count.Tokens++
	case throttle.TokensPerDay:
		p.count.TokensPerDay++
	default:
		p.count.Requests++
	}
	return nil, outcrop.Errorf(bedrock.CodeThrottling, "%s", limit.Message())
}

// pool finds a pool, or makes it.
func (b *Backend) pool(id poolID, grant *Grant, now time.Time) (*pool, error) {
	if p, ok := b.pools[id]; ok {
		return p, nil
	}
	if len(b.pools) >= b.config.MaxPools {
		return nil, outcrop.Errorf(bedrock.CodeThrottling, "%s", throttle.Requests.Message())
	}
	c := grant.Throttle
	if c.Burndown == 0 {
		c.Burndown = burndown(id.model)
	}
	t, err := throttle.New(c)
	if err != nil {
		return nil, outcrop.AsError(err)
	}
	p := &pool{id: id, grant: grant, throttle: t, begun: now, foreign: now, last: now}
	b.pools[id] = p
	return p, nil
}

// grain is how finely hidden load is spread.
const grain = 100 * time.Millisecond

// loadForeign counts what others have used since the last call. What is older
// than the windows that count has no weight any more, so it is skipped.
func (p *pool) loadForeign(now time.Time) {
	f := p.grant.Foreign
	if f.TPM == 0 && f.RPM == 0 {
		return
	}
	if oldest := now.Add(-2 * max(p.grant.Throttle.Window, time.Minute)); p.foreign.Before(oldest) {
		p.foreign = oldest
	}
	for ; now.Sub(p.foreign) >= grain; p.foreign = p.foreign.Add(grain) {
		if since := p.foreign.Sub(p.begun); since < f.From || f.Until > 0 && since >= f.Until {
			continue
		}
		at := p.foreign
		if at.Before(p.last) {
			at = p.last
		}
		p.throttle.Foreign(at, f.TPM*grain.Minutes(), f.RPM*grain.Minutes())
	}
}

// entry is a call that was let in. It is left once.
type entry struct {
	backend   *Backend
	pool      *pool
	admission throttle.Admission
}

func (e *entry) leave(u throttle.Usage) {
	b := e.backend
	b.mu.Lock()
	defer b.mu.Unlock()
	p := e.pool
	p.inflight--
	p.last = b.config.Now()
	p.throttle.End(p.last, e.admission, u)
	factor := p.grant.Throttle.Burndown
	if factor == 0 {
		factor = burndown(p.id.model)
	}
	p.count.Spent += float64(u.Input+u.CacheWrite) + factor*float64(u.Output)
}

// watch is a stream that leaves when it ends: with what it says it cost, or
// where its reader has gone, with what was generated until then.
func (e *entry) watch(s *outcrop.Stream, input int) *outcrop.Stream {
	var told *bedrock.TokenUsage
	var text strings.Builder
	out := s.Map(func(events iter.Seq2[bedrock.Event, error]) iter.Seq2[bedrock.Event, error] {
		return func(yield func(bedrock.Event, error) bool) {
			for event, err := range events {
				if err == nil {
					if usage := note(event, &text); usage != nil {
						told = usage
					}
				}
				if !yield(event, err) {
					return
				}
			}
		}
	})
	out.OnEnd(func(error) {
		if told != nil {
			e.leave(used(told, input))
			return
		}
		e.leave(throttle.Usage{Input: input, Output: tokens.Default().For(e.pool.id.model).Text(text.String())})
	})
	return out
}

// note takes down an event's text, and returns the usage that it tells.
func note(event bedrock.Event, text *strings.Builder) *bedrock.TokenUsage {
	if event.Type() == bedrock.ChunkEvent {
		chunk, err := event.Chunk()
		if err != nil {
			return nil
		}
		if usage, ok := native.ChunkUsage(chunk); ok {
			return &usage
		}
		if piece, err := native.Text(chunk); err == nil {
			text.WriteString(piece)
		}
		return nil
	}
	out, err := event.Output()
	switch {
	case err != nil:
	case out.Metadata != nil:
		return &out.Metadata.Usage
	case out.ContentBlockDelta != nil && out.ContentBlockDelta.Delta.Text != nil:
		text.WriteString(*out.ContentBlockDelta.Delta.Text)
	}
	return nil
}

func used(u *bedrock.TokenUsage, input int) throttle.Usage {
	if u == nil {
		return throttle.Usage{Input: input}
	}
	out := throttle.Usage{Input: u.InputTokens, Output: u.OutputTokens}
	if u.CacheWriteInputTokens != nil {
		out.CacheWrite = *u.CacheWriteInputTokens
	}
	return out
}

// PoolCount is what became of the calls of one pool.
type PoolCount struct {
	Account string `json:"account"`
	Region  string `json:"region"`
	Scope   string `json:"scope"`
	Model   string `json:"model"`
	Count
}

// Counts is what became of all calls so far, by pool.
func (b *Backend) Counts() []PoolCount {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]PoolCount, 0, len(b.pools))
	for _, p := range b.pools {
		list = append(list, PoolCount{p.id.account, p.id.region, p.id.scope, p.id.model, p.count})
	}
	slices.SortFunc(list, func(a, b PoolCount) int {
		return strings.Compare(a.Account+a.Region+a.Model+a.Scope, b.Account+b.Region+b.Model+b.Scope)
	})
	return list
}
