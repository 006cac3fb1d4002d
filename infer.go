package outcrop

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
)

// Method names one of the five inference methods.
type Method string

// The five methods.
const (
	MethodSync      Method = "sync"
	MethodStream    Method = "stream"
	MethodAsync     Method = "async"
	MethodConverse  Method = "converse"
	MethodConstruct Method = "construct"
)

// Methods lists the five methods in the order in which they are documented.
var Methods = []Method{MethodSync, MethodStream, MethodAsync, MethodConverse, MethodConstruct}

// operations are the API's own names, which stand for the methods too.
var operations = map[string]Method{
	"invokemodel":                   MethodSync,
	"invokemodelwithresponsestream": MethodStream,
	"createmodelinvocationjob":      MethodAsync,
	"batch":                         MethodAsync,
}

// ParseMethod reads a method's name or its operation's, in any case, or auto.
// The empty name is sync.
func ParseMethod(name string) (Method, error) {
	lower := strings.ToLower(strings.ReplaceAll(name, "-", ""))
	if lower == "" {
		return MethodSync, nil
	}
	for _, m := range append([]Method{MethodAuto}, Methods...) {
		if lower == string(m) {
			return m, nil
		}
	}
	if m, ok := operations[lower]; ok {
		return m, nil
	}
	return "", Invalid("method", "unknown inference method %q: use sync, stream, async, converse or construct, or auto", name)
}

// InferRequest is one request for any method. Say what to ask by one of
// Prompt, Messages and Body.
type InferRequest struct {
	// Method is the method's name or its operation's; sync when empty. With
	// auto, Choose picks one.
	Method string

	// ModelID is the manager's default when empty.
	ModelID string

	Prompt   string            // plain words, for every method
	Messages []bedrock.Message // for converse, construct and async
	Body     []byte            // model-native JSON, for sync, stream and async

	SystemPrompt string            // apart from the conversation
	MaxTokens    int               // of output; the model's default when 0
	Temperature  *float64          // from 0 to 1; the model's default when nil
	TopP         *float64          // from 0 to 1; the model's default when nil
	Stop         []string          // sequences that end the reply
	OutputS3URI  string            // async: where the results go, required
	JobName      string            // async: made up when empty
	Schema       json.RawMessage   // construct: the JSON Schema, required
	Format       string            // construct: "json" (default) or "xml"
	Metadata     map[string]string // requestMetadata
	Interactive  bool              // for auto: someone watches the reply being written

	Tools *bedrock.ToolConfiguration // for converse and async
}

// InferResult is what a method returned: the field of that method is set.
type InferResult struct {
	Method    Method
	Why       string                                    // auto: why it was this method
	Invoke    *InvokeResponse                           // sync
	Stream    *Stream                                   // stream; the caller must close it
	Job       *bedrock.CreateModelInvocationJobResponse // async
	Converse  *bedrock.ConverseResponse                 // converse
	Construct *bedrock.ConstructResponse                // construct
}

// Infer runs a request by the method that it names.
func (m *Manager) Infer(ctx context.Context, req InferRequest) (*InferResult, error) {
	method, err := ParseMethod(req.Method)
	if err != nil {
		return nil, err
	}
	req.ModelID = m.model(req.ModelID)
	why := ""
	if method == MethodAuto {
		method, why = Choose(&req)
	}
	if err := req.check(method); err != nil {
		return nil, err
	}
	result := &InferResult{Method: method, Why: why}
	switch method {
	case MethodSync, MethodStream:
		var body []byte
		if body, err = req.native(); err != nil {
			return nil, err
		}
		invoke := &InvokeRequest{ModelID: req.ModelID, Body: body, Header: req.header()}
		if method == MethodSync {
			result.Invoke, err = m.Invoke(ctx, invoke)
		} else {
			result.Stream, err = m.Stream(ctx, invoke)
		}
	case MethodAsync:
		result.Job, err = m.inferAsync(ctx, &req)
	case MethodConverse:
		result.Converse, err = m.Converse(ctx, req.converse())
	case MethodConstruct:
		result.Construct, err = m.Construct(ctx, req.construct())
	}
	if err != nil {
		return nil, err
	}
	return result, nil
}

