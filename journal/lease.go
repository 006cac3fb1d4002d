package journal

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Owner is who holds a lease: a node, and which run of its process.
type Owner struct {
	Node string `json:"node"`
	Run  string `json:"run"`
}

func newOwner(node string) Owner { return Owner{node, strings.ToLower(rand.Text()[:12])} }

func (o Owner) String() string { return o.Node + "/" + o.Run }

// HeldError is the error of a lease that another owner holds.
type HeldError struct {
	Key   string
	Owner Owner
}

func (e *HeldError) Error() string { return fmt.Sprintf("%s is being worked on by %s", e.Key, e.Owner) }

// Leases says who works on what. A lease lasts while its holder sends
// heartbeats, and lapses Config.LeaseTime after the last one, by the server's
// clock. Those of an embedded server are in memory and end with it.
//
// One goroutine sends the heartbeats of all leases that are held; it begins with
// the first lease and ends with the journal.
type Leases struct {
	bucket   *Bucket
	owner    Owner
	lasts    time.Duration
	interval time.Duration // between heartbeats
	patience time.Duration // with requests made under mu: one that hangs keeps the heartbeats of others waiting

	mu    sync.Mutex
	held  map[string]*Lease
	stop  context.CancelFunc // ends the heartbeats; nil while there are none
	beats sync.WaitGroup
}

// Lease is one lease that this process holds.
type Lease struct {
	leases   *Leases
	key      string
	revision uint64
	renewed  time.Time // of the last heartbeat that got through
	lost     chan struct{}
}

func openLeases(ctx context.Context, j *Journal) (*Leases, error) {
	bucket, err := j.Bucket(ctx, BucketConfig{
		Name: "leases", Format: Format{"lease", 1}, MaxAge: j.config.LeaseTime, Volatile: true,
	})
	if err != nil {
		return nil, err
	}
	interval := j.config.LeaseTime / 3
	return &Leases{
		bucket: bucket, owner: j.owner, lasts: j.config.LeaseTime, interval: interval, patience: max(interval, time.Second), held: map[string]*Lease{},
	}, nil
}

// reopen makes the stream of the leases again, which is gone when the server has
// read its store anew. Their next heartbeats take them again.
func (l *Leases) reopen(ctx context.Context) error {
	_, err := l.bucket.stream.create(ctx)
	return err
}

// Acquire takes the lease of a key, which is a subject. One that another owner
// holds is a [*HeldError], unless that owner was an earlier run of this node:
// whoever holds the directory's lock knows that it has ended.
func (l *Leases) Acquire(ctx context.Context, key string) (*Lease, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[key] != nil {
		return nil, &HeldError{key, l.owner}
	}
	ctx, cancel := context.WithTimeout(ctx, l.patience)
	defer cancel()
	revision, err := l.take(ctx, key, l.isEarlier)
	if err != nil {
		return nil, err
	}
	lease := &Lease{leases: l, key: key, revision: revision, renewed: time.Now(), lost: make(chan struct{})}
	l.held[key] = lease
	if l.stop == nil {
		beating, stop := context.WithCancel(context.Background())
		l.stop = stop
		l.beats.Go(func() { l.beat(beating) })
	}
	return lease, nil
}

// isEarlier tells whether an owner was an earlier run of this node.
func (l *Leases) isEarlier(o Owner) bool { return o.Node == l.owner.Node && o.Run != l.owner.Run }

// isOwn tells whether an owner is this process.
func (l *Leases) isOwn(o Owner) bool { return o == l.owner }

// take takes a lease that nobody has, or that somebody has from whom it may be
// taken.
func (l *Leases) take(ctx context.Context, key string, from func(Owner) bool) (uint64, error) {
	value, err := json.Marshal(l.owner)
	if err != nil {
		return 0, err
	}
	revision, err := l.bucket.Create(ctx, key, value)
	if !errors.Is(err, ErrConflict) {
		return revision, err
	}
	m, err := l.bucket.Get(ctx, key)
	if errors.Is(err, ErrNotFound) { // it has lapsed in between
		return l.bucket.Create(ctx, key, value)
	}
	if err != nil {
		return 0, err
	}
	var holder Owner
	if err := json.Unmarshal(m.Data, &holder); err != nil {
		return 0, fmt.Errorf("journal: the lease of %s cannot be read: %w", key, err)
	}
	if !from(holder) {
		return 0, &HeldError{key, holder}
	}
	return l.bucket.Update(ctx, key, value, m.Sequence)
}

// beat renews the leases until ctx ends.
func (l *Leases) beat(ctx context.Context) {
	ticker := time.NewTicker(l.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			l.renew(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// renew sends one heartbeat for each lease. A lease that has lapsed, as while the
// machine slept, is taken anew unless somebody else has it; and one whose last
// heartbeat got through without our hearing of it is still ours.
func (l *Leases) renew(ctx context.Context) {
	l.bucket.stream.journal.present()() // that wait is nobody's loss
	ctx, cancel := context.WithTimeout(ctx, l.patience)
	defer cancel()
	value, err := json.Marshal(l.owner)
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, lease := range l.held {
		begun := time.Now()
		revision, err := l.bucket.Update(ctx, key, value, lease.revision)
		if errors.Is(err, ErrConflict) {
			revision, err = l.take(ctx, key, l.isOwn)
		}
		_, held := errors.AsType[*HeldError](err)
		switch {
		case err == nil:
			lease.revision, lease.renewed = revision, begun
		case held, errors.Is(err, ErrConflict), time.Since(lease.renewed) > l.lasts:
			delete(l.held, key)
			close(lease.lost)
		}
		// Another error may be the connection's: the next heartbeat may get
		// through in time.
	}
}

// Lost is closed when the lease has gone to somebody else. Its holder must stop.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// Release gives the lease back. One that is lost already is left alone.
func (l *Lease) Release(ctx context.Context) error {
	l.leases.mu.Lock()
	defer l.leases.mu.Unlock()
	if l.leases.held[l.key] != l {
		return nil
	}
	delete(l.leases.held, l.key)
	ctx, cancel := context.WithTimeout(ctx, l.leases.patience)
	defer cancel()
	return l.leases.bucket.DeleteRevision(ctx, l.key, l.revision)
}

// close ends the heartbeats and gives everything back.
func (l *Leases) close(ctx context.Context) error {
	l.mu.Lock()
	stop := l.stop
	l.stop = nil
	held := make([]*Lease, 0, len(l.held))
	for _, lease := range l.held {
		held = append(held, lease)
	}
	l.mu.Unlock()
	if stop != nil {
		stop()
		l.beats.Wait()
	}
	var errs []error
	for _, lease := range held {
		errs = append(errs, lease.Release(ctx))
	}
	return errors.Join(errs...)
}
