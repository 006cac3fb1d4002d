package batch

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/objects"
)

// records of about 1 KB.
func benchInput(n int) string {
	body := strings.Repeat("All work and no play. ", 45)
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"recordId":"CALL%07d","modelInput":{"max_tokens":100,"messages":[{"role":"user","content":%q}]}}`+"\n", i, body)
	}
	return b.String()
}

// BenchmarkJob is a whole job on disk, validation and manifest included, with a
// model that answers at once. An operation is a record.
func BenchmarkJob(b *testing.B) {
	reply := []byte(`{"content":[{"type":"text","text":"` + strings.Repeat("yes ", 50) + `"}],"stop_reason":"end_turn"}`)
	instant := outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
		return outcrop.NewReply(outcrop.Meta{}, reply), nil
	})
	const records = 20_000
	f := newBenchFixture(b, records)
	b.SetBytes(int64(len(benchInput(1))))
	b.ReportAllocs()
	b.ResetTimer()
	begun := time.Now()
	for done := 0; done < b.N; done += records {
		jobs, err := New(Config{Objects: f, Backend: instant})
		if err != nil {
			b.Fatal(err)
		}
		created, err := jobs.Create(b.Context(), alice, request("s3://input/a.jsonl", "s3://output"))
		if err != nil {
			b.Fatal(err)
		}
		if err := jobs.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
		job, err := jobs.Get(b.Context(), alice, created.JobARN)
		if err != nil || *job.SuccessRecordCount != records {
			b.Fatal(job, err)
		}
	}
	jobs := (b.N + records - 1) / records
	b.ReportMetric(float64(jobs*records)/time.Since(begun).Seconds(), "records/s")
}

// BenchmarkMemory is the live heap in the midst of jobs of two sizes: it should
// be the same.
func BenchmarkMemory(b *testing.B) {
	for _, records := range []int{5_000, 50_000} {
		b.Run(fmt.Sprint(records), func(b *testing.B) {
			f := newBenchFixture(b, records)
			var before, most runtime.MemStats
			for b.Loop() {
				runtime.GC()
				runtime.ReadMemStats(&before)
				n := 0
				jobs, err := New(Config{Concurrency: 1, Objects: f, Backend: outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
					if n++; n == records*9/10 {
						runtime.GC()
						runtime.ReadMemStats(&most)
					}
					return echo(ctx, call)
				})})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := jobs.Create(b.Context(), alice, request("s3://input/a.jsonl", "s3://output")); err != nil {
					b.Fatal(err)
				}
				if err := jobs.Close(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(most.HeapAlloc)-float64(before.HeapAlloc), "live-B")
		})
	}
}

// newBenchFixture is a directory with an input of n records.
func newBenchFixture(b *testing.B, n int) *objects.Directory {
	b.Helper()
	dir, err := objects.NewDirectory(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = dir.Close() })
	dir.CreateBuckets = true
	w, err := dir.Create(b.Context(), "s3://input/a.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	if _, err := io.WriteString(w, benchInput(n)); err != nil {
		b.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		b.Fatal(err)
	}
	return dir
}
