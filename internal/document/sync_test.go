package document

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/backend/simulator/throttle"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/compare"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/route"
)

var overview = []check{
	{"This document provides a comprehensive overview", func(p *probe, _ Item) {
		o := p.outcrop("compare", "--json", "What is quantum computing?")
		p.holds(strings.Count(o.stdout, `"status": "ok"`) == 5, "one command runs all the methods")
		page, err := os.ReadFile("../../docs/methods.md")
		p.must(err)
		for _, method := range outcrop.Methods {
			p.holds(strings.Contains(string(page), "methods/"+string(method)+".md"), "docs/methods.md leads to the page of %s", method)
		}
	}},
	{"AWS Bedrock offers multiple ways", func(p *probe, _ Item) {
		rows := into[[]struct{ Method, Status string }](p, p.outcrop("compare", "--json").stdout)
		for n, want := range []string{"sync", "stream", "async", "converse", "construct"} {
			p.holds(rows[n].Method == want && rows[n].Status == "ok", "%d. %s works", n+1, want)
		}
	}},
	{"Synchronous Inference (InvokeModel)", method("InvokeModel", "text")},
	{"Streaming Inference (InvokeModelWithResponseStream)", method("InvokeModelWithResponseStream", "text")},
	{"Asynchronous Processing (CreateModelInvocationJob)", method("CreateModelInvocationJob", "manifest.json.out", "--output-s3-uri", "s3://my-bucket/results/")},
	{"Conversational AI (Converse API)", method("Converse", "text")},
	{"Structured Outputs (Construct API)", method("Construct", "42", "--schema", `{"type":"object","properties":{"age":{"type":"integer"}},"required":["age"]}`)},
	{"Each method has different characteristics", func(p *probe, _ Item) {
		rows := compared(p)
		p.holds(rows["stream"].TimeToFirstTokenMs < rows["sync"].TimeToFirstTokenMs, "user experience: the first words of a stream come after %d ms, those of sync after %d ms",
			rows["stream"].TimeToFirstTokenMs, rows["sync"].TimeToFirstTokenMs)
		p.holds(rows["async"].QuotaRequests == 0 && rows["sync"].QuotaRequests == 1, "quota: a job takes none of the requests per minute, sync takes one")
	}},
}

// method asks by the API's own name of a method.
func method(operation, want string, flags ...string) func(*probe, Item) {
	return func(p *probe, _ Item) {
		o := p.outcrop(append([]string{"infer", "--method", operation, "Extract: John Doe is 42, text"}, flags...)...)
		text := o.stdout
		if strings.Contains(operation, "Job") {
			entries, err := os.ReadDir(strings.TrimSpace(o.stdout))
			p.must(err)
			text = ""
			for _, e := range entries {
				text += e.Name() + "\n"
			}
		} else if want == "text" {
			want = "" // any words
		}
		p.holds(strings.TrimSpace(text) != "" && strings.Contains(text, want), "%s answers", operation)
	}
}

// clock is time that only waiting moves, so that figures do not depend on the
// machine.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(max(d, 0))
	return ctx.Err()
}

// story is a long reply: 600 words.
var story = strings.TrimSpace(strings.Repeat("The robots of the valley went on with their work. ", 60))

// paced is a simulator that tells a long story in virtual time: the first
// token after 400 ms, 80 more each second.
func (p *probe) paced() (*clock, *outcrop.Manager) {
	c := &clock{now: time.Unix(0, 0)}
	config := p.rules(fmt.Sprintf("rules:\n  - reply: {text: %q}\n", story))
	config.Pace, config.Clock = &simulator.Pace{FirstToken: 400 * time.Millisecond, TokensPerSecond: 80}, c
	s, err := simulator.New(config)
	p.must(err)
	m, err := outcrop.New(outcrop.Config{ModelID: modelID, Backend: s, Now: c.Now})
	p.must(err)
	return c, m
}

