package outcrop

import "context"

// Origin is what a door knows about a request: who sent it, and under which
// id it is followed from the door to the model and back.
type Origin struct {
	Caller    Caller
	RequestID string
	Class     Class

	// ClientToken is the same for the attempts that a client makes of one
	// request, and for no other: AWS's SDKs send one. A conversation takes it
	// for the turn's idempotency key, where the request names none.
	ClientToken string

	// Via names the servers that the request has passed through, as the header
	// of that name does. A back-end that may lead to one of them sends it on, so
	// that a server knows what it has sent itself.
	Via string

	// Method is which of the five methods a back-end is called for, where the
	// operation does not tell: Construct asks by Converse, and so do records
	// of jobs. Whoever makes such calls sets it.
	Method Method
}

type originKey struct{}

// WithOrigin puts the origin of a request in its context, for the calls that
// a Manager makes on its behalf.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return &originContext{ctx, o}
}

// originContext is context.WithValue for an origin, in one allocation.
type originContext struct {
	context.Context
	origin Origin
}

func (c *originContext) Value(key any) any {
	if key == (originKey{}) {
		return &c.origin
	}
	return c.Context.Value(key)
}

// OriginOf is the origin that the context carries, or the zero value: a
// library's own call.
func OriginOf(ctx context.Context) Origin {
	if o, ok := ctx.Value(originKey{}).(*Origin); ok {
		return *o
	}
	return Origin{}
}

// forMethod notes in the context which method the calls are made for.
func forMethod(ctx context.Context, m Method) context.Context {
	o := OriginOf(ctx)
	o.Method = m
	return WithOrigin(ctx, o)
}

// stamp gives a call that the manager makes the origin of its request.
func stamp(ctx context.Context, call *Call) *Call {
	o := OriginOf(ctx)
	call.Caller, call.RequestID, call.Class = o.Caller, o.RequestID, o.Class
	return call
}
