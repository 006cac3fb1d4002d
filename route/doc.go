// Package route decides which back-end answers a call, under which model name,
// and who is asked next when it fails.
//
// Make a [Router] with [New] and use it as the Backend of a manager. The way
// of one call:
//
//	Call ── alias ── pattern.go: the first route that matches ── lanes
//	                                                               │
//	Reply ◀── failover.go: lane after lane, as circuit.go allows ◀─┘
//
// A lane is a back-end and the model's name there. The call is passed on as it
// came, its bytes included, unless the name differs. Nobody is asked who was
// not configured: a model without a lane is an error, which lists near names.
package route
