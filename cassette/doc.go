// Package cassette records what a back-end answers, and replays it without
// the back-end: for tests that are exact, offline and free.
//
// [NewRecorder] wraps a back-end and writes a file for each exchange into a
// directory; [Open] makes a back-end of such a directory.
//
//	caller ── Recorder ── Backend          caller ── Player
//	             │                                      │
//	             └─▶ converse-3f2a….yaml ───────────────┘
//
// A file is YAML, made to be read and to be compared: bodies are indented, and
// a stream is a line for each event, with the time at which it came. See
// testdata for one.
//
// A request is found again by its content: operation, model and body, the
// latter without white space and order, and without the members that change
// from run to run ([Config.Ignore]). What is not found is an error that names
// the nearest recording, and what differs.
//
// What the back-end says of the schemas that its models take is kept beside the
// exchanges, so that Construct asks in the same way when it is replayed. Counts
// of tokens are not recorded; a player estimates them.
//
// Secrets do not reach a file: headers are not written but for those that the
// operations define, nor is who asked, and what looks like a key in a body is
// struck out ([Config.Redact]).
package cassette