// check refuses a request that lacks what its method needs.
func (r *InferRequest) check(method Method) error {
	given := 0
	for _, is := range []bool{r.Prompt != "", len(r.Messages) > 0, len(r.Body) > 0} {
		if is {
			given++
		}
	}
	switch {
	case given == 0:
		return Invalid("prompt", "say what to ask: Prompt, Messages or Body")
	case given > 1:
		return Invalid("prompt", "say what to ask once: Prompt, Messages or Body")
	case len(r.Messages) > 0 && (method == MethodSync || method == MethodStream):
		return Invalid("messages", "%s takes Prompt or a model-native Body, not messages", method)
	case len(r.Body) > 0 && (method == MethodConverse || method == MethodConstruct):
		return Invalid("body", "%s takes Prompt or Messages, not a model-native body", method)
	case r.MaxTokens < 0:
		return Invalid("maxTokens", "%d: expected 1 or more, or 0 for the model's default", r.MaxTokens)
	case len(r.Body) > 0 && (r.samples() || r.MaxTokens > 0 || r.SystemPrompt != ""):
		return Invalid("body", "the system prompt, maxTokens, temperature, topP and stop stand in the body, where there is one")
	case len(r.Body) > 0 && method == MethodAsync && len(r.Metadata) > 0:
		return Invalid("requestMetadata", "a job's model-native body has no place for it: use Prompt or Messages")
	case r.Tools != nil && (len(r.Body) > 0 || method != MethodConverse && method != MethodAsync):
		return Invalid("tools", "only converse and async take tools, beside a prompt or messages; a model-native body has its own")
	case method == MethodAsync && r.OutputS3URI == "":
		return Invalid("outputS3Uri", "async needs an output URI: where the job writes its results")
	case method == MethodConstruct && len(r.Schema) == 0:
		return Invalid("schema", "construct needs a JSON Schema")
	}
	return nil
}

// native is the request's body, or one made of its prompt in the format of
// the model's family.
func (r *InferRequest) native() ([]byte, error) {
	if len(r.Body) > 0 {
		return r.Body, nil
	}
	family := native.ByModel(r.ModelID)
	if family == nil {
		family = native.Default()
	}
	body, err := family.Body(native.Question{
		Prompt: r.Prompt, System: r.SystemPrompt, MaxTokens: r.MaxTokens,
		Sampling: native.Sampling{Temperature: r.Temperature, TopP: r.TopP, StopSequences: r.Stop},
	})
	if err != nil {
		return nil, AsError(err)
	}
	return body, nil
}

// metadataHeader carries the request metadata of InvokeModel, as JSON.
const metadataHeader = "X-Amzn-Bedrock-Request-Metadata"

// header is the request metadata as InvokeModel carries it.
func (r *InferRequest) header() map[string]string {
	if len(r.Metadata) == 0 {
		return nil
	}
	text, _ := json.Marshal(r.Metadata) // strings always can be
	return map[string]string{metadataHeader: string(text)}
}

// samples tells whether the request says how words are chosen.
func (r *InferRequest) samples() bool {
	return r.Temperature != nil || r.TopP != nil || len(r.Stop) > 0
}

func (r *InferRequest) converse() *bedrock.ConverseRequest {
	req := &bedrock.ConverseRequest{
		ModelID: r.ModelID, Messages: r.Messages, RequestMetadata: r.Metadata, ToolConfig: r.Tools,
	}
	if r.Prompt != "" {
		req.Messages = []bedrock.Message{bedrock.UserText(r.Prompt)}
	}
	if r.SystemPrompt != "" {
		req.System = []bedrock.SystemContentBlock{{Text: &r.SystemPrompt}}
	}
	if config := (bedrock.InferenceConfiguration{Temperature: r.Temperature, TopP: r.TopP, StopSequences: r.Stop}); r.MaxTokens > 0 || r.samples() {
		if r.MaxTokens > 0 {
			config.MaxTokens = &r.MaxTokens
		}
		req.InferenceConfig = &config
	}
	return req
}

func (r *InferRequest) construct() *bedrock.ConstructRequest {
	c := r.converse()
	return &bedrock.ConstructRequest{
		ModelID: c.ModelID, Messages: c.Messages, System: c.System, InferenceConfig: c.InferenceConfig,
		RequestMetadata: c.RequestMetadata, Schema: bedrock.Document(r.Schema), Format: bedrock.ConstructFormat(r.Format),
	}
}

// inferAsync makes a job of one record: the body inline, as it is given.
func (m *Manager) inferAsync(ctx context.Context, r *InferRequest) (*bedrock.CreateModelInvocationJobResponse, error) {
	job := &bedrock.CreateModelInvocationJobRequest{
		ModelID:          r.ModelID,
		JobName:          r.JobName,
		OutputDataConfig: bedrock.ModelInvocationJobOutputDataConfig{S3URI: r.OutputS3URI},
	}
	if job.JobName == "" {
		job.JobName = fmt.Sprintf("inference-job-%d", m.config.Now().Round(time.Millisecond).UnixMilli())
	}
	body := r.Body
	if len(body) == 0 {
		var err error
		if body, err = bedrock.Marshal(r.converse()); err != nil {
			return nil, AsError(err)
		}
		job.ModelInvocationType = bedrock.ModelInvocationTypeConverse
	}
	job.InputDataConfig = bedrock.ModelInvocationJobInputDataConfig{ContentType: "application/json", Text: string(body)}
	return m.Batch(ctx, job)
}
