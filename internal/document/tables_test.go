package document

import (
	"path/filepath"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/compare"
	"github.com/outcrop-ai/outcrop/local"
)

var tables = []check{
	{"Synchronous      |", func(p *probe, _ Item) {
		r := p.tell()
		p.holds(r.sync > 3*r.arrivals[0], "latency higher: nothing to read for %v, where a stream has words after %v", r.sync, r.arrivals[0])
		row := compared(p)["sync"]
		p.holds(row.TimeToFirstTokenMs == row.TotalMs, "experience: wait for the full response")
		p.holds(row.QuotaRequests == 1, "quota: standard, one request")
	}},
	{"Streaming        |", func(p *probe, _ Item) {
		r := p.tell()
		p.holds(r.arrivals[0]*3 < r.total, "latency lower perceived: %v of %v", r.arrivals[0], r.total)
		p.holds(near(r.total, r.sync), "throughput standard: all after %v, by sync after %v", r.total, r.sync)
		p.holds(len(r.arrivals) > 50, "experience: progressive display in %d pieces", len(r.arrivals))
		p.holds(r.usage.TotalTokens == r.syncUsage.TotalTokens, "quota: standard, the tokens of sync")
	}},
	{"Asynchronous     |", func(p *probe, _ Item) {
		r := p.pool(16)
		p.holds(r.job > r.one, "latency highest: the first answer comes with the last, after %v; sync's first after %v", r.job, r.one)
		p.holds(r.job*10 < r.sync, "throughput highest: %d replies in %v, by sync in %v", poolSize, r.job, r.sync)
		p.holds(r.states[0] != "Completed", "experience: it goes on in the background, from %s on", r.states[0])
		ratio, known := batchPrice()
		p.holds(known && ratio == 0.5, "quota most efficient for batch: no quota of a minute, and %g of the price", ratio)
	}},
	{"Converse API     |", func(p *probe, _ Item) {
		rows := compared(p)
		p.holds(rows["converse"].Usage.TotalTokens == rows["sync"].Usage.TotalTokens, "the same question takes the tokens of sync")
		c, m := p.paced()
		began := c.Now()
		p.invoke(m, "Write a story.")
		sync := c.Now().Sub(began)
		began = c.Now()
		r, err := m.Converse(p.Context(), &bedrock.ConverseRequest{Messages: []bedrock.Message{bedrock.UserText("Write a story.")}})
		p.must(err)
		took := c.Now().Sub(began)
		p.ran("m.Converse, in virtual time", "%v; sync %v", took, sync)
		p.holds(near(took, sync), "latency similar to sync")
		long, err := m.Converse(p.Context(), &bedrock.ConverseRequest{Messages: []bedrock.Message{bedrock.UserText("Write a story."), *r.Output.Message, bedrock.UserText("Write a story.")}})
		p.must(err)
		p.ran("m.Converse, the second turn", "%d input tokens after %d", long.Usage.InputTokens, r.Usage.InputTokens)
		p.holds(long.Usage.InputTokens > 10*r.Usage.InputTokens, "context is maintained, and quota depends on the conversation's length")
	}},
	{"Construct API    |", func(p *probe, _ Item) {
		rows := compared(p)
		a, s := rows["construct"], rows["sync"]
		p.holds(a.Usage.InputTokens > s.Usage.InputTokens, "quota: may require more tokens, %d input tokens against %d", a.Usage.InputTokens, s.Usage.InputTokens)
		o := p.outcrop("construct", "--schema", person, "Extract: John Doe is 42")
		p.holds(p.valid(o.stdout), "experience: structured data")
		waits := func(r compare.Row) int { return r.TotalMs - r.Usage.OutputTokens*1000/80 }
		p.holds(a.TimeToFirstTokenMs == a.TotalMs && waits(a) < 2*waits(s), "latency similar to sync: one wait for the whole value; beside the time for its tokens %d ms, sync %d ms", waits(a), waits(s))
	}},
	{"Chat interfaces |", func(p *probe, _ Item) {
		p.holds(p.chosen("someone watches", &outcrop.InferRequest{Prompt: "Hi", Interactive: true}) == outcrop.MethodStream, "auto: stream")
		history := []bedrock.Message{bedrock.UserText("Hi"), said("Hello."), bedrock.UserText("How are you?")}
		p.holds(p.chosen("a history", &outcrop.InferRequest{Messages: history}) == outcrop.MethodConverse, "auto: converse")
		p.example("chat", "Hello\nAnd you?\n", "")
	}},
	{"Data extraction |", func(p *probe, _ Item) {
		p.holds(p.chosen("a schema", &outcrop.InferRequest{Prompt: "Extract", Schema: []byte(person)}) == outcrop.MethodConstruct, "auto: construct")
		o := p.outcrop("infer", "--method", "auto", "--explain", "--schema", person, "Extract: John Doe is 42")
		p.holds(p.valid(o.stdout), "consistent, validated output")
		p.example("extraction", "", "John Doe")
	}},
	{"Batch document processing |", func(p *probe, _ Item) {
		p.holds(p.chosen("a place for results", &outcrop.InferRequest{Prompt: "Sum up", OutputS3URI: "s3://b/"}) == outcrop.MethodAsync, "auto: async")
		r := p.pool(16)
		p.holds(r.job*10 < r.sync, "large volumes efficiently: %d documents in %v instead of %v", poolSize, r.job, r.sync)
		p.example("documents", "", "Completed")
	}},
	{"Simple Q&A |", func(p *probe, _ Item) {
		p.holds(p.chosen("a question", &outcrop.InferRequest{Prompt: "What is a rock?"}) == outcrop.MethodSync, "auto: sync")
		p.example("question", "", "")
	}},
	{"Long-form content |", func(p *probe, _ Item) {
		p.holds(p.chosen("4,000 tokens", &outcrop.InferRequest{Prompt: "Write a book", MaxTokens: 4000}) == outcrop.MethodStream, "auto: stream")
		p.example("longform", "", "")
	}},
}

