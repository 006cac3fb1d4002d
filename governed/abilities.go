package governed

import (
	"context"

	"github.com/outcrop-ai/outcrop"
)

// abilities are what a back-end can do that costs no quota, passed on as it is.
// Listing its models is not among them: a router asks those that can, and one
// that cannot must not seem to.
type abilities struct{ next outcrop.Abilities }

// CountTokens asks the back-end; it is free.
func (a abilities) CountTokens(ctx context.Context, call *outcrop.Call) (outcrop.TokenCount, error) {
	return a.next.CountTokens(ctx, call)
}

// SchemaProfile is that of the back-end.
func (a abilities) SchemaProfile(modelID string) string { return a.next.SchemaProfile(modelID) }

// CheckModel asks the back-end.
func (a abilities) CheckModel(modelID string) error { return a.next.CheckModel(modelID) }

// Serves asks the back-end.
func (a abilities) Serves(operation string) bool { return a.next.Serves(operation) }

// CheckCaller asks the back-end.
func (a abilities) CheckCaller(caller outcrop.Caller, modelID string) error {
	return a.next.CheckCaller(caller, modelID)
}
