package openai

import (
	"slices"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// ending is what is known about how a reply ended.
type ending struct {
	finish  string // the server's word: "stop", "length", ...
	matched string // the stop sequence
	refused bool
	tools   []string // the names of the tools that were used
	text    string   // all of the reply's text; needed when a schema was asked for
}

// stop is the stop reason of a reply, checked against what was asked for.
func (b *Backend) stop(a *ask, e *ending) bedrock.StopReason {
	switch {
	case e.finish == "length":
		return bedrock.StopReasonMaxTokens
	case e.finish == "content_filter", e.refused:
		return bedrock.StopReasonContentFiltered
	case a.forced && (len(e.tools) == 0 || a.tool != "" && !slices.Contains(e.tools, a.tool)):
		return bedrock.StopReasonMalformedToolUse
	case len(e.tools) > 0: // some servers say "stop" here
		return bedrock.StopReasonToolUse
	case a.schema != "" && !b.keeps(a.schema, e.text):
		return bedrock.StopReasonMalformedModelOutput
	case e.matched != "":
		return bedrock.StopReasonStopSequence
	}
	return bedrock.StopReasonEndTurn
}

// keeps tells whether a text is JSON that keeps to a schema, which compiled
// before it was sent.
func (b *Backend) keeps(schema, text string) bool {
	compiled, err := b.schemas.Compile([]byte(schema))
	if err != nil {
		return false
	}
	violations, err := compiled.ValidateJSON([]byte(text))
	return err == nil && len(violations) == 0
}

// additional is what of the reply's own fields was asked for: the stop
// sequence is the only one there is.
func (a *ask) additional(matched string) bedrock.Document {
	if matched == "" || !slices.Contains(a.request.AdditionalModelResponseFieldPaths, "/stop_sequence") {
		return nil
	}
	return append(bedrock.AppendString([]byte(`{"stop_sequence":`), matched), '}')
}

// toolID is an id that Converse takes: the server's, unless it gave none or
// one with other characters, or gave it before.
func (b *Backend) toolID(id string, before func(string) bool) string {
	if id == "" || len(id) > 64 || before(id) {
		return b.config.NewID()
	}
	for _, c := range []byte(id) {
		if c != '_' && c != '-' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return b.config.NewID()
		}
	}
	return id
}
