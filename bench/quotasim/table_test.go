package quotasim

import (
	"bytes"
	"encoding/csv"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outcrop-ai/outcrop/backend/simulator/throttle"
)

var (
	table   = flag.Bool("table", false, "run the matrix and print the tables")
	write   = flag.Bool("write", false, "write the tables into docs/quota.md and docs/quota-matrix.csv")
	seeds   = flag.Int("seeds", 10, "runs a cell")
	first   = flag.Uint64("first", 1, "the first seed; what is tuned is tuned on others than the tables show, from 101")
	budget  = flag.Duration("budget", 0, "start no further pass over the matrix after this time; 0 is no bound")
	minutes = flag.Int("minutes", 30, "simulated minutes a run")
	rows    = flag.String("rows", "", "clients whose name contains this")
	only    = flag.String("only", "", "scenarios whose name contains this")
	single  = flag.Bool("single", true, "one factor at a time")
	full    = flag.Bool("full", true, "every combination of the factors")
)

// result is what one run came to, after the warm-up.
type result struct {
	attempts, throttles int
	spent, early        float64            // early: until four minutes
	byTenant            map[string]float64 // spent/weight
	waits               []float64          // interactive, seconds
	asked, failed       int                // interactive and batch together
}

// epoch is when runs begin.
var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func run(t *testing.T, s *scenario, p policy, seed uint64, horizon time.Duration) (r result) {
	if !p.bubble {
		w := newWorld(s, seed, horizon, epoch)
		return w.play(p.make(w), seed)
	}
	synctest.Test(t, func(*testing.T) {
		w := newWorld(s, seed, horizon, time.Now())
		w.sleep = time.Sleep
		r = w.play(p.make(w), seed)
	})
	return r
}

// figures are one run's metrics, in the table's order.
type figures struct{ used, early, throttled, failed, p50, p99, jain float64 }

func (r *result) figures(s *scenario, horizon time.Duration) figures {
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
		early:     r.early / (float64(s.tpm) * (early - warm).Minutes()),
		throttled: float64(r.throttles) / math.Max(1, float64(r.attempts)),
		failed:    float64(r.failed) / math.Max(1, float64(r.asked)),
		p50:       at(0.5), p99: at(0.99),
		jain: sum * sum / math.Max(1e-9, n*squares),
	}
}

// cell is one row: a server and a client.
type cell struct {
	scenario *scenario
	client   *policy
	runs     []figures
}

// wanted is every cell of the scenarios that the flags ask for. Where the default
// is told the shape of a strict server it is the same client: as says whose runs
// such a cell shares, or -1.
func wanted(all []scenario, baselines bool) (cells []cell, as []int) {
	for i := range all {
		s := &all[i]
		if !strings.Contains(s.name, *only) {
			continue
		}
		ledger := -1
		for j, p := range clients {
			if p.baseline && !baselines || p.name == toldName && !s.bursts || !strings.Contains(p.name, *rows) {
				continue
			}
			same := -1
			switch {
			case p.name == ledgerName:
				ledger = len(cells)
			case p.name == shapeKnownName && s.policy == throttle.Strict:
				same = ledger
			}
			cells = append(cells, cell{scenario: s, client: &clients[j]})
			as = append(as, same)
		}
	}
	return cells, as
}

// runAll gives every cell a run of each seed, on all processors: a run is a
// function of its cell and seed, so the order in which they run is of no matter.
func runAll(t *testing.T, cells []cell, as []int, seeds []uint64) {
	horizon := time.Duration(*minutes) * time.Minute
	type job struct{ cell, run int }
	jobs := make(chan job)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for j := range jobs {
				c := &cells[j.cell]
				r := run(t, c.scenario, *c.client, seeds[j.run], horizon)
				c.runs[len(c.runs)-len(seeds)+j.run] = r.figures(c.scenario, horizon)
			}
		})
	}
	for i := range cells {
		cells[i].runs = append(cells[i].runs, make([]figures, len(seeds))...)
		for n := range seeds {
			if as[i] < 0 {
				jobs <- job{i, n}
			}
		}
	}
	close(jobs)
	workers.Wait()
	for i := range cells {
		if as[i] >= 0 {
			cells[i].runs = cells[as[i]].runs
		}
	}
}

