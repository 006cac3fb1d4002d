package events

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// Config says who is told, and how patiently. A zero field means its default.
type Config struct {
	Targets []Subscription

	// Ledger keeps what was delivered. Without one it is forgotten when the
	// process ends.
	Ledger Ledger

	MaxAge  time.Duration // after which an event that nobody took is given up; 24 h
	Timeout time.Duration // of one delivery; 10 s
	Grace   time.Duration // how long Close goes on with what can be delivered at once; 3 s
	Backoff Backoff

	Logger *slog.Logger // of deliveries that fail; nil is nobody
}

// Subscription is a target, and what it wants to be told.
type Subscription struct {
	Name     string // which the ledger knows it by: another name is another target
	Target   Target
	Statuses []bedrock.ModelInvocationJobStatus // none is all
}

// Dispatcher delivers events. It is a batch.Listener. One goroutine a target
// delivers, from Open to Close.
type Dispatcher struct {
	config Config
	stop   context.CancelFunc
	ctx    context.Context // of deliveries
	wg     sync.WaitGroup

	mu      sync.Mutex
	workers []*worker
	loading map[string]bool // jobs of the ledger that nobody has spoken of yet
	forgot  []string        // jobs to drop from the ledger
	closing chan struct{}
	ending  sync.Once
	ended   error
}

var _ batch.Listener = (*Dispatcher)(nil)

// worker is what delivers to one target. Its queue is guarded by
// Dispatcher.mu.
type worker struct {
	Subscription
	queue queue
	wake  chan struct{} // has room for one
}

// Open reads the ledger and begins to deliver. The targets are the dispatcher's
// from then on, also after an error.
func Open(ctx context.Context, c Config) (*Dispatcher, error) {
	c.MaxAge, c.Timeout, c.Grace = cmp.Or(c.MaxAge, 24*time.Hour), cmp.Or(c.Timeout, 10*time.Second), cmp.Or(c.Grace, 3*time.Second)
	c.Backoff = Backoff{cmp.Or(c.Backoff.Base, time.Second), cmp.Or(c.Backoff.Max, 5*time.Minute)}
	if c.Ledger == nil {
		c.Ledger = memory{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	d := &Dispatcher{config: c, loading: map[string]bool{}, closing: make(chan struct{})}
	d.ctx, d.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := d.load(ctx); err != nil {
		d.stop()
		return nil, errors.Join(err, d.closeTargets())
	}
	for _, w := range d.workers {
		d.wg.Go(func() { d.work(w) })
	}
	return d, nil
}

func (d *Dispatcher) load(ctx context.Context) error {
	for _, s := range d.config.Targets {
		since, err := d.config.Ledger.Since(ctx, s.Name, time.Now())
		if err != nil {
			return fmt.Errorf("events for %s: %w", s.Name, err)
		}
		w := &worker{Subscription: s, wake: make(chan struct{}, 1), queue: queue{
			backoff: d.config.Backoff, maxAge: d.config.MaxAge, since: since, told: map[string]int{}, pending: map[string]*line{},
		}}
		if len(s.Statuses) > 0 {
			w.queue.wanted = map[bedrock.ModelInvocationJobStatus]bool{}
			for _, status := range s.Statuses {
				w.queue.wanted[status] = true
			}
		}
		d.workers = append(d.workers, w)
	}
	for t, err := range d.config.Ledger.Told(ctx) {
		if err != nil {
			return err
		}
		d.loading[t.Job] = true
		for _, w := range d.workers {
			if w.Name == t.Target {
				w.queue.told[t.Job] = t.Changes
			}
		}
	}
	return nil
}

// Loaded says that all jobs there are have been spoken of: what the ledger knows
// of others is dropped.
func (d *Dispatcher) Loaded() {
	d.mu.Lock()
	var gone []string
	for id := range d.loading {
		gone = append(gone, id)
	}
	d.mu.Unlock()
	for _, id := range gone {
		d.Forgotten(id)
	}
}

// Changed has targets be told of what is new.
func (d *Dispatcher) Changed(h batch.History) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.loading, h.ID)
	for _, w := range d.workers {
		w.queue.put(h)
		w.nudge()
	}
}

// Owes tells whether a target waits for events of a job.
func (d *Dispatcher) Owes(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.workers, func(w *worker) bool { return w.queue.pending[id] != nil })
}

// Forgotten drops what is known of a job.
func (d *Dispatcher) Forgotten(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.loading, id)
	for _, w := range d.workers {
		w.queue.forget(id)
	}
	d.forgot = append(d.forgot, id)
	if len(d.workers) > 0 {
		d.workers[0].nudge() // it looks after the ledger
	}
}

func (w *worker) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// work delivers to one target until the dispatcher is closed and nothing can be
// delivered at once.
func (d *Dispatcher) work(w *worker) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		d.tidy(w)
		d.giveUp(w)
		next, wait := d.next(w)
		if next != nil {
			d.deliver(w, next)
			continue
		}
		select {
		case <-d.closing:
			return
		default:
		}
		expiry := time.Hour // something may have become too old
		if wait == 0 || wait > expiry {
			wait = expiry
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-w.wake:
		case <-d.closing:
		}
	}
}

