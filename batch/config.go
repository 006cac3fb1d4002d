package batch

import (
	"cmp"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/outcrop-ai/outcrop"
)

// Config says what jobs run on, and within which bounds. Backend and Objects
// are required; a zero field means its default.
type Config struct {
	Backend outcrop.Backend
	Objects outcrop.Objects

	// Listener is told of jobs' changes; nil is nobody.
	Listener Listener

	// Store keeps the jobs. Without one they live in this process, and end with
	// it.
	Store Store

	Concurrency   int // records of one job that are at the model at once; 16
	RunningJobs   int // jobs in progress at once, and in validation at once; 2
	ShardRecords  int // records of a shard, the part of a job that one owner works on; 500
	OpenShards    int // shards of one job that are begun and not finished; 8
	InFlightBytes int // input bytes of records that are read and not yet kept, where more than one; 64 MiB
	Unkept        int // replies of one job that wait to be kept, at most; 512

	// Adapt says how many records are at one back-end when it throttles. Lane
	// tells which back-end a model is answered by; each model is one by itself
	// when it is nil.
	Adapt Adapt
	Lane  func(modelID string) string

	// Source says where the answers of a model come from, as a sentence names it:
	// "the simulator". A job that has begun goes on only where they come from the
	// same, so that made-up answers and a model's do not lie in one file, nor
	// calls cost money that nobody agreed to. Nil is not looked at.
	Source func(modelID string) string

	Limits      Limits            // of a job
	ModelLimits map[string]Limits // instead of Limits, by model id
	Retry       Retry

	DefaultTimeout time.Duration // when a job names no timeoutDurationInHours; 24 h
	StopGrace      time.Duration // how long records at the model may finish when a job is stopped; 10 s
	WatchInterval  time.Duration // how often Watch tells that counts have changed, at most; 250 ms

	RetryStore time.Duration // when the store fails, or another node runs a job, it is tried again after this; 5 s

	MaxUnfinished int // jobs of all accounts that have not ended; 1000
	KeepFinished  int // jobs that have ended and can still be asked for; 10,000
	InlineBytes   int // of the inline bodies of jobs that have not ended, and of those that have; 256 MiB each

	MaxTags int // of a job; 50, as the service's

	// Logger is told where a back-end panicked; nil tells nobody.
	Logger *slog.Logger

	Clock Clock
	NewID func() string  // twelve of a-z0-9
	Rand  func() float64 // in [0, 1); spreads retries
}

// Limits bound one job. A zero field means its default.
type Limits struct {
	MinRecords     int   // of a job; 1 (AWS: 100)
	MaxRecords     int   // of a job; 100,000
	MaxFileRecords int   // of one object; 100,000
	MaxFiles       int   // objects of a job; 10,000
	MaxFileBytes   int64 // 1 GiB
	MaxJobBytes    int64 // 5 GiB
	MaxLineBytes   int   // a record, without its line ending; also an inline body; 25 MB, as InvokeModel's
}

// Retry says how often a record goes to the model before its error stands.
// Between attempts it waits Base, then twice as long each time, up to Max; half
// of each wait is random. An error that asks for a longer wait (RetryAfter), as
// where a day's tokens are used up, gets it, within the job's time. Decorators of
// the Backend may retry besides.
type Retry struct {
	ThrottledAttempts int           // after HTTP 429 and 503: the model has no room now; 12
	TransientAttempts int           // after other errors that may pass; 4
	Base              time.Duration // 1 s
	Max               time.Duration // 1 min
}

// Adapt bounds the records at one back-end, of all jobs together, by additive
// increase and multiplicative decrease: a ThrottlingException, or any other
// error of HTTP status 429 or 503, multiplies the bound by Decrease, at most
// once for the records that were sent under one bound; as many replies as the
// bound is raise it by Increase.
type Adapt struct {
	Max      int     // and where it begins; Concurrency × RunningJobs
	Min      int     // 1
	Increase float64 // 1
	Decrease float64 // 0.5
}

// Clock tells the time. It is injected so that tests need not wait.
type Clock interface {
	Now() time.Time
	After(d time.Duration) <-chan time.Time
}

type systemClock struct{}

