// Package server is Outcrop's HTTP door: it answers unmodified AWS SDKs, the
// AWS CLI and plain HTTP clients as Amazon Bedrock does.
//
// Make a [Server] of a manager with [New], then call [Server.Serve] with a
// listener; it returns when its context has ended and the requests under way
// have been drained. [Server.Handler] is the same without a listener, for
// tests and for programs that have a server of their own.
//
//	*http.Request ── guard (Host, Origin) ── route (escaped path, method)
//	     ── admit (body, signature or token) ── handler: decode, Manager, encode
//
// The operations are those of [bedrock.Operations]; a map in routes.go says
// which method answers each. Further doors (a console, metrics, an S3 endpoint
// that is chosen by the scope of the signature) are a [Mount] each.
//
// Whatever goes wrong reaches the client through one writer, in errors.go, as
// AWS's clients expect it: x-amzn-ErrorType, x-amzn-RequestId and
// {"message": …}; once a stream has begun, as an exception within it.
// A stream that ends without its last event never ends silently.
//
// A request costs one goroutine, which is the connection's own or, over
// HTTP/2, the stream's; the package starts none that outlives Serve.
package server
