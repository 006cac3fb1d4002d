// Package benchproc measures servers for benchmarks, each in a process of its
// own, so that what is measured of one is without the cost of the clients and
// of the others. The processes are the test binary itself under another name
// of its environment.
//
// Call [Main] first in TestMain, with the kinds of servers there are. In a
// benchmark, [Start] a kind, make a [Load] of requests to it, and let
// [Compare] give the loads turns; [Report] says what came out.
//
//	benchmark ── Start ──▶ process (Main: kind) ◀── Load: connections ── Compare
//
// The CPU time of a process is user and system time as the kernel counts it.
package benchproc
