package outcrop

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/memory"
)

// ConversationsConfig says how a Manager keeps conversations. Without a Store
// it keeps none, and requests that name one are refused.
type ConversationsConfig struct {
	Store Conversations

	// Policy is how what is sent is chosen where a request does not say;
	// strategy auto.
	Policy memory.Policy

	// Budget is how many input tokens a request has at most where it does not
	// say. 0 takes it from the model's context window: nine tenths of what is
	// left beside the longest reply, as tokens are estimated.
	Budget int

	// OnConflict is what becomes of a turn that meets another; ConflictQueue.
	OnConflict OnConflict

	// SummaryModelID is the model that writes summaries in the background, for
	// strategies that use them. Without one, or when it fails, an extract
	// stands in. It is called on behalf of the conversation's caller.
	SummaryModelID string

	// Retention is how long a conversation is kept after its last turn; 0
	// keeps it. Expired ones are deleted once an hour.
	Retention time.Duration

	// Recognise has a request that names no conversation, and sends its history,
	// go on with the stored one that begins with the same exchange; where there
	// is none, it is kept from then on. What it sends is held against what is
	// stored. Where it differs in the last turn only, that turn is set aside;
	// where it differs before, the request is passed on as it came and not kept.
	Recognise bool

	// MaxOpen is how many conversations are held in memory between turns; 256.
	MaxOpen int

	// NewID makes the last part of a fork's id; random letters by default.
	NewID func() string
}

// The defaults of a ConversationsConfig.
const (
	DefaultMaxOpenConversations = 256
	storeTimeout                = 30 * time.Second // of a write that a client no longer waits for
	sweepEvery                  = time.Hour
)

func (c ConversationsConfig) withDefaults() ConversationsConfig {
	c.OnConflict = cmp.Or(c.OnConflict, ConflictQueue)
	c.MaxOpen = cmp.Or(c.MaxOpen, DefaultMaxOpenConversations)
	if c.NewID == nil {
		c.NewID = func() string { return strings.ToLower(rand.Text()[:8]) }
	}
	return c
}

// keeper runs the turns of conversations: one at a time for each.
type keeper struct {
	config  ConversationsConfig
	backend Backend
	now     func() time.Time
	windows windows

	background sync.WaitGroup // summaries, and the sweep
	stopped    context.Context
	stop       context.CancelFunc

	mu        sync.Mutex
	open      map[ConversationKey]*openConversation
	uses      uint64
	closed    bool
	summaries int // under way
	sweeps    bool
}

// openConversation is a conversation in memory.
type openConversation struct {
	key ConversationKey

	turn  chan struct{} // who has put something in has the turn, and all below
	users int           // who has the turn or waits for it; under keeper.mu
	used  uint64        // when it was let go; under keeper.mu

	loaded   bool
	state    *memory.State
	head     conversationHead
	records  []turnRecord
	revision uint64
	last     uint64
}

func newKeeper(config ConversationsConfig, backend Backend, now func() time.Time) *keeper {
	k := &keeper{config: config.withDefaults(), backend: backend, now: now, open: map[ConversationKey]*openConversation{}}
	k.windows.backend, k.windows.now = backend, now
	k.stopped, k.stop = context.WithCancel(context.Background())
	return k
}

// sweeping has expired conversations deleted from the first use of the store on.
func (k *keeper) sweeping() {
	if k.config.Retention == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.closed && !k.sweeps {
		k.sweeps = true
		k.background.Go(k.sweep)
	}
}

// close ends what goes on in the background, and waits for it. Turns under way
// go on.
func (k *keeper) close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.stop()
	k.background.Wait()
}

// sweep deletes expired conversations.
func (k *keeper) sweep() {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		// What fails is tried again an hour later.
		_, _ = k.config.Store.DeleteUnused(k.stopped, k.now().Add(-k.config.Retention))
		select {
		case <-ticker.C:
		case <-k.stopped.Done():
			return
		}
	}
}

// errBusy is the error of a conversation in which a turn is under way.
var errBusy = errors.New("a turn of the conversation is under way")

