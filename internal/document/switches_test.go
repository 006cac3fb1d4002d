package document

// switches are what each best practice rests on, in the order of the document.
var switches = []off{
	{
		91, "putting several items into a request", "many.go",
		"full := len(group) >= m.req.PerRequest ||", "full := len(group) >= 1 ||",
		"one request instead of five",
	},
	{
		91, "asking again alone", "many.go",
		"\t\t\tm.askAlone(ctx, i)\n", "",
		"what is missing or wrong is asked again alone",
	},
	{
		92, "the search for repeated sentences", "estimate/cuts.go",
		"if times, saved := w.repeated(t.text); saved >= leastCut {", "if times, saved := w.repeated(t.text); saved >= leastCut && false {",
		"outcrop tokens finds what stands there twice",
	},
	{
		92, "the list of a request's parts", "cmd/outcrop/tokens.go",
		"for _, p := range b.Parts {", "for _, p := range b.Parts[:0] {",
		"and tells what each part takes",
	},
	{
		93, "retries", "route/retry.go",
		"if asked >= r.config.Attempts ||", "if true || asked >= r.config.Attempts ||",
		"throttling is retried",
	},
	{
		93, "waits that grow", "route/retry.go",
		"ceiling = r.config.Base << shift", "ceiling = r.config.Base",
		"the bound of the second wait is twice that of the first",
	},
	{
		93, "jitter", "route/retry.go",
		"time.Duration(r.config.Random() * float64(ceiling))", "ceiling",
		"and each wait is drawn from 0 to its bound",
	},
	{
		93, "telling errors that pass from others", "route/retry.go",
		"return e.Retryable && e.Partial == nil", "return e.Partial == nil",
		"an error that would come again is not retried",
	},
	{
		93, "retries around the configured back-ends", "local/backends.go",
		"if o.settings.Backends[name].Kind != config.KindSimulator {", "if o.settings.Backends[name].Kind != config.KindSimulator && false {",
		"the program asks a back-end again that throttles once",
	},
	{
		94, "the books", "usage/meter.go",
		"\tconfig.Ledger.Add(*r) // before", "\t// before",
		"the books tell input and output apart",
	},
	{
		94, "the server's counters", "usage/meter.go",
		"o.Observe(r)", "_ = o",
		"the server's counters, too",
	},
	{
		171, "printing a stream as it comes", "cmd/outcrop/stream.go",
		"\t\tif _, err := io.WriteString(a.stdout, text); err != nil {", "\t\tdefer io.WriteString(a.stdout, text)\n\t\tif err != nil {",
		"the first words are shown while the model writes the last",
	},
	{
		171, "the server's sending of events as they come", "server/stream.go",
		"x.gone = http.NewResponseController(x.w).Flush() != nil", "x.gone = false",
		"through a server, too",
	},
	{
		172, "the exit code of an interrupted stream", "cmd/outcrop/exit.go",
		"bedrock.CodeModelStreamError:      exitModel,", "",
		"the interruption has a name and an exit code of its own",
	},
	{
		172, "errors within a stream", "server/stream.go",
		"return x.sendException(e)\n", "return nil\n",
		"a server says why, within the stream",
	},
	{
		173, "the time limit of idle connections", "server/serve.go",
		"IdleTimeout:       unlimited(s.config.IdleTimeout),", "IdleTimeout: time.Hour,",
		"the server ends a connection that is idle",
	},
	{
		173, "the time limit of clients that read nothing", "server/stall.go",
		"deadline := now.Add(c.stall + c.stall/4)", "deadline := now.Add(time.Hour)",
		"and one whose client reads nothing",
	},
	{
		174, "the partial reply, when a turn is resumed", "memory/assemble.go",
		"case n.Resume && i == last:", "case false && n.Resume && i == last:",
		"a conversation keeps the partial reply and goes on from it",
	},
	{
		281, "being told of a job's changes", "batch/watch.go",
		"if !yield(s.response(), nil) || final(s.Status) {", "if !yield(s.response(), nil) || true {",
		"Jobs.Watch tells each change of state once",
	},
	{
		281, "waiting for a job", "cmd/outcrop/batch.go",
		"\t\tlast = state\n\t\tif p.terminal {", "\t\tlast = state\n\t\tif i := 0; i == 0 {\n\t\t\tp.show(jobLine(state, 0))\n\t\t\tbreak\n\t\t}\n\t\tif p.terminal {",
		"and ends with it",
	},
	{
		282, "stopping", "batch/jobs.go",
		"\tmoved, err := job.advance(ctx, stopping, \"\")\n", "\tif true {\n\t\treturn nil\n\t}\n\tmoved, err := job.advance(ctx, stopping, \"\")\n",
		"a job that is not wanted is stopped",
	},
	{
		282, "the list of jobs", "batch/list.go",
		"jobs := j.registry.all(withDefaults(caller).Account)", "jobs := j.registry.all(withDefaults(caller).Account)[:0]",
		"jobs are listed",
	},
	{
		282, "forgetting old jobs", "batch/clean.go",
		"range j.registry.endedBefore(c.Account, c.Before) {", "range j.registry.endedBefore(c.Account, c.Before)[:0] {",
		"outcrop batch clean --outputs removes what it wrote",
	},
	{
		282, "removing the results of old jobs", "batch/clean.go",
		"if err := from.Delete(ctx, o.URI); err != nil {", "if _ = o; from == nil {\n\t\t\tvar err error",
		"outcrop batch clean --outputs removes what it wrote",
	},
	{
		282, "dropping jobs that were cleaned", "batch/clean.go",
		"\tj.registry.drop(job)\n", "",
		"outcrop --endpoint",
	},
	{
		283, "the counts in a job's manifest", "batch/compose.go",
		"out.finish(e.job.snapshot().Counts)", "out.finish(Counts{})",
		"one job, one manifest",
	},
	{
		283, "writing more than one answer", "batch/compose.go",
		"\t\tlines++\n", "\t\tif lines++; lines == 1 && s.Records > 1 {\n\t\t\tlines = s.Records\n\t\t\tbreak\n\t\t}\n",
		"and 1 answers in one file",
	},
	{
		284, "the lines of batch watch", "cmd/outcrop/batch_jobs.go",
		`fmt.Fprintf(a.stdout, "%s  %s\n", time.Now().Format(time.TimeOnly), jobLine(job, time.Since(began)))`, "_ = began",
		"the command line prints a line for each change",
	},
	{
		284, "calling a URL", "local/events.go",
		"if len(set.Targets) == 0 {", "if len(set.Targets) >= 0 {",
		"a URL is called when the job has ended",
	},
	{
		349, "saying which summaries are wanted", "memory/tree.go",
		"if err != nil || !p.Strategy.compacts() {", "if err != nil || true {",
		"memory says which summaries a model could write",
	},
	{
		349, "keeping a summary that a model wrote", "memory/tree.go",
		"s.tree.written[node] = text", "_ = text",
		"and the summary stands in for its turns",
	},
	{
		350, "leaving turns out", "memory/choose.go",
		"\t\t\t\ta.chosen.dropped[j] = true\n", "",
		"turns that do not bear on the question stay away",
	},
	{
		350, "the order by relevance", "memory/choose.go",
		"return cmp.Compare(scores[x], scores[y])", "return cmp.Compare(x, y)",
		"the one that does is sent",
	},
	{
		351, "the system prompt in a conversation's state", "memory/assemble.go",
		"a.system, a.tools = a.s.system, a.s.tools", "a.system, a.tools = nil, a.s.tools",
		"the system prompt outlasts the turns that are left out",
	},
	{
		351, "--system", "cmd/outcrop/converse.go",
		"SystemPrompt: q.system, ", "",
		"it is part of the request and of its tokens",
	},
	{
		352, "the strategy window", "memory/choose.go",
		"\t\ta.window()\n", "",
		"window keeps to the budget",
	},
	{
		352, "the tree of summaries", "memory/epoch.go",
		"next.Notes, next.Nodes = a.s.notes(a.m, a.p.Strategy, next.Start, notes)", "_ = notes",
		"with a summary of",
	},
	{
		409, "validation against the schema", "structured/compile.go",
		"return s.validate(s.root, v)", "return nil",
		"a precise schema tells a negative age and an unknown member",
	},
	{
		409, "what lint says of lists without a bound", "structured/lint.go",
		"case has(\"array\") && s.MaxItems == nil:", "case has(\"array\") && s.MaxItems == nil && false:",
		"outcrop construct --lint names what is not precise",
	},
	{
		410, "the examples in the prompt", "structured/prompt.go",
		"for i, v := range values {", "for i, v := range values[:0] {",
		"the examples reach the model",
	},
	{
		410, "the validation of examples", "structured/prompt.go",
		"found != nil {", "found != nil && false {",
		"outcrop construct --schema",
	},
	{
		411, "the validation of replies", "construct_climber.go",
		"return o.reading != nil && len(o.errs) == 0", "return o.reading != nil",
		"the first reply was validated, and refused",
	},
	{
		411, "asking again", "construct_ladder.go",
		"\t\tc.consider(o)\n", "\t\treturn c, nil, nil\n",
		"a model that breaks the schema is asked again",
	},
	{
		412, "maxAttempts", "construct.go",
		"l.budget = *req.MaxAttempts", "_ = l.budget",
		"after as many attempts as maxAttempts says",
	},
	{
		412, "the value that came closest", "construct_ladder.go",
		"f.PartialOutput, f.Errors = l.schema.Encode(l.best.value), l.best.errs", "f.Errors = l.best.errs",
		"with the value that came closest",
	},
	{
		412, "the fallback models", "construct_ladder.go",
		"for i, model := range l.models {", "for i, model := range l.models[:1] {",
		"another model takes over",
	},
}