func (p *probe) invoke(m *outcrop.Manager, prompt string) (string, bedrock.TokenUsage) {
	p.Helper()
	r, err := m.Infer(p.Context(), outcrop.InferRequest{Prompt: prompt})
	p.must(err)
	text, err := r.Text()
	p.must(err)
	usage, err := r.Usage()
	p.must(err)
	return text, usage
}

var synchronous = []check{
	{"Synchronous inference is the simplest way", func(p *probe, _ Item) {
		c, m := p.paced()
		began := c.Now()
		text, usage := p.invoke(m, "Write a story.")
		took := c.Now().Sub(began)
		p.ran("m.Infer(prompt)", "%d words after %v, %+v", len(strings.Fields(text)), took, usage)
		whole := 400*time.Millisecond + time.Duration(usage.OutputTokens)*time.Second/80
		p.holds(text == story, "one call returns the complete response")
		p.holds(took >= whole*95/100, "it waited for all %d tokens, %v at the model's pace", usage.OutputTokens, whole)
	}},
	{"Single, independent requests", func(p *probe, _ Item) {
		o := p.outcrop("infer", "--method", "auto", "--explain", "What is quantum computing?")
		p.holds(strings.Contains(o.stderr, "method sync"), "auto takes sync for a single question")
		again := p.outcrop("infer", "What is quantum computing?")
		p.holds(again.stdout == o.stdout, "requests are independent: the second one gets the same reply")
	}},
	{"Batch processing where you can wait for the full result", func(p *probe, _ Item) {
		m := p.manager(local.Config{})
		whole := 0
		for n := range 20 {
			r, err := m.Invoke(p.Context(), &outcrop.InvokeRequest{Body: fmt.Appendf(nil, `{"anthropic_version":"bedrock-2023-05-31","max_tokens":500,"messages":[{"role":"user","content":"Describe rock %d."}]}`, n)})
			p.must(err)
			if strings.Contains(string(r.Body), `"stop_reason":"end_turn"`) {
				whole++
			}
		}
		p.ran("m.Invoke, 20 times in a loop", "%d whole replies", whole)
		p.holds(whole == 20, "each call returned its whole result")
	}},
	{"Simple integrations where streaming adds unnecessary complexity", func(p *probe, _ Item) {
		url := p.serve() + "/model/" + modelID + "/invoke"
		r, err := http.Post(url, "application/json", strings.NewReader(`{"anthropic_version":"bedrock-2023-05-31","max_tokens":100,"messages":[{"role":"user","content":"Hello"}]}`))
		p.must(err)
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		p.must(err)
		p.ran("POST /model/"+modelID+"/invoke", "%s %s", r.Status, body)
		p.holds(r.StatusCode == 200 && json.Valid(body), "one POST returns one JSON document; there is no framing to read")
	}},
	{"Cases where you need the full response before taking any action", func(p *probe, _ Item) {
		p.write("rules.yaml", "rules: [{match: {text: fail}, reply: {error: {code: ModelErrorException, message: out of order}}}]")
		bad := p.fails("--rules", "rules.yaml", "invoke", "please fail")
		p.holds(bad.stdout == "" && strings.Contains(bad.stderr, "out of order"), "a failed call prints nothing to act on, and its exit code is %d", bad.code)
		good := p.outcrop("invoke", "--json", "Hello")
		p.holds(strings.Contains(good.stdout, "stop_reason"), "a reply says that it is complete, in stop_reason")
	}},
	{"python: def invoke_model_sync", func(p *probe, i Item) {
		o := p.python(i.Text + `
reply = invoke_model_sync("` + modelID + `", {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1000,
    "messages": [{"role": "user", "content": "What is quantum computing?"}]})
print(json.dumps(reply))
`)
		r := into[struct {
			Content []struct{ Text string }
			Usage   struct {
				Output int `json:"output_tokens"`
			}
		}](p, o.stdout)
		p.holds(len(r.Content) == 1 && r.Content[0].Text != "" && r.Usage.Output > 0, "the snippet returns the model's response, %d tokens", r.Usage.Output)
	}},
	{"bash: aws bedrock-runtime invoke-model", func(p *probe, i Item) {
		p.script(i)
		p.holds(strings.Contains(p.read("output.json"), `"type":"message"`), "output.json holds the reply")
	}},
	{"Subject to both TPM", func(p *probe, _ Item) {
		for _, c := range []throttle.Config{{TokensPerMinute: 3000}, {RequestsPerMinute: 2}} {
			books := p.books(c)
			var refused throttle.Limit
			for range 100 {
				if refused = books.invoke(p, "Hello", 1000); refused != throttle.Accepted {
					break
				}
			}
			p.ran(fmt.Sprintf("m.Invoke until a service with %d TPM, %d RPM refuses", c.TokensPerMinute, c.RequestsPerMinute), "%s", refused.Message())
			want := throttle.Tokens
			if c.RequestsPerMinute > 0 {
				want = throttle.Requests
			}
			p.holds(refused == want, "each of the two quotas alone binds")
		}
		p.write("grants.yaml", `grants: [{match: "anthropic.claude-3-sonnet*", tpm: 500, policy: strict}, {match: "*", rpm: 1, policy: strict}]`)
		url := p.serve("--quotas", "grants.yaml")
		o := p.fails("--endpoint", url, "invoke", "-m", modelID, "--max-tokens", "1000", "Hello")
		p.holds(strings.Contains(o.stderr, "ThrottlingException") && strings.Contains(o.stderr, "token"), "a server with 500 TPM refuses a request of 1,000")
		p.outcrop("--endpoint", url, "invoke", "-m", "amazon.nova-pro-v1:0", "--max-tokens", "1000", "Hello")
		o = p.fails("--endpoint", url, "invoke", "-m", "amazon.nova-pro-v1:0", "--max-tokens", "1000", "Hello")
		p.holds(strings.Contains(o.stderr, "ThrottlingException"), "a server with 1 RPM refuses the second request")
	}},
	{"Each request counts as 1", func(p *probe, _ Item) {
		books := p.books(throttle.Config{RequestsPerMinute: 3})
		limits := []throttle.Limit{books.invoke(p, "Hi", 10), books.invoke(p, strings.Repeat("A long prompt. ", 500), 4000), books.invoke(p, "Hi", 10), books.invoke(p, "Hi", 10)}
		p.ran("m.Invoke, small and large, against a service with 3 requests per minute", "%v", limits)
		p.holds(slices.Equal(limits, []throttle.Limit{0, 0, 0, throttle.Requests}), "three are let in whatever their size, the fourth is not")
		p.holds(compared(p)["sync"].QuotaRequests == 1, "compare counts 1")
		p.write("grants.yaml", `grants: [{match: "*", rpm: 3, policy: strict}]`)
		url := p.serve("--quotas", "grants.yaml")
		for n := 1; n <= 3; n++ {
			p.outcrop("--endpoint", url, "invoke", "Hello")
		}
		o := p.fails("--endpoint", url, "invoke", "Hello")
		p.holds(strings.Contains(o.stderr, "ThrottlingException"), "a server with a quota of 3 requests throttles the fourth")
	}},
	{"Both input and output tokens count", func(p *probe, _ Item) {
		books := p.books(throttle.Config{TokensPerMinute: 100_000, Policy: throttle.RefundBucket})
		books.invoke(p, "Hello", 1000)
		usage := books.last
		p.ran("m.Invoke", "usage %d + %d", usage.InputTokens, usage.OutputTokens)
		left := books.left(p)
		p.holds(left == 100_000-usage.InputTokens-usage.OutputTokens, "a service with 100,000 TPM has %d left: less input and output", left)
		row := compared(p)["sync"]
		p.holds(row.QuotaTokens == row.Usage.InputTokens+5*row.Usage.OutputTokens, "compare: %d = %d input + 5 × %d output, the burndown of its model", row.QuotaTokens, row.Usage.InputTokens, row.Usage.OutputTokens)
	}},
	{"If a request completes very quickly", func(p *probe, _ Item) {
		books := p.books(throttle.Config{RequestsPerMinute: 5, TokensPerMinute: 1_000_000})
		var limits []throttle.Limit
		for range 6 {
			limits = append(limits, books.invoke(p, "Hi", 1)) // no time passes
		}
		p.ran("m.Invoke, 6 requests of no duration, 5 RPM, 1,000,000 TPM", "%v", limits)
		p.holds(limits[5] == throttle.Requests, "the sixth is limited by requests, with most of the tokens left")
	}},
	{"Batch related requests", func(p *probe, _ Item) {
		// The simulator is no model that reads lists, so its replies are written here.
		m := p.manager(local.Config{Simulator: p.rules(`rules:
  - match: {text: under its id}
    replies:
      - {text: '{"answers":[{"id":1,"answer":"green"},{"id":2,"answer":"white"},{"id":3,"answer":"black"},{"id":4,"answer":"red"},{"id":5,"answer":"blue"}]}'}
      - {text: '{"answers":[{"id":1,"answer":"green"},{"id":2,"answer":7},{"id":3,"answer":"black"},{"id":4,"answer":"red"}]}'}
  - reply: {text: '"grey"'}`)})
		ask := outcrop.ManyRequest{Instruction: "Name the colour of the thing as a child would, in one lower-case word of English, and choose the one it has most of the time when it has several.", Items: []string{"grass", "snow", "coal", "blood", "the sky"}, PerRequest: 1}
		alone, err := m.InvokeMany(p.Context(), &ask)
		p.must(err)
		ask.PerRequest = 0 // the default, 10
		together, err := m.InvokeMany(p.Context(), &ask)
		p.must(err)
		answered := 0
		for _, i := range together.Items {
			if i.Err == nil && i.Text() != "" {
				answered++
			}
		}
		p.ran("m.InvokeMany of 5 items, each alone and together", "%d and %d requests, %d and %d input tokens", alone.Requests, together.Requests, alone.Usage.InputTokens, together.Usage.InputTokens)
		p.holds(alone.Requests == 5 && together.Requests == 1 && answered == 5, "one request instead of five against the RPM quota, and all five answers")
		p.holds(together.Usage.InputTokens < alone.Usage.InputTokens, "and the instructions are paid once")
		spoiled, err := m.InvokeMany(p.Context(), &ask)
		p.must(err)
		var words []string
		for _, i := range spoiled.Items {
			words = append(words, i.Text())
		}
		p.ran("the same, where a reply lacks one answer and has a wrong one", "%v after %d requests", words, spoiled.Requests)
		p.holds(slices.Equal(words, []string{"green", "grey", "black", "red", "grey"}) && spoiled.Requests == 3, "what is missing or wrong is asked again alone")
	}},
	{"Optimize prompt size", func(p *probe, _ Item) {
		long := strings.Repeat("Please be so kind as to answer the following question for me. ", 6) + "What is a rock?"
		o := p.outcrop("tokens", long)
		p.holds(strings.Contains(o.stdout, "repeat"), "outcrop tokens finds what stands there twice")
		p.write("request.json", `{"system":[{"text":"Answer in one sentence."}],"messages":[{"role":"user","content":[{"text":"What is a rock?"}]}]}`)
		o = p.outcrop("tokens", "request.json")
		p.holds(strings.Contains(o.stdout, "system (system.0)") && strings.Contains(o.stdout, "user text (messages.0.content.0)"), "and tells what each part takes")
		m := p.manager(local.Config{})
		_, wordy := p.invoke(m.Manager, long)
		_, concise := p.invoke(m.Manager, "What is a rock?")
		p.ran("m.Infer, wordy and concise", "%d and %d input tokens", wordy.InputTokens, concise.InputTokens)
		p.holds(concise.InputTokens*3 < wordy.InputTokens, "the concise prompt takes less than a third of the tokens")
	}},
	{"Implement retries with backoff", func(p *probe, _ Item) {
		var waits []time.Duration
		c := &clock{now: time.Unix(0, 0)}
		s, err := simulator.New(p.rules("rules: [{replies: [{error: {code: ThrottlingException, message: slow down}}, {error: {code: ThrottlingException, message: slow down}}, {text: At last.}]}]"))
		p.must(err)
		retry := route.NewRetry(s, route.RetryConfig{Now: c.Now, Random: func() float64 { return 0.5 }, Sleep: func(ctx context.Context, d time.Duration) error {
			waits = append(waits, d)
			return c.Sleep(ctx, d)
		}})
		m, err := outcrop.New(outcrop.Config{ModelID: modelID, Backend: retry, Now: c.Now})
		p.must(err)
		result, err := m.Infer(p.Context(), outcrop.InferRequest{Prompt: "Hello"})
		p.ran("m.Infer of a model that throttles twice", "error %v after waits of %v", err, waits)
		p.holds(err == nil && len(waits) == 2, "throttling is retried")
		if err == nil {
			text, err := result.Text()
			p.must(err)
			p.holds(text == "At last.", "and the reply comes in the end")
			p.holds(waits[1] == 2*waits[0], "the bound of the second wait is twice that of the first")
			p.holds(waits[0] == route.DefaultBase/2, "and each wait is drawn from 0 to its bound: the middle is %v", waits[0])
		}
		s, err = simulator.New(p.rules("rules: [{replies: [{error: {code: ValidationException, message: wrong}}, {text: At last.}]}]"))
		p.must(err)
		_, err = route.NewRetry(s, route.RetryConfig{}).Do(p.Context(), outcrop.NewConverseCall(bedrock.OpConverse, &bedrock.ConverseRequest{ModelID: modelID, Messages: []bedrock.Message{bedrock.UserText("Hello")}}))
		p.holds(err != nil && outcrop.AsError(err).Code == bedrock.CodeValidation, "an error that would come again is not retried")
		e := p.engine(1)
		e.goOn()
		o := p.command("", "outcrop converse --backend "+e.flag+" Hello", program(p.T), "converse", "--backend", e.flag, "-m", modelID, "Hello")
		p.holds(o.code == 0 && strings.Contains(o.stdout, firstWords), "the program asks a back-end again that throttles once")
	}},
	{"Monitor token usage", func(p *probe, _ Item) {
		p.outcrop("invoke", "What is quantum computing?")
		rows := into[struct {
			Rows []struct {
				Input  int `json:"inputTokens"`
				Output int `json:"outputTokens"`
			}
		}](p, p.outcrop("usage", "--json").stdout)
		p.holds(len(rows.Rows) == 1 && rows.Rows[0].Input > 0 && rows.Rows[0].Output > 0, "the books tell input and output apart")
		url := p.serve()
		p.outcrop("--endpoint", url, "invoke", "What is quantum computing?")
		o := p.command("", "curl "+url+"/metrics", "curl", "-s", url+"/metrics")
		p.holds(counted(o.stdout, "input") > 0 && counted(o.stdout, "output") > 0, "the server's counters, too: %v and %v", counted(o.stdout, "input"), counted(o.stdout, "output"))
		o = p.command("", "curl "+url+"/usage", "curl", "-s", url+"/usage")
		p.holds(strings.Contains(o.stdout, `"requests":2`), "and its books hold both calls")
	}},
}

