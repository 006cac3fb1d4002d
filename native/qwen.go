package native

// qwenChat is Qwen's format: Chat Completions.
var qwenChat = chatFamily("qwen-chat", chatStyle{finish: "finish_reason", delta: "delta"})
