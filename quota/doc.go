// Package quota keeps Bedrock's own books on the caller's side, so that a
// request is sent when Bedrock will take it and not before.
//
// Call first:
//
//	book, err := quota.NewBook(quota.Config{Pools: []quota.PoolConfig{…}})
//	ticket, d, err := book.Reserve(now, quota.Request{…}) // admitted, waiting or refused
//	book.Grow(now, ticket, outputSoFar)      // a stream that runs long
//	book.Settle(now, ticket, quota.Usage{…}) // or Cancel, Interrupted, Throttled, Unavailable
//	grants, next := book.Poll(now, grants[:0]) // who may go now; when to ask again
//
// or, with goroutines and a clock, a Gate: Acquire, then the ticket's end.
//
// Flow, one way: Request → placement (place.go) → the pool's queue (queue.go) →
// its meters (meter.go, pace.go), unless its turn is sure to come too late
// (forecast.go) → ticket (ticket.go) → settlement, which corrects the meters, the
// tenant's counter, and what was learned (lengths.go, exposure.go, adapt.go,
// capacity.go).
//
// A Book does no I/O, starts nothing and reads no clock: every method is given
// the time, which must not run backwards (earlier times are taken for the
// latest seen). Equal calls give equal answers, in real or in simulated time. It
// is not safe for concurrent use; a Gate is.
//
// # The rules
//
// A pool is what Bedrock counts together: an account, a source Region, a scope
// (in-Region, geographic or global profile) and a model; optionally one method
// of its own. With I input tokens, M the output limit, b the output burndown
// (burndown.go) and ô the output length to expect, where the request gives one or
// Config.Quantile asks for one that is learned per tenant and model:
//
//	R    = I + M                          what Bedrock reserves at the start
//	S    = I + cache writes + b × output  what it settles at the end
//	hold = max(R, I + b × ô)              what is booked here, never less than R
//
// R is no upper bound on S. What replies under way may have cost beyond their
// hold by now, which their time and their pace limit, is kept free for all of a
// pool together (exposure.go). Settling may still leave a pool in debt; it then
// admits nothing until the debt is refilled.
//
// What AWS does not publish (strict window, fixed window or bucket, and its
// length) is a setting of the pool: Accounting. Its default is refused by none
// of them. Admissions are spread over the window (pace.go), so that interactive
// requests find room at any time; and a throttle, which a pool that has its quota
// to itself never sees, teaches the rate that others leave (adapt.go).
package quota
