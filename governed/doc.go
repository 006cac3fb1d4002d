// Package governed keeps a back-end within its quotas: a Backend around another
// that asks package quota for every attempt, waits its turn, and settles what
// the attempt cost.
//
//	g, err := governed.New(governed.Config{Rules: []governed.Rule{{Match: "anthropic.*", Quota: quota.PoolConfig{TokensPerMinute: 2_000_000}}}})
//	defer g.Close()
//	backend := g.Govern(next, governed.Lane{Name: "amazon", Region: "us-east-1"})
//
// The way of one attempt:
//
//	call ── rule.go: whose quota ── attempt.go: how much ── gate: a ticket, or the queue
//	                                                           │
//	reply ◀── settle.go · stream.go: what it cost ◀── back-end ◀┘
//
// Retries and failover stand outside, so that each attempt has a reservation of
// its own. A call whose model no rule matches goes through untouched, and so
// does CountTokens, which is free.
//
// A request that does not say how much it wants to be answered reserves the
// model's maximum at Bedrock, which is what most throttling comes from; so an
// output limit that is not set is filled in. Beyond that, and only where a rule
// asks for it, a limit is lowered to what replies have been learned to need,
// and a reply that turns out longer is continued (shorten.go). Replies tell
// both, and how long they waited, in headers of their Meta.
//
// Where a model has several lanes, [Governor.Place] tells in which order to ask
// them (place.go). It books nothing: the lane that is asked does.
//
// Two more decorators order calls by their class alone: TakeTurns, where it is
// known how many a back-end takes at once (turns.go), and Yield, where it is not
// (yield.go, search.go).
//
// A refusal is Bedrock's own ThrottlingException, with the RefusedError of
// package quota as its cause.
package governed
