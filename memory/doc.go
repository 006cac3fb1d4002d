// Package memory decides what of a conversation a model is sent: turns go in,
// a context within a token budget comes out. It is pure: no I/O, no clock, no
// goroutines, and equal input gives equal output.
//
// Begin with a [State], a conversation: [New] starts one, [Restore] puts one
// together from what was stored. Then, for each request:
//
//	Match       a client that sends everything: which part is new
//	   │
//	Assemble    state + new messages + policy + budget + model
//	   │           → Context (messages, system, tools), Explanation
//	   ▼
//	 model
//	   │
//	Context.Turn → State.Append     the turn, with all that must be stored
//	   │
//	State.Wanted → State.WithSummary   summaries, made whenever it suits
//
// A [Turn] is what one request added: the user's messages or tool results, and
// the reply. Turns are numbered from 1 and never change. A tool loop that spans
// requests is several turns, an exchange, which are sent or left out together.
//
// What [Assemble] sends, in this order, ⟂ marking cache points:
//
//	tools | system ⟂ | pinned facts + summary ⟂ | verbatim tail ⟂ | retrieved turns + new turn
//
// Everything before the last ⟂ only grows until the next compaction, so a
// prompt cache reads it again. A compaction begins an [Epoch].
//
// A State is for one goroutine at a time, Assemble included, since it remembers
// counts. What Assemble returns shares memory with the state and the caller's
// messages: none of it may be changed.
package memory