// counted is the sum of a server's counters of a kind of tokens.
func counted(metrics, kind string) (sum float64) {
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "outcrop_tokens_total{") && strings.Contains(line, `kind="`+kind+`"`) {
			n, _ := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:len(line)-1], 64)
			sum += n
		}
	}
	return sum
}

// script runs the document's command lines with aws replaced by outcrop.
func (p *probe) script(i Item) outcome {
	p.Helper()
	text := strings.ReplaceAll("\n"+i.Text, "\naws ", "\noutcrop ")
	o := p.command("", strings.TrimSpace(text), "bash", "-e", p.write("script.sh", text))
	if o.code != 0 {
		p.Fatalf("exit %d\n%s", o.code, o.stderr)
	}
	return o
}

// books are a service's quotas around a manager. No time passes in them.
type books struct {
	m        *local.Local
	throttle *throttle.Throttle
	now      time.Time
	last     bedrock.TokenUsage
}

func (p *probe) books(c throttle.Config) *books {
	t, err := throttle.New(c)
	p.must(err)
	return &books{m: p.manager(local.Config{}), throttle: t, now: time.Unix(1000, 0)}
}

// invoke asks by sync when the service lets the request in.
func (b *books) invoke(p *probe, prompt string, maxTokens int) throttle.Limit {
	return b.ask(p, outcrop.MethodSync, prompt, maxTokens)
}

