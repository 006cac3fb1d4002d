// Package outcrop runs the five inference methods of Amazon Bedrock behind one
// manager, on any model: Amazon Bedrock itself, OpenAI-compatible servers, or
// an embedded simulator.
//
//	Invoke     InvokeModel: one request with a model-native body, one reply
//	Stream     InvokeModelWithResponseStream: the reply as it is generated
//	Batch      CreateModelInvocationJob: many records in the background
//	Converse   messages in one shape for every model; ConverseStream streams
//	Construct  a value that validates against a JSON Schema
//
// Start with package local, whose Open wires a [Manager] to the simulator and
// to a data directory; or call [New] with a [Backend] of your own. Then call a
// method of the Manager, or [Manager.Infer], which takes the method's name.
//
//	caller ── Manager ── Backend (decorators: retry, route, …) ── model
//
// A request flows down, and a reply back up as a value or as a [Stream] of
// events. Nothing calls upward. This package does no I/O: back-ends, jobs and
// objects are interfaces that other packages implement.
package outcrop