// example runs one of the programs of examples/.
func (p *probe) example(name, stdin, want string) {
	p.Helper()
	examples, err := theExamples()
	p.must(err)
	o := p.command(stdin, "go run ./examples/"+name, filepath.Join(examples, name))
	p.holds(o.code == 0 && strings.TrimSpace(o.stdout) != "" && strings.Contains(o.stdout, want), "examples/%s runs", name)
}

var pattern = []check{
	{"A robust application might use different inference methods", func(p *probe, _ Item) {
		m := p.manager(local.Config{})
		for _, r := range []outcrop.InferRequest{
			{Method: "sync", Prompt: "Hi"},
			{Method: "stream", Prompt: "Hi"},
			{Method: "async", Prompt: "Hi", OutputS3URI: "s3://my-bucket/results/"},
			{Method: "converse", Prompt: "Hi"},
			{Method: "construct", Prompt: "John Doe is 42", Schema: []byte(person)},
		} {
			result, err := m.Infer(p.Context(), r)
			p.must(err)
			if result.Stream != nil {
				result.Stream.Close()
			}
			p.ran("m.Infer(method "+r.Method+")", "%s", result.Method)
			p.holds(string(result.Method) == r.Method, "one manager, method %s", r.Method)
		}
		_, err := m.Infer(p.Context(), outcrop.InferRequest{Method: "telepathy", Prompt: "Hi"})
		p.holds(err != nil && strings.Contains(err.Error(), "sync, stream, async, converse or construct"), "an unknown method is an error that lists the five: %v", err)
	}},
	{"python: class InferenceManager", func(p *probe, i Item) {
		// The document leaves out the imports here, and the bodies of three
		// methods, which pass and so return None. And infer returns what
		// _streaming_inference yields, a generator.
		o := p.python("import boto3\nimport json\nfrom utils.profile_manager import get_profile\n\n" + i.Text + `
m = InferenceManager("` + modelID + `")
body = json.loads('` + body + `')
sync = m.infer(body)
stream = list(m.infer(body, method="stream"))
none = [m.infer(body, method="async", output_s3_uri="s3://b/"), m.infer(body, method="converse"), m.infer(body, method="construct")]
try:
    m.infer(body, method="telepathy")
except ValueError as error:
    unknown = str(error)
print(json.dumps({"sync": sync["type"], "stream": stream[-1]["type"], "none": none == [None] * 3, "unknown": unknown}))
`)
		r := into[struct {
			Sync, Stream, Unknown string
			None                  bool
		}](p, o.stdout)
		p.holds(r.Sync == "message" && r.Stream == "message_stop", "sync and stream answer")
		p.holds(r.None, "async, converse and construct are left open in the document: they return None")
		p.holds(r.Unknown == "Unknown inference method: telepathy", "an unknown method raises ValueError")
	}},
	{"Each inference method in AWS Bedrock offers unique advantages", func(p *probe, _ Item) {
		rows := compared(p)
		p.holds(rows["stream"].TimeToFirstTokenMs < rows["converse"].TimeToFirstTokenMs, "stream: the first words first")
		p.holds(rows["async"].QuotaRequests == 0, "async: no request of a minute's quota")
		o := p.outcrop("construct", "--schema", person, "Extract: John Doe is 42")
		p.holds(p.valid(o.stdout), "construct: data that validates")
	}},
	{"The next sections will explore each method", func(p *probe, _ Item) {
		pages, err := filepath.Abs("../../docs/methods")
		p.must(err)
		pages += "/"
		for _, m := range outcrop.Methods {
			o := p.command("", "grep -c '^## ' docs/methods/"+string(m)+".md", "grep", "-c", "^## ", pages+string(m)+".md")
			p.holds(o.code == 0 && strings.TrimSpace(o.stdout) >= "5", "docs/methods/%s.md has code, practices and errors in %s sections", m, strings.TrimSpace(o.stdout))
		}
	}},
}
