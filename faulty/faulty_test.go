package faulty_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/faulty"
)

const modelID = "amazon.nova-lite-v1:0"

func call(operation string) *outcrop.Call {
	return outcrop.NewInvokeCall(operation, modelID, []byte(`{"messages":[{"role":"user","content":[{"text":"hello there"}]}]}`))
}

func wrap(t testing.TB, seed uint64, faults ...faulty.Fault) *faulty.Backend {
	t.Helper()
	next, err := simulator.New(simulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := faulty.New(next, faulty.Config{Seed: seed, Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// pattern says for n calls which ones failed.
func pattern(t testing.TB, b *faulty.Backend, n int) string {
	t.Helper()
	var p strings.Builder
	for range n {
		if _, err := b.Do(t.Context(), call(bedrock.OpConverse)); err == nil {
			p.WriteByte('.')
		} else if e := outcrop.AsError(err); e.Code == bedrock.CodeThrottling && e.Retryable && e.RetryAfter == time.Second {
			p.WriteByte('x')
		} else {
			t.Fatalf("%+v", e)
		}
	}
	return p.String()
}

// TestSeed: the same seed strikes the same calls, another one others, and the
// share is what was asked for.
func TestSeed(t *testing.T) {
	fault := faulty.Fault{Rate: 0.3, Code: bedrock.CodeThrottling, RetryAfter: time.Second}
	const n = 1000
	b := wrap(t, 1, fault)
	one := pattern(t, b, n)
	if again := pattern(t, wrap(t, 1, fault), n); again != one {
		t.Error("the same seed gave other faults")
	}
	if other := pattern(t, wrap(t, 2, fault), n); other == one {
		t.Error("another seed gave the same faults")
	}
	struck := strings.Count(one, "x")
	if struck < 250 || struck > 350 || b.Struck() != uint64(struck) || b.Calls() != n {
		t.Errorf("%d of %d calls were struck; counted %d of %d", struck, n, b.Struck(), b.Calls())
	}
	with := faulty.Fault{Rate: 1, Operation: bedrock.OpCountTokens, Code: bedrock.CodeValidation}
	if moved := pattern(t, wrap(t, 1, fault, with), n); moved != one {
		t.Error("a further fault moved the first one's")
	}
}

func read(t testing.TB, b outcrop.Backend) (n int, err error) {
	t.Helper()
	reply, err := b.Do(t.Context(), call(bedrock.OpConverseStream))
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Stream.Close()
	for event, err := range reply.Stream.Events() {
		if err != nil {
			return n, err
		}
		if _, err := event.Output(); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func TestStreams(t *testing.T) {
	whole, err := read(t, wrap(t, 1))
	if err != nil || whole < 5 {
		t.Fatalf("%d events, %v", whole, err)
	}
	for _, tt := range []struct {
		name  string
		fault faulty.Fault
		n     int
		want  string
	}{
		{"cut with an error", faulty.Fault{Rate: 1, Cut: true, After: 3, Code: bedrock.CodeModelStreamError}, 3, bedrock.CodeModelStreamError},
		{"cut at once", faulty.Fault{Rate: 1, Cut: true, Code: bedrock.CodeThrottling}, 0, bedrock.CodeThrottling},
		{"cut in silence", faulty.Fault{Rate: 1, Cut: true, After: 2}, 2, ""},
		{"cut after its end", faulty.Fault{Rate: 1, Cut: true, After: 9999, Code: bedrock.CodeThrottling}, whole, ""},
		{"malformed", faulty.Fault{Rate: 1, Malformed: true, After: 1}, 1, "event contentBlockDelta"},
		{"of another operation", faulty.Fault{Rate: 1, Operation: bedrock.OpConverse, Code: bedrock.CodeThrottling}, whole, ""},
		{"of another model", faulty.Fault{Rate: 1, ModelID: "x", Code: bedrock.CodeThrottling}, whole, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, err := read(t, wrap(t, 1, tt.fault))
			if n != tt.n || (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%d events, error %v; want %d, %q", n, err, tt.n, tt.want)
			}
		})
	}
}

// TestMalformed: a whole reply that breaks off is an error of the model.
func TestMalformed(t *testing.T) {
	reply, err := wrap(t, 1, faulty.Fault{Rate: 1, Malformed: true}).Do(t.Context(), call(bedrock.OpConverse))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reply.Converse(); outcrop.AsError(err).Code != bedrock.CodeModelError {
		t.Errorf("error %v", err)
	}
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := wrap(t, 1, faulty.Fault{Rate: 1, Delay: time.Minute})
		begun := time.Now()
		if _, err := b.Do(t.Context(), call(bedrock.OpConverse)); err != nil || time.Since(begun) != time.Minute {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.Do(ctx, call(bedrock.OpConverse)); outcrop.AsError(err).Code != bedrock.CodeModelTimeout {
			t.Errorf("error %v", err)
		}
	})
}

func TestConfig(t *testing.T) {
	for want, fault := range map[string]faulty.Fault{
		"Rate":            {Rate: 1.5, Code: "x"},
		"Delay is":        {Delay: -1},
		"After":           {Cut: true, After: -1},
		"Cut and":         {Cut: true, Malformed: true},
		"Malformed and":   {Code: "x", Malformed: true},
		"does nothing":    {Rate: 1},
		"Faults[0].Rate ": {Rate: -1, Code: "x"},
	} {
		if _, err := faulty.New(nil, faulty.Config{Faults: []faulty.Fault{fault}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", fault, err)
		}
	}
}
