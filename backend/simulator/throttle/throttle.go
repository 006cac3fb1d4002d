// Package throttle is a service's side of Bedrock's quotas: what an honest
// server refuses. AWS documents that a request reserves its input plus its
// output limit and settles what it used, but not how that is counted; so the
// policy, its window, its grain and the rest are parameters here, and a client
// is not told which it meets.
//
// It shares no code with package quota, the client's side, so that each can
// find the other's mistakes.
//
//	t, err := throttle.New(throttle.Config{Policy: throttle.RefundBucket, TokensPerMinute: 200_000})
//	adm, refused := t.Start(now, throttle.Request{Input: 900, MaxTokens: 1000})
//	…
//	t.End(now, adm, throttle.Usage{Input: 900, Output: 120})
//
// It is pure: the time is passed in and must not run backwards. It is not safe
// for concurrent use.
package throttle

import (
	"fmt"
	"time"
)

// Policy is a way of counting.
type Policy uint8

const (
	// FixedWindow counts in windows aligned to the clock. A reservation is
	// corrected within its own window; once that has passed, only what exceeds
	// the reservation is counted, in the window in which the request ends.
	FixedWindow Policy = iota
	// RefundBucket takes the reservation from a bucket that refills
	// continuously and gives back, or takes, the difference at the end.
	RefundBucket
	// Strict looks at every stretch of one window: what ended in it plus all
	// that is reserved must fit.
	Strict
)

func (p Policy) String() string {
	return [...]string{"fixed window", "refund bucket", "strict"}[min(p, Strict)]
}

// Config sets up a Throttle. A limit of 0 is no limit.
type Config struct {
	Policy            Policy
	TokensPerMinute   int64
	RequestsPerMinute int64
	// TokensPerDay is counted from midnight UTC.
	TokensPerDay int64
	// Window is over what the rates are counted. Default a minute.
	Window time.Duration
	// Align shifts the fixed windows against the clock's minute.
	Align time.Duration
	// Grain is how often a bucket is refilled. Default 0, continuously.
	Grain time.Duration
	// Burndown is what an output token uses. Default 1.
	Burndown float64
	// CountRejected counts refused attempts against the requests.
	CountRejected bool
}

// Request is what is known when a request starts.
type Request struct {
	Input     int // cache reads included
	MaxTokens int
}

// Usage is what is known when it has ended.
type Usage struct{ Input, CacheWrite, Output int }

// Limit is what refused a request.
type Limit uint8

// The limits.
const (
	Accepted Limit = iota
	Tokens
	Requests
	TokensPerDay
)

// Message is the text of the ThrottlingException.
func (l Limit) Message() string {
	switch l {
	case Tokens:
		return "Too many tokens, please wait before trying again."
	case TokensPerDay:
		return "Too many tokens per day, please wait before trying again."
	}
	return "Too many requests, please wait before trying again."
}

// Admission is a request that was let in. The zero Admission is none.
type Admission struct {
	reserved float64
	started  time.Time
	valid    bool
}

// Throttle counts one pool.
type Throttle struct {
	cfg      Config
	tokens   counter
	requests counter
	dayUsed  float64
	dayEnds  time.Time
}

// New returns a Throttle with nothing used, or an error that names the field.
func New(cfg Config) (*Throttle, error) {
	switch {
	case cfg.Policy > Strict:
		return nil, fmt.Errorf("throttle: policy: unknown value %d", cfg.Policy)
	case cfg.TokensPerMinute < 0, cfg.RequestsPerMinute < 0, cfg.TokensPerDay < 0:
		return nil, fmt.Errorf("throttle: tokensPerMinute, requestsPerMinute, tokensPerDay: must not be negative")
	case cfg.Window < 0, cfg.Grain < 0:
		return nil, fmt.Errorf("throttle: window, grain: must not be negative")
	case cfg.Burndown < 0:
		return nil, fmt.Errorf("throttle: burndown: must not be negative")
	}
	if cfg.Window == 0 {
		cfg.Window = time.Minute
	}
	if cfg.Burndown == 0 {
		cfg.Burndown = 1
	}
	return &Throttle{
		cfg:      cfg,
		tokens:   newCounter(cfg, cfg.TokensPerMinute),
		requests: newCounter(cfg, cfg.RequestsPerMinute),
	}, nil
}

// Start lets a request in and reserves for it, or says what refuses it.
func (t *Throttle) Start(now time.Time, r Request) (Admission, Limit) {
	reserve := float64(r.Input + r.MaxTokens)
	t.startDay(now)
	limit := Accepted
	switch {
	case !t.requests.fits(now, 1):
		limit = Requests
	case !t.tokens.fits(now, reserve):
		limit = Tokens
	case t.cfg.TokensPerDay > 0 && t.dayUsed+reserve > float64(t.cfg.TokensPerDay):
		limit = TokensPerDay
	}
	if limit != Accepted {
		if t.cfg.CountRejected {
			t.requests.spend(now, 1)
		}
		return Admission{}, limit
	}
	t.requests.spend(now, 1)
	t.tokens.reserve(now, reserve)
	t.dayUsed += reserve
	return Admission{reserved: reserve, started: now, valid: true}, Accepted
}

// End settles an admission with S = Input + CacheWrite + b × Output. A request
// that failed on the service's side ends with no usage. Ending the zero
// Admission does nothing; ending one twice is the caller's mistake.
func (t *Throttle) End(now time.Time, a Admission, u Usage) {
	if !a.valid {
		return
	}
	spent := float64(u.Input+u.CacheWrite) + t.cfg.Burndown*float64(u.Output)
	t.startDay(now)
	t.tokens.settle(now, a.started, a.reserved, spent)
	t.dayUsed = max(0, t.dayUsed+spent-a.reserved)
}

// Foreign counts what others use of the same quota. It is never refused, so it
// may leave a debt.
func (t *Throttle) Foreign(now time.Time, tokens, requests float64) {
	t.startDay(now)
	t.tokens.spend(now, tokens)
	t.requests.spend(now, requests)
	t.dayUsed += tokens
}

func (t *Throttle) startDay(now time.Time) {
	if !now.Before(t.dayEnds) {
		t.dayUsed = 0
		t.dayEnds = now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	}
}
