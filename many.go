package outcrop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/structured"
)

// The defaults of ManyRequest.
const (
	DefaultPerRequest    = 10
	DefaultManyBytes     = 16 << 10
	DefaultManyAtOnce    = 4
	DefaultItemMaxTokens = 256
)

// ManyRequest asks the same of many small items. Where a quota of requests per
// minute binds and one of tokens does not, several of them go in one request.
type ManyRequest struct {
	// ModelID is the manager's default when empty.
	ModelID string

	// Instruction says what to do with each item: "Translate into French."
	Instruction string

	// Items are what it is done with, each on its own.
	Items []string

	// Schema is the JSON Schema of one answer; {"type":"string"} when empty.
	Schema json.RawMessage

	// PerRequest is how many items one request has at most, and MaxBytes how
	// many bytes of them; one item is always let in. 0 means DefaultPerRequest
	// and DefaultManyBytes. With 1, every item is asked alone.
	PerRequest, MaxBytes int

	// AtOnce is how many requests are under way at once; 0 means
	// DefaultManyAtOnce.
	AtOnce int

	// MaxTokens is the output limit of one answer; a request of several has
	// theirs together. 0 means DefaultItemMaxTokens.
	MaxTokens int

	// MaxAttempts is how often an item is asked that is asked alone; 0 means
	// DefaultMaxAttempts. Several together are asked once.
	MaxAttempts int
}

// ManyItem is what came of one item: an answer, or an error.
type ManyItem struct {
	Output json.RawMessage // validates against the schema
	Err    *Error
	Alone  bool // it was asked alone, since its part was missing or invalid
}

// Text is the answer as text, where it is a JSON string; else its JSON.
func (i *ManyItem) Text() string {
	var text string
	if json.Unmarshal(i.Output, &text) == nil {
		return text
	}
	return string(i.Output)
}

// ManyResult is what came of the items, in their order.
type ManyResult struct {
	Items    []ManyItem
	Usage    bedrock.TokenUsage // of all requests together, as far as it was told
	Requests int                // how often a model was asked
}

// InvokeMany asks the same of many items, several to a request, and takes the
// answers apart: a request is a Construct of an array keyed by the item's
// number. An item whose part is missing, comes twice or does not validate is
// asked again alone, so that one bad answer spoils no other.
//
// The error is about the request itself. What goes wrong with an item is told
// with the item; a request of several that fails for want of quota or capacity,
// or because the context has ended, fails all of its items.
func (m *Manager) InvokeMany(ctx context.Context, req *ManyRequest) (*ManyResult, error) {
	many, err := m.many(req)
	if err != nil {
		return nil, err
	}
	slots := make(chan struct{}, many.req.AtOnce)
	var wg sync.WaitGroup
	for _, group := range many.groups() {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			many.ask(ctx, group)
		})
	}
	wg.Wait()
	return &many.result, nil
}

// many is one InvokeMany.
type many struct {
	manager *Manager
	req     ManyRequest // with its defaults
	schema  *structured.Schema
	packed  bedrock.Document // the schema of several answers, or nil when there is none

	mu     sync.Mutex
	result ManyResult
}

func (m *Manager) many(req *ManyRequest) (*many, error) {
	r := *req
	for _, s := range []struct {
		name     string
		value    *int
		standard int
	}{
		{"perRequest", &r.PerRequest, DefaultPerRequest},
		{"maxBytes", &r.MaxBytes, DefaultManyBytes},
		{"atOnce", &r.AtOnce, DefaultManyAtOnce},
		{"maxTokens", &r.MaxTokens, DefaultItemMaxTokens},
		{"maxAttempts", &r.MaxAttempts, DefaultMaxAttempts},
	} {
		if *s.value < 0 {
			return nil, Invalid(s.name, "must not be negative, got %d", *s.value)
		}
		if *s.value == 0 {
			*s.value = s.standard
		}
	}
	if strings.TrimSpace(r.Instruction) == "" {
		return nil, Invalid("instruction", "say what to do with each item")
	}
	for i, item := range r.Items {
		if strings.TrimSpace(item) == "" {
			return nil, Invalid(fmt.Sprintf("items.%d", i), "the item is empty")
		}
	}
	if len(r.Schema) == 0 {
		r.Schema = json.RawMessage(`{"type":"string"}`)
	}
	schema, err := m.schemas.Compile(r.Schema)
	if err != nil {
		return nil, schemaError("schema", err)
	}
	return &many{
		manager: m, req: r, schema: schema, packed: packedSchema(r.Schema),
		result: ManyResult{Items: make([]ManyItem, len(r.Items))},
	}, nil
}

// groups are the numbers of the items that go together.
func (m *many) groups() [][]int {
	var list [][]int
	var group []int
	size := 0
	for i, item := range m.req.Items {
		full := len(group) >= m.req.PerRequest || size+len(item) > m.req.MaxBytes || m.packed == nil
		if full && len(group) > 0 {
			list, group, size = append(list, group), nil, 0
		}
		group, size = append(group, i), size+len(item)
	}
	if len(group) > 0 {
		list = append(list, group)
	}
	return list
}

// ask asks one group, and alone what the group's answer leaves open.
func (m *many) ask(ctx context.Context, group []int) {
	if len(group) == 1 {
		m.askAlone(ctx, group[0])
		return
	}
	answers, err := m.askTogether(ctx, group)
	for n, i := range group {
		switch answer, ok := answers[n+1]; {
		case ok:
			m.result.Items[i].Output = answer // nobody else has this item
		case err != nil:
			m.result.Items[i].Err = err
		default:
			m.result.Items[i].Alone = true
			m.askAlone(ctx, i)
		}
	}
}

