package document

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/estimate"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/objects"
	"github.com/outcrop-ai/outcrop/price"
	"github.com/outcrop-ai/outcrop/quota"
)

const body = `{"anthropic_version":"bedrock-2023-05-31","max_tokens":1000,"messages":[{"role":"user","content":"Write a detailed analysis of quantum computing."}]}`

// jobLines are the flags of a job of one body, as the document has it.
func jobLines(name string) []string {
	return []string{
		"bedrock", "create-model-invocation-job", "--model-id", modelID, "--job-name", name,
		"--input-data-config", `{"contentType":"application/json","text":` + quotedJSON(body) + `}`,
		"--output-data-config", "s3Uri=s3://my-bucket/results/", "--profile", "aws", "--query", "jobArn", "--output", "text",
	}
}

func quotedJSON(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}

// records is a JSONL file of n prompts.
func records(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"recordId":"r%03d","modelInput":{"anthropic_version":"bedrock-2023-05-31","max_tokens":200,"messages":[{"role":"user","content":"Describe rock %d."}]}}`+"\n", i, i)
	}
	return b.String()
}

// bubble runs f in time that passes only while everybody waits.
func (p *probe) bubble(f func(p *probe)) {
	p.Helper()
	dir := p.TempDir()
	synctest.Test(p.T, func(t *testing.T) {
		inner := &probe{T: t, dir: dir}
		f(inner)
		p.log, p.runs, p.held = append(p.log, inner.log...), p.runs+inner.runs, p.held+inner.held
	})
}

// counting counts how many calls are at a model at once.
type counting struct {
	outcrop.Backend
	mu       sync.Mutex
	now, max int
}

func (c *counting) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	c.mu.Lock()
	c.now++
	c.max = max(c.max, c.now)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.now--
		c.mu.Unlock()
	}()
	return c.Backend.Do(ctx, call)
}

// pool is a job of records in virtual time beside the same prompts by sync.
type pool struct {
	job, sync, one time.Duration
	most           int // records at the model at once
	status         *bedrock.GetModelInvocationJobResponse
	states         []string
}

const poolSize = 64

func (p *probe) pool(concurrency int) pool {
	p.Helper()
	var r pool
	p.bubble(func(p *probe) {
		s, err := simulator.New(simulator.Config{Pace: &simulator.Pace{FirstToken: time.Second, TokensPerSecond: 50}})
		p.must(err)
		counted := &counting{Backend: s}
		dir, err := objects.NewDirectory(p.dir)
		p.must(err)
		defer dir.Close()
		dir.CreateBuckets = true
		w, err := dir.Create(p.Context(), "s3://my-bucket/in.jsonl")
		p.must(err)
		_, err = w.Write([]byte(records(poolSize)))
		p.must(err)
		p.must(w.Commit())
		jobs, err := batch.New(batch.Config{Backend: counted, Objects: dir, Concurrency: concurrency})
		p.must(err)
		defer func() { p.must(jobs.Close(p.Context())) }()
		m, err := outcrop.New(outcrop.Config{ModelID: modelID, Backend: s, Jobs: jobs})
		p.must(err)

		began := time.Now()
		created, err := m.Batch(p.Context(), &bedrock.CreateModelInvocationJobRequest{
			JobName: "pool", RoleARN: "arn:aws:iam::000000000000:role/any",
			InputDataConfig:  bedrock.ModelInvocationJobInputDataConfig{S3InputDataConfig: &bedrock.ModelInvocationJobS3InputDataConfig{S3URI: "s3://my-bucket/in.jsonl"}},
			OutputDataConfig: bedrock.ModelInvocationJobOutputDataConfig{S3OutputDataConfig: &bedrock.ModelInvocationJobS3OutputDataConfig{S3URI: "s3://my-bucket/results/"}},
		})
		p.must(err)
		for state, err := range jobs.Watch(p.Context(), outcrop.Caller{}, created.JobARN) {
			p.must(err)
			if r.states == nil || r.states[len(r.states)-1] != string(state.Status) {
				r.states = append(r.states, string(state.Status))
			}
			r.status = state
		}
		r.job = time.Since(began)
		began = time.Now()
		for i := range poolSize {
			p.invoke(m, fmt.Sprintf("Describe rock %d.", i))
			if i == 0 {
				r.one = time.Since(began)
			}
		}
		r.sync, r.most = time.Since(began), counted.max
		p.ran(fmt.Sprintf("m.Batch of %d records, and as many m.Invoke one after the other", poolSize), "the job: %v, %d records at once, %v; sync: %v", r.job, r.most, r.states, r.sync)
	})
	return r
}

var asynchronous = []check{
	{"Asynchronous processing allows you to submit", func(p *probe, _ Item) {
		url := p.serve()
		arn := strings.TrimSpace(p.outcrop(append(jobLines("later"), "--endpoint-url", url)...).stdout)
		p.holds(strings.Contains(arn, ":model-invocation-job/"), "the command ended with a job's id and holds no connection")
		p.until(url, arn, "Completed")
		p.holds(p.files(".local/share/outcrop/objects/my-bucket")["inline.jsonl.out"] > 0, "the results lie there for later")
	}},
	{"Long-running inference tasks", func(p *probe, _ Item) {
		gate := &gateClock{open: make(chan struct{})}
		m := p.manager(local.Config{Simulator: simulator.Config{Pace: &simulator.Pace{}, Clock: gate}})
		r, err := m.Infer(p.Context(), outcrop.InferRequest{Method: "async", Prompt: "Take your time.", OutputS3URI: "s3://my-bucket/results/"})
		p.must(err)
		jobs, err := m.Jobs()
		p.must(err)
		state, err := jobs.Get(p.Context(), outcrop.Caller{}, r.Job.JobARN)
		p.must(err)
		p.ran("m.Infer by async, of a model that has not answered yet", "%s: %s", r.Job.JobARN, state.Status)
		p.holds(state.Status != bedrock.ModelInvocationJobStatusCompleted, "the call returned while the model still works")
		close(gate.open)
		last := p.watch(m, r.Job.JobARN)
		p.holds(last.Status == bedrock.ModelInvocationJobStatusCompleted, "and the job completes without a connection: %s", last.Status)
	}},
	{"Batch processing of multiple requests", func(p *probe, _ Item) {
		p.write("records.jsonl", records(100))
		o := p.outcrop("batch", "run", "records.jsonl", "-o", "results", "-m", modelID, "--json")
		p.holds(strings.Contains(o.stdout, `"successRecordCount": 100`), "one job answered 100 requests")
	}},
	{"Background processing where you don't need immediate results", func(p *probe, _ Item) {
		url := p.serve()
		arn := strings.TrimSpace(p.outcrop(append(jobLines("background"), "--endpoint-url", url)...).stdout)
		o := p.outcrop("--endpoint", url, "converse", "Meanwhile, hello.")
		p.holds(o.stdout != "", "other calls go on meanwhile")
		p.until(url, arn, "Completed")
	}},
	{"Heavy workloads where you need to manage throughput", func(p *probe, _ Item) {
		r := p.pool(4)
		p.holds(r.most == 4, "with Concurrency 4, never more than %d of %d records are at the model", r.most, poolSize)
	}},
	{"python: def create_async_inference_job", func(p *probe, i Item) {
		o := p.python(i.Text + `
