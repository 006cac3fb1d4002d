package simulator

import (
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// Rules script the simulator: the first rule that matches a call says what
// becomes of it. Get them with [ParseRules], or name a file in
// Config.RulesFile. Rules are safe for concurrent use; they count how often
// each has answered, so share them only where the counts shall be shared.
type Rules struct{ list []*rule }

// rule is one entry of a rules file: when it applies, and what it does.
type rule struct {
	name  string
	match match

	times    int // how often it applies at most; 0 is always
	replies  []scripted
	cycle    bool // after the last reply the first again, not the last
	throttle *throttle

	mu     sync.Mutex
	used   int
	tokens float64 // of the throttle's bucket
	filled time.Time
}

// match is the conditions of a rule; those that are set must all hold.
type match struct {
	model      string // with * for any characters
	text       string // in lower case
	regex      *regexp.Regexp
	tool       string
	turn       int
	toolResult *bool
	stream     *bool
}

// throttle lets so many calls through in a span of time.
type throttle struct {
	requests int
	per      time.Duration
	message  string
}

// scripted is a reply that a rule gives. What it leaves out is composed as
// without the rule, so the empty one changes nothing.
type scripted struct {
	text      *string
	reasoning *string
	tools     []scriptedTool
	stop      bedrock.StopReason
	err       *outcrop.Error
	delay     time.Duration
	malformed string
	cut       *cut
}

type scriptedTool struct {
	name  string
	input bedrock.Document // nil: made from the tool's schema
}

// cut ends a stream early: silently, or with an error.
type cut struct {
	after int // events
	err   *outcrop.Error
}

// Kinds of malformed replies.
const (
	malformedJSON       = "json"       // the text ends in the middle
	malformedSchema     = "schema"     // JSON that breaks the schema asked for
	malformedToolInput  = "toolInput"  // a tool's input that breaks its schema
	malformedToolJSON   = "toolJSON"   // a tool's input that ends in the middle
	malformedEmpty      = "empty"      // no content at all
	malformedNoMetadata = "noMetadata" // a stream without its last event
)

var malformedKinds = []string{malformedJSON, malformedSchema, malformedToolInput, malformedToolJSON, malformedEmpty, malformedNoMetadata}

// subject is what rules look at.
type subject struct {
	asked  string // the model id of the call
	model  string // the id it stands for
	stream bool
	text   string
	turn   int
	tools  *bedrock.ToolConfiguration
	result bool // the last message brings tool results
}

// verdict is what the rules say of a call: the zero value lets it go on.
type verdict struct {
	rule   string
	stream bool // of the call
	reply  *scripted
	text   *string // the reply's, with the match's groups filled in
	err    *outcrop.Error
}

// judge asks the rules in order.
func (r *Rules) judge(s *subject, now func() time.Time) verdict {
	if r == nil {
		return verdict{}
	}
	for _, rule := range r.list {
		groups, ok := rule.match.holds(s)
		if !ok {
			continue
		}
		if v, ok := rule.apply(s, groups, now); ok {
			return v
		}
	}
	return verdict{}
}

func (m *match) holds(s *subject) (groups []int, ok bool) {
	switch {
	case m.model != "" && !glob(m.model, s.model) && !glob(m.model, s.asked),
		m.text != "" && !strings.Contains(strings.ToLower(s.text), m.text),
		m.tool != "" && !offers(s.tools, m.tool),
		m.turn > 0 && m.turn != s.turn,
		m.toolResult != nil && *m.toolResult != s.result,
		m.stream != nil && *m.stream != s.stream:
		return nil, false
	}
	if m.regex == nil {
		return nil, true
	}
	groups = m.regex.FindStringSubmatchIndex(s.text)
	return groups, groups != nil
}

// apply counts a use and gives the verdict, or tells that the rule has none.
func (r *rule) apply(s *subject, groups []int, now func() time.Time) (verdict, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.times > 0 && r.used >= r.times {
		return verdict{}, false
	}
	if r.throttle != nil {
		if r.admits(now()) {
			return verdict{}, false
		}
		r.used++
		return verdict{rule: r.name, err: outcrop.Errorf(bedrock.CodeThrottling, "%s", r.throttle.message)}, true
	}
	i := r.used
	r.used++
	if r.cycle {
		i %= len(r.replies)
	}
	reply := &r.replies[min(i, len(r.replies)-1)]
	v := verdict{rule: r.name, stream: s.stream, reply: reply, text: reply.text}
	if reply.err != nil {
		copied := *reply.err
		v.err = &copied
	}
	if groups != nil && reply.text != nil && strings.Contains(*reply.text, "$") {
		text := string(r.match.regex.ExpandString(nil, *reply.text, s.text, groups))
		v.text = &text
	}
	return v, true
}

// admits takes a token from the throttle's bucket, which refills evenly and
// holds as many as it lets through in one span.
func (r *rule) admits(now time.Time) bool {
	full := float64(r.throttle.requests)
	if r.filled.IsZero() {
		r.tokens = full
	} else {
		r.tokens = min(full, r.tokens+full*now.Sub(r.filled).Seconds()/r.throttle.per.Seconds())
	}
	r.filled = now
	if r.tokens < 1 {
		return false
	}
	r.tokens--
	return true
}

// glob matches a pattern in which * stands for any characters.
func glob(pattern, s string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !strings.HasPrefix(s, head) {
		return false
	}
	s = s[len(head):]
	if !star {
		return s == ""
	}
	for {
		part, more, star := strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s, rest = s[i+len(part):], more
	}
}

func offers(config *bedrock.ToolConfiguration, name string) bool {
	if config == nil {
		return false
	}
	for i := range config.Tools {
		if spec := config.Tools[i].ToolSpec; spec != nil && spec.Name == name {
			return true
		}
	}
	return false
}
