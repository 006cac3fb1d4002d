//go:build unix

package jobs_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/journal"
	"github.com/outcrop-ai/outcrop/journal/jobs"
	"github.com/outcrop-ai/outcrop/objects"
	"github.com/outcrop-ai/outcrop/owner"
)

const benchDir = "JOBS_BENCH_CHILD"

// BenchmarkDurableJob is a whole job in a process of its own, from its creation
// to the manifest, with a model that answers at once: records of 1 kB and
// replies of 300 bytes, each result synced to disk (fsync) before it counts. An
// operation is a record. The metrics are records/s, and the peak of the
// process's memory: of its heap, sampled, and of all of it as the kernel counts
// (VmHWM); and the processor time of a record, which says on a busy machine what
// records/s does on an idle one.
func BenchmarkDurableJob(b *testing.B) {
	for _, records := range []int{50_000, 1_000_000} {
		b.Run(strconv.Itoa(records), func(b *testing.B) {
			if records > 100_000 && testing.Short() {
				b.Skip("long")
			}
			dir := b.TempDir()
			benchInput(b, dir, records)
			b.ResetTimer()
			var took time.Duration
			var heap, resident float64
			runs := 0
			for done := 0; done < b.N; done += records {
				runs++
				one, h, r := benchChild(b, dir, records)
				took += one
				heap, resident = max(heap, h), max(resident, r)
			}
			b.ReportMetric(float64(runs*records)/took.Seconds(), "records/s")
			b.ReportMetric(heap/1e6, "heap-MB")
			b.ReportMetric(resident/1e6, "rss-MB")
		})
	}
}

func benchInput(b *testing.B, dir string, records int) {
	b.Helper()
	path := filepath.Join(dir, "objects", "input", "a.jsonl")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		b.Fatal(err)
	}
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	w := bufio.NewWriterSize(file, 1<<20)
	body := strings.Repeat("All work and no play. ", 42)
	for i := range records {
		fmt.Fprintf(w, `{"recordId":"CALL%07d","modelInput":{"max_tokens":100,"messages":[{"role":"user","content":%q}]}}`+"\n", i, body)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
}

// benchChild runs a job in another process.
func benchChild(b *testing.B, dir string, records int) (took time.Duration, heap, resident float64) {
	b.Helper()
	c := exec.CommandContext(b.Context(), os.Args[0])
	c.Env = append(os.Environ(), benchDir+"="+dir, "JOBS_BENCH_RECORDS="+strconv.Itoa(records))
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	var nanoseconds int64
	var processor int64
	if _, err := fmt.Sscan(string(out), &nanoseconds, &heap, &resident, &processor); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	b.ReportMetric(float64(processor)/1e3/float64(records), "cpu-µs/record")
	return time.Duration(nanoseconds), heap, resident
}

func runBench(dir string) error {
	ctx := context.Background()
	records, err := strconv.Atoi(os.Getenv("JOBS_BENCH_RECORDS"))
	if err != nil {
		return err
	}
	lock, err := owner.Acquire(dir)
	if err != nil {
		return err
	}
	j, err := journal.Open(ctx, journal.Config{Lock: lock})
	if err != nil {
		return err
	}
	store, err := jobs.Open(ctx, j)
	if err != nil {
		return err
	}
	directory, err := objects.NewDirectory(filepath.Join(dir, "objects"))
	if err != nil {
		return err
	}
	directory.CreateBuckets = true
	reply := []byte(`{"content":[{"type":"text","text":"` + strings.Repeat("yes ", 60) + `"}],"stop_reason":"end_turn","usage":{"input_tokens":9,"output_tokens":8}}`)
	runner, err := batch.New(batch.Config{
		Store: store, Objects: directory,
		Limits: batch.Limits{MaxRecords: records, MaxFileRecords: records, MaxFileBytes: 1 << 40, MaxJobBytes: 1 << 40},
		Backend: outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
			return outcrop.NewReply(outcrop.Meta{}, reply), nil
		}),
	})
	if err != nil {
		return err
	}
	if profile := os.Getenv("JOBS_BENCH_PROFILE"); profile != "" {
		file, err := os.Create(profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	heap := watchHeap(ctx)
	begun := time.Now()
	created, err := runner.Create(ctx, outcrop.Caller{}, &bedrock.CreateModelInvocationJobRequest{
		JobName: "bench", ModelID: "anthropic.claude-3-haiku-20240307-v1:0",
		InputDataConfig: bedrock.ModelInvocationJobInputDataConfig{
			S3InputDataConfig: &bedrock.ModelInvocationJobS3InputDataConfig{S3URI: "s3://input/a.jsonl"},
		},
		OutputDataConfig: bedrock.ModelInvocationJobOutputDataConfig{S3URI: "s3://output/"},
	})
	if err != nil {
		return err
	}
	var last *bedrock.GetModelInvocationJobResponse
	for state, err := range runner.Watch(ctx, outcrop.Caller{}, created.JobARN) {
		if err != nil {
			return err
		}
		last = state
	}
	took := time.Since(begun)
	if last.SuccessRecordCount == nil || *last.SuccessRecordCount != records {
		return fmt.Errorf("the job is %+v", last)
	}
	fmt.Println(took.Nanoseconds(), heap(), residentPeak(), processorTime().Nanoseconds())
	if err := runner.Close(ctx); err != nil {
		return err
	}
	return j.Close(ctx)
}
