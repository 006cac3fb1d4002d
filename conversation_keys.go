package outcrop

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/memory"
)

// KeyPrefix begins the keys of requestMetadata that are Outcrop's own. They are
// taken out before anything is forwarded.
const KeyPrefix = "outcrop:"

// The keys of requestMetadata that speak of conversations.
const (
	KeyConversation = KeyPrefix + "conversation"    // the conversation's id; the others need it
	KeyIfTurn       = KeyPrefix + "if-turn"         // the number that this turn must get
	KeyMemory       = KeyPrefix + "memory"          // how what is sent is chosen: a memory.Strategy
	KeyBudget       = KeyPrefix + "budget"          // input tokens at most
	KeyIdempotency  = KeyPrefix + "idempotency-key" // a repeated turn with the same key is answered from what is stored
	KeyResume       = KeyPrefix + "resume"          // go on from an interrupted turn
	KeyOnConflict   = KeyPrefix + "on-conflict"     // queue, reject or fork
)

var ownKeys = []string{KeyBudget, KeyConversation, KeyIdempotency, KeyIfTurn, KeyMemory, KeyOnConflict, KeyResume}

// OnConflict says what becomes of a turn that meets another one of the same
// conversation.
type OnConflict string

// What becomes of it.
const (
	ConflictQueue  OnConflict = "queue"  // it waits; the default
	ConflictReject OnConflict = "reject" // a ConflictException
	ConflictFork   OnConflict = "fork"   // it goes on in a conversation of its own
)

// OnConflicts lists them, the default first.
var OnConflicts = []OnConflict{ConflictQueue, ConflictReject, ConflictFork}

// turnKeys are what the keys of a request say.
type turnKeys struct {
	id          string
	ifTurn      int // 0: any
	strategy    memory.Strategy
	budget      int
	idempotency string
	resume      bool
	onConflict  OnConflict
}

// mayHaveKeys tells whether a body may hold keys of ours, without decoding it:
// spelled out, or with a printable letter escaped, which no usual client does.
func mayHaveKeys(body []byte) bool {
	if bytes.Contains(body, []byte(KeyPrefix)) {
		return true
	}
	escape := []byte(`\u00`)
	for {
		i := bytes.Index(body, escape)
		if i < 0 || i+len(escape) >= len(body) {
			return false
		}
		if body = body[i+len(escape):]; body[0] >= '2' && body[0] <= '7' {
			return true
		}
	}
}

// hasOwnKeys tells whether metadata holds keys of ours.
func hasOwnKeys(metadata map[string]string) bool {
	for key := range metadata {
		if strings.HasPrefix(key, KeyPrefix) {
			return true
		}
	}
	return false
}

// RefuseKeys is an error when metadata holds keys of ours: for requests that
// belong to no conversation, where they would be forwarded.
func RefuseKeys(metadata map[string]string, what string) error {
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		if strings.HasPrefix(key, KeyPrefix) {
			return Invalid("requestMetadata."+key, "%s takes no keys of conversations; Converse and ConverseStream do", what)
		}
	}
	return nil
}

// withoutKeys is metadata without ours; nil when nothing is left.
func withoutKeys(metadata map[string]string) map[string]string {
	rest := map[string]string{}
	for key, value := range metadata {
		if !strings.HasPrefix(key, KeyPrefix) {
			rest[key] = value
		}
	}
	if len(rest) == 0 {
		return nil
	}
	return rest
}

// Conversation ids and idempotency keys.
var (
	conversationIDForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}$`)
	idempotencyForm    = regexp.MustCompile(`^[A-Za-z0-9_.:@$#=/+,-]{1,128}$`)
)

// CheckConversationID refuses what is no id of a conversation, in the name of a
// field.
func CheckConversationID(field, id string) error {
	if !conversationIDForm.MatchString(id) {
		return Invalid(field, "the id of a conversation has 1 to 128 characters: letters A-Z and a-z, digits, and _ . : @ - behind the first")
	}
	return nil
}

