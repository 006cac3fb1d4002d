package bedrock

// Operation is one row of the operation table.
type Operation struct {
	Name    string // as in the API: "Converse"
	Service string // "bedrock-runtime" or "bedrock"
	Method  string // the HTTP method
	Path    string // the path with its labels: "/model/{modelId}/converse"
	Streams bool   // the reply is an event stream
	Served  bool   // Outcrop has types for it
}

// Names of the operations that models answer.
const (
	OpInvokeModel                   = "InvokeModel"
	OpInvokeModelWithResponseStream = "InvokeModelWithResponseStream"
	OpConverse                      = "Converse"
	OpConverseStream                = "ConverseStream"
	OpCountTokens                   = "CountTokens"
	OpConstruct                     = "Construct"
	OpConstructStream               = "ConstructStream"
)
