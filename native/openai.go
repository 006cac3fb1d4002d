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
	}
}
