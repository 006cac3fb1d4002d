// Package bedrock is the vocabulary of Amazon Bedrock: the wire types of the
// operations that Outcrop serves, the events of its streams, its error codes
// and the table of operations. It is a leaf: it does no I/O and knows nothing
// of the rest of Outcrop.
//
// The types are generated from the public API models (see
// internal/shapegen). Structures keep members that they do not know in a
// field Unknown, so a message from a newer client survives a round trip,
// through this package's [Unmarshal] as well as through encoding/json.
// Unions are structs of pointers of which one is set.
//
// Start with [ConverseRequest] and [ConverseResponse]. Read JSON with
// [Unmarshal], whose errors name the member at fault, and check the API's
// constraints with [Validate]. A stream is a sequence of [Event]s.
//
// All functions are safe for concurrent use; values are plain data and are not.
package bedrock

//go:generate go run ./internal/shapegen -models internal/shapegen -out .
