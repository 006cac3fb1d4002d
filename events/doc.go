// Package events tells others of the changes of batch jobs: it delivers an event
// in EventBridge's shape to webhooks, commands, SNS topics and NATS subjects.
//
//	d, err := events.Open(ctx, events.Config{Ledger: ledger, Targets: []events.Subscription{
//		{Name: "ops", Target: events.NewWebhook(events.Webhook{URL: "https://…"})},
//	}})
//	runner, err := batch.New(batch.Config{Listener: d, …})
//	…
//	d.Close(ctx) // after the jobs
//
// The way of an event:
//
//	batch.History ── queue (pure, one a target) ── Dispatcher ── Target
//	                                                   └── Ledger: how far each job is told
//
// # Promises
//
// The states that a job has come to are kept in the job's own record, by the
// write that makes the change. So an event is as durable as the change, and
// whatever is not in the ledger as delivered is delivered by the next process.
// An event that a target takes just before the process is killed comes again,
// with the same id: at least once. The events of a job come to a target in
// their order; those of different jobs do not wait for each other. An event that
// nobody takes within Config.MaxAge is given up. Several processes on one
// journal do not know of each other's deliveries until they start.
//
// Events hold no prompts, and no replies of models.
package events
