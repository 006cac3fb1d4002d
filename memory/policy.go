package memory

// Strategy names a way to choose what is sent.
type Strategy string

// The strategies.
const (
	// StrategyAuto compacts rarely and deeply: tool results first, then old turns,
	// for which a tree of summaries and the old turns that bear on the new one
	// are sent. It is the default.
	StrategyAuto Strategy = "auto"

	// StrategyFull sends everything, or fails.
	StrategyFull Strategy = "full"

	// StrategyWindow sends the newest exchanges that fit.
	StrategyWindow Strategy = "window"

	// StrategyPrune sends everything but old tool results and, where that is not
	// enough, the exchanges that bear least on the new turn.
	StrategyPrune Strategy = "prune"

	// StrategySummary sends one summary of the old turns, and the newer ones.
	StrategySummary Strategy = "summary"

	// StrategyHierarchical sends a tree of summaries, and the newer turns.
	StrategyHierarchical Strategy = "hierarchical"
)

// Strategies lists the strategies, the default first.
var Strategies = []Strategy{StrategyAuto, StrategyFull, StrategyWindow, StrategyPrune, StrategySummary, StrategyHierarchical}

func (s Strategy) compacts() bool {
	return s == StrategyAuto || s == StrategySummary || s == StrategyHierarchical
}

// Budget bounds what is sent.
type Budget struct {
	// Tokens is how many input tokens a request may have, all parts
	// together. It must be positive; leave room for the reply in the model's
	// context window.
	Tokens int
}

// Policy says how contexts are chosen. Zero fields take their defaults.
type Policy struct {
	// Strategy is StrategyAuto by default.
	Strategy Strategy `json:"strategy,omitzero"`

	// Low is what a compaction leaves, summary included, as a share of the
	// budget that system prompt and tools leave free: 0.25 by default. A
	// smaller one makes compactions rarer and cheaper, and forgets more.
	Low float64 `json:"low,omitzero"`

	// SummaryShare is how much of what a compaction leaves the summary may
	// take: 0.3 by default.
	SummaryShare float64 `json:"summaryShare,omitzero"`

	// SegmentTokens is how long a stretch of turns is that one leaf of the
	// summary tree stands for: 2,000 by default. It is estimated alike for all
	// models, so that a change of models keeps the tree.
	SegmentTokens int `json:"segmentTokens,omitzero"`

	// Fanout is how many segments make a chapter: 8 by default.
	Fanout int `json:"fanout,omitzero"`

	// RetrieveTokens bounds the retrieved turns of one request. By default
	// 1,250 tokens or an eighth of the budget, whichever is more, but a third
	// of the budget at most. Negative turns retrieval off.
	RetrieveTokens int `json:"retrieveTokens,omitzero"`

	// RetrievePassages is how many passages of old turns are compared for
	// what they say, after the search by words: 400 by default. More find
	// more, and cost about a microsecond each.
	RetrievePassages int `json:"retrievePassages,omitzero"`
}

// settled is the policy with defaults, or an error that names the field.
func (p Policy) settled(budget Budget) (Policy, error) {
	if budget.Tokens <= 0 {
		return p, invalid("budget", "a token budget is positive, got %d", budget.Tokens)
	}
	if p.Strategy == "" {
		p.Strategy = StrategyAuto
	}
	known := false
	for _, s := range Strategies {
		known = known || s == p.Strategy
	}
	switch {
	case !known:
		return p, invalid("strategy", "unknown strategy %q: use auto, full, window, prune, summary or hierarchical", string(p.Strategy))
	case p.Low < 0 || p.Low > 0.9:
		return p, invalid("low", "it is a share of the budget from 0 to 0.9, got %v", p.Low)
	case p.SummaryShare < 0 || p.SummaryShare > 1:
		return p, invalid("summaryShare", "it is a share from 0 to 1, got %v", p.SummaryShare)
	case p.SegmentTokens < 0:
		return p, invalid("segmentTokens", "it is not negative, got %d", p.SegmentTokens)
	case p.Fanout < 0 || p.Fanout == 1:
		return p, invalid("fanout", "it is 2 or more, got %d", p.Fanout)
	case p.RetrievePassages < 0:
		return p, invalid("retrievePassages", "it is not negative, got %d", p.RetrievePassages)
	}
	p.Low = or(p.Low, 0.25)
	p.SummaryShare = or(p.SummaryShare, 0.3)
	p.SegmentTokens = or(p.SegmentTokens, 2000)
	p.Fanout = or(p.Fanout, 8)
	p.RetrievePassages = or(p.RetrievePassages, 400)
	p.RetrieveTokens = or(p.RetrieveTokens, min(max(1250, budget.Tokens/8), budget.Tokens/3))
	p.RetrieveTokens = max(p.RetrieveTokens, 0)
	return p, nil
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