func (systemClock) Now() time.Time                         { return time.Now() }
func (systemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// idAlphabet is what AWS's job ids are made of.
const idAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789"

const idLength = 12

func randomID() string {
	var id [idLength]byte
	for i := range id {
		id[i] = idAlphabet[rand.IntN(len(idAlphabet))]
	}
	return string(id[:])
}

func (c Config) withDefaults() (Config, error) {
	if c.Backend == nil {
		return c, errors.New("batch: Config.Backend is missing")
	}
	if c.Objects == nil {
		return c, errors.New("batch: Config.Objects is missing")
	}
	c.Concurrency = cmp.Or(c.Concurrency, 16)
	c.RunningJobs = cmp.Or(c.RunningJobs, 2)
	c.ShardRecords = cmp.Or(c.ShardRecords, 500)
	c.OpenShards = cmp.Or(c.OpenShards, 8)
	c.Unkept = cmp.Or(c.Unkept, 512)
	c.InFlightBytes = cmp.Or(c.InFlightBytes, 64<<20)
	c.Retry = Retry{
		ThrottledAttempts: cmp.Or(c.Retry.ThrottledAttempts, 12),
		TransientAttempts: cmp.Or(c.Retry.TransientAttempts, 4),
		Base:              cmp.Or(c.Retry.Base, time.Second),
		Max:               cmp.Or(c.Retry.Max, time.Minute),
	}
	c.DefaultTimeout = cmp.Or(c.DefaultTimeout, 24*time.Hour)
	c.StopGrace = cmp.Or(c.StopGrace, 10*time.Second)
	c.WatchInterval = cmp.Or(c.WatchInterval, 250*time.Millisecond)
	c.RetryStore = cmp.Or(c.RetryStore, 5*time.Second)
	c.MaxUnfinished = cmp.Or(c.MaxUnfinished, 1000)
	c.KeepFinished = cmp.Or(c.KeepFinished, 10_000)
	c.InlineBytes = cmp.Or(c.InlineBytes, 256<<20)
	c.MaxTags = cmp.Or(c.MaxTags, 50)
	if c.Concurrency < 0 || c.RunningJobs < 0 || c.ShardRecords < 0 || c.OpenShards < 0 || c.Unkept < 0 {
		return c, errors.New("batch: Config.Concurrency, RunningJobs, ShardRecords, OpenShards and Unkept must not be negative")
	}
	c.Adapt = Adapt{
		Max: cmp.Or(c.Adapt.Max, c.Concurrency*c.RunningJobs), Min: cmp.Or(c.Adapt.Min, 1),
		Increase: cmp.Or(c.Adapt.Increase, 1), Decrease: cmp.Or(c.Adapt.Decrease, 0.5),
	}
	if a := c.Adapt; a.Min < 1 || a.Max < a.Min || a.Increase < 0 || a.Decrease <= 0 || a.Decrease > 1 {
		return c, errors.New("batch: Config.Adapt must have 1 ≤ Min ≤ Max, Increase ≥ 0 and 0 < Decrease ≤ 1")
	}
	if c.Lane == nil {
		c.Lane = func(modelID string) string { return modelID }
	}
	if c.Source == nil {
		c.Source = func(string) string { return "" }
	}
	if c.Listener == nil {
		c.Listener = nobody{}
	}
	if c.Store == nil {
		c.Store = newMemory()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = systemClock{}
	}
	if c.NewID == nil {
		c.NewID = randomID
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	return c, nil
}

// limits are the bounds of a job on a model.
func (c *Config) limits(modelID string) Limits {
	l, ok := c.ModelLimits[modelID]
	if !ok {
		l = c.Limits
	}
	return Limits{
		MinRecords:     cmp.Or(l.MinRecords, 1),
		MaxRecords:     cmp.Or(l.MaxRecords, 100_000),
		MaxFileRecords: cmp.Or(l.MaxFileRecords, 100_000),
		MaxFiles:       cmp.Or(l.MaxFiles, 10_000),
		MaxFileBytes:   cmp.Or(l.MaxFileBytes, 1<<30),
		MaxJobBytes:    cmp.Or(l.MaxJobBytes, 5<<30),
		MaxLineBytes:   cmp.Or(l.MaxLineBytes, 25_000_000),
	}
}
