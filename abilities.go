package outcrop

import (
	"context"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
)

// Abilities passes on what a Backend can do besides Do. A decorator embeds it,
// so that the back-end behind it can still count tokens, list its models, and
// say which schemas it takes.
type Abilities struct{ Next Backend }

var (
	_ TokenCounter  = Abilities{}
	_ ModelLister   = Abilities{}
	_ SchemaSupport = Abilities{}
	_ ModelChecker  = Abilities{}
	_ Embedder      = Abilities{}
	_ CallerChecker = Abilities{}

	_ OperationServer = Abilities{}
)

// CountTokens asks the back-end, or says that it cannot count.
func (a Abilities) CountTokens(ctx context.Context, call *Call) (TokenCount, error) {
	if counter, ok := a.Next.(TokenCounter); ok {
		return counter.CountTokens(ctx, call)
	}
	return TokenCount{}, Errorf(bedrock.CodeValidation, "the back-end of model %s cannot count tokens", call.ModelID)
}

// Models lists the models that the back-end knows, or none when it cannot
// tell.
func (a Abilities) Models(ctx context.Context) ([]Model, error) {
	if lister, ok := a.Next.(ModelLister); ok {
		return lister.Models(ctx)
	}
	return nil, nil
}

// CheckModel asks the back-end; one that cannot tell refuses no model.
func (a Abilities) CheckModel(modelID string) error {
	if checker, ok := a.Next.(ModelChecker); ok {
		return checker.CheckModel(modelID)
	}
	return nil
}

// Serves asks the back-end; one that cannot tell serves no such operation.
func (a Abilities) Serves(operation string) bool {
	server, ok := a.Next.(OperationServer)
	return ok && server.Serves(operation)
}

// CheckCaller asks the back-end; one that cannot tell lets every caller in.
func (a Abilities) CheckCaller(caller Caller, modelID string) error {
	if checker, ok := a.Next.(CallerChecker); ok {
		return checker.CheckCaller(caller, modelID)
	}
	return nil
}

// Embed asks the back-end, or says that it makes no embeddings.
func (a Abilities) Embed(ctx context.Context, call *Call, req *native.EmbedRequest) (*native.Embeddings, Meta, error) {
	if embedder, ok := a.Next.(Embedder); ok {
		return embedder.Embed(ctx, call, req)
	}
	return nil, Meta{}, Errorf(bedrock.CodeValidation, "the back-end of model %s makes no embeddings", call.ModelID)
}

// SchemaProfile is that of the back-end, or "".
func (a Abilities) SchemaProfile(modelID string) string {
	if support, ok := a.Next.(SchemaSupport); ok {
		return support.SchemaProfile(modelID)
	}
	return ""
}