// giveUp gives up the events that are too old. The ledger is told, as long as it
// takes it, so that no later process gives them up again.
func (d *Dispatcher) giveUp(w *worker) {
	d.mu.Lock()
	given := w.queue.expire(time.Now())
	d.mu.Unlock()
	noting := true
	for i, g := range given {
		d.config.Logger.Error("an event was given up: nobody took it in time",
			"target", w.Name, "job", g.event.Detail.BatchJobARN, "status", g.event.Detail.Status, "maxAge", d.config.MaxAge)
		if last := i == len(given)-1 || given[i+1].job != g.job; last && noting {
			noting = d.tell(Told{Target: w.Name, Job: g.job, Changes: g.told}) == nil
		}
	}
}

// delivery is an event on its way.
type delivery struct {
	line  *line
	event *Event
	told  Told // when it has arrived
}

// next is what is to be delivered now, or how long to wait.
func (d *Dispatcher) next(w *worker) (*delivery, time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx.Err() != nil {
		return nil, 0
	}
	l, wait := w.queue.due(time.Now())
	if l == nil {
		return nil, wait
	}
	return &delivery{l, newEvent(&l.history, l.next), Told{Target: w.Name, Job: l.history.ID, Changes: l.next + 1}}, 0
}

// deliver tries once.
func (d *Dispatcher) deliver(w *worker, t *delivery) {
	e := t.event
	body, err := json.Marshal(e)
	if err == nil {
		ctx, cancel := context.WithTimeout(d.ctx, d.config.Timeout)
		err = w.Target.Deliver(ctx, e, body)
		cancel()
	}
	if err == nil {
		err = d.tell(t.told)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		if w.queue.failures > 0 {
			d.config.Logger.Info("events are delivered again", "target", w.Name)
		}
		w.queue.delivered(t.line)
		return
	}
	if d.ctx.Err() != nil {
		return // it was cut off by Close, and is the next process's
	}
	wait := w.queue.failed(t.line, time.Now(), clip(err.Error()))
	d.config.Logger.Warn("an event was not delivered",
		"target", w.Name, "job", e.Detail.BatchJobARN, "status", e.Detail.Status, "event", e.ID, "error", t.line.last, "retry", wait)
}

// tell keeps that the target has taken the next event of a job. When that fails,
// the event is delivered again.
func (d *Dispatcher) tell(t Told) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.ctx), d.config.Timeout)
	defer cancel()
	return d.config.Ledger.Tell(ctx, t)
}

// tidy has the first worker drop from the ledger the jobs that were forgotten.
func (d *Dispatcher) tidy(w *worker) {
	if w != d.workers[0] {
		return
	}
	d.mu.Lock()
	forgot := d.forgot
	d.forgot = nil
	d.mu.Unlock()
	for _, id := range forgot {
		// What stays is found when the ledger is read the next time.
		_ = d.config.Ledger.Forget(d.ctx, id)
	}
}

// Close delivers what can be delivered at once, for Config.Grace or until ctx
// ends, and closes the targets. The rest is delivered by the next process on the
// same ledger. It is called after the jobs were closed; calling it again does
// nothing.
func (d *Dispatcher) Close(ctx context.Context) error {
	d.ending.Do(func() {
		close(d.closing)
		ctx, cancel := context.WithTimeout(ctx, d.config.Grace)
		defer cancel()
		defer context.AfterFunc(ctx, d.stop)()
		d.wg.Wait()
		d.stop()
		d.ended = d.closeTargets()
	})
	return d.ended
}

func (d *Dispatcher) closeTargets() error {
	var errs []error
	for _, s := range d.config.Targets {
		errs = append(errs, s.Target.Close())
	}
	return errors.Join(errs...)
}

// clip keeps an error to a length that logs take.
func clip(text string) string {
	const most = 500
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

// Undelivered is an event that waits for a target.
type Undelivered struct {
	Target   string    `json:"target"`
	Event    *Event    `json:"event"`
	Attempts int       `json:"attempts"` // that have failed
	Next     time.Time `json:"nextAttempt,omitzero"`
	Error    string    `json:"error,omitzero"` // of the last attempt
}

// Undelivered lists the events of an account, or of all with "", that wait, by
// target, job and order.
func (d *Dispatcher) Undelivered(account string) []Undelivered {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := []Undelivered{}
	for _, w := range d.workers {
		for _, l := range w.queue.pending {
			if account != "" && l.history.Account != account {
				continue
			}
			list = append(list, w.queue.waiting(w.Name, l)...)
		}
	}
	slices.SortStableFunc(list, func(a, b Undelivered) int {
		return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.Event.Detail.BatchJobARN, b.Event.Detail.BatchJobARN))
	})
	return list
}

// waiting lists what a job's line holds.
func (q *queue) waiting(target string, l *line) []Undelivered {
	var list []Undelivered
	rest := *l
	for first := true; rest.next < len(rest.history.Changes); first = false {
		u := Undelivered{Target: target, Event: newEvent(&rest.history, rest.next)}
		if first {
			u.Attempts, u.Error, u.Next = l.failures, l.last, l.notBefore
			if q.pause.After(u.Next) {
				u.Next = q.pause
			}
		}
		list = append(list, u)
		rest.next++
		q.skip(&rest)
	}
	return list
}
