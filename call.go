package outcrop

import (
	"maps"
	"sync"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Call is one request to a model. It does not change once it has been handed
// to a Backend: a decorator that wants another call makes one with
// [Call.WithModel] or [Call.WithConverse]. Calls are safe for concurrent use
// and are passed by pointer.
type Call struct {
	Operation string // bedrock.OpConverse, OpConverseStream, OpInvokeModel, ...
	ModelID   string
	Caller    Caller
	Class     Class
	RequestID string
	Header    map[string]string // request headers that the operation defines, by canonical name

	// Params are the members that an operation without types of its own, such
	// as ApplyGuardrail, carries in its path and its query: those that
	// bedrock.Operation.Path names, and the others as a query. ModelID is not
	// among them.
	Params map[string]string

	// Raw is the body as it arrived: model-native JSON for InvokeModel and its
	// stream, a ConverseRequest for Converse and its stream. A back-end that
	// speaks the same wire forwards it byte for byte. It is nil when the call
	// was made from a value.
	Raw []byte

	decode   sync.Once
	converse *bedrock.ConverseRequest
	err      error
}

// Caller is who asks.
type Caller struct {
	Tenant  string // "" on an open loopback server, and in a library
	Account string // twelve digits; for ARNs
	Region  string
	Weight  float64 // share among the tenants that wait for the same quota; 0 means 1
}

// Class is how urgent a call is.
type Class int

// The classes, the most urgent first.
const (
	Interactive Class = iota
	Batch
	Background
)

// Streams tells whether the call's operation answers with a stream.
func (c *Call) Streams() bool {
	return c.Operation == bedrock.OpConverseStream || c.Operation == bedrock.OpInvokeModelWithResponseStream
}

// Native tells whether the call's body is model-native JSON.
func (c *Call) Native() bool {
	return c.Operation == bedrock.OpInvokeModel || c.Operation == bedrock.OpInvokeModelWithResponseStream
}

// NewConverseCall makes a call from a request. The call keeps the request,
// which must not be changed afterwards.
func NewConverseCall(operation string, req *bedrock.ConverseRequest) *Call {
	c := &Call{Operation: operation, ModelID: req.ModelID, converse: req}
	c.decode.Do(func() {})
	return c
}

// NewInvokeCall makes a call with a model-native body. The call keeps body.
func NewInvokeCall(operation, modelID string, body []byte) *Call {
	return &Call{Operation: operation, ModelID: modelID, Raw: body}
}

// NewOperationCall makes a call of an operation that Outcrop passes on without
// knowing its types: ApplyGuardrail, StartAsyncInvoke. The call keeps params
// and body; a nil body is none.
func NewOperationCall(operation string, params map[string]string, body []byte) *Call {
	return &Call{Operation: operation, Params: params, Raw: body}
}

// Converse is the request of a Converse call. It is decoded at most once, and
// only when somebody asks; its constraints are not checked here, because
// towards Amazon Bedrock the bytes go as they came. The result must not be
// changed.
func (c *Call) Converse() (*bedrock.ConverseRequest, error) {
	c.decode.Do(func() {
		if c.Operation != bedrock.OpConverse && c.Operation != bedrock.OpConverseStream {
			c.err = Errorf(bedrock.CodeValidation, "the body of %s is not a Converse request", c.Operation)
			return
		}
		req := &bedrock.ConverseRequest{ModelID: c.ModelID}
		if err := bedrock.Unmarshal(c.Raw, req); err != nil {
			c.err = AsError(err)
			return
		}
		c.converse = req
	})
	return c.converse, c.err
}

// Body is the request's JSON: as it arrived, or made of the call's value.
func (c *Call) Body() ([]byte, error) {
	if c.Raw != nil {
		return c.Raw, nil
	}
	req, err := c.Converse()
	if err != nil {
		return nil, err
	}
	return bedrock.Marshal(req)
}

// WithConverse is the call as operation with another request; the body as it
// arrived is gone.
func (c *Call) WithConverse(operation string, req *bedrock.ConverseRequest) *Call {
	other := NewConverseCall(operation, req)
	other.ModelID, other.Caller, other.Class, other.RequestID, other.Header = c.ModelID, c.Caller, c.Class, c.RequestID, c.Header
	other.Params = c.Params
	return other
}

// WithModel is the call to another model, body and all.
func (c *Call) WithModel(modelID string) *Call {
	other := &Call{
		Operation: c.Operation, ModelID: modelID, Caller: c.Caller, Class: c.Class,
		RequestID: c.RequestID, Header: maps.Clone(c.Header), Params: c.Params, Raw: c.Raw,
	}
	if c.Raw == nil && c.converse != nil {
		req := *c.converse
		req.ModelID = modelID
		other.converse = &req
		other.decode.Do(func() {})
	}
	return other
}
