package quotasim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop/backend/simulator/throttle"
)

// scenario is one cell of the table: a server and what happens to it.
type scenario struct {
	name    string
	policy  throttle.Policy
	window  time.Duration
	tpm     int64
	rpm     int64
	b       float64
	max     int  // max_tokens of every request
	foreign int  // hidden load: 0, 20 (% of the quota), or step
	bursts  bool // 503s, above burstCapacity in flight
}

const (
	step      = -1  // foreign load in the middle third of a run
	stepShare = 0.4 // of the quota

	burstEvery    = 5 * time.Minute
	burstLasts    = 10 * time.Second
	burstCapacity = 20

	workers     = 400
	interactive = 0.2                   // share of the quota that interactive arrivals ask for
	network     = 20 * time.Millisecond // one way
)

// batchTenants share the backlog by weight, a quarter of the workers each.
var batchTenants = []struct {
	name   string
	weight float64
}{{"b0", 1}, {"b1", 1}, {"b2", 2}, {"b3", 4}}

var interactiveTenants = []string{"i0", "i1", "i2", "i3"}

// work is one request.
type work struct {
	tenant      string
	weight      float64
	interactive bool
	input       int
	estimate    int // of the input: off by 5 % (one standard deviation)
	output      int
	max         int

	arrived, began time.Duration // began: the last attempt
	sent           bool          // an attempt is under way
}

// draw makes a request with heavy-tailed lengths.
func (s *scenario) draw(rng *rand.Rand) work {
	w := work{max: s.max}
	w.input = min(20_000, 1+int(800*math.Exp(rng.NormFloat64())))
	w.estimate = max(1, int(float64(w.input)*math.Exp(0.05*rng.NormFloat64())))
	w.output = min(s.max, 4096, 1+int(250*math.Exp(rng.NormFloat64())))
	return w
}

func (w *work) spent(b float64) float64 { return float64(w.input) + b*float64(w.output) }

func (w *work) reserved() float64 { return float64(w.input + w.max) }

// service is how long the model takes.
func (w *work) service() time.Duration {
	return 400*time.Millisecond + time.Duration(w.output)*time.Second/pace
}

// pace is how many tokens the model writes in a second.
const pace = 80

// means are the expectations that bounds and tuning need. excess is what a reply
// under way has cost beyond its reservation, over its time: tokens × seconds; kept
// is what of it a client keeps room for.
type means struct{ spent, reserved, charged, seconds, excess, kept float64 }

// means are drawn once for each burndown and output limit.
func (s *scenario) means() means {
	type key struct {
		b   float64
		max int
	}
	k := key{s.b, s.max}
	if m, ok := drawn.Load(k); ok {
		return m.(means)
	}
	rng := rand.New(rand.NewPCG(9, 9))
	const n = 200_000
	var m means
	for range n {
		w := s.draw(rng)
		m.spent += w.spent(s.b) / n
		m.reserved += w.reserved() / n
		m.charged += max(w.spent(s.b), w.reserved()) / n
		m.seconds += w.service().Seconds() / n
		over := max(0, s.b*float64(w.output)-float64(w.max))
		m.excess += over * over / (2 * s.b * pace) / n
	}
	drawn.Store(k, m)
	return m
}

var drawn sync.Map

// bound is the share of the quota that a client can expect to use, with T the
// mean service time and ρ = E[R]/E[S]: at most RPM·E[S]/TPM, and of what foreign
// load leaves, what the shape allows a steady flow:
//
//	bucket  1: it refills while it reserves, so W/(T·ρ) does not bind. That is
//	        the bound of a server that keeps reservations apart
//	strict  W/(W + T·ρ): what is reserved and what a window settled share it
//	fixed   E[S]/((1-p)·E[S] + p·E[max(R,S)]), p = min(1, T/W): a request that
//	        outlives its window never gets its reservation back. Debts are
//	        forgiven when a window ends, so a greedy client may pass this.
//
// Windows count whole requests. 503s are left out: what they cost depends on how
// much of it can be caught up.
func (s *scenario) bound() float64 { return s.bounded(s.means()) }

