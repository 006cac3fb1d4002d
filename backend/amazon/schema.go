package amazon

import (
	"slices"
	"strings"
)

// schemaProfile is the profile of package structured that fits what Bedrock
// takes.
const schemaProfile = "bedrock"

// schemaModels are the models whose output can be held to a schema, by the
// beginning of their ids, as far as AWS names them. It says "select
// open-weight models" of others; Config.SchemaModels adds them.
//
// Source: https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
var schemaModels = []string{
	"anthropic.claude-haiku-4-5", "anthropic.claude-sonnet-4-5",
	"anthropic.claude-opus-4-5", "anthropic.claude-opus-4-6",
}

// SchemaProfile names the subset of JSON Schema that the service takes for a
// model, or "".
func (b *Backend) SchemaProfile(modelID string) string {
	id := baseModel(modelID)
	held := func(prefix string) bool { return prefix != "" && strings.HasPrefix(id, prefix) }
	if slices.ContainsFunc(schemaModels, held) || slices.ContainsFunc(b.schemas, held) {
		return schemaProfile
	}
	return ""
}
