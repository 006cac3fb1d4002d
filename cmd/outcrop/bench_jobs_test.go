package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	control "github.com/aws/aws-sdk-go-v2/service/bedrock"
	controltypes "github.com/aws/aws-sdk-go-v2/service/bedrock/types"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/outcrop-ai/outcrop/internal/benchproc"
)

// The model of BenchmarkServeInteractive: it writes jobsTokens tokens in 100 ms,
// give or take a fifth, and four replies at a time, so 40 replies a second
// in all. Calls beyond wait at the model in the order in which they came.
const (
	jobsTokens = 16
	jobsModel  = `
simulator:
  pace: true
  firstToken: 20ms
  tokensPerSecond: 200
  jitter: 0.2
  concurrent: 4
`
	jobsEvery = 200 * time.Millisecond // an interactive call, on average
)

// jobsRecords is how many records a job has beside so many interactive calls,
// which come twice: more than the model can answer meanwhile.
func jobsRecords(calls int) int {
	seconds := 2 * float64(calls) * jobsEvery.Seconds()
	return int(40*seconds)*5/4 + 1000
}

// BenchmarkServeInteractive measures how long interactive calls take while
// batch jobs saturate the same model. `outcrop serve` runs in a process of its
// own; the jobs lie on its S3 door; the calls come at random times (Poisson),
// whether or not those before have been answered, from the AWS SDK. An
// operation is an interactive call.
//
//   - quotas: the configuration says how many calls the model takes at once.
//   - backend: it says how many the back-end takes.
//   - unknown: it says nothing, and records make room.
//   - off: they do not; all wait in the model's own queue.
//
// The metrics are the waits of the calls without jobs ("idle"), and with one
// and two jobs; "service-ms" is the mean time that the model took for a call,
// without waiting; "target-ms" is idle p95 and that; "records/s" what a job had
// meanwhile, of the 40 that the model can answer, and "alone-records/s" what one
// has without interactive calls.
func BenchmarkServeInteractive(b *testing.B) {
	for _, c := range []struct{ name, settings string }{
		{"quotas", "quotas:\n  models:\n    - match: '*'\n      concurrent: 4\n"},
		{"backend", "backends:\n  engine:\n    kind: simulator\n    limits: {concurrent: 4}\nbackend: engine\n"},
		{"unknown", ""},
		{"off", "batch: {yield: false}\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			file := filepath.Join(b.TempDir(), "outcrop.yaml")
			if err := os.WriteFile(file, []byte(jobsModel+c.settings), 0o600); err != nil {
				b.Fatal(err)
			}
			s := newShared(b, benchproc.Start(b, "serve", benchArgs+"=--config "+file).Addr, jobsRecords(b.N))
			b.ResetTimer()
			idle, service := s.interactive(b, b.N)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(service, "service-ms")
			report(b, "idle", idle)
			b.ReportMetric(at(idle, 0.95)+service, "target-ms")
			for jobs := 1; jobs <= 2; jobs++ {
				s.job(b)
				s.settle(b)
				if jobs == 1 {
					begun, before := time.Now(), s.processed(b)
					time.Sleep(5 * time.Second)
					b.ReportMetric(float64(s.processed(b)-before)/time.Since(begun).Seconds(), "alone-records/s")
				}
				begun, before := time.Now(), s.processed(b)
				waits, _ := s.interactive(b, b.N)
				rate := float64(s.processed(b)-before) / time.Since(begun).Seconds()
				report(b, fmt.Sprintf("jobs=%d", jobs), waits)
				b.ReportMetric(rate, fmt.Sprintf("jobs=%d-records/s", jobs))
			}
			s.stop(b)
		})
	}
}

func report(b *testing.B, name string, waits []float64) {
	b.Helper()
	b.ReportMetric(at(waits, 0.5), name+"-p50-ms")
	b.ReportMetric(at(waits, 0.95), name+"-p95-ms")
	b.ReportMetric(waits[len(waits)-1], name+"-max-ms")
}

// at is a quantile of sorted values.
func at(sorted []float64, q float64) float64 { return sorted[int(q*float64(len(sorted)-1))] }

// shared is a server that clients and jobs share.
type shared struct {
	runtime *bedrockruntime.Client
	control *control.Client
	jobs    []string
	random  *rand.Rand
}