func (b *books) ask(p *probe, method outcrop.Method, prompt string, maxTokens int) throttle.Limit {
	p.Helper()
	call := outcrop.NewConverseCall(bedrock.OpConverse, &bedrock.ConverseRequest{ModelID: modelID, Messages: []bedrock.Message{bedrock.UserText(prompt)}})
	count, err := b.m.CountTokens(p.Context(), call)
	p.must(err)
	admission, limit := b.throttle.Start(b.now, throttle.Request{Input: count.InputTokens, MaxTokens: maxTokens})
	if limit != throttle.Accepted {
		return limit
	}
	r, err := b.m.Infer(p.Context(), outcrop.InferRequest{Method: string(method), Prompt: prompt, MaxTokens: maxTokens})
	p.must(err)
	if method == outcrop.MethodStream {
		_, b.last, _ = p.drain(r.Stream, func() {})
	} else {
		b.last, err = r.Usage()
		p.must(err)
	}
	b.throttle.End(b.now, admission, throttle.Usage{Input: b.last.InputTokens, Output: b.last.OutputTokens})
	return throttle.Accepted
}

// left is how many tokens the service would let in now.
func (b *books) left(p *probe) int {
	p.Helper()
	low, high := 0, 1<<20
	for low < high {
		middle := (low + high + 1) / 2
		if a, limit := b.throttle.Start(b.now, throttle.Request{Input: middle}); limit == throttle.Accepted {
			b.throttle.End(b.now, a, throttle.Usage{})
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low
}

// compared is what compare measures of each method, in virtual time at the
// simulator's nominal pace.
func compared(p *probe) map[string]compare.Row {
	p.Helper()
	c := &clock{now: time.Unix(0, 0)}
	m := p.manager(local.Config{ModelID: "anthropic.claude-sonnet-4-5-20250929-v1:0", Simulator: simulator.Config{Pace: &simulator.Nominal, Clock: c}})
	rows := map[string]compare.Row{}
	var table strings.Builder
	for _, r := range compare.Run(p.Context(), m.Manager, compare.Options{Prompt: "What is quantum computing?", Objects: m.Objects(), Now: c.Now}) {
		if r.Err != nil {
			p.Fatal(r.Err)
		}
		rows[string(r.Method)] = r
		if r.Method != outcrop.MethodSync {
			table.WriteString("; ")
		}
		fmt.Fprintf(&table, "%s first %d ms, all %d ms, %d+%d tokens, quota %d+%d", r.Method, r.TimeToFirstTokenMs, r.TotalMs, r.Usage.InputTokens, r.Usage.OutputTokens, r.QuotaRequests, r.QuotaTokens)
	}
	p.runs++
	p.note(">", "compare.Run, in virtual time")
	for line := range strings.SplitSeq(table.String(), "; ") {
		p.log = append(p.log, "      "+line)
	}
	return rows
}

// files are those below a directory of the probe's home.
func (p *probe) files(dir string) map[string]int64 {
	p.Helper()
	found := map[string]int64{}
	p.must(filepath.WalkDir(filepath.Join(p.dir, dir), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		found[filepath.Base(path)] = info.Size()
		return err
	}))
	return found
}
