package bedrock

// SchemaFailure is the body of a SchemaValidationException: what Construct had
// when it gave up.
type SchemaFailure struct {
	Message       string             `json:"message"`
	PartialOutput Document           `json:"partialOutput,omitzero"` // the value that came closest
	Errors        []ConstructError   `json:"errors"`                 // what is wrong with it
	Attempts      []ConstructAttempt `json:"attempts"`
	Usage         TokenUsage         `json:"usage"` // of all attempts together
}

// Error is the message.
func (f *SchemaFailure) Error() string { return f.Message }
