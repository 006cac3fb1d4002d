package governed

import (
	"math"
	"strconv"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
)

// attempt is a call as it will be sent, and how much of the quota it may take.
type attempt struct {
	pool  *pool
	call  *outcrop.Call
	input int // tokens, estimated

	unset   bool
	asked   int // the caller's output limit, unless it is unset
	limit   int // the one that is sent, or where nothing is changed, booked
	ceiling int // how much there may be in all, when a reply is continued

	continued bool // it continues another
}

// shortened tells whether the limit is lower than the caller allows.
func (a *attempt) shortened() bool { return a.limit < a.ceiling }

// unknown is an input that has not been estimated.
const unknown = -1

// prepare finds out what a call may cost, and fills in its output limit. A body
// that cannot be read goes as it is, for the back-end to say what is wrong.
// input is its estimate, unless it is unknown.
func (b *Backend) prepare(p *pool, call *outcrop.Call, input int) *attempt {
	a, req := b.governor.measure(p, call, input)
	if b.governor.config.Observe || !a.changed() {
		return a
	}
	if !call.Native() {
		a.call = call.WithConverse(call.Operation, withLimit(req, a.limit))
		return a
	}
	family, err := native.For(call.ModelID, call.Raw)
	if err != nil {
		return a
	}
	if body, err := family.SetOutputLimit(call.Raw, a.limit); err == nil {
		a.call = call.WithModel(call.ModelID)
		a.call.Raw = body
	}
	return a
}

// measure is what a call may cost, and the request that it makes where it was
// read: it changes nothing.
func (g *Governor) measure(p *pool, call *outcrop.Call, input int) (*attempt, *bedrock.ConverseRequest) {
	a := &attempt{pool: p, call: call, limit: 1, ceiling: 1, input: input}
	if call.Native() {
		return a, g.measureNative(a)
	}
	req, err := call.Converse()
	if err != nil {
		a.input = p.counter.TextBytes(call.Raw)
		return a, nil
	}
	if a.input == unknown {
		a.input = p.counter.Input(req).Total
	}
	a.unset = req.InferenceConfig == nil || req.InferenceConfig.MaxTokens == nil
	if !a.unset {
		a.asked = *req.InferenceConfig.MaxTokens
	}
	g.limits(a, req)
	return a, req
}

func (g *Governor) measureNative(a *attempt) *bedrock.ConverseRequest {
	call, counter := a.call, a.pool.counter
	family, err := native.For(call.ModelID, call.Raw)
	if err != nil { // a model of pictures, or nonsense: it has no output limit
		a.input = counter.TextBytes(call.Raw)
		return nil
	}
	if family.Embeds() {
		a.input = 0
		if req, err := family.EmbedRequest(call.Raw); err == nil {
			a.input = textsTokens(a.pool, req.Texts)
		}
		return nil
	}
	var req *bedrock.ConverseRequest
	if a.input == unknown {
		if req, err = family.Request(call.Raw); err != nil {
			a.input = counter.TextBytes(call.Raw)
		} else {
			a.input = counter.Input(req).Total
		}
	}
	limit, ok, err := family.OutputLimit(call.Raw)
	if err != nil {
		return req
	}
	a.unset, a.asked = !ok, limit
	g.limits(a, nil)
	return req
}

// limits decides on the output limit. req is nil where it cannot be lowered,
// since the reply could not be continued.
func (g *Governor) limits(a *attempt, req *bedrock.ConverseRequest) {
	p := a.pool
	a.limit = max(a.asked, 1) // less than that is the back-end's to refuse
	if a.unset {
		a.limit = p.fill(req)
		if g.config.Observe && p.most > 0 {
			a.limit = p.most // what the service reserves then
		}
	}
	a.ceiling = a.limit
	if !p.rule.Shorten || g.config.Observe || !continuable(req) {
		return
	}
	if a.unset && p.most > 0 {
		a.ceiling = p.most
	}
	length, seen := g.gate.Lengths(a.call.Caller.Tenant, p.id.Model, shortQuantile)
	if seen < shortEnough {
		return
	}
	a.limit = min(a.ceiling, int(math.Ceil(shortMargin*float64(length))))
}

// What a shortened limit is: 1.25 × the 99.9th percentile of what was learned,
// of 200 replies at the least. Source: docs/design/quota.md.
const (
	shortQuantile = 0.999
	shortMargin   = 1.25
	shortEnough   = 200
)

// continuable tells whether a reply that is cut can be continued: it has to be
// plain text. A tool's input, a constrained value and a train of thought begin
// anew when the model is asked again.
func continuable(req *bedrock.ConverseRequest) bool {
	return req != nil && req.ToolConfig == nil && req.AdditionalModelRequestFields == nil &&
		(req.OutputConfig == nil || req.OutputConfig.TextFormat == nil)
}

// fill is the output limit of a request that sets none.
func (p *pool) fill(req *bedrock.ConverseRequest) int {
	n := p.rule.MaxTokens
	if n == 0 {
		n = DefaultMaxTokens
	}
	n += thinking(req)
	if p.most > 0 {
		n = min(n, p.most)
	}
	return n
}

// thinking is the budget of a request's extended thinking, which counts within
// the output limit.
func thinking(req *bedrock.ConverseRequest) int {
	if req == nil || req.AdditionalModelRequestFields == nil {
		return 0
	}
	var fields struct {
		Thinking struct {
			BudgetTokens int `json:"budget_tokens"`
		} `json:"thinking"`
	}
	if bedrock.Unmarshal(req.AdditionalModelRequestFields, &fields) != nil {
		return 0
	}
	return max(fields.Thinking.BudgetTokens, 0)
}

// withLimit is a request with another output limit.
func withLimit(req *bedrock.ConverseRequest, limit int) *bedrock.ConverseRequest {
	copied := *req
	var config bedrock.InferenceConfiguration
	if req.InferenceConfig != nil {
		config = *req.InferenceConfig
	}
	config.MaxTokens = &limit
	copied.InferenceConfig = &config
	return &copied
}

func textsTokens(p *pool, texts []string) int {
	n := 0
	for _, text := range texts {
		n += p.counter.Text(text)
	}
	return n
}

// The reply headers that tell what was done to a call.
const (
	// HeaderMaxTokens is the output limit that was sent, where it is not the
	// caller's, with the one that was asked for: "4096; asked=unset".
	HeaderMaxTokens = "X-Outcrop-Max-Tokens"
	// HeaderQueued is how long the call waited for its turn, in milliseconds.
	HeaderQueued = "X-Outcrop-Queued-Ms"
	// HeaderContinued says that the reply was cut and continued: "1", or why not.
	HeaderContinued = "X-Outcrop-Continued"
)

// changed tells whether the call goes out with another limit than it came with.
func (a *attempt) changed() bool { return a.unset || a.asked > 0 && a.limit != a.asked }

// told is the header's value for a limit that is not the caller's, or "".
func (a *attempt) told() string {
	switch {
	case !a.changed():
		return ""
	case a.unset:
		return strconv.Itoa(a.limit) + "; asked=unset"
	}
	return strconv.Itoa(a.limit) + "; asked=" + strconv.Itoa(a.asked)
}