arn = create_async_inference_job("` + modelID + `", json.loads('` + body + `'), "s3://my-bucket/results/")
while (job := check_job_status(arn))["status"] not in ("Completed", "Failed"):
    time.sleep(0.02)
print(json.dumps({"arn": arn, "status": job["status"], "records": job["successRecordCount"]}))
`)
		r := into[struct {
			ARN, Status string
			Records     int
		}](p, o.stdout)
		p.holds(strings.Contains(r.ARN, ":model-invocation-job/") && r.Status == "Completed" && r.Records == 1, "both functions work: %s", r.Status)
	}},
	{"bash: aws bedrock create-model-invocation-job", func(p *probe, i Item) {
		// The second command asks for a job that only the document has.
		text := strings.ReplaceAll("\n"+i.Text, "\naws ", "\noutcrop ")
		create, get, _ := strings.Cut(text, "# Check job status")
		o := p.command("", strings.TrimSpace(create), "bash", p.write("create.sh", create))
		p.holds(o.code == 0 && strings.Contains(o.stdout, "jobArn") && strings.Contains(o.stderr, "Completed"), "the job is created, and without a server run at once")
		o = p.command("", strings.TrimSpace(get), "bash", p.write("get.sh", get))
		p.holds(o.code != 0 && strings.Contains(o.stderr, "ResourceNotFoundException"), "the identifier of the example belongs to no job, which is said")
		p.note("·", "with a job of one's own:")
		url := p.serve()
		arn := strings.TrimSpace(p.outcrop(append(jobLines("my-batch-job-1"), "--endpoint-url", url)...).stdout)
		mine := strings.Replace(get, "arn:aws:bedrock:us-west-2:123456789012:model-invocation-job/abcde12345", arn, 1)
		mine = strings.Replace(mine, "--profile aws", "--profile aws --endpoint-url "+url, 1)
		o = p.command("", strings.TrimSpace(mine), "bash", p.write("mine.sh", mine))
		p.holds(o.code == 0 && strings.Contains(o.stdout, `"status"`), "the command shows its status")
	}},
	{"Different quota limits than real-time", func(p *probe, _ Item) {
		rows := compared(p)
		p.holds(rows["async"].QuotaRequests == 0 && rows["async"].QuotaTokens == 0 && rows["async"].Usage.OutputTokens > 0, "a job's %d output tokens count against no quota of a minute", rows["async"].Usage.OutputTokens)
	}},
	{"Often allows for higher throughput", func(p *probe, _ Item) {
		r := p.pool(16)
		p.holds(r.job*10 < r.sync, "%d records in %v instead of %v", poolSize, r.job, r.sync)
	}},
	{"May have limits on concurrent jobs", func(p *probe, _ Item) {
		pool := quota.PoolID{Model: modelID, Method: "async"}
		b, err := quota.NewBook(quota.Config{Pools: []quota.PoolConfig{{ID: pool, Concurrent: 2}}})
		p.must(err)
		var states []quota.State
		var last quota.Decision
		for range 3 {
			_, d, err := b.Reserve(time.Unix(1, 0), quota.Request{Pools: []quota.PoolID{pool}, MaxTokens: 10, MaxWait: time.Minute})
			p.must(err)
			states, last = append(states, d.State), d
		}
		p.ran("quota.Book.Reserve, three times, Concurrent: 2 and no RPM", "%v, the third for %v", states, last.Limit)
		p.holds(states[0] == quota.Admitted && states[1] == quota.Admitted && states[2] == quota.Waiting, "two run, the third waits for one to end")
	}},
	{"Consider storage costs", func(p *probe, _ Item) {
		p.write("records.jsonl", records(10))
		p.outcrop("batch", "run", "records.jsonl", "-o", "results", "-m", modelID)
		size := p.files("results")["records.jsonl.out"]
		p.holds(size > int64(len(records(10))), "what is stored: %d bytes of results, which repeat the %d of the input", size, len(records(10)))
	}},
	{"Implement job polling", func(p *probe, _ Item) {
		r := p.pool(16)
		p.holds(r.states[len(r.states)-1] == "Completed" && len(r.states) > 1, "Jobs.Watch tells each change of state once, with no loop of one's own")
		e := p.engine(0)
		url := p.serve("--backend", e.flag)
		arn := strings.TrimSpace(p.outcrop(append(jobLines("polled"), "--endpoint-url", url)...).stdout)
		waits := p.start("--endpoint", url, "batch", "wait", arn)
		p.holds(waits.says(has("InProgress")), "outcrop batch wait shows how far the job is")
		e.goOn()
		p.holds(strings.Contains(waits.ends(), "Completed"), "and ends with it")
		p.until(url, arn, "Completed")
	}},
	{"Manage job lifecycles", func(p *probe, _ Item) {
		gate := &gateClock{open: make(chan struct{})}
		m := p.manager(local.Config{Simulator: simulator.Config{Pace: &simulator.Pace{}, Clock: gate}})
		r, err := m.Infer(p.Context(), outcrop.InferRequest{Method: "async", Prompt: "Wait.", JobName: "stopped", OutputS3URI: "s3://my-bucket/results/"})
		p.must(err)
		jobs, err := m.Jobs()
		p.must(err)
		p.must(jobs.Stop(p.Context(), outcrop.Caller{}, r.Job.JobARN))
		close(gate.open)
		last := p.watch(m, r.Job.JobARN)
		list, err := jobs.List(p.Context(), outcrop.Caller{}, &bedrock.ListModelInvocationJobsRequest{NameContains: "stopped"})
		p.must(err)
		p.ran("Jobs.Stop, Jobs.List", "%s, %d listed, expires %v", last.Status, len(list.InvocationJobSummaries), last.JobExpirationTime)
		p.holds(last.Status == bedrock.ModelInvocationJobStatusStopped, "a job that is not wanted is stopped")
		p.holds(len(list.InvocationJobSummaries) == 1 && !last.JobExpirationTime.IsZero(), "jobs are listed, and a job has a time at which it expires")
		url := p.serve()
		arn := strings.TrimSpace(p.outcrop(append(jobLines("old"), "--endpoint-url", url)...).stdout)
		p.until(url, arn, "Completed")
		p.outcrop("--endpoint", url, "batch", "clean", "--older-than", "0s", "--outputs")
		p.holds(p.files(".local/share/outcrop/objects")["inline.jsonl.out"] == 0, "outcrop batch clean --outputs removes what it wrote")
		p.fails("--endpoint", url, "batch", "get", arn)
	}},
	{"Use job batching", func(p *probe, _ Item) {
		p.write("records.jsonl", records(100))
		p.outcrop("batch", "run", "records.jsonl", "-o", "results", "-m", modelID)
		manifest := into[struct{ TotalRecordCount, SuccessRecordCount int }](p, p.read("results/manifest.json.out"))
		p.holds(manifest.TotalRecordCount == 100 && manifest.SuccessRecordCount == 100, "one job, one manifest, %d requests", manifest.TotalRecordCount)
		answers := strings.Count(p.read("results/records.jsonl.out"), "modelOutput")
		p.holds(answers == 100, "and %d answers in one file", answers)
	}},
	{"Implement notification mechanisms", func(p *probe, _ Item) {
		m := p.manager(local.Config{})
		r, err := m.Infer(p.Context(), outcrop.InferRequest{Method: "async", Prompt: "Hello.", OutputS3URI: "s3://my-bucket/results/"})
		p.must(err)
		last := p.watch(m, r.Job.JobARN)
		p.ran("for state := range Jobs.Watch(job)", "%s", last.Status)
		p.holds(last.Status == bedrock.ModelInvocationJobStatusCompleted, "whoever watches is told when the job has ended")
		told := make(chan string, 100)
		hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			event, _ := io.ReadAll(r.Body)
			told <- string(event)
		}))
		p.Cleanup(hook.Close)
		p.write("outcrop.yaml", "events:\n  statuses: [Completed]\n  targets:\n    hook: {kind: webhook, url: "+hook.URL+"}\n")
		url := p.serve("--config", "outcrop.yaml")
		arn := strings.TrimSpace(p.outcrop(append(jobLines("watched"), "--endpoint-url", url)...).stdout)
		o := p.outcrop("--endpoint", url, "batch", "watch", arn)
		p.holds(strings.Contains(o.stdout, "Completed"), "the command line prints a line for each change and ends with the job: something to notify from")
		var event string
		select {
		case event = <-told:
		case <-time.After(patience):
		}
		p.note("·", "the URL was called with "+event)
		p.holds(strings.Contains(event, arn) && strings.Contains(event, `"status":"Completed"`), "a URL is called when the job has ended")
	}},
}

// gateClock makes a model wait until it is opened.
type gateClock struct{ open chan struct{} }

func (g *gateClock) Now() time.Time { return time.Unix(0, 0) }

func (g *gateClock) Sleep(ctx context.Context, _ time.Duration) error {
	select {
	case <-g.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// watch follows a job to its end.
func (p *probe) watch(m *local.Local, arn string) *bedrock.GetModelInvocationJobResponse {
	p.Helper()
	jobs, err := m.Jobs()
	p.must(err)
	var last *bedrock.GetModelInvocationJobResponse
	for state, err := range jobs.Watch(p.Context(), outcrop.Caller{}, arn) {
		p.must(err)
		last = state
	}
	return last
}

// until polls a job's status, as the document says, until it is final.
func (p *probe) until(url, arn, want string) {
	p.Helper()
	polls := 0
	status := ""
	for status == "" || strings.Contains("Submitted Validating Scheduled InProgress", status) {
		before := len(p.log)
		status = strings.TrimSpace(p.outcrop("bedrock", "get-model-invocation-job", "--job-identifier", arn, "--endpoint-url", url, "--query", "status", "--output", "text").stdout)
		if polls++; polls > 1 {
			p.log = p.log[:before] // the walk shows one poll
		}
	}
	p.holds(status == want, "status %s after %d polls", status, polls)
}

// batchPrice is what a job costs of what single calls cost.
func batchPrice() (ratio float64, known bool) {
	work := estimate.Native(modelID, []byte(body))
	full, ok := work.Cost(price.Default(), modelID, false)
	half, also := work.Cost(price.Default(), modelID, true)
	return half / full, ok && also
}
