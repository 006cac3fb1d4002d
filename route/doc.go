// Package route decides which back-end answers a call, under which model name,
// how often one is asked, and who is asked next when it fails.
//
// Make a [Router] with [New], put [NewRetry] around it, and use that as the
// Backend of a manager. The way of one call:
//
//	caller ── Retry ── Router: alias ── pattern.go: the first route that matches ── lanes
//	                                                                                  │
//	Reply ◀─────────────────── failover.go: lane after lane, as circuit.go allows ◀───┘
//
// A lane is a back-end and the model's name there. Where a route has several
// that are equals, a [Placer] puts them in order before (place.go): it knows the
// quota books, and the router asks. The call is passed on as it
// came, its bytes included, unless the name differs. Nobody is asked who was
// not configured: a model without a lane is an error, which lists near names.
//
// Retry has one budget for the whole call, of attempts and of time, whatever
// is behind it; so what is behind it must not retry on its own.
package route