// numbered is an item as a request of several shows it.
type numbered struct {
	ID   int    `json:"id"`
	Item string `json:"item"`
}

// answers is the reply to a request of several.
type answers struct {
	Answers []struct {
		ID     int             `json:"id"`
		Answer json.RawMessage `json:"answer"`
	} `json:"answers"`
}

// perAnswer is what the frame of an answer among several takes, in tokens.
const perAnswer = 16

// askTogether returns the valid answers by their numbers, from 1. The error is
// one that asking alone would not help.
func (m *many) askTogether(ctx context.Context, group []int) (map[int]json.RawMessage, *Error) {
	items := make([]numbered, len(group))
	for n, i := range group {
		items[n] = numbered{n + 1, m.req.Items[i]}
	}
	list, err := json.Marshal(items)
	if err != nil {
		return nil, AsError(err)
	}
	prompt := fmt.Sprintf("%s\n\nDo this for each of the following %d items on its own, as if the others were not there, and answer every one under its id:\n%s",
		m.req.Instruction, len(items), list)
	output, e := m.construct(ctx, prompt, m.packed, len(items)*(m.req.MaxTokens+perAnswer), 1)
	if output == nil {
		return nil, e
	}
	return m.apart(output, len(items)), nil
}

// apart takes the answers of one reply apart, and keeps those that are valid. An
// id that comes twice says nothing: which of them is meant?
func (m *many) apart(output []byte, count int) map[int]json.RawMessage {
	var reply answers
	if json.Unmarshal(output, &reply) != nil {
		return nil
	}
	found, times := map[int]json.RawMessage{}, map[int]int{}
	for _, a := range reply.Answers {
		times[a.ID]++
		wrong, err := m.schema.ValidateJSON(a.Answer)
		if a.ID >= 1 && a.ID <= count && err == nil && len(wrong) == 0 {
			found[a.ID] = a.Answer
		}
	}
	maps.DeleteFunc(found, func(id int, _ json.RawMessage) bool { return times[id] > 1 })
	return found
}

func (m *many) askAlone(ctx context.Context, i int) {
	item := &m.result.Items[i]
	output, err := m.construct(ctx, m.req.Instruction+"\n\n"+m.req.Items[i], bedrock.Document(m.req.Schema), m.req.MaxTokens, m.req.MaxAttempts)
	if err != nil {
		item.Err = err
		return
	}
	item.Output = output
}

// construct asks, and keeps the accounts. A value that does not validate as a
// whole comes with its error, for its parts; an error of the request's size or
// form comes without either when several were asked, since one alone may fit.
func (m *many) construct(ctx context.Context, prompt string, schema bedrock.Document, limit, attempts int) (json.RawMessage, *Error) {
	if err := ctx.Err(); err != nil { // nobody is asked
		return nil, AsError(err)
	}
	together := attempts == 1 && m.packed != nil && string(schema) == string(m.packed)
	response, err := m.manager.Construct(ctx, &bedrock.ConstructRequest{
		ModelID: m.req.ModelID, Prompt: prompt, Schema: schema, MaxAttempts: &attempts,
		InferenceConfig: &bedrock.InferenceConfiguration{MaxTokens: &limit},
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		m.result.Usage.Add(response.Usage)
		m.result.Requests += max(1, len(response.Trace.Attempts))
		return json.RawMessage(response.Output), nil
	}
	e := AsError(err)
	if e.Usage != nil {
		m.result.Usage.Add(*e.Usage)
	}
	failure, told := errors.AsType[*bedrock.SchemaFailure](err)
	if told {
		m.result.Requests += max(1, len(failure.Attempts))
	} else {
		m.result.Requests++
	}
	if !together {
		return nil, e
	}
	switch e.Code {
	case bedrock.CodeSchemaValidation:
		if told && failure.PartialOutput != nil {
			return json.RawMessage(failure.PartialOutput), e
		}
		return nil, nil
	case bedrock.CodeValidation, bedrock.CodeModelError, bedrock.CodeRequestTooLarge:
		return nil, nil
	}
	return nil, e
}

// packedSchema is the schema of several answers, or nil for one that cannot
// stand within another: with references to its own root.
func packedSchema(schema []byte) bedrock.Document {
	if strings.Contains(string(schema), `"$id"`) || strings.Contains(string(schema), `"$anchor"`) || strings.Contains(string(schema), `"$dynamic`) {
		return nil
	}
	var item any
	if json.Unmarshal(schema, &item) != nil || !refersToDefinitions(item) {
		return nil
	}
	root := map[string]any{
		"type": "object", "required": []string{"answers"}, "additionalProperties": false,
	}
	if members, ok := item.(map[string]any); ok {
		// References begin at the root, so what they name has to be there.
		for _, name := range []string{"$schema", "$defs", "definitions"} {
			if value, ok := members[name]; ok {
				root[name] = value
				delete(members, name)
			}
		}
	}
	root["properties"] = map[string]any{"answers": map[string]any{
		"type": "array",
		"items": map[string]any{
			"type": "object", "required": []string{"id", "answer"}, "additionalProperties": false,
			"properties": map[string]any{"id": map[string]any{"type": "integer"}, "answer": item},
		},
	}}
	text, err := json.Marshal(root)
	if err != nil {
		return nil
	}
	return text
}

// refersToDefinitions tells whether every reference leads into $defs or
// definitions.
func refersToDefinitions(v any) bool {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if !refersToDefinitions(item) {
				return false
			}
		}
	case map[string]any:
		for name, value := range v {
			if ref, ok := value.(string); ok && name == "$ref" && !strings.HasPrefix(ref, "#/$defs/") && !strings.HasPrefix(ref, "#/definitions/") {
				return false
			}
			if !refersToDefinitions(value) {
				return false
			}
		}
	}
	return true
}
