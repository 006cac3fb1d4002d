package quotasim

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outcrop-ai/outcrop/backend/simulator/throttle"
)

var (
	table   = flag.Bool("table", false, "print the table")
	seeds   = flag.Int("seeds", 10, "runs a cell")
	minutes = flag.Int("minutes", 30, "simulated minutes a run")
	rows    = flag.String("rows", "", "clients whose name contains this")
	only    = flag.String("only", "", "scenarios whose name contains this")
)

// result is what one run came to, after the warm-up.
type result struct {
	attempts, throttles int
	spent               float64
	byTenant            map[string]float64 // spent/weight
	waits               []float64          // interactive, seconds
	asked, failed       int                // interactive and batch together
}

func run(t *testing.T, s scenario, make func(*world) client, seed uint64, horizon time.Duration) (r result) {
	synctest.Test(t, func(t *testing.T) {
		th, err := throttle.New(throttle.Config{
			Policy: s.policy, Window: s.window, TokensPerMinute: s.tpm, RequestsPerMinute: s.rpm, Burndown: s.b,
			Align: time.Duration(seed) * 7 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		w := &world{scenario: s, start: time.Now(), horizon: horizon, th: th, result: result{byTenant: map[string]float64{}}}
		ctx, cancel := context.WithTimeout(t.Context(), horizon)
		defer cancel()
		c := make(w)
		if c, ok := c.(*ledger); ok {
			defer c.close()
		}
		var wg sync.WaitGroup
		if s.foreign != 0 {
			wg.Go(func() { w.loadForeign(ctx) })
		}
		for i := range workers {
			wg.Go(func() { w.worker(ctx, c, i, seed) })
		}
		wg.Go(func() { w.arrivals(ctx, c, seed, &wg) })
		wg.Wait()
		r = w.result
	})
	return r
}

// worker is one of an endless backlog.
func (w *world) worker(ctx context.Context, c client, i int, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, uint64(i)))
	tenant := batchTenants[i%len(batchTenants)]
	if !sleep(ctx, time.Duration(rng.Int64N(int64(time.Second)))) {
		return
	}
	for !w.over(ctx) {
		r := w.draw(rng)
		r.tenant, r.weight = tenant.name, tenant.weight
		_, err := c.do(ctx, &r)
		w.finished(&r, 0, err, ctx)
	}
}

// arrivals are interactive requests, a Poisson process.
func (w *world) arrivals(ctx context.Context, c client, seed uint64, wg *sync.WaitGroup) {
	rng := rand.New(rand.NewPCG(seed, 1<<32))
	gap := 60 / (interactive * float64(w.tpm) / w.means().spent)
	for sleep(ctx, time.Duration(rng.ExpFloat64()*gap*float64(time.Second))) {
		r := w.draw(rng)
		r.tenant, r.weight, r.interactive = fmt.Sprint("i", rng.IntN(4)), 1, true
		wg.Go(func() {
			arrived := time.Now()
			began, err := c.do(ctx, &r)
			w.finished(&r, began.Sub(arrived), err, ctx)
		})
	}
}

// finished counts a request; one that the horizon cut off has waited so far.
func (w *world) finished(r *work, wait time.Duration, err error, ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.counts() {
		return
	}
	if !w.over(ctx) {
		w.result.asked++
		if err != nil {
			w.result.failed++
		}
	}
	if r.interactive {
		w.result.waits = append(w.result.waits, wait.Seconds())
	}
}

// over says whether the run has ended. At its very last instant the context may
// not know yet.
func (w *world) over(ctx context.Context) bool {
	return ctx.Err() != nil || time.Since(w.start) >= w.horizon
}

// figures are one run's metrics, in the table's order.
type figures struct{ used, throttled, failed, p50, p99, jain float64 }