// safe is the bound for a client that is never refused whatever happens. All that
// is under way may have ended since it last heard from the service, and would
// count with what it has cost so far, where that is more than its reservation. So
// the excess, X = E[max(0, b·output - M)²]/(2·b·pace) tokens × seconds a request,
// takes as much room as reservations do:
//
//	strict  W/(W + T·ρ + X/E[S])
//	fixed   E[S]/((1-p)·E[S] + p·E[max(R,S)] + X/W)
func (s *scenario) safe() float64 {
	m := s.means()
	m.kept = m.excess
	return s.bounded(m)
}

func (s *scenario) bounded(m means) float64 {
	w, rho := s.window.Seconds(), m.reserved/m.spent
	u := 1.0
	switch s.policy {
	case throttle.FixedWindow:
		p := min(1, m.seconds/w)
		u = m.spent / ((1-p)*m.spent + p*m.charged + m.kept/w)
	case throttle.Strict:
		u = w / (w + m.seconds*rho + m.kept/m.spent)
	}
	switch s.foreign {
	case 0:
	case step:
		// A third of the run, all of it after the warm-up.
		const run = 30.0
		u *= 1 - stepShare*(run/3)/(run-warm.Minutes())
	default:
		u *= 1 - float64(s.foreign)/100
	}
	if s.rpm > 0 {
		perWindow := max(1, float64(s.rpm)*s.window.Minutes())
		perMinute := float64(s.rpm)
		if s.policy != throttle.RefundBucket {
			perMinute *= math.Floor(perWindow) / perWindow
		}
		u = min(u, perMinute*m.spent/float64(s.tpm))
	}
	return u
}

var base = scenario{policy: throttle.RefundBucket, window: time.Minute, tpm: 2_000_000, b: 5, max: 4096}

// bindingRPM is a limit of requests that grants 80 % of the tokens.
func (s *scenario) bindingRPM() int64 { return int64(0.8 * float64(s.tpm) / s.means().spent) }

// describe names what differs from the plain server.
func (s *scenario) describe() string {
	name := fmt.Sprintf("%s %s", s.policy, s.window)
	if s.window == time.Minute {
		name = fmt.Sprintf("%s 60s", s.policy)
	}
	if s.rpm > 0 {
		name += ", RPM binds"
	}
	switch s.foreign {
	case 0:
	case step:
		name += ", foreign step"
	default:
		name += fmt.Sprintf(", foreign %d %%", s.foreign)
	}
	if s.bursts {
		name += ", 503s"
	}
	if s.b != base.b {
		name += fmt.Sprintf(", b = %v", s.b)
	}
	if s.max != base.max {
		name += fmt.Sprintf(", max_tokens %d", s.max)
	}
	return name
}

var (
	policies = []throttle.Policy{throttle.FixedWindow, throttle.RefundBucket, throttle.Strict}
	windows  = []time.Duration{time.Second, 10 * time.Second, time.Minute}
)

// factorial is every combination of the factors: 432 cells.
func factorial() (all []scenario) {
	for _, p := range policies {
		for _, w := range windows {
			for _, rpm := range []bool{false, true} {
				for _, foreign := range []int{0, 20, step} {
					for _, bursts := range []bool{false, true} {
						for _, b := range []float64{1, 5, 10, 15} {
							s := base
							s.policy, s.window, s.foreign, s.bursts, s.b = p, w, foreign, bursts, b
							if rpm {
								s.rpm = s.bindingRPM()
							}
							s.name = s.describe()
							all = append(all, s)
						}
					}
				}
			}
		}
	}
	return all
}

// oneAtATime varies one factor at a time around each shape with a minute's window.
func oneAtATime() (all []scenario) {
	vary := func(p throttle.Policy, f func(s *scenario)) {
		s := base
		s.policy = p
		f(&s)
		s.name = s.describe()
		all = append(all, s)
	}
	for _, p := range policies {
		for _, w := range []time.Duration{time.Minute, 10 * time.Second, time.Second} {
			vary(p, func(s *scenario) { s.window = w })
		}
		vary(p, func(s *scenario) { s.rpm = s.bindingRPM() })
		vary(p, func(s *scenario) { s.foreign = 20 })
		vary(p, func(s *scenario) { s.foreign = step })
		vary(p, func(s *scenario) { s.bursts = true })
		for _, b := range []float64{1, 10, 15} {
			vary(p, func(s *scenario) { s.b = b })
		}
		vary(p, func(s *scenario) { s.max = 64_000 })
	}
	return all
}
