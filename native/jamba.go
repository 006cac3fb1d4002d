package native

// jambaChat is AI21's format for Jamba: Chat Completions. Its documents, which
// Converse has no place for in this form, travel among the additional fields.
var jambaChat = chatFamily("ai21-jamba", chatStyle{finish: "finish_reason", delta: "delta"})
