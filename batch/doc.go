// Package batch runs model invocation jobs in the background: many records,
// one model. It implements outcrop.Jobs over any outcrop.Backend and
// outcrop.Objects.
//
//	jobs, err := batch.New(batch.Config{Backend: backend, Objects: directory})
//	created, err := jobs.Create(ctx, caller, request)
//	for job, err := range jobs.Watch(ctx, caller, created.JobARN) { … }
//	defer jobs.Close(ctx)
//
// A job is a goroutine that goes one way:
//
//	Submitted ─ Validating ─ Scheduled ─ InProgress ─ Completed
//	    every line is read    waits for   records go   or PartiallyCompleted,
//	    and checked once      its turn    to the model  Failed, Stopped, Expired
//
//	feed ── items ── send ×n ── results ── keep ── the store ── compose ── output
//
// The input is divided into shards while it is validated. feed claims shards and
// reads their records, send takes records to the model, keep has the store keep
// each result, and compose writes the shards that are finished, in order.
//
// # Input
//
// One .jsonl object, or all .jsonl objects under a prefix. A line is
// {"recordId": "…", "modelInput": {…}}, and modelInput is a body in the model's
// own format, or a Converse request when modelInvocationType is Converse. Blank
// lines are passed over. A record without a recordId is given one of its place
// in the job, R0000000001 being the first. Or the input is one body, inline:
// inputDataConfig {contentType: application/json, text}.
//
// # Output
//
// Under the output URI, <jobId>/<input's name>.jsonl.out for each input object
// (<jobId>/inline.jsonl.out for an inline body) with a line for each record in
// the input's order, and at the end <jobId>/manifest.json.out with the counts.
// A line is {recordId, modelInput, modelOutput}, or {recordId, modelInput,
// error: {errorCode, errorMessage}} for a record that failed, where errorCode
// is the HTTP status of the error. A failed record never fails the job. A job
// that ends early keeps what it had finished.
//
// # What fails what
//
// A file that cannot be read as records (a line that is no JSON object or not
// UTF-8, one that is too long, a recordId that comes twice) fails the job while
// it is validated, before anything was sent, with a message that names the
// object and the line. What is wrong with one modelInput only is that record's
// error.
//
// # Durability
//
// Config.Store keeps jobs: their requests and states, plans and results. With
// the one of package journal/jobs they outlive the process. A new status is kept
// before it is seen, a record counts when its result is kept, and New goes on
// with every job that has not ended: it sends the records that have no result,
// and writes the output anew. A record that was at the model when the process
// was killed is sent again; one with a result never is. Without a Store, jobs
// live in this process and end with it.
//
// A store that fails, as on a full disk, makes a job wait and say so in its
// message. Replies that it has are kept until they can be stored. With a Store, a
// job waits likewise for output that cannot be written and for input that cannot
// be reached, until it is stopped or its time is up; without one, it fails.
package batch
