// Package structured turns a JSON Schema and a model's words into a value that
// keeps to the schema. It is pure: no I/O, no network, no clock, no goroutine
// of its own.
//
// Begin with a [Compiler] and its Compile, which yields a [Schema]. Then, in
// the order of one call to a model:
//
//	schema ── Lint             what will cost, what each back-end would change
//	   │
//	   ├── Plan(profile)       the schema as a back-end takes it, and the way back
//	   ├── Prompt              the schema and examples as text, for any model
//	   ▼
//	 model
//	   │
//	   ├── Stream              partial values that are never taken back
//	   ├── Read, Plan.Read     tolerant reading, back in the caller's shape, and
//	   │                       always validated against the full schema
//	   ▼
//	 value, or ReAsk           asks for the failing places only, as a patch
//
// Instance makes a valid value without a model, for the simulator. EncodeXML
// and ReadXML carry values as XML by the schema's OpenAPI annotations.
//
// Values are plain JSON values: nil, bool, json.Number, string, []any and
// map[string]any.
package structured