// mean returns the mean and half the 95 % confidence interval.
func (c *cell) mean(of func(figures) float64) (mean, half float64) {
	n := float64(len(c.runs))
	for _, f := range c.runs {
		mean += of(f) / n
	}
	var variance float64
	for _, f := range c.runs {
		variance += (of(f) - mean) * (of(f) - mean) / math.Max(1, n-1)
	}
	return mean, student(len(c.runs)) * math.Sqrt(variance/n)
}

// student is Student's t for a two-sided 95 % with n runs.
func student(n int) float64 {
	t := []float64{0, 0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262}
	return t[min(n, len(t)-1)]
}

// columns are what is reported, with the figure, its scale and its format.
var columns = []struct {
	name   string
	scale  float64
	format string
	of     func(figures) float64
}{
	{"used %", 100, "%.1f", func(f figures) float64 { return f.used }},
	{"3rd, 4th minute", 100, "%.1f", func(f figures) float64 { return f.early }},
	{"throttled %", 100, "%.2f", func(f figures) float64 { return f.throttled }},
	{"failed %", 100, "%.2f", func(f figures) float64 { return f.failed }},
	{"wait p50 s", 1, "%.2f", func(f figures) float64 { return f.p50 }},
	{"wait p99 s", 1, "%.2f", func(f figures) float64 { return f.p99 }},
	{"Jain", 1, "%.3f", func(f figures) float64 { return f.jain }},
}

func tableHead() string {
	head, rule := "| server | U % | safe U % | client |", "| --- | --- | --- | --- |"
	for _, c := range columns {
		head += " " + c.name + " |"
		rule += " --- |"
	}
	return head + "\n" + rule + "\n"
}

func (c *cell) row() string {
	s := fmt.Sprintf("| %s | %.1f | %.1f | %s |", c.scenario.name, 100*c.scenario.bound(), 100*c.scenario.safe(), c.client.name)
	for _, col := range columns {
		mean, half := c.mean(col.of)
		s += fmt.Sprintf(" "+col.format+" ± "+col.format+" |", col.scale*mean, col.scale*half)
	}
	return s + "\n"
}

// record is the cell's line in the matrix.
func (c *cell) record() []string {
	s := c.scenario
	foreign := fmt.Sprint(s.foreign)
	if s.foreign == step {
		foreign = "step"
	}
	out := []string{
		s.policy.String(), s.window.String(), fmt.Sprint(s.rpm > 0), foreign, fmt.Sprint(s.bursts), fmt.Sprint(s.b),
		c.client.name, fmt.Sprintf("%.4f", s.bound()), fmt.Sprintf("%.4f", s.safe()),
	}
	for _, col := range columns {
		mean, half := c.mean(col.of)
		out = append(out, fmt.Sprintf("%.5f", mean), fmt.Sprintf("%.5f", half))
	}
	return out
}

func matrixHead() []string {
	return []string{
		"shape", "window", "rpm binds", "foreign", "503 bursts", "b", "client", "bound", "safe bound",
		"used", "±", "used in minutes 3 and 4", "±", "throttled", "±", "failed", "±", "p50 s", "±", "p99 s", "±", "jain", "±",
	}
}

