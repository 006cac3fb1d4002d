package batch

import (
	"context"
	"errors"
	"fmt"
	"iter"
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
			Window: rapid.IntRange(1, 30).Draw(rt, "window"), InFlightBytes: rapid.IntRange(1, 2000).Draw(rt, "bytes"),
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

// inOrder on its own: numbers in, numbers out.
func TestInOrder(t *testing.T) {
	errRead, errDeliver := errors.New("read"), errors.New("deliver")
	numbers := func(n int, end error) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := range n {
				if !yield(i, nil) {
					return
				}
			}
			if end != nil {
				yield(0, end)
			}
		}
	}
	for name, c := range map[string]struct {
		end       error // of the sequence, after 50 numbers
		deliverTo int   // deliver fails from this number on; -1: never
		delivered int
		want      error
	}{
		"to the end":          {nil, -1, 50, nil},
		"the sequence fails":  {errRead, -1, 50, errRead},
		"the delivery fails":  {nil, 20, 20, errDeliver},
		"both fail":           {errRead, 20, 20, errDeliver},
		"the first one fails": {nil, 0, 0, errDeliver},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []int
				err := inOrder(t.Context(), window{workers: 3, items: 7, bytes: 100}, numbers(50, c.end),
					func(i int) int { return i },
					func(_ context.Context, i int) int { time.Sleep(time.Duration(i*37%11) * time.Second); return i },
					func(i int) error {
						if c.deliverTo >= 0 && i >= c.deliverTo {
							return errDeliver
						}
						got = append(got, i)
						return nil
					})
				var want []int
				for i := range c.delivered {
					want = append(want, i)
				}
				if !errors.Is(err, c.want) || !slices.Equal(got, want) {
					t.Errorf("delivered %v, error %v; want %d numbers and %v", got, err, c.delivered, c.want)
				}
			})
		})
	}
}

// The bytes in flight stay within their bound, but what is larger goes alone.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most, alone atomic.Int64
		sizes := []int{10, 40, 40, 10, 500, 10, 90, 20}
		err := inOrder(t.Context(), window{workers: 8, items: 8, bytes: 100},
			func(yield func(int, error) bool) {
				for _, s := range sizes {
					if !yield(s, nil) {
						return
					}
				}
			},
			func(s int) int { return s },
			func(_ context.Context, s int) int {
				n := now.Add(int64(s))
				if s > 100 {
					alone.Store(n)
				} else {
					most.Store(max(most.Load(), n))
				}
				time.Sleep(time.Second)
				now.Add(int64(-s))
				return s
			},
			func(int) error { return nil })
		if err != nil || most.Load() > 100 || alone.Load() != 500 {
			t.Errorf("at most %d bytes at once, %d with the large one, error %v", most.Load(), alone.Load(), err)
		}
	})
}
