package simulator

import (
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// DefaultLogSize is how many requests the log keeps when Config.LogSize is 0.
const DefaultLogSize = 256

// Request is what the simulator remembers of a call, for tests to look at.
type Request struct {
	Time       time.Time
	RequestID  string // the one that came with the call
	Operation  string // as it was called: InvokeModel, though Converse answers it
	AskedModel string // the id of the call
	ModelID    string // what it resolved to; empty when it did not
	Turn       int    // which user message of the conversation, from 1
	Tools      []string
	Rule       string             // the name or place of the rule that applied
	ErrorCode  string             // when the call was refused
	Field      string             // that the error names
	StopReason bedrock.StopReason // when it was answered
	Usage      bedrock.TokenUsage
	Prompt     string // the last user message, if Config.LogPrompts is set
}

// requestLog keeps the last calls in a ring.
type requestLog struct {
	mu   sync.Mutex
	size int
	ring []Request
	next int
}

func (l *requestLog) add(r *Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ring) < l.size {
		l.ring = append(l.ring, *r)
		return
	}
	l.ring[l.next] = *r
	l.next = (l.next + 1) % l.size
}

// Requests is the calls so far, the oldest first: as many as Config.LogSize.
// A stream is there from the moment it begins. Prompt texts are left out
// unless Config.LogPrompts asks for them.
func (b *Backend) Requests() []Request {
	l := &b.log
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]Request, 0, len(l.ring))
	return append(append(list, l.ring[l.next:]...), l.ring[:l.next]...)
}

// ForgetRequests empties the log.
func (b *Backend) ForgetRequests() {
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	b.log.ring, b.log.next = nil, 0
}
