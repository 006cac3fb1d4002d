package outcrop

import "context"

type spareKey struct{}

// WithSpare notes that somebody else will be asked when the back-end refuses
// the call: it had better not make the call wait long.
func WithSpare(ctx context.Context) context.Context { return context.WithValue(ctx, spareKey{}, true) }

// HasSpare tells whether WithSpare was said.
func HasSpare(ctx context.Context) bool {
	spare, _ := ctx.Value(spareKey{}).(bool)
	return spare
}
