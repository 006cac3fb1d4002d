package benchproc

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// Load is a request to a server over a number of connections, and what it
// cost the server.
type Load struct {
	*Process
	Name  string
	Wire  []byte            // the request
	Check func([]byte) bool // of each reply's body
	Parts float64           // of a reply, such as its chunks, to which costs are related; 0: the whole
	Conns []*Connection

	cpu   []float64 // of each turn, in ns for a request
	waits []time.Duration
	count float64 // of allocations
	sent  int
}

// NewLoad makes a load of n connections.
func NewLoad(b *testing.B, p *Process, n int, wire []byte, check func([]byte) bool) *Load {
	b.Helper()
	l := &Load{Process: p, Name: p.Kind, Wire: wire, Check: check}
	for range n {
		l.Conns = append(l.Conns, p.Connect(b))
	}
	return l
}

// run sends n requests over all connections at once.
func (l *Load) run(b *testing.B, n int) {
	b.Helper()
	waits := make([][]time.Duration, len(l.Conns))
	objects, cpu := l.Allocations(b), l.CPU(b)
	var all sync.WaitGroup
	for i, c := range l.Conns {
		share := n / len(l.Conns)
		if i < n%len(l.Conns) {
			share++
		}
		all.Go(func() {
			for range share {
				begun := time.Now()
				body, err := c.RoundTrip(l.Wire)
				if err != nil {
					b.Errorf("%s: %v", l.Name, err)
					return
				}
				waits[i] = append(waits[i], time.Since(begun))
				if !l.Check(body) {
					b.Errorf("%s: the reply is %.400q", l.Name, body)
					return
				}
			}
		})
	}
	all.Wait()
	if b.Failed() {
		b.FailNow()
	}
	l.cpu = append(l.cpu, (l.CPU(b)-cpu)/float64(n))
	l.count += l.Allocations(b) - objects
	l.sent += n
	l.waits = append(l.waits, slices.Concat(waits...)...)
}

// Compare gives the loads turns of so many requests until each has had b.N, so
// that a busy machine disturbs all of them alike. It warms them first.
func Compare(b *testing.B, turn int, loads ...*Load) {
	b.Helper()
	for _, l := range loads {
		l.run(b, turn)
		l.cpu, l.waits, l.count, l.sent = nil, nil, 0, 0
	}
	b.ResetTimer()
	for left := b.N; left > 0; left -= turn {
		for _, l := range loads {
			l.run(b, min(left, turn))
		}
	}
	b.StopTimer()
}

// Result is what a load cost.
type Result struct {
	CPU         float64 // µs for a request or a part: the median turn's
	Ratio       float64 // to the base's: the median of the ratios of neighbouring turns
	Allocations float64 // for a request or a part
	P50, P99    float64 // µs that a client waited for a whole reply
}

// Result is what the load cost, in relation to another one of the same
// comparison.
func (l *Load) Result(base *Load) Result {
	ratios := make([]float64, len(l.cpu))
	for i := range l.cpu {
		ratios[i] = l.cpu[i] / base.cpu[i]
	}
	parts := max(l.Parts, 1)
	slices.Sort(l.waits)
	at := func(q float64) float64 { return float64(l.waits[int(q*float64(len(l.waits)-1))].Nanoseconds()) / 1000 }
	return Result{
		CPU: median(l.cpu) / 1000 / parts, Ratio: median(ratios), Allocations: l.count / float64(l.sent) / parts,
		P50: at(0.5), P99: at(0.99),
	}
}

// Report writes the results of the loads as metrics, in relation to a base.
func Report(b *testing.B, base *Load, loads ...*Load) {
	b.Helper()
	unit := "req"
	if base.Parts > 0 {
		unit = "chunk"
	}
	b.ReportMetric(0, "ns/op")
	for _, l := range loads {
		r := l.Result(base)
		b.ReportMetric(r.CPU, l.Name+"-cpu-µs/"+unit)
		b.ReportMetric(r.Ratio, l.Name+"/"+base.Name)
		b.ReportMetric(r.Allocations, l.Name+"-allocs/"+unit)
		b.ReportMetric(r.P50, l.Name+"-p50-µs")
		b.ReportMetric(r.P99, l.Name+"-p99-µs")
	}
}

func median(of []float64) float64 {
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2]
}
