package quotasim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/smithy-go"

	"github.com/outcrop-ai/outcrop/backend/simulator/throttle"
)

// Errors of an attempt, as the SDK's retryers know them.
var (
	errThrottled   = &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Too many tokens, please wait before trying again.", Fault: smithy.FaultClient}
	errRequests    = &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Too many requests, please wait before trying again.", Fault: smithy.FaultClient}
	errUnavailable = &smithy.GenericAPIError{Code: "ServiceUnavailable", Fault: smithy.FaultServer}
)

// world is the service and those who ask it: its accounting, its capacity, its
// callers.
type world struct {
	clock
	*scenario
	horizon  time.Duration
	th       *throttle.Throttle
	client   client
	inflight int
	open     map[*work]bool // interactive requests without an answer yet
	result   result
}

// warm is the time after which figures count. What is used from then until early
// tells what a client has learned within two minutes.
const (
	warm  = 2 * time.Minute
	early = 4 * time.Minute
)

func (w *world) counts() bool { return w.now >= warm }

// attempt sends one request; done is told how it ended once its caller knows.
func (w *world) attempt(r *work, done func(err error)) {
	r.began, r.sent = w.now, true
	w.after(network, func() {
		adm, err := w.enter(r)
		if err != nil {
			w.after(network, func() { r.sent = false; done(err) })
			return
		}
		w.after(r.service(), func() {
			w.leave(r, adm)
			w.after(network, func() { done(nil) })
		})
	})
}

func (w *world) enter(r *work) (throttle.Admission, error) {
	counts := w.counts()
	if counts {
		w.result.attempts++
	}
	if w.bursting() && w.inflight >= burstCapacity {
		return throttle.Admission{}, errUnavailable
	}
	adm, limit := w.th.Start(w.time(), throttle.Request{Input: r.input, MaxTokens: r.max})
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

func (w *world) bursting() bool {
	return w.bursts && w.now%burstEvery >= burstEvery-burstLasts
}

func (w *world) leave(r *work, adm throttle.Admission) {
	w.inflight--
	w.th.End(w.time(), adm, throttle.Usage{Input: r.input, Output: r.output})
	if w.counts() {
		s := r.spent(w.b)
		w.result.spent += s
		if w.now < early {
			w.result.early += s
		}
		if !r.interactive {
			w.result.byTenant[r.tenant] += s / r.weight
		}
	}
}

// loadForeign is what others use.
func (w *world) loadForeign() {
	const every = 100 * time.Millisecond
	share := float64(w.foreign) / 100
	if w.foreign == step {
		share = 0
		if w.now > w.horizon/3 && w.now < 2*w.horizon/3 {
			share = stepShare
		}
	}
	w.th.Foreign(w.time(), share*float64(w.tpm)*every.Minutes(), 0)
	w.after(every, w.loadForeign)
}

// work starts one of an endless backlog.
func (w *world) work(i int, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, uint64(i)))
	tenant := batchTenants[i%len(batchTenants)]
	var next func()
	next = func() {
		r := w.draw(rng)
		r.tenant, r.weight = tenant.name, tenant.weight
		w.client.do(&r, func(err error) {
			w.finished(&r, err)
			next()
		})
	}
	w.after(time.Duration(rng.Int64N(int64(time.Second))), next)
}

// arrive lets interactive requests come in, a Poisson process.
func (w *world) arrive(seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1<<32))
	gap := 60 / (interactive * float64(w.tpm) / w.means().spent)
	var next func()
	wait := func() { w.after(time.Duration(rng.ExpFloat64()*gap*float64(time.Second)), next) }
	next = func() {
		r := w.draw(rng)
		r.tenant, r.weight, r.interactive = interactiveTenants[rng.IntN(len(interactiveTenants))], 1, true
		r.arrived = w.now
		w.open[&r] = true
		w.client.do(&r, func(err error) {
			delete(w.open, &r)
			w.finished(&r, err)
		})
		wait()
	}
	wait()
}

// finished counts a request.
func (w *world) finished(r *work, err error) {
	if !w.counts() {
		return
	}
	w.result.asked++
	if err != nil {
		w.result.failed++
		r.began = w.now // it has waited until it was given up
	}
	if r.interactive {
		w.result.waits = append(w.result.waits, (r.began - r.arrived).Seconds())
	}
}

// cutOff counts the interactive requests that the horizon finds unanswered by
// how long they have waited so far.
func (w *world) cutOff() {
	for r := range w.open {
		if !r.sent {
			r.began = w.now
		}
		w.result.waits = append(w.result.waits, (r.began - r.arrived).Seconds())
	}
}

// newWorld returns a world in which nobody asks yet.
func newWorld(s *scenario, seed uint64, horizon time.Duration, start time.Time) *world {
	th, err := throttle.New(throttle.Config{
		Policy: s.policy, Window: s.window, TokensPerMinute: s.tpm, RequestsPerMinute: s.rpm, Burndown: s.b,
		Align: time.Duration(seed) * 7 * time.Second / 3,
	})
	if err != nil {
		panic(fmt.Sprint("a scenario that the service cannot run: ", err))
	}
	return &world{
		clock: clock{start: start}, scenario: s, horizon: horizon, th: th,
		open: map[*work]bool{}, result: result{byTenant: map[string]float64{}},
	}
}

// play runs the world with a client and returns what it came to.
func (w *world) play(c client, seed uint64) result {
	w.client = c
	if w.foreign != 0 {
		w.loadForeign()
	}
	for i := range workers {
		w.work(i, seed)
	}
	w.arrive(seed)
	w.run(w.horizon)
	w.cutOff()
	return w.result
}
