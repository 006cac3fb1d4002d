package batch

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A set that holds little finds the same repeats as one that holds all, whether
// or not hashes collide, and never holds more than it may.
func TestRepeatsInBoundedMemory(t *testing.T) {
	f := newFixture(t, Config{})
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfN(rapid.IntRange(0, 2000), 1, 60).Draw(t, "ids")
		capacity := rapid.IntRange(1, 10).Draw(t, "capacity")
		hashes := rapid.SampledFrom([]int{1 << 30, 16}).Draw(t, "hashes")
		var text strings.Builder
		seen := map[int]bool{}
		repeated := false
		for _, id := range ids {
			repeated = repeated || seen[id]
			seen[id] = true
			fmt.Fprintf(&text, `{"recordId":"%d","modelInput":{}}`+"\n", id)
		}
		f.put("s3://input/a.jsonl", text.String())
		config := Config{}
		v := &validator{
			source: &source{
				objects: f.dir, limits: config.limits(""), files: []inputFile{{uri: "s3://input/a.jsonl"}},
			},
			capacity: capacity,
			hash: func(id string) uint64 {
				n, err := strconv.ParseUint(id, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				return n * 0x9e3779b97f4a7c15 % uint64(hashes)
			},
		}
		total, err := v.validate(context.Background())
		if repeated != (err != nil && strings.Contains(err.Error(), "is also that of")) || !repeated && (err != nil || total != len(ids)) {
			t.Fatalf("ids %v: %d records, error %v; repeated %v", ids, total, err, repeated)
		}
	})
}

func TestIDSetIsBounded(t *testing.T) {
	set := idSet{capacity: 100, held: make(map[uint64]struct{})}
	var left []idPart
	const n = 10_000
	for i := range uint64(n) {
		_, left = set.add(i, left)
		if len(set.held) > set.capacity {
			t.Fatalf("the set holds %d", len(set.held))
		}
	}
	// What it gave up and what it kept is everything, once.
	for i := range uint64(n) {
		parts := 0
		for _, p := range append([]idPart{set.part}, left...) {
			if p.holds(i) {
				parts++
			}
		}
		if parts != 1 {
			t.Fatalf("%d is in %d parts", i, parts)
		}
	}
}
