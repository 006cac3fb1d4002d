// Package journal keeps what must outlive the process: jobs and their results,
// and whatever else is given a stream or a bucket here. It is NATS JetStream,
// embedded in this process by default, or a cluster of the user's.
//
//	lock, err := owner.Acquire(dir)                             // see package owner
//	j, err := journal.Open(ctx, journal.Config{Lock: lock})     // embedded, under dir/journal
//	defer j.Close(ctx)
//	log, err := j.Stream(ctx, journal.StreamConfig{Name: "turns", Format: journal.Format{Name: "turn", Version: 1}})
//	seq, err := log.Append(ctx, "alice.c1", data, journal.ExpectLast(41))
//
// What is built on what:
//
//	jobs, results, …        one store each, in terms of
//	Stream   Bucket         an append-only history; the last value of each key
//	Lease                   who works on what, with heartbeats
//	Journal                 one connection, and the embedded server behind it
//
// # Promises
//
// What an Append or a Put of the embedded server has returned is on disk, synced:
// it survives kill -9 and a power failure. On a cluster it is whatever that
// cluster is configured for: written by a majority of the replicas at least.
// Every message carries the format it was written in (see [Format]); one of a
// newer format is refused, by name. The store as a whole has a format too, in
// DIR/journal/store.json, which also says whether the store is a single
// server's, a member's of a cluster, or elsewhere: a directory that is opened as
// something else than it was is refused, since JetStream would show it empty.
//
// # Concurrency
//
// All types are safe for concurrent use. Context arguments bound one request; a
// context without a deadline gets Config.Timeout.
package journal
