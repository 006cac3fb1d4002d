// Package faulty makes a back-end fail on purpose: for tests, and for users
// who want to see what their program does on a bad day.
//
// Wrap a back-end with [New] and a list of [Fault]s. Which calls they strike
// follows from the seed and from how many calls there were before: the same
// seed and the same order of calls give the same faults.
//
//	caller ── faulty ── Backend
package faulty
