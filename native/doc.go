// Package native translates between the bodies that InvokeModel takes in each
// model family's own format and Converse, so that a back-end which answers
// Converse answers InvokeModel too.
//
//	native request ── Family.Request ──▶ ConverseRequest ──▶ back-end
//	native reply   ◀── Family.Reply ──── ConverseResponse ◀── back-end
//	native chunks  ◀── Encoder.Encode ── Converse events  ◀── back-end
//
// Call [For] first: it finds the family by model id, inference profile or ARN,
// or else by the shape of the body. Quota books use [Family.OutputLimit],
// [Family.SetOutputLimit], [Family.Usage] and [ChunkUsage], which read only
// what they need and leave every other byte of a body as it was.
//
// A request that Converse cannot carry is refused with a [RequestError] that
// names the member. Members that only the model knows travel in
// additionalModelRequestFields.
//
// The package does no I/O; ids and times are given to it. All functions and
// Families are safe for concurrent use; an [Encoder] belongs to one stream.
package native