func newShared(b *testing.B, addr string, count int) *shared {
	b.Helper()
	url := "http://" + addr
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	credentials := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}, nil
	})
	files := s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials, HTTPClient: client, UsePathStyle: true})
	for _, bucket := range []string{"bench-in", "bench-out"} {
		if _, err := files.CreateBucket(b.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
			b.Fatal(err)
		}
	}
	var records bytes.Buffer
	for i := range count {
		fmt.Fprintf(&records, `{"recordId":"r%07d","modelInput":{"messages":[{"role":"user","content":[{"text":"Summarise the %dth report on rivers, tides and lighthouses in a few sentences."}]}],"inferenceConfig":{"maxTokens":%d}}}`+"\n", i, i, jobsTokens)
	}
	if _, err := files.PutObject(b.Context(), &s3.PutObjectInput{Bucket: aws.String("bench-in"), Key: aws.String("a.jsonl"), Body: bytes.NewReader(records.Bytes())}); err != nil {
		b.Fatal(err)
	}
	return &shared{
		runtime: bedrockruntime.New(bedrockruntime.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials, HTTPClient: client, RetryMaxAttempts: 1}),
		control: control.New(control.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials, HTTPClient: client}),
		random:  rand.New(rand.NewPCG(1, 2)),
	}
}

// job begins one more job.
func (s *shared) job(b *testing.B) {
	b.Helper()
	created, err := s.control.CreateModelInvocationJob(b.Context(), &control.CreateModelInvocationJobInput{
		JobName: aws.String(fmt.Sprintf("bench-%d", len(s.jobs))), ModelId: aws.String(benchModel), RoleArn: aws.String("arn:aws:iam::123456789012:role/batch"),
		ModelInvocationType: controltypes.ModelInvocationTypeConverse,
		InputDataConfig:     &controltypes.ModelInvocationJobInputDataConfigMemberS3InputDataConfig{Value: controltypes.ModelInvocationJobS3InputDataConfig{S3Uri: aws.String("s3://bench-in/a.jsonl")}},
		OutputDataConfig:    &controltypes.ModelInvocationJobOutputDataConfigMemberS3OutputDataConfig{Value: controltypes.ModelInvocationJobS3OutputDataConfig{S3Uri: aws.String("s3://bench-out/")}},
	})
	if err != nil {
		b.Fatal(err)
	}
	s.jobs = append(s.jobs, *created.JobArn)
}

// settle waits until the last job has had a hundred replies: the model has
// been full for a while.
func (s *shared) settle(b *testing.B) {
	b.Helper()
	for from := s.processed(b); s.processed(b) < from+100; time.Sleep(50 * time.Millisecond) {
	}
}

// processed is how many records of all jobs have a result. A job that has
// ended, whatever as, left the model to the interactive calls: that would
// measure nothing.
func (s *shared) processed(b *testing.B) (n int64) {
	b.Helper()
	for _, arn := range s.jobs {
		job, err := s.control.GetModelInvocationJob(b.Context(), &control.GetModelInvocationJobInput{JobIdentifier: &arn})
		if err != nil {
			b.Fatal(err)
		}
		switch job.Status {
		case controltypes.ModelInvocationJobStatusSubmitted, controltypes.ModelInvocationJobStatusValidating,
			controltypes.ModelInvocationJobStatusScheduled, controltypes.ModelInvocationJobStatusInProgress:
		default:
			b.Fatalf("job %s is %s already: %s", arn, job.Status, aws.ToString(job.Message))
		}
		n += aws.ToInt64(job.ProcessedRecordCount)
	}
	return n
}

func (s *shared) stop(b *testing.B) {
	b.Helper()
	for _, arn := range s.jobs {
		if _, err := s.control.StopModelInvocationJob(b.Context(), &control.StopModelInvocationJobInput{JobIdentifier: &arn}); err != nil {
			b.Fatal(err)
		}
	}
}

// interactive makes n calls at random times, and returns how long each took,
// sorted, and for how long the model was at work on one, on average: both in
// milliseconds.
func (s *shared) interactive(b *testing.B, n int) (waits []float64, service float64) {
	b.Helper()
	waits = make([]float64, n)
	model := make([]float64, n)
	var calls sync.WaitGroup
	next := time.Now()
	for i := range n {
		next = next.Add(time.Duration(s.random.ExpFloat64() * float64(jobsEvery)))
		time.Sleep(time.Until(next))
		text := fmt.Sprintf("Question %d: %s", i, strings.Repeat("why do tides turn? ", 1+s.random.IntN(20)))
		calls.Go(func() {
			begun := time.Now()
			reply, err := s.runtime.Converse(b.Context(), &bedrockruntime.ConverseInput{
				ModelId:         aws.String(benchModel),
				Messages:        []types.Message{{Role: types.ConversationRoleUser, Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: text}}}},
				InferenceConfig: &types.InferenceConfiguration{MaxTokens: aws.Int32(jobsTokens)},
			})
			waits[i] = float64(time.Since(begun)) / float64(time.Millisecond)
			if err != nil {
				b.Error(err)
				return
			}
			model[i] = float64(*reply.Metrics.LatencyMs)
		})
	}
	calls.Wait()
	if b.Failed() {
		b.FailNow()
	}
	for _, ms := range model {
		service += ms / float64(n)
	}
	slices.Sort(waits)
	return waits, service
}
