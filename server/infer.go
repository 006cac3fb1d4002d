package server

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// infer answers the operations that go to a model: Converse and InvokeModel,
// and their streams.
func (x *exchange) infer() error {
	call, err := x.call()
	if err != nil {
		return err
	}
	reply, err := x.server.manager.Do(x.context(), call)
	if err != nil {
		return err
	}
	x.announce(&reply.Meta)
	if call.Streams() {
		return x.inferStream(call, reply)
	}
	if reply.Stream != nil {
		_ = reply.Stream.Close()
		return outcrop.Errorf(bedrock.CodeInternalServer, "The back-end answered %s with a stream.", call.Operation)
	}
	buf := bodies.Get().(*[]byte)
	defer x.putBody(buf)
	body, err := reply.BodyIn(buf)
	if err != nil {
		return err
	}
	contentType := contentJSON
	if call.Native() {
		contentType = x.nativeHeaders(&reply.Meta)
	}
	if x.logged() {
		x.usage = reply.Usage()
	}
	return x.send(http.StatusOK, contentType, body)
}

// bodies are memory for replies that have to be encoded.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// maxKeptBody, in bytes, keeps one huge reply from holding its memory.
const maxKeptBody = 64 << 10

// putBody gives a reply's memory back. Of HTTP/2, the reply to a stream that
// the client has reset may still be on its way when Write has returned.
func (x *exchange) putBody(buf *[]byte) {
	if x.r.ProtoMajor == 1 && cap(*buf) <= maxKeptBody {
		bodies.Put(buf)
	}
}

// call makes the call of the request.
func (x *exchange) call() (*outcrop.Call, error) {
	x.model = x.labels[0]
	call := outcrop.NewInvokeCall(x.route.name, x.model, x.body)
	call.Caller, call.RequestID, call.Class = x.caller, x.id, x.class
	if !call.Native() {
		if err := x.wantJSON(); err != nil {
			return nil, err
		}
	}
	var err error
	call.Header, err = x.members(call)
	return call, err
}

const memberPrefix = "X-Amzn-Bedrock-"

// members are the members of the request that travel in headers. Those that
// this version knows are checked; others, of a newer API, pass.
func (x *exchange) members(call *outcrop.Call) (map[string]string, error) {
	var members map[string]string
	prefixed := false
	for name, values := range x.r.Header {
		isMember := strings.HasPrefix(name, memberPrefix)
		if !isMember && (!call.Native() || name != "Content-Type" && name != "Accept") {
			continue
		}
		prefixed = prefixed || isMember
		if members == nil {
			members = make(map[string]string, 2)
		}
		members[name] = values[0]
	}
	if !prefixed {
		return members, nil
	}
	var req bedrock.Validatable = &bedrock.InvokeModelRequest{}
	if call.Operation == bedrock.OpInvokeModelWithResponseStream {
		req = &bedrock.InvokeModelWithResponseStreamRequest{}
	}
	if err := x.bind(req); err != nil {
		return nil, err
	}
	return members, bedrock.Validate(req)
}

// announce writes into the reply's header how it came about.
func (x *exchange) announce(meta *outcrop.Meta) {
	x.backend = meta.Backend
	header := x.w.Header()
	for name, value := range meta.Header {
		if name = http.CanonicalHeaderKey(name); passes(name) {
			header[name] = []string{value}
		}
	}
	if meta.Backend != "" {
		header["X-Outcrop-Backend"] = x.value(meta.Backend)
	}
	if meta.ModelID != "" && meta.ModelID != x.model {
		header["X-Outcrop-Model"] = x.value(meta.ModelID)
	}
	if meta.RequestID != "" {
		header["X-Outcrop-Upstream-Requestid"] = x.value(meta.RequestID)
	}
	if meta.Estimated {
		header["X-Outcrop-Usage"] = estimated
	}
	tellAttempts(header, meta.Attempts, meta.MaxAttempts)
}

var estimated = []string{"estimated"}

// tellAttempts says how much of the retry budget a call has used. Where nobody
// asks a back-end again there is nothing to say.
func tellAttempts(header http.Header, used, allowed int) {
	if used > 1 || allowed > 0 {
		header["X-Outcrop-Attempts"] = []string{strconv.Itoa(max(used, 1))}
	}
	if allowed > 0 {
		header["X-Outcrop-Max-Attempts"] = []string{strconv.Itoa(allowed)}
	}
}

// passes tells whether a header of a back-end's reply may reach the client.
// What describes the connection, or is said by the server itself, may not.
func passes(name string) bool {
	return strings.HasPrefix(name, memberPrefix) || strings.HasPrefix(name, "X-Outcrop-") || name == "Retry-After"
}

const (
	headerInput   = memberPrefix + "Input-Token-Count"
	headerOutput  = memberPrefix + "Output-Token-Count"
	headerLatency = memberPrefix + "Invocation-Latency"
)

// nativeHeaders completes the header of an InvokeModel reply and returns its
// content type. What the model's own reply said in its headers stays; the
// latency is measured here when the back-end gives none.
func (x *exchange) nativeHeaders(meta *outcrop.Meta) string {
	header := x.w.Header()
	if u := meta.Usage; u != nil {
		complete(header, headerInput, int64(u.InputTokens))
		complete(header, headerOutput, int64(u.OutputTokens))
	}
	latency := meta.Latency
	if latency == 0 {
		latency = time.Since(x.begun)
	}
	complete(header, headerLatency, latency.Milliseconds())
	if meta.ContentType != "" {
		return meta.ContentType
	}
	return contentJSON
}

func complete(header http.Header, name string, value int64) {
	if header[name] == nil {
		header[name] = []string{strconv.FormatInt(value, 10)}
	}
}
