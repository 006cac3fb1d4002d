package bedrock

import (
	"fmt"
	"strings"
)

// ConverseLimits are the limits of the model that a request is for. Zero
// means unlimited.
type ConverseLimits struct {
	MaxOutput   int // tokens
	CachePoints int // of a request

	Images         ImageLimits
	LargeDocuments []DocumentFormat // the formats whose size is not limited
}

// RuleError is a request that keeps to the API's shapes and constraints but
// breaks a rule of conversations. Message is a whole sentence that names the
// field and repeats nothing of the request's texts.
type RuleError struct {
	Field   string // "messages.2.content.0": lists count from 0, as these messages do
	Message string
}

// Error is the message.
func (e *RuleError) Error() string { return e.Message }

// CheckConverse checks what Amazon Bedrock asks of a conversation beyond
// [Validate]: who begins, whose turn follows, which tool results answer which
// tool uses, what stands beside a document. Whoever answers Converse itself
// calls it after Validate. The error is a *[RuleError], the first that is
// found. A request that breaks no rule costs no allocation unless it has
// tools, images or documents.
func CheckConverse(req *ConverseRequest, limits ConverseLimits) error {
	if len(req.Messages) == 0 {
		return broken("messages", "The messages field is required. Add at least one user message and try again.")
	}
	if err := checkTurns(req.Messages); err != nil {
		return err
	}
	var has found
	for i := range req.Messages {
		if err := checkMessage(&req.Messages[i], i, &has); err != nil {
			return err
		}
	}
	if has.tools {
		if req.ToolConfig == nil {
			return broken("toolConfig", "The toolConfig field must be defined when using toolUse and toolResult content blocks.")
		}
		if err := checkToolResults(req.Messages); err != nil {
			return err
		}
	}
	if req.ToolConfig != nil {
		if err := checkToolConfig(req.ToolConfig); err != nil {
			return err
		}
	}
	if has.media {
		if err := checkMedia(req.Messages, limits); err != nil {
			return err
		}
	}
	if limits.CachePoints > 0 {
		if err := checkCachePoints(req, has.points, limits.CachePoints); err != nil {
			return err
		}
	}
	if err := checkOwnFields(req); err != nil {
		return err
	}
	return checkInference(req.InferenceConfig, limits)
}

// found is what messages hold that asks for a closer look.
type found struct {
	tools, media bool
	points       int // cache points
}

func broken(field, format string, args ...any) *RuleError {
	return &RuleError{Field: field, Message: fmt.Sprintf(format, args...)}
}

// checkTurns checks that users and assistants take turns.
func checkTurns(messages []Message) error {
	if messages[0].Role != ConversationRoleUser {
		return broken("messages.0.role", "A conversation must start with a user message. Try again with a conversation that starts with a user message.")
	}
	for i := 1; i < len(messages); i++ {
		if messages[i].Role == messages[i-1].Role {
			return broken(fmt.Sprintf("messages.%d.role", i),
				"A conversation must alternate between user and assistant roles, but messages.%d has the role of messages.%d. Make sure the conversation alternates between user and assistant roles and try again.", i, i-1)
		}
	}
	return nil
}

// checkMessage checks the blocks of one message by themselves, and notes what
// it finds.
func checkMessage(m *Message, i int, has *found) error {
	if len(m.Content) == 0 {
		return broken(fmt.Sprintf("messages.%d.content", i),
			"The content field in the Message object at messages.%d is empty. Add a ContentBlock object to the content field and try again.", i)
	}
	for j := range m.Content {
		b := &m.Content[j]
		field := func() string { return fmt.Sprintf("messages.%d.content.%d", i, j) }
		switch {
		case b.Text != nil:
			if strings.TrimSpace(*b.Text) == "" {
				return broken(field()+".text", "The text field in the ContentBlock object at %s is blank. Add text to the text field, and try again.", field())
			}
		case b.ToolUse != nil:
			has.tools = true
			if m.Role != ConversationRoleAssistant {
				return broken(field()+".toolUse", "The toolUse block at %s stands in a user message. Only assistant messages can use tools.", field())
			}
			if !isObject(b.ToolUse.Input) {
				return notObject(field() + ".toolUse.input")
			}
		case b.ToolResult != nil:
			has.tools = true
			if m.Role != ConversationRoleUser {
				return broken(field()+".toolResult", "The toolResult block at %s stands in an assistant message. Only user messages can hold tool results.", field())
			}
			for k := range b.ToolResult.Content {
				c := &b.ToolResult.Content[k]
				if c.JSON != nil && !isObject(c.JSON) {
					return notObject(fmt.Sprintf("%s.toolResult.content.%d.json", field(), k))
				}
				has.media = has.media || c.Image != nil
			}
		case b.Image != nil, b.Document != nil:
			has.media = true
			if m.Role != ConversationRoleUser {
				return misplaced(b, field())
			}
		case b.CachePoint != nil:
			has.points++
		case b.ReasoningContent != nil && m.Role != ConversationRoleAssistant:
			return broken(field()+".reasoningContent", "The reasoningContent block at %s stands in a user message. Only assistant messages can hold reasoning.", field())
		}
	}
	return nil
}

func isObject(d Document) bool { return d.Kind() == '{' }

func notObject(field string) error {
	return broken(field, "The format of the value at %s is invalid. Provide a json object for the field and try again.", field)
}