func (r *result) figures(s scenario, horizon time.Duration) figures {
	slices.Sort(r.waits)
	at := func(q float64) float64 {
		if len(r.waits) == 0 {
			return 0
		}
		return r.waits[min(len(r.waits)-1, int(q*float64(len(r.waits))))]
	}
	var sum, squares float64
	for _, t := range batchTenants {
		x := r.byTenant[t.name]
		sum += x
		squares += x * x
	}
	n := float64(len(batchTenants))
	return figures{
		used:      r.spent / (float64(s.tpm) * (horizon - warm).Minutes()),
		throttled: float64(r.throttles) / math.Max(1, float64(r.attempts)),
		failed:    float64(r.failed) / math.Max(1, float64(r.asked)),
		p50:       at(0.5), p99: at(0.99),
		jain: sum * sum / math.Max(1e-9, n*squares),
	}
}

var base = scenario{name: "bucket 60 s", policy: throttle.RefundBucket, window: time.Minute, tpm: 2_000_000, b: 5, max: 4096}

// scenarios vary one thing at a time around the base.
func scenarios() []scenario {
	var all []scenario
	vary := func(name string, f func(s *scenario)) {
		s := base
		s.name = name
		f(&s)
		all = append(all, s)
	}
	for _, p := range []throttle.Policy{throttle.FixedWindow, throttle.RefundBucket, throttle.Strict} {
		for _, w := range []time.Duration{time.Minute, 10 * time.Second, time.Second} {
			vary(fmt.Sprintf("%s %s", p, w), func(s *scenario) { s.policy, s.window = p, w })
		}
	}
	rpm := int64(0.8 * float64(base.tpm) / base.means().spent)
	vary("bucket, RPM binds", func(s *scenario) { s.rpm = rpm })
	vary("strict, RPM binds", func(s *scenario) { s.rpm, s.policy = rpm, throttle.Strict })
	vary("bucket, foreign 20 %", func(s *scenario) { s.foreign = 20 })
	vary("bucket, foreign step 40 %", func(s *scenario) { s.foreign = step })
	vary("bucket, 503 bursts", func(s *scenario) { s.bursts = true })
	for _, b := range []float64{1, 10, 15} {
		vary(fmt.Sprintf("bucket, b = %v", b), func(s *scenario) { s.b = b })
	}
	vary("bucket, max_tokens unset (64K)", func(s *scenario) { s.max = 64_000 })
	return all
}

func TestTable(t *testing.T) {
	if !*table {
		t.Skip("prints the table with -table; TestTargets checks a short run")
	}
	horizon := time.Duration(*minutes) * time.Minute
	for _, s := range scenarios() {
		if !strings.Contains(s.name, *only) {
			continue
		}
		fmt.Printf("\n**%s**, bound %.1f %%\n\n", s.name, 100*s.bound())
		fmt.Println("| client | used | throttled | failed | wait p50 | p99 | Jain |")
		fmt.Println("| --- | --- | --- | --- | --- | --- | --- |")
		for _, c := range clients {
			if !strings.Contains(c.name, *rows) {
				continue
			}
			var fs []figures
			for seed := range uint64(*seeds) {
				r := run(t, s, c.make, seed+1, horizon)
				fs = append(fs, r.figures(s, horizon))
			}
			fmt.Printf("| %s | %s | %s | %s | %s | %s | %s |\n", c.name,
				interval(fs, 100, "%.1f", func(f figures) float64 { return f.used }),
				interval(fs, 100, "%.2f", func(f figures) float64 { return f.throttled }),
				interval(fs, 100, "%.2f", func(f figures) float64 { return f.failed }),
				interval(fs, 1, "%.2f", func(f figures) float64 { return f.p50 }),
				interval(fs, 1, "%.2f", func(f figures) float64 { return f.p99 }),
				interval(fs, 1, "%.3f", func(f figures) float64 { return f.jain }))
		}
	}
}

// interval prints the mean and half the 95 % confidence interval.
func interval(fs []figures, scale float64, format string, of func(figures) float64) string {
	var mean, variance float64
	n := float64(len(fs))
	for _, f := range fs {
		mean += scale * of(f) / n
	}
	for _, f := range fs {
		variance += (scale*of(f) - mean) * (scale*of(f) - mean) / math.Max(1, n-1)
	}
	return fmt.Sprintf(format+" ± "+format, mean, student(len(fs))*math.Sqrt(variance/n))
}

// student is Student's t for a two-sided 95 % with n runs.
func student(n int) float64 {
	t := []float64{0, 0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262}
	return t[min(n, len(t)-1)]
}