// summary counts, per shape, window, foreign load and client, how many cells
// reach which target.
func summary(cells []cell) string {
	out := "| server | foreign load | client | cells | no throttle | < 1 % | ≥ 95 % of U | ≥ 98 % | ≥ 98 % of safe U | p99 ≤ 1 s | Jain ≥ 0.99 | used/U, median | worst |\n" +
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
	type key struct {
		server, foreign, client string
	}
	type counts struct {
		cells, none, few, most, all, safe, quick, fair int
		ratios                                         []float64
	}
	var order []key
	groups := map[key]*counts{}
	for i := range cells {
		c := &cells[i]
		k := key{fmt.Sprintf("%s %.0fs", c.scenario.policy, c.scenario.window.Seconds()), "none", c.client.name}
		if c.scenario.foreign != 0 {
			k.foreign = "20 %, step"
		}
		g := groups[k]
		if g == nil {
			g = &counts{}
			groups[k] = g
			order = append(order, k)
		}
		mean := func(of func(figures) float64) float64 { m, _ := c.mean(of); return m }
		add := func(n *int, ok bool) {
			if ok {
				*n++
			}
		}
		used := mean(func(f figures) float64 { return f.used })
		ratio := used / c.scenario.bound()
		throttled := mean(func(f figures) float64 { return f.throttled })
		g.cells++
		g.ratios = append(g.ratios, ratio)
		add(&g.none, throttled == 0)
		add(&g.few, throttled < 0.01)
		add(&g.most, ratio >= 0.95)
		add(&g.all, ratio >= 0.98)
		add(&g.safe, used >= 0.98*c.scenario.safe())
		add(&g.quick, mean(func(f figures) float64 { return f.p99 }) <= 1)
		add(&g.fair, mean(func(f figures) float64 { return f.jain }) >= 0.99)
	}
	slices.SortStableFunc(order, func(a, b key) int {
		return strings.Compare(a.foreign, b.foreign) * -1
	})
	for _, k := range order {
		g := groups[k]
		slices.Sort(g.ratios)
		out += fmt.Sprintf("| %s | %s | %s | %d | %d | %d | %d | %d | %d | %d | %d | %.2f | %.2f |\n", k.server, k.foreign, k.client,
			g.cells, g.none, g.few, g.most, g.all, g.safe, g.quick, g.fair, g.ratios[len(g.ratios)/2], g.ratios[0])
	}
	return out
}

// TestTable runs the matrix: one factor at a time for every client, and every
// combination for the ledgers.
func TestTable(t *testing.T) {
	if !*table {
		t.Skip("runs the matrix with -table; TestTargets checks a part of it")
	}
	debug.SetGCPercent(400) // a run is all short-lived closures
	began := time.Now()
	one := tableHead()
	if *single {
		all := oneAtATime()
		cells, as := wanted(all, true)
		runAll(t, cells, as, seedsFrom(*first, *seeds))
		for i := range cells {
			one += cells[i].row()
		}
		fmt.Print(one)
	}
	var cells []cell
	var passes int
	if *full {
		cells, passes = matrix(t, began)
	}
	var lines bytes.Buffer
	out := csv.NewWriter(&lines)
	out.Write(matrixHead())
	for i := range cells {
		out.Write(cells[i].record())
	}
	out.Flush()
	all := fmt.Sprintf("%d runs a cell, with seeds from %d on.\n\n", passes, *first) + summary(cells)
	fmt.Print("\n", all)
	took := fmt.Sprintf("The last run took %s.\n", time.Since(began).Round(time.Minute))
	fmt.Print("\n", took)
	if !*write {
		return
	}
	sections := map[string]string{}
	if *single {
		sections["single"] = one
	}
	if *full {
		sections["summary"] = all
		if err := os.WriteFile("../../docs/quota-matrix.csv", lines.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if *single && *full {
		sections["took"] = took
	}
	for name, text := range sections {
		if err := replaceSection("../../docs/quota.md", name, text); err != nil {
			t.Fatal(err)
		}
	}
}

// matrix runs every combination of the factors for the ledgers, one seed after
// the other, so that a budget of time costs runs and not cells.
func matrix(t *testing.T, began time.Time) (cells []cell, passes int) {
	cells, as := wanted(factorial(), false)
	for passes < *seeds && (*budget == 0 || time.Since(began) < *budget) {
		runAll(t, cells, as, seedsFrom(*first+uint64(passes), 1))
		passes++
		fmt.Printf("pass %d after %s\n", passes, time.Since(began).Round(time.Second))
	}
	return cells, passes
}

func seedsFrom(first uint64, n int) (seeds []uint64) {
	for i := range n {
		seeds = append(seeds, first+uint64(i))
	}
	return seeds
}

// replaceSection writes text between the markers of a section.
func replaceSection(path, name, text string) error {
	doc, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := fmt.Sprintf("<!-- bench-quota: %s -->\n", name), fmt.Sprintf("<!-- /bench-quota: %s -->", name)
	head, rest, ok := bytes.Cut(doc, []byte(begin))
	_, tail, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		return fmt.Errorf("%s: no section %q", path, name)
	}
	return os.WriteFile(path, slices.Concat(head, []byte(begin), []byte(text), []byte(end), tail), 0o644)
}