// checkToolResults checks that every tool use is answered in the message that
// follows it, and that nothing is answered twice or unasked.
func checkToolResults(messages []Message) error {
	asked := toolUses{answered: map[string]bool{}}
	for i := range messages {
		if err := asked.answer(messages[i].Content, i); err != nil {
			return err
		}
		if missing := asked.missing(); missing != "" {
			return broken(fmt.Sprintf("messages.%d.content", i), "Expected toolResult blocks at messages.%d.content for the following Ids: %s", i, missing)
		}
		if err := asked.ask(messages[i].Content, i); err != nil {
			return err
		}
	}
	if missing := asked.missing(); missing != "" {
		return broken("messages", "Expected toolResult blocks at messages.%d.content for the following Ids: %s", len(messages), missing)
	}
	return nil
}

// toolUses are the tool uses of one message, which the next one answers.
type toolUses struct {
	ids      []string
	answered map[string]bool // by id; one that was not asked for is not in it
	answers  int
}

// ask begins anew with the tool uses of message i.
func (u *toolUses) ask(content []ContentBlock, i int) error {
	u.ids, u.answers = u.ids[:0], 0
	clear(u.answered)
	for j := range content {
		use := content[j].ToolUse
		if use == nil {
			continue
		}
		if _, twice := u.answered[use.ToolUseID]; twice {
			return broken(fmt.Sprintf("messages.%d.content.%d.toolUse.toolUseId", i, j), "The toolUse blocks at messages.%d.content contain duplicate Ids: %s", i, use.ToolUseID)
		}
		u.ids = append(u.ids, use.ToolUseID)
		u.answered[use.ToolUseID] = false
	}
	return nil
}

// answer takes the tool results of message i.
func (u *toolUses) answer(content []ContentBlock, i int) error {
	for j := range content {
		r := content[j].ToolResult
		if r == nil {
			continue
		}
		answered, asked := u.answered[r.ToolUseID]
		field := fmt.Sprintf("messages.%d.content.%d.toolResult.toolUseId", i, j)
		switch {
		case !asked && u.answers >= len(u.ids):
			return broken(field, "The number of toolResult blocks at messages.%d.content exceeds the number of toolUse blocks of previous turn.", i)
		case !asked:
			return broken(field, "The toolUseId at messages.%d.content.%d names no toolUse block of the previous turn.", i, j)
		case answered:
			return broken(field, "The toolUseId at messages.%d.content.%d is answered twice. Give one toolResult block for each toolUse block.", i, j)
		}
		u.answered[r.ToolUseID] = true
		u.answers++
	}
	return nil
}

// missing lists the ids that have no answer, the first of them where they are
// many.
func (u *toolUses) missing() string {
	const most = 20
	var ids []string
	for _, id := range u.ids {
		if u.answered[id] {
			continue
		}
		if len(ids) == most {
			return fmt.Sprintf("%s and %d more", strings.Join(ids, ", "), len(u.ids)-u.answers-most)
		}
		ids = append(ids, id)
	}
	return strings.Join(ids, ", ")
}

func checkToolConfig(config *ToolConfiguration) error {
	names := map[string]bool{}
	for i := range config.Tools {
		spec := config.Tools[i].ToolSpec
		if spec == nil {
			continue
		}
		field := fmt.Sprintf("toolConfig.tools.%d.toolSpec", i)
		if names[spec.Name] {
			return broken(field+".name", "The tool at toolConfig.tools.%d has the name of another tool. Give each tool a name of its own.", i)
		}
		names[spec.Name] = true
		if !isObject(spec.InputSchema.JSON) {
			return notObject(field + ".inputSchema.json")
		}
	}
	if choice := config.ToolChoice; choice != nil && choice.Tool != nil && !names[choice.Tool.Name] {
		return broken("toolConfig.toolChoice.tool.name", "The tool that toolConfig.toolChoice.tool.name asks for is not among toolConfig.tools.")
	}
	return nil
}

// checkCachePoints counts the cache points of a request, those of its messages
// included, which are so many.
func checkCachePoints(req *ConverseRequest, n, limit int) error {
	for i := range req.System {
		if req.System[i].CachePoint != nil {
			n++
		}
	}
	if req.ToolConfig != nil {
		for i := range req.ToolConfig.Tools {
			if req.ToolConfig.Tools[i].CachePoint != nil {
				n++
			}
		}
	}
	if n > limit {
		return broken("cachePoint", "The request has %d cachePoint blocks, in toolConfig, system and messages together. The model takes %d at most.", n, limit)
	}
	return nil
}

// checkOwnFields checks the fields that are the model's own.
func checkOwnFields(req *ConverseRequest) error {
	if d := req.AdditionalModelRequestFields; d != nil && !isObject(d) && d.Kind() != 'n' {
		return notObject("additionalModelRequestFields")
	}
	for i, path := range req.AdditionalModelResponseFieldPaths {
		if !isPointer(path) {
			return broken(fmt.Sprintf("additionalModelResponseFieldPaths.%d", i),
				"The value at additionalModelResponseFieldPaths.%d is no JSON Pointer, such as /stop_sequence. Provide a JSON Pointer and try again.", i)
		}
	}
	return nil
}

// isPointer tells whether a path is a JSON Pointer (RFC 6901) to something in a
// document, and not to the whole of it.
func isPointer(path string) bool {
	if !strings.HasPrefix(path, "/") {
		return false
	}
	for {
		i := strings.IndexByte(path, '~')
		if i < 0 {
			return true
		}
		if path = path[i+1:]; path == "" || path[0] != '0' && path[0] != '1' {
			return false
		}
	}
}

func checkInference(config *InferenceConfiguration, limits ConverseLimits) error {
	if config == nil {
		return nil
	}
	if n := config.MaxTokens; n != nil && limits.MaxOutput > 0 && *n > limits.MaxOutput {
		return broken("inferenceConfig.maxTokens", "The maximum tokens you requested exceeds the model limit of %d. Try again with a maximum tokens value that is lower than %d.", limits.MaxOutput, limits.MaxOutput)
	}
	return nil
}
