package quota

import (
	"fmt"
	"time"
)

// Request asks for one attempt's reservation.
type Request struct {
	// Pools are the feasible ones, preferred first where all else is equal.
	Pools []PoolID
	// Prices are those of Pools, in their order, in the place of the pools' own.
	Prices []float64
	// Tenant and Weight (default 1) are for fairness; Class comes before it.
	Tenant string
	Weight float64
	Class  Class
	// Input is the estimated input, all of it: cache reads count in what
	// Bedrock reserves.
	Input int
	// MaxTokens is the output limit. It is required: an unset one reserves the
	// model's whole maximum at Bedrock, so fill it in before.
	MaxTokens int
	// Output is the output length to expect; 0 takes the learned quantile.
	Output int
	// Deadline and MaxWait bound the time in the queue; the earlier one counts.
	// With neither, a request that cannot go now is refused.
	Deadline time.Time
	MaxWait  time.Duration
	// Conversation keeps the turns of one conversation in one pool, where its
	// prompt cache is.
	Conversation string
	// Observe admits the request whatever the limits say, for books that only
	// watch: the decision's Limit and Until tell what would have held it back.
	Observe bool
}

func (r *Request) validate() error {
	switch {
	case len(r.Pools) == 0:
		return fmt.Errorf("quota: request: pools: must name at least one")
	case r.Prices != nil && len(r.Prices) != len(r.Pools):
		return fmt.Errorf("quota: request: prices: expected one for each of %d pools, got %d", len(r.Pools), len(r.Prices))
	case r.Class > Background:
		return fmt.Errorf("quota: request: class: unknown value %d", r.Class)
	case r.Weight < 0:
		return fmt.Errorf("quota: request: weight: must not be negative, got %v", r.Weight)
	case r.Input < 0:
		return fmt.Errorf("quota: request: input: must not be negative, got %d", r.Input)
	case r.MaxTokens <= 0:
		return fmt.Errorf("quota: request: maxTokens: must be set, got %d", r.MaxTokens)
	case r.Output < 0:
		return fmt.Errorf("quota: request: output: must not be negative, got %d", r.Output)
	case r.MaxWait < 0:
		return fmt.Errorf("quota: request: maxWait: must not be negative, got %s", r.MaxWait)
	}
	return nil
}

// until returns when waiting ends, in nanoseconds; now when there is none.
func (r *Request) until(now int64) int64 {
	end := int64(never)
	if !r.Deadline.IsZero() {
		end = r.Deadline.UnixNano()
	}
	if r.MaxWait > 0 {
		end = min(end, now+int64(r.MaxWait))
	}
	if end == never {
		return now
	}
	return end
}

// State is what became of a request.
type State uint8

// The states.
const (
	Admitted State = iota + 1
	Waiting
	Refused
)

func (s State) String() string {
	return [...]string{"", "admitted", "waiting", "refused"}[min(s, Refused)]
}

// Reason says why a request was refused.
type Reason uint8

// The reasons.
const (
	NoReason  Reason = iota
	Throttled        // it would have to wait, and does not
	TooLarge         // it reserves more than a whole window or day grants
	QueueFull        // too many wait already
	Expired          // its deadline passed while it waited
	TooLate          // its turn cannot come before its deadline: see Until
)

func (r Reason) String() string {
	return [...]string{"none", "throttled", "too-large", "queue-full", "expired", "too-late"}[min(r, TooLate)]
}

// Decision is the answer to a request.
type Decision struct {
	State State
	// Pool is where the request was placed.
	Pool PoolID
	// Hold is what was or would be booked, in tokens of quota.
	Hold int
	// Limit is what made it wait or refused it.
	Limit  Limit
	Reason Reason
	// Until estimates the admission of a waiting request, or when to try a
	// refused one again. Zero when only a settlement can tell. Of a request that
	// is TooLate it is no estimate: before that time it is never admitted.
	Until time.Time
	// Waited is how long the request stood in the queue of a [Gate], 0 when it
	// was answered at once.
	Waited time.Duration
}

// Err returns a refusal as an error, or nil.
func (d Decision) Err() error {
	if d.State != Refused {
		return nil
	}
	return &RefusedError{Decision: d}
}

// need is what was asked of the limit.
func (d *Decision) need() string {
	if d.Limit == Requests {
		return "one of its " + d.Limit.String()
	}
	return fmt.Sprintf("%d of its %s", d.Hold, d.Limit)
}

// RefusedError is a refused request.
type RefusedError struct{ Decision Decision }

// Late tells that the turn comes later than the request could have waited. To ask
// the same pool again before Decision.Until is to be refused again.
func (e *RefusedError) Late() bool { return e.Decision.Reason == TooLate }

func (e *RefusedError) Error() string {
	d := e.Decision
	switch d.Reason {
	case TooLarge:
		return fmt.Sprintf("quota: pool %s: input plus maxTokens reserves %d tokens, more than its quota of %s ever grants: lower maxTokens", d.Pool, d.Hold, d.Limit)
	case QueueFull:
		return fmt.Sprintf("quota: pool %s: queue is full", d.Pool)
	case TooLate:
		return fmt.Sprintf("quota: pool %s: needs %s, which cannot be before %s, and its deadline is earlier", d.Pool, d.need(), d.Until.UTC().Format(time.RFC3339))
	case Expired:
		return fmt.Sprintf("quota: pool %s: deadline passed while waiting for %s", d.Pool, d.Limit)
	}
	if d.Until.IsZero() {
		return fmt.Sprintf("quota: pool %s: %s exhausted", d.Pool, d.Limit)
	}
	return fmt.Sprintf("quota: pool %s: %s exhausted until %s", d.Pool, d.Limit, d.Until.UTC().Format(time.RFC3339))
}

// Usage is what a reply reported.
type Usage struct {
	Input      int // without cache reads and writes
	CacheRead  int
	CacheWrite int
	Output     int
}

// Grant tells of a waiting ticket: Decision.State is Admitted or Refused.
type Grant struct {
	Ticket   TicketID
	Decision Decision
}
