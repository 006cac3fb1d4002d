package quotasim

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aws/smithy-go"

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
	foreign int  // hidden load: 0, 20 (% of the quota), or step: 40 % in the middle third
	bursts  bool // 503s: ten seconds of every five minutes, above 20 in flight
}

const step = -1

// work is one request.
type work struct {
	tenant      string
	weight      float64
	interactive bool
	input       int
	estimate    int // of the input: off by 5 % (one standard deviation)
	output      int
	max         int
}

// batchTenants share the backlog by weight, a quarter of the workers each.
var batchTenants = []struct {
	name   string
	weight float64
}{{"b0", 1}, {"b1", 1}, {"b2", 2}, {"b3", 4}}

const (
	workers     = 400
	interactive = 0.2                   // share of the quota that interactive arrivals ask for
	network     = 20 * time.Millisecond // one way
)

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
	return 400*time.Millisecond + time.Duration(w.output)*time.Second/80
}

// means are the expectations that bounds and tuning need, drawn once.
type means struct{ spent, reserved, charged, seconds float64 }

func (s *scenario) means() (m means) {
	rng := rand.New(rand.NewPCG(9, 9))
	const n = 100_000
	for range n {
		w := s.draw(rng)
		m.spent += w.spent(s.b) / n
		m.reserved += w.reserved() / n
		m.charged += max(w.spent(s.b), w.reserved()) / n
		m.seconds += w.service().Seconds() / n
	}
	return m
}

// bound is the share of the quota that a client can expect to use: at most what
// foreign load leaves, RPM·E[S]/TPM, and what the policy allows, with T the mean
// service time and ρ = E[R]/E[S].
//
//	bucket  W/(T·ρ): no more than a window's worth is reserved at a time. It
//	        is no bound where the bucket refills while it reserves, as here
//	strict  W/(W + T·ρ): what is reserved and what a window settled share it
//	fixed   E[S]/((1-p)·E[S] + p·E[max(R,S)]), p = min(1, T/W): a request that
//	        outlives its window never gets its reservation back. Debts are
//	        forgiven when a window ends, so a greedy client may pass this.
func (s *scenario) bound() float64 {
	m := s.means()
	w, rho := s.window.Seconds(), m.reserved/m.spent
	u := 1.0
	switch s.policy {
	case throttle.FixedWindow:
		p := min(1, m.seconds/w)
		u = m.spent / ((1-p)*m.spent + p*m.charged)
	case throttle.RefundBucket:
		u = min(1, w/(m.seconds*rho))
	case throttle.Strict:
		u = w / (w + m.seconds*rho)
	}
	left := 1.0
	switch s.foreign {
	case 0:
	case step:
		left = 1 - 0.4/3
	default:
		left = 1 - float64(s.foreign)/100
	}
	if s.rpm > 0 {
		u = min(u, float64(s.rpm)*m.spent/float64(s.tpm))
	}
	return min(u, left)
}

// Errors of an attempt, as the SDK's retryers know them.
var (
	errThrottled   = &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Too many tokens, please wait before trying again.", Fault: smithy.FaultClient}
	errRequests    = &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Too many requests, please wait before trying again.", Fault: smithy.FaultClient}
	errUnavailable = &smithy.GenericAPIError{Code: "ServiceUnavailable", Fault: smithy.FaultServer}
)

// world is the service: its accounting, its capacity, its clock.
type world struct {
	scenario
	start   time.Time
	horizon time.Duration

	mu       sync.Mutex
	th       *throttle.Throttle
	inflight int
	result   result
}

// warm is the time after which figures count.
const warm = 2 * time.Minute

func (w *world) counts() bool { return time.Since(w.start) >= warm }

// attempt sends one request and returns when the service took it.
func (w *world) attempt(ctx context.Context, r *work) (began time.Time, err error) {
	began = time.Now()
	if !sleep(ctx, network) {
		return began, ctx.Err()
	}
	adm, err := w.enter(r)
	if err != nil {
		sleep(ctx, network)
		return began, err
	}
	finished := sleep(ctx, r.service())
	w.leave(r, adm, finished)
	if !finished || !sleep(ctx, network) {
		return began, ctx.Err()
	}
	return began, nil
}

func (w *world) enter(r *work) (throttle.Admission, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	counts := w.counts()
	if counts {
		w.result.attempts++
	}
	if w.bursts && time.Since(w.start)%(5*time.Minute) >= 290*time.Second && w.inflight >= 20 {
		return throttle.Admission{}, errUnavailable
	}
	adm, limit := w.th.Start(now, throttle.Request{Input: r.input, MaxTokens: r.max})
	if limit != throttle.Accepted {
		if counts {
			w.result.throttles++
		}
		if limit == throttle.Requests {
			return adm, errRequests
		}
		return adm, errThrottled
	}
	w.inflight++
	return adm, nil
}

func (w *world) leave(r *work, adm throttle.Admission, finished bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inflight--
	u := throttle.Usage{Input: r.input}
	if finished {
		u.Output = r.output
	}
	w.th.End(time.Now(), adm, u)
	if finished && w.counts() {
		s := r.spent(w.b)
		w.result.spent += s
		if !r.interactive {
			w.result.byTenant[r.tenant] += s / r.weight
		}
	}
}

// loadForeign is what others use, until ctx ends.
func (w *world) loadForeign(ctx context.Context) {
	const every = 100 * time.Millisecond
	for sleep(ctx, every) {
		share := float64(w.foreign) / 100
		if w.foreign == step {
			share = 0
			if at := time.Since(w.start); at > w.horizon/3 && at < 2*w.horizon/3 {
				share = 0.4
			}
		}
		w.mu.Lock()
		w.th.Foreign(time.Now(), share*float64(w.tpm)*every.Minutes(), 0)
		w.mu.Unlock()
	}
}

// sleep waits in virtual time and says whether ctx lasted.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
