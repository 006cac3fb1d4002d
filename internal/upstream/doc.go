// Package upstream is what the clients of servers have in common: how long a
// server may keep them waiting ([Watch]), what had arrived of a stream that
// fails ([Partial]), and what the errors of networks and of AWS's protocols
// mean. Back-ends and package remote use it; it sends nothing by itself.
//
//	request ── Watch.Context ── net/http ── frames ── Partial.Add ── caller
//	                 │ too late, cut, refused               │
//	                 └─────── Trouble, Untrusted, Code … ───┴── *outcrop.Error
package upstream
