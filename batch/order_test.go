package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// Any mix of quick, slow, throttled and failing records gives one line for each
// record, in the input's order, with that record's own outcome.
func TestOneLineForEachRecordInOrder(t *testing.T) {
	f := newFixture(t, Config{})
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		kinds := rapid.SampledFrom([]string{"quick", "slow", "throttled", "refused", "lost"})
		files := rapid.SliceOfN(rapid.SliceOfN(kinds, 1, 40), 1, 3).Draw(rt, "records")
		config := Config{
			Objects: f.dir, Backend: mixed(), Concurrency: rapid.IntRange(1, 9).Draw(rt, "concurrency"),
			ShardRecords: rapid.IntRange(1, 12).Draw(rt, "shard"), OpenShards: rapid.IntRange(1, 4).Draw(rt, "shards"),
			Unkept: rapid.IntRange(1, 9).Draw(rt, "unkept"), InFlightBytes: rapid.IntRange(1, 2000).Draw(rt, "bytes"),
		}
		folder := fmt.Sprintf("s3://input/%d/", round)
		for i, kinds := range files {
			var text strings.Builder
			for j, kind := range kinds {
				fmt.Fprintf(&text, `{"recordId":"%d.%d","modelInput":{"kind":%q,"wait":%d}}`+"\n", i, j, kind, (j*7)%5)
			}
			f.put(fmt.Sprintf("%s%d.jsonl", folder, i), text.String())
		}
		var job *bedrock.GetModelInvocationJobResponse
		var err error
		synctest.Test(t, func(*testing.T) { job, err = runToEnd(config, request(folder, "s3://output")) })
		if err != nil || job.Status != completed {
			rt.Fatalf("the job is %+v, error %v", job, err)
		}

		failures := 0
		for i, kinds := range files {
			lines := outLines(rt, f.get(fmt.Sprintf("s3://output/%s/%d.jsonl.out", id(job.JobARN), i)))
			if len(lines) != len(kinds) {
				rt.Fatalf("%d lines for %d records", len(lines), len(kinds))
			}
			for j, line := range lines {
				want := map[string]int{"refused": 403, "lost": 500}[kinds[j]]
				got := 0
				if line.Error != nil {
					failures++
					got = line.Error.ErrorCode
				}
				if line.RecordID != fmt.Sprintf("%d.%d", i, j) || !strings.Contains(string(line.ModelInput), kinds[j]) ||
					got != want || (want == 0) != (line.ModelOutput != nil) {
					rt.Fatalf("line %d of file %d is %+v, want that of a %s record", j, i, line, kinds[j])
				}
			}
		}
		if total := len(slices.Concat(files...)); *job.TotalRecordCount != total || *job.ErrorRecordCount != failures || *job.SuccessRecordCount != total-failures {
			rt.Fatalf("counts %d, %d, %d; want %d records and %d failures",
				*job.TotalRecordCount, *job.SuccessRecordCount, *job.ErrorRecordCount, total, failures)
		}
	})
}

// runToEnd is the last state of a job that has a Jobs of its own.
func runToEnd(config Config, req *bedrock.CreateModelInvocationJobRequest) (*bedrock.GetModelInvocationJobResponse, error) {
	ctx := context.Background()
	jobs, err := New(config)
	if err != nil {
		return nil, err
	}
	created, err := jobs.Create(ctx, alice, req)
	if err != nil {
		return nil, err
	}
	if err := jobs.Close(ctx); err != nil {
		return nil, err
	}
	return jobs.Get(ctx, alice, created.JobARN)
}

// mixed is a model that treats each record as its body asks for.
func mixed() outcrop.Backend {
	var mu sync.Mutex
	attempts := map[string]int{} // by request id
	return outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		var body struct {
			Kind string `json:"kind"`
			Wait int    `json:"wait"`
		}
		if err := bedrock.Unmarshal(call.Raw, &body); err != nil {
			return nil, err
		}
		mu.Lock()
		attempts[call.RequestID]++
		n := attempts[call.RequestID]
		mu.Unlock()
		switch body.Kind {
		case "slow":
			time.Sleep(time.Duration(body.Wait) * time.Second)
		case "throttled":
			if n < 3 {
				return nil, outcrop.Errorf(bedrock.CodeThrottling, "slow down")
			}
		case "refused":
			return nil, outcrop.Errorf(bedrock.CodeAccessDenied, "no")
		case "lost":
			return nil, errors.New("connection reset")
		}
		return echo(ctx, call)
	})
}

// The bytes in flight stay within their bound, but what is larger goes alone.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most, alone atomic.Int64
		b := newBudget(100)
		var wg sync.WaitGroup
		for _, n := range []int{10, 40, 40, 10, 500, 10, 90, 20} {
			b.take(n)
			held := now.Add(int64(n))
			if n > 100 {
				alone.Store(held)
			} else {
				most.Store(max(most.Load(), held))
			}
			wg.Go(func() {
				time.Sleep(time.Second)
				now.Add(int64(-n))
				b.give(n)
			})
		}
		wg.Wait()
		if most.Load() > 100 || alone.Load() != 500 {
			t.Errorf("at most %d bytes at once, %d with the large one", most.Load(), alone.Load())
		}
		b.take(100)
		time.AfterFunc(time.Second, b.open)
		b.take(1) // nobody gives anything back
	})
}
