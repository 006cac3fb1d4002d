package usage

import (
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Record is one call that has ended.
type Record struct {
	Time   time.Time // when it ended
	Tenant string    // "" is nobody in particular: this user, or an open server's callers
	Model  string
	Method string // sync, stream, async, converse or construct

	Code      string // of its error; "" when it had none
	Refused   bool   // by the gate: no back-end was asked
	Tokens    Tokens
	Estimated bool    // Tokens were counted here
	USD       float64 // by the table of prices
	Unpriced  bool    // the table does not know the model
	Duration  time.Duration
}

// Cancelled stands for the code of a call that its caller gave up.
const Cancelled = "Cancelled"

// Tokens are what a call used. Input leaves cached tokens out, as Bedrock
// does.
type Tokens struct {
	Input, Output, CacheRead, CacheWrite int64
}

func tokensOf(u *bedrock.TokenUsage) Tokens {
	t := Tokens{Input: int64(u.InputTokens), Output: int64(u.OutputTokens)}
	if u.CacheReadInputTokens != nil {
		t.CacheRead = int64(*u.CacheReadInputTokens)
	}
	if u.CacheWriteInputTokens != nil {
		t.CacheWrite = int64(*u.CacheWriteInputTokens)
	}
	return t
}

// Key is what is told apart within an hour.
type Key struct {
	Tenant string `json:"tenant,omitempty"`
	Model  string `json:"model,omitempty"`
	Method string `json:"method,omitempty"`
}

// Other is the model that usage is booked under when too many are told apart.
const Other = "(other)"

// Counts are sums over calls.
type Counts struct {
	Requests   int64            `json:"requests"` // refused ones too
	Refused    int64            `json:"refused,omitempty"`
	Errors     map[string]int64 `json:"errors,omitempty"` // by code
	Input      int64            `json:"inputTokens"`
	Output     int64            `json:"outputTokens"`
	CacheRead  int64            `json:"cacheReadInputTokens,omitempty"`
	CacheWrite int64            `json:"cacheWriteInputTokens,omitempty"`
	USD        float64          `json:"usd"`
	Unpriced   int64            `json:"unpriced,omitempty"`  // calls whose model has no price
	Estimated  int64            `json:"estimated,omitempty"` // calls whose tokens were counted here
	Millis     int64            `json:"durationMs"`          // sum
	MaxMillis  int64            `json:"maxDurationMs"`
}

// record adds one call.
func (c *Counts) record(r *Record) {
	c.Requests++
	if r.Refused {
		c.Refused++
	}
	if r.Code != "" {
		if c.Errors == nil {
			c.Errors = map[string]int64{}
		}
		c.Errors[r.Code]++
	}
	c.Input += r.Tokens.Input
	c.Output += r.Tokens.Output
	c.CacheRead += r.Tokens.CacheRead
	c.CacheWrite += r.Tokens.CacheWrite
	c.USD += r.USD
	if r.Unpriced {
		c.Unpriced++
	}
	if r.Estimated {
		c.Estimated++
	}
	c.Millis += r.Duration.Milliseconds()
	c.MaxMillis = max(c.MaxMillis, r.Duration.Milliseconds())
}

// Add adds other sums.
func (c *Counts) Add(other Counts) {
	c.Requests += other.Requests
	c.Refused += other.Refused
	for code, n := range other.Errors {
		if c.Errors == nil {
			c.Errors = map[string]int64{}
		}
		c.Errors[code] += n
	}
	c.Input += other.Input
	c.Output += other.Output
	c.CacheRead += other.CacheRead
	c.CacheWrite += other.CacheWrite
	c.USD += other.USD
	c.Unpriced += other.Unpriced
	c.Estimated += other.Estimated
	c.Millis += other.Millis
	c.MaxMillis = max(c.MaxMillis, other.MaxMillis)
}

// ErrorCount is how many calls had an error.
func (c *Counts) ErrorCount() (n int64) {
	for _, m := range c.Errors {
		n += m
	}
	return n
}

// Row is what was used in one hour.
type Row struct {
	Hour time.Time `json:"hour,omitzero"` // its beginning, UTC
	Key
	Counts
}
