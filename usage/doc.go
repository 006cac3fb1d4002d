// Package usage keeps the books on who used how much of what: requests, errors,
// tokens, cost and time, by tenant, model and method.
//
//	ledger, err := usage.Open(usage.Config{Dir: dir})  // Close it
//	backend = usage.NewMeter(backend, usage.MeterConfig{Ledger: ledger})
//	rows, err := ledger.Rows(since, until)
//	table := usage.Sum(rows, usage.By{Tenant: true})
//
// A [Meter] stands outermost around the back-ends, so that every method passes
// it once: Construct's attempts and the records of jobs are calls like any
// other. What a call cost is read from its reply, or from the last event of its
// stream; a stream that ended before it is booked by estimate, since the model
// has worked all the same.
//
//	call ── Meter: Gate.Admit ── back-end ── reply ── Record ──▶ Ledger, Observers
//	                                                              │
//	                              Dir/2026-11-22T13.jsonl ◀── every Flush, and at Close
//
// # On disk
//
// A file holds one hour, UTC, of the time at which calls ended. Each line is
// what one combination of tenant, model and method has added since it was
// written last, as JSON with a format version. Lines are only appended, each
// time with one write and a sync, so that several processes may write the same
// directory, and readers add up what they find. A process that is killed loses
// what it had not written yet, that is Flush seconds or less; a power cut may
// leave half a line behind, which readers pass over. The owner of the directory
// rewrites the files of past hours as sums and removes those that are older
// than the retention.
package usage
