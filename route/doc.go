// Package route decides which back-end answers a call, and how often one is
// asked.
//
// Start with [NewRetry], a Backend around another that asks again when that
// may help:
//
//	caller ── Retry ── Backend
//
// It has one budget for the whole call, of attempts and of time, whatever is
// behind it; so what is behind it must not retry on its own.
package route
