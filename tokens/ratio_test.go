package tokens

import (
	"fmt"
	"math"
	"sync"
	"testing"
)

func TestRatiosLearn(t *testing.T) {
	r := NewRatios(RatioConfig{})
	if got := r.Upper("m", "t", 1000); got != 1450 {
		t.Errorf("before anything is known, three times 15 %% on top: %d", got)
	}
	for range 200 {
		r.Observe("m", "t", 1000, 1300)
	}
	if got := r.Mean("m", "t", 1000); math.Abs(float64(got-1300)) > 2 {
		t.Errorf("mean: %d", got)
	}
	if got := r.Upper("m", "t", 1000); got > 1310 {
		t.Errorf("a tenant that never varies needs no margin: %d", got)
	}
	if got := r.Mean("m", "other", 1000); got != 1000 {
		t.Errorf("another tenant is not affected: %d", got)
	}
	for i := range 400 {
		r.Observe("m", "t", 1000, 1000+i%2*400)
	}
	if got := r.Upper("m", "t", 1000); got < 1400 {
		t.Errorf("a tenant that varies by 400 is covered: %d", got)
	}
}

func TestRatiosIgnoreWhatTeachesNothing(t *testing.T) {
	r := NewRatios(RatioConfig{})
	r.Observe("m", "t", 0, 100)
	r.Observe("m", "t", 100, 0)
	if r.Len() != 0 {
		t.Error("an empty observation was kept")
	}
	r.Observe("m", "t", 1, 1_000_000)
	if got := r.Mean("m", "t", 10); got != 80 {
		t.Errorf("one strange reply counts for a factor of 8 at most: %d", got)
	}
}

func TestRatiosAreBounded(t *testing.T) {
	r := NewRatios(RatioConfig{Capacity: 3})
	for i := range 10 {
		r.Observe("m", fmt.Sprint(i), 100, 200)
		r.Mean("m", "0", 100) // keeps tenant 0 alive
	}
	if r.Len() != 3 {
		t.Errorf("%d pairs", r.Len())
	}
	if got := r.Mean("m", "0", 100); got != 200 {
		t.Errorf("a pair in use was forgotten: %d", got)
	}
	if got := r.Mean("m", "5", 100); got != 100 {
		t.Errorf("a pair out of use was kept: %d", got)
	}
}

func TestRatiosConcurrently(t *testing.T) {
	r := NewRatios(RatioConfig{Capacity: 8})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 500 {
				tenant := fmt.Sprint((g + i) % 16)
				r.Observe("m", tenant, 100, 150)
				if n := r.Mean("m", tenant, 100); n != 100 && n != 150 {
					t.Errorf("mean: %d", n)
				}
			}
		})
	}
	wg.Wait()
	if r.Len() > 8 {
		t.Errorf("%d pairs", r.Len())
	}
}

func BenchmarkRatios(b *testing.B) {
	r := NewRatios(RatioConfig{})
	for i := range 1000 {
		r.Observe("anthropic.claude-sonnet-4-6-v1:0", fmt.Sprint(i), 100, 120)
	}
	b.ReportAllocs()
	for b.Loop() {
		r.Upper("anthropic.claude-sonnet-4-6-v1:0", "512", 100)
	}
}