// readKeys reads the keys of a request that has some.
func readKeys(metadata map[string]string) (turnKeys, error) {
	var k turnKeys
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		if !strings.HasPrefix(key, KeyPrefix) {
			continue
		}
		if err := k.read(key, metadata[key]); err != nil {
			return k, err
		}
	}
	if k.id == "" {
		return k, Invalid("requestMetadata", "keys that begin with %s need %s beside them: the id of a conversation", KeyPrefix, KeyConversation)
	}
	return k, nil
}

func (k *turnKeys) read(key, value string) (err error) {
	field := "requestMetadata." + key
	switch key {
	case KeyConversation:
		k.id = value
		return CheckConversationID(field, value)
	case KeyIfTurn:
		if k.ifTurn, err = strconv.Atoi(value); err != nil || k.ifTurn < 1 {
			return Invalid(field, "expected the number that this turn must get, counted from 1")
		}
	case KeyMemory:
		if k.strategy = memory.Strategy(value); !slices.Contains(memory.Strategies, k.strategy) {
			return Invalid(field, "expected one of %s", listOf(memory.Strategies))
		}
	case KeyBudget:
		if k.budget, err = strconv.Atoi(value); err != nil || k.budget < 1 {
			return Invalid(field, "expected a number of tokens, 1 or more")
		}
	case KeyIdempotency:
		if k.idempotency = value; !idempotencyForm.MatchString(value) {
			return Invalid(field, "expected 1 to 128 letters, digits and _ . : @ $ # = / + , -")
		}
	case KeyResume:
		if k.resume, err = strconv.ParseBool(value); err != nil {
			return Invalid(field, "expected true or false")
		}
	case KeyOnConflict:
		if k.onConflict = OnConflict(value); !slices.Contains(OnConflicts, k.onConflict) {
			return Invalid(field, "expected one of %s", listOf(OnConflicts))
		}
	default:
		return Invalid("requestMetadata", "%.64q is no key of Outcrop: there are %s", key, strings.Join(ownKeys, ", "))
	}
	return nil
}

func listOf[T ~string](values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return strings.Join(texts, ", ")
}

// keyedRequest is the Converse request of a call that holds keys of ours, or
// nil. Bodies without any are not decoded.
func keyedRequest(call *Call) (*bedrock.ConverseRequest, error) {
	switch {
	case call.Native():
		return nil, refuseNativeKeys(call)
	case call.Operation != bedrock.OpConverse && call.Operation != bedrock.OpConverseStream:
		return nil, nil
	case call.Raw != nil && !mayHaveKeys(call.Raw):
		return nil, nil
	}
	req, err := call.Converse()
	if err != nil {
		return nil, nil //nolint:nilerr // a body that cannot be read has no keys, and the back-end says what is wrong with it
	}
	if !hasOwnKeys(req.RequestMetadata) {
		return nil, nil
	}
	return req, nil
}

// RefuseCallKeys is an error when a call holds keys of ours: for calls that
// belong to no conversation, such as the records of jobs, and go to a back-end
// without a Manager.
func RefuseCallKeys(call *Call, what string) error {
	req, err := keyedRequest(call)
	if err != nil || req == nil {
		return err
	}
	return RefuseKeys(req.RequestMetadata, what)
}

// refuseNativeKeys refuses our keys in InvokeModel's header.
func refuseNativeKeys(call *Call) error {
	for name, value := range call.Header {
		if !strings.EqualFold(name, metadataHeader) || !mayHaveKeys([]byte(value)) {
			continue
		}
		var metadata map[string]string
		if bedrock.Unmarshal([]byte(value), &metadata) != nil {
			if strings.Contains(value, KeyPrefix) {
				return Invalid(metadataHeader, "expected a JSON object of strings")
			}
			continue
		}
		if err := RefuseKeys(metadata, call.Operation); err != nil {
			return fmt.Errorf("%w", err)
		}
	}
	return nil
}
