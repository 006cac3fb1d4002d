package outcrop

import "fmt"

// MethodAuto leaves the choice among the five methods to [Choose].
const MethodAuto Method = "auto"

// LongOutput is how many output tokens a request must ask for to count as long:
// at the usual 50 to 100 tokens a second nobody should wait for all of them.
const LongOutput = 2000

// Choose picks the method for a request by what it holds, and says why:
//
//	a schema                              construct
//	a conversation, its history or tools  converse
//	a place for results in S3             async
//	someone who watches, or a long output stream
//	anything else                         sync
//
// The first that fits counts. It is the use-case matrix of the methods'
// overview; see docs/methods.md.
func Choose(r *InferRequest) (method Method, why string) {
	switch {
	case len(r.Schema) > 0:
		return MethodConstruct, "the request has a schema, and construct returns data that is validated against it"
	case r.Metadata[KeyConversation] != "":
		return MethodConverse, "the request belongs to a conversation, and converse manages its context"
	case len(r.Messages) > 1:
		return MethodConverse, fmt.Sprintf("the request holds a history of %d messages, and converse manages a conversation's context", len(r.Messages))
	case r.Tools != nil:
		return MethodConverse, "the request offers tools, which converse has for every model"
	case r.OutputS3URI != "":
		return MethodAsync, "the request names a place for results, and a job runs in the background and handles large volumes"
	case len(r.Messages) > 0:
		return MethodConverse, "the request has messages, which are converse's form"
	case r.Interactive:
		return MethodStream, "someone watches, and a stream shows the reply while it is written"
	case r.MaxTokens >= LongOutput:
		return MethodStream, fmt.Sprintf("up to %d tokens are asked for, and a stream shows progress during generation", r.MaxTokens)
	}
	return MethodSync, "it is a single question, and sync is the simplest way to the whole answer"
}
