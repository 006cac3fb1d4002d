package governed

import (
	"math/rand/v2"
	"testing"
)

// TestSearch: the bound comes to as many calls as an engine has slots, or a few
// more, whatever the job sends, though each rate is off by up to a fourteenth; and
// a back-end that is not full gets no bound.
func TestSearch(t *testing.T) {
	for _, c := range []struct{ slots, sent, least, most int }{
		{1, 16, 1, 2},
		{2, 32, 2, 3},
		{4, 16, 4, 6},
		{4, 32, 4, 6},
		{7, 32, 6, 10},
		{16, 32, 13, 21},
		{64, 32, 0, 0},
		{1000, 16, 0, 0},
	} {
		for seed := range uint64(20) {
			random := rand.New(rand.NewPCG(seed, 1))
			var s search
			low, rests := 0, 0
			for range 60 {
				calls := c.sent
				if s.bound > 0 {
					calls = min(calls, s.bound)
				}
				s.learn(calls, float64(min(calls, c.slots))*(0.93+0.14*random.Float64()))
				if s.rest > 0 && !s.raising {
					rests++
					if s.bound < c.least || s.bound > c.most {
						low++
					}
				}
			}
			if low > 0 || rests < 20 {
				t.Errorf("%d slots, %d calls, seed %d: %d of %d epochs rest at another bound than %d to %d; the last is %d", c.slots, c.sent, seed, low, rests, c.least, c.most, s.bound)
			}
		}
	}
}

// TestSearchFollowsAJobThatGrows: where a back-end was not full, it is tried again
// as soon as more calls are there, and not when its rest is over.
func TestSearchFollowsAJobThatGrows(t *testing.T) {
	for _, c := range []struct{ slots, before, after, least, most int }{
		{8, 4, 32, 7, 11},
		{8, 2, 16, 7, 11},
		{16, 8, 32, 13, 21},
		{64, 4, 32, 0, 0}, // it is not full then either
	} {
		for seed := range uint64(20) {
			random := rand.New(rand.NewPCG(seed, 2))
			var s search
			tried := 0
			epochs := func(n, sent int) {
				for range n {
					calls := sent
					if s.bound > 0 {
						calls = min(calls, s.bound)
						tried++
					}
					s.learn(calls, float64(min(calls, c.slots))*(0.93+0.14*random.Float64()))
				}
			}
			if epochs(8, c.before); s.bound != 0 || tried != 1 {
				t.Fatalf("%d slots, %d calls: bound %d, %d tries", c.slots, c.before, s.bound, tried)
			}
			if epochs(10, c.after); s.bound < c.least || s.bound > c.most || c.most == 0 && tried != 2 {
				t.Errorf("%d slots, then %d calls, seed %d: bound %d, %d tries", c.slots, c.after, seed, s.bound, tried)
			}
		}
	}
}
