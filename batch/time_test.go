package batch

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// In these tests time is that of a synctest bubble: it passes when everybody
// waits.

// lines is n records, the i-th with {"n": i}.
func lines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"recordId":"r%d","modelInput":{"n":%d}}`+"\n", i, i)
	}
	return b.String()
}

// slow is echo after a time.
func slow(d time.Duration) outcrop.Backend {
	return outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		select {
		case <-time.After(d):
			return echo(ctx, call)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
}

// later is an error that asks for a wait.
func later(e *outcrop.Error, d time.Duration) *outcrop.Error {
	e.RetryAfter = d
	return e
}

// Errors that may pass are tried again by their class, with growing waits.
func TestRetries(t *testing.T) {
	retry := Retry{ThrottledAttempts: 6, TransientAttempts: 3, Base: time.Second, Max: 4 * time.Second}
	cases := []struct {
		name  string
		err   error
		times int // how often it happens before the model answers
		waits []time.Duration
		code  int // of the record's error; 0 when it succeeds
	}{
		{"throttled, then served", outcrop.Errorf(bedrock.CodeThrottling, "slow down"), 5, []time.Duration{1, 2, 4, 4, 4}, 0},
		{"throttled for good", outcrop.Errorf(bedrock.CodeThrottling, "slow down"), 99, []time.Duration{1, 2, 4, 4, 4}, 429},
		{"unavailable, then served", outcrop.Errorf(bedrock.CodeServiceUnavailable, "later"), 4, []time.Duration{1, 2, 4, 4}, 0},
		{"a timeout, then served", outcrop.Errorf(bedrock.CodeModelTimeout, "too slow"), 2, []time.Duration{1, 2}, 0},
		{"asked to come back later", later(outcrop.Errorf(bedrock.CodeThrottling, "tomorrow"), 99*time.Second), 2, []time.Duration{100, 100}, 0},
		{"asked to come back sooner", later(outcrop.Errorf(bedrock.CodeThrottling, "soon"), time.Second/2), 2, []time.Duration{1, 2}, 0},
		{"broken for good", outcrop.Errorf(bedrock.CodeInternalServer, "oops"), 99, []time.Duration{1, 2}, 500},
		{"an error of another kind", errors.New("connection reset"), 1, []time.Duration{1}, 0},
		{"refused", outcrop.Errorf(bedrock.CodeAccessDenied, "no"), 99, nil, 403},
		{"invalid", outcrop.Errorf(bedrock.CodeValidation, "no"), 99, nil, 400},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var at []time.Time
				f := newFixture(t, Config{
					Retry: retry,
					Rand:  func() float64 { return 1 },
					Backend: outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
						if at = append(at, time.Now()); len(at) <= c.times {
							return nil, c.err
						}
						return echo(ctx, call)
					}),
				})
				arn := f.create(inline(`{}`))
				job := f.wait(arn)
				var waits []time.Duration
				for i := 1; i < len(at); i++ {
					waits = append(waits, at[i].Sub(at[i-1])/time.Second)
				}
				if !slices.Equal(waits, c.waits) {
					t.Errorf("the waits are %d s, want %d", waits, c.waits)
				}
				line := outLines(t, f.get("s3://output/results/"+id(arn)+"/inline.jsonl.out"))[0]
				got := 0
				if line.Error != nil {
					got = line.Error.ErrorCode
				}
				if got != c.code || job.Status != completed {
					t.Errorf("the job is %s, its record %+v; want Completed and error %d", job.Status, line, c.code)
				}
			})
		})
	}
}

// A job whose back-end asks for a long wait says until when, and why.
func TestLongWaitIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		f := newFixture(t, Config{
			Rand: func() float64 { return 0 },
			Backend: outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
				if asked++; asked == 1 {
					return nil, later(outcrop.Errorf(bedrock.CodeThrottling, "Too many tokens per day."), 3*time.Hour)
				}
				return echo(ctx, call)
			}),
		})
		arn := f.create(inline(`{}`))
		time.Sleep(time.Hour)
		synctest.Wait()
		until := time.Now().Add(2 * time.Hour).UTC().Format(time.RFC3339)
		if job := f.waitFor(arn, inProgress); job.Message != "waiting until "+until+": Too many tokens per day." {
			t.Errorf("after an hour the job says %q, want that it waits until %s", job.Message, until)
		}
		if job := f.wait(arn); job.Status != completed || job.Message != "" || asked != 2 {
			t.Errorf("the job is %s, says %q, and asked %d times; want Completed, nothing, and 2", job.Status, job.Message, asked)
		}
	})
}

func TestWaitsAreSpread(t *testing.T) {
	r := Retry{Base: time.Second, Max: time.Minute}
	for attempt, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 6: 32 * time.Second, 7: time.Minute, 1000: time.Minute} {
		if low, high := r.wait(attempt, 0, 0), r.wait(attempt, 0, 1); low != want/2 || high != want {
			t.Errorf("after attempt %d the wait is %v to %v, want %v to %v", attempt, low, high, want/2, want)
		}
	}
}

// A watcher sees every status in turn, and counts at its interval, without
// asking again.
func TestWatchAndProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Config{Concurrency: 1, WatchInterval: time.Second, Backend: slow(300 * time.Millisecond)})
		f.put("s3://input/a.jsonl", lines(9))
		start := time.Now()
		arn := f.create(request("s3://input/a.jsonl", "s3://output"))
		var seen []string
		for job, err := range f.Watch(t.Context(), alice, arn) {
			if err != nil {
				t.Fatal(err)
			}
			if job.Status == inProgress || job.Status == completed {
				seen = append(seen, fmt.Sprintf("%.1fs %s %d/%d", time.Since(start).Seconds(), job.Status, *job.ProcessedRecordCount, *job.TotalRecordCount))
			}
		}
		want := []string{"0.0s InProgress 0/9", "1.0s InProgress 3/9", "2.0s InProgress 6/9", "2.7s Completed 9/9"}
		if !slices.Equal(seen, want) {
			t.Errorf("watched\n%s\nwant\n%s", strings.Join(seen, "\n"), strings.Join(want, "\n"))
		}
		p, err := f.Progress(t.Context(), alice, arn)
		if err != nil {
			t.Fatal(err)
		}
		wantP := Progress{
			Status: completed, Total: 9, Processed: 9, Succeeded: 9, InputTokens: 27, OutputTokens: 45, Elapsed: 2700 * time.Millisecond,
		}
		if p != wantP || math.Round(p.RecordsPerSecond()*1000) != 3333 || math.Round(p.TokensPerSecond()*1000) != 26667 || p.Remaining() != 0 {
			t.Errorf("progress %+v\nwant %+v", p, wantP)
		}
	})
}

func TestProgressOnTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Config{Concurrency: 1, Backend: slow(time.Second)})
		f.put("s3://input/a.jsonl", lines(10))
		arn := f.create(request("s3://input/a.jsonl", "s3://output"))
		time.Sleep(4500 * time.Millisecond)
		p, err := f.Progress(t.Context(), alice, arn)
		if err != nil || p.Processed != 4 || p.Elapsed != 4500*time.Millisecond || p.Remaining() != 6*4500*time.Millisecond/4 {
			t.Errorf("progress %+v, remaining %v, error %v", p, p.Remaining(), err)
		}
	})
}

func TestWatchEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Config{Backend: slow(time.Hour)})
		arn := f.create(inline(`{}`))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var last error
		for _, err := range f.Watch(ctx, alice, arn) {
			last = err
		}
		if !errors.Is(last, context.DeadlineExceeded) {
			t.Errorf("the last is %v, want the context's error", last)
		}
	})
}

// A stopped job sends nothing more, lets records at the model finish, and keeps
// what it has.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Config{Concurrency: 2, StopGrace: 10 * time.Second, Backend: slow(3 * time.Second)})
		f.put("s3://input/a.jsonl", lines(100))
		arn := f.create(request("s3://input/a.jsonl", "s3://output"))
		time.Sleep(7 * time.Second) // four are done, two are at the model
		if err := f.Stop(t.Context(), alice, arn); err != nil {
			t.Fatal(err)
		}
		if job, err := f.Get(t.Context(), alice, arn); err != nil || job.Status != stopping {
			t.Errorf("after Stop the job is %+v, error %v", job, err)
		}
		if err := f.Stop(t.Context(), alice, arn); err != nil {
			t.Errorf("stopping again: %v", err)
		}
		job := f.wait(arn)
		if job.Status != stopped || *job.ProcessedRecordCount != 6 || *job.TotalRecordCount != 100 || job.EndTime.Sub(job.SubmitTime) != 9*time.Second {
			t.Errorf("the job ended as %s after %v with %d records", job.Status, job.EndTime.Sub(job.SubmitTime), *job.ProcessedRecordCount)
		}
		for i, line := range outLines(t, f.get("s3://output/"+id(arn)+"/a.jsonl.out")) {
			if line.RecordID != fmt.Sprint("r", i) || line.Error != nil {
				t.Errorf("line %d is %+v", i, line)
			}
		}
		if m := f.get("s3://output/" + id(arn) + "/manifest.json.out"); !strings.Contains(m, `"totalRecordCount":100,"processedRecordCount":6,`) {
			t.Errorf("manifest: %s", m)
		}
		if err := f.Stop(t.Context(), alice, arn); code(err) != bedrock.CodeConflict {
			t.Errorf("stopping a job that has ended: error %v, want a ConflictException", err)
		}
	})
}

// A model that does not finish in its grace is cut off; a wait before another
// attempt is cut off at once.
func TestStopCutsOff(t *testing.T) {
	throttled := outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
		return nil, outcrop.Errorf(bedrock.CodeThrottling, "slow down")
	})
	for name, c := range map[string]struct {
		backend outcrop.Backend
		after   time.Duration
	}{
		"a slow model":    {slow(time.Hour), 10 * time.Second},
		"a wait to retry": {throttled, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, Config{Backend: c.backend, Retry: Retry{Base: time.Hour, Max: time.Hour}})
				arn := f.create(inline(`{}`))
				time.Sleep(time.Second)
				if err := f.Stop(t.Context(), alice, arn); err != nil {
					t.Fatal(err)
				}
				job := f.wait(arn)
				if took := job.EndTime.Sub(job.SubmitTime) - time.Second; job.Status != stopped || took != c.after || *job.ProcessedRecordCount != 0 {
					t.Errorf("the job is %s after %v with %d records", job.Status, took, *job.ProcessedRecordCount)
				}
			})
		})
	}
}

// Jobs wait for their turn, and may be stopped or expire while they do.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Config{RunningJobs: 1, Backend: slow(25 * time.Hour), DefaultTimeout: 30 * time.Hour})
		first := f.create(inline(`{}`))
		f.waitFor(first, inProgress)
		second, third, fourth := inline(`{}`), inline(`{}`), inline(`{}`)
		second.TimeoutDurationInHours = new(24)
		expires, stops, runs := f.create(second), f.create(third), f.create(fourth)
		for _, arn := range []string{expires, stops, runs} {
			f.waitFor(arn, scheduled)
		}
		if err := f.Stop(t.Context(), alice, stops); err != nil {
			t.Fatal(err)
		}
		for arn, want := range map[string]bedrock.ModelInvocationJobStatus{first: completed, expires: expired, stops: stopped} {
			if job := f.wait(arn); job.Status != want {
				t.Errorf("a job ended as %s: %q, want %s", job.Status, job.Message, want)
			}
		}
		job := f.wait(runs) // has begun after 25 hours, and had five left
		if job.Status != partiallyCompleted || !job.JobExpirationTime.Equal(job.SubmitTime.Add(30*time.Hour)) {
			t.Errorf("the last job ended as %s: %q", job.Status, job.Message)
		}
	})
}

// A job whose time is up keeps what it has.
func TestTimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Config{Concurrency: 1, Backend: slow(7 * time.Hour)})
		f.put("s3://input/a.jsonl", lines(5))
		req := request("s3://input/a.jsonl", "s3://output")
		req.TimeoutDurationInHours = new(24)
		arn := f.create(req)
		job := f.wait(arn)
		if job.Status != partiallyCompleted || *job.ProcessedRecordCount != 3 || job.Message == "" ||
			!job.EndTime.Equal(job.JobExpirationTime.Add(10*time.Second)) {
			t.Errorf("the job ended as %s: %q, with %d records, %v after its time", job.Status, job.Message, *job.ProcessedRecordCount, job.EndTime.Sub(job.JobExpirationTime))
		}
		if n := len(outLines(t, f.get("s3://output/"+id(arn)+"/a.jsonl.out"))); n != 3 {
			t.Errorf("%d results are kept", n)
		}
	})
}

// Close drains while its context lasts, and stops at once when it ends.
func TestClose(t *testing.T) {
	for name, c := range map[string]struct {
		patience time.Duration
		status   bedrock.ModelInvocationJobStatus
		done     int
		err      error
	}{
		"with time to drain": {time.Minute, completed, 10, nil},
		"without":            {3500 * time.Millisecond, stopped, 3, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, Config{Concurrency: 1, Backend: slow(time.Second)})
				f.put("s3://input/a.jsonl", lines(10))
				arn := f.create(request("s3://input/a.jsonl", "s3://output"))
				ctx, cancel := context.WithTimeout(t.Context(), c.patience)
				defer cancel()
				if err := f.Close(ctx); !errors.Is(err, c.err) {
					t.Errorf("Close: %v, want %v", err, c.err)
				}
				job := f.wait(arn)
				if job.Status != c.status || *job.ProcessedRecordCount != c.done {
					t.Errorf("the job ended as %s: %q, with %d records; want %s with %d", job.Status, job.Message, *job.ProcessedRecordCount, c.status, c.done)
				}
				if n := len(outLines(t, f.get("s3://output/"+id(arn)+"/a.jsonl.out"))); n != c.done {
					t.Errorf("%d results are kept, want %d", n, c.done)
				}
				if err := f.Close(t.Context()); err != nil {
					t.Errorf("closing again: %v", err)
				}
			})
		})
	}
}

// No more records are at the model, and in memory, than the settings say.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at, most atomic.Int64
		hold := make(chan struct{})
		f := newFixture(t, Config{
			Concurrency: 4, ShardRecords: 5, OpenShards: 2,
			Backend: outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
				n := at.Add(1)
				defer at.Add(-1)
				most.Store(max(most.Load(), n))
				if string(call.Raw) == `{"n":0}` {
					<-hold // the first record holds up all that come after it
				}
				time.Sleep(time.Millisecond)
				return echo(ctx, call)
			}),
		})
		f.put("s3://input/a.jsonl", lines(100))
		arn := f.create(request("s3://input/a.jsonl", "s3://output"))
		time.Sleep(time.Hour)
		synctest.Wait()
		job, err := f.Get(t.Context(), alice, arn)
		if err != nil || *job.ProcessedRecordCount != 9 || at.Load() != 1 {
			t.Errorf("beside a slow record: %d done, %d at the model, error %v", *job.ProcessedRecordCount, at.Load(), err)
		}
		close(hold)
		if job := f.wait(arn); job.Status != completed || *job.SuccessRecordCount != 100 || most.Load() != 4 {
			t.Errorf("the job ended as %s with %d records, %d at once", job.Status, *job.SuccessRecordCount, most.Load())
		}
	})
}