// acquire takes the turn of a conversation, and waits for it if need be, unless
// patient is false. Whoever waits is served in order.
func (k *keeper) acquire(ctx context.Context, key ConversationKey, patient bool) (*openConversation, error) {
	k.sweeping()
	k.mu.Lock()
	c, ok := k.open[key]
	if !ok {
		c = &openConversation{key: key, turn: make(chan struct{}, 1)}
		k.open[key] = c
	}
	c.users++
	k.mu.Unlock()
	if !patient {
		select {
		case c.turn <- struct{}{}:
		default:
			k.leave(c)
			return nil, errBusy
		}
	} else {
		select {
		case c.turn <- struct{}{}:
		case <-ctx.Done():
			k.leave(c)
			return nil, ctx.Err()
		}
	}
	if c.loaded && k.expired(c) {
		c.forget()
	}
	if err := k.load(ctx, c); err != nil {
		k.release(c)
		return nil, err
	}
	return c, nil
}

// expired tells whether the conversation in memory has passed its retention.
func (k *keeper) expired(c *openConversation) bool {
	return k.config.Retention > 0 && c.head.Intent != nil && c.head.Intent.At.Before(k.now().Add(-k.config.Retention))
}

// release gives the turn back.
func (k *keeper) release(c *openConversation) {
	<-c.turn
	k.leave(c)
}

// leave is for who no longer wants the turn. Of the conversations that nobody
// uses, those used last stay in memory.
func (k *keeper) leave(c *openConversation) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c.users--
	k.uses++
	c.used = k.uses
	for len(k.open) > k.config.MaxOpen {
		var oldest *openConversation
		for _, o := range k.open {
			if o.users == 0 && (oldest == nil || o.used < oldest.used) {
				oldest = o
			}
		}
		if oldest == nil {
			return
		}
		delete(k.open, oldest.key)
	}
}

// load reads a conversation that is not in memory; one that is not there is
// empty.
func (k *keeper) load(ctx context.Context, c *openConversation) error {
	if c.loaded {
		return nil
	}
	stored, err := k.config.Store.Load(ctx, c.key)
	if errors.Is(err, ErrNoConversation) {
		c.begin(k.now())
		return nil
	}
	if err != nil {
		return storeError(err)
	}
	if k.config.Retention > 0 && stored.Updated.Before(k.now().Add(-k.config.Retention)) {
		if err := k.config.Store.Delete(ctx, c.key); err != nil && !errors.Is(err, ErrNoConversation) {
			return storeError(err)
		}
		c.begin(k.now())
		return nil
	}
	head, records, state, err := readConversation(stored)
	if err != nil {
		return err
	}
	c.head, c.records, c.state, c.revision, c.last, c.loaded = *head, records, state, stored.Revision, stored.Last, true
	return nil
}

func (c *openConversation) begin(now time.Time) {
	c.forget()
	c.state, c.loaded = memory.New(), true
	c.head = conversationHead{Format: conversationFormat, Created: now.UTC()}
}

// forget has the conversation read again before it is next used.
func (c *openConversation) forget() {
	c.state, c.head, c.records, c.revision, c.last, c.loaded = nil, conversationHead{}, nil, 0, 0, false
}

// putHead writes the head with the state's own part in it.
func (k *keeper) putHead(ctx context.Context, c *openConversation) error {
	c.head.Memory = c.state.Head()
	data, err := bedrock.Marshal(&c.head)
	if err != nil {
		return AsError(err)
	}
	revision, err := k.config.Store.PutHead(ctx, c.key, data, c.revision)
	if err != nil {
		c.forget()
		return err
	}
	c.revision = revision
	return nil
}

// append stores turns and then has them in memory: what is in memory is stored.
func (k *keeper) append(ctx context.Context, c *openConversation, records []turnRecord) error {
	data, err := bedrock.Marshal(&turnsRecord{Format: conversationFormat, Turns: records})
	if err != nil {
		return AsError(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	last, err := k.config.Store.Append(ctx, c.key, data, c.last)
	if err != nil {
		c.forget()
		return storeError(err)
	}
	c.last = last
	c.records = append(c.records, records...)
	return nil
}

// storeError is an error of the store as a caller sees it.
func storeError(err error) error {
	switch {
	case errors.Is(err, ErrConversationMoved):
		e := Errorf(bedrock.CodeConflict, "another process has written to the conversation in between; nothing was stored")
		e.Retryable, e.Cause = true, err
		return e
	case errors.Is(err, ErrConversationTooLarge):
		return &Error{Code: bedrock.CodeRequestTooLarge, Message: "the turn is larger than what the store of conversations takes in one piece", Cause: err}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return AsError(err)
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: bedrock.CodeInternalServer, Message: "the store of conversations failed: " + err.Error(), Retryable: true, Cause: err}
}
