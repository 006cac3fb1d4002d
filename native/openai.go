package native

// openaiChat is Chat Completions, as gpt-oss and most models from outside of
// Bedrock's first years take it.
var openaiChat = chatFamily("openai-chat", chatStyle{finish: "finish_reason", delta: "delta"})

// openaiTagged is the same for gpt-oss on Bedrock, which shows its reasoning
// inside the content.
var openaiTagged = chatFamily("openai-chat", chatStyle{finish: "finish_reason", delta: "delta", tagged: true})

func chatFamily(name string, style chatStyle) *Family {
	return &Family{
		name:    name,
		request: chatToConverse,
		reply:   style.reply,
		encoder: style.encoder,
		usage:   chatReplyUsage,
		limits:  []string{"max_tokens", "max_completion_tokens"},
		sampled: chatSampling,
		ask:     askChat,
	}
}

func askChat(q Question) any {
	messages := []map[string]string{{"role": "user", "content": q.Prompt}}
	if q.System != "" {
		messages = append([]map[string]string{{"role": "system", "content": q.System}}, messages...)
	}
	return withLimit(map[string]any{"messages": messages}, "max_tokens", q)
}
