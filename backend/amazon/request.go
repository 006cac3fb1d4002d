package amazon

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/upstream"
)

// operation is a row of the operation table, with its path in pieces.
type operation struct {
	*bedrock.Operation
	pieces []string // literal, label, literal, …
	post   bool
}

// operations are those that Amazon Bedrock answers and that one request and its
// reply can carry.
var operations = func() map[string]*operation {
	table := map[string]*operation{}
	for i := range bedrock.Operations {
		op := &bedrock.Operations[i]
		switch {
		case op.Name == "CreateInferenceProfile" || op.Name == "DeleteInferenceProfile": // an account is not changed from here
		case op.Name == bedrock.OpConstruct || op.Name == bedrock.OpConstructStream: // Outcrop's own
		case op.Name == "InvokeModelWithBidirectionalStream": // no request with a reply
		default:
			table[op.Name] = &operation{Operation: op, pieces: strings.FieldsFunc(op.Path, isBrace), post: op.Method == http.MethodPost}
		}
	}
	return table
}()

func isBrace(r rune) bool { return r == '{' || r == '}' }

func findOperation(name string) (*operation, error) {
	if op, ok := operations[name]; ok {
		return op, nil
	}
	return nil, outcrop.Errorf(bedrock.CodeUnknownOperation, "Amazon Bedrock has no operation %.64q that Outcrop passes on", name)
}

// target is the URL of an operation for a call.
func (op *operation) target(base *url.URL, call *outcrop.Call) (*url.URL, error) {
	u := *base
	var path, raw strings.Builder
	path.WriteString(strings.TrimSuffix(u.Path, "/"))
	raw.WriteString(strings.TrimSuffix(u.EscapedPath(), "/"))
	for i, piece := range op.pieces {
		if i%2 == 0 {
			path.WriteString(piece)
			raw.WriteString(piece)
			continue
		}
		value := call.ModelID
		if piece != "modelId" {
			value = call.Params[piece]
		}
		if value == "" || value == "." || value == ".." {
			return nil, outcrop.Invalid(piece, "%s needs it, and it is %q", op.Name, value)
		}
		path.WriteString(value)
		upstream.WriteLabel(&raw, value)
	}
	u.Path, u.RawPath = path.String(), raw.String()
	u.RawQuery = op.query(call)
	return &u, nil
}

// query holds the call's further members.
func (op *operation) query(call *outcrop.Call) string {
	if len(call.Params) == 0 {
		return ""
	}
	values := url.Values{}
	for name, value := range call.Params {
		if !strings.Contains(op.Path, "{"+name+"}") {
			values.Set(name, value)
		}
	}
	return values.Encode()
}

var (
	jsonContent = []string{"application/json"}
	agent       = []string{"outcrop"}
)

// newRequest makes the signed request of a call.
func (b *Backend) newRequest(ctx context.Context, op *operation, call *outcrop.Call, body []byte) (*http.Request, error) {
	u, err := op.target(b.base[op.Service], call)
	if err != nil {
		return nil, err
	}
	header := make(http.Header, 8)
	header["User-Agent"] = agent
	for name, value := range call.Header {
		if name = http.CanonicalHeaderKey(name); passes(name) {
			header[name] = []string{value}
		}
	}
	if via := outcrop.OriginOf(ctx).Via; via != "" {
		header["Via"] = []string{via + b.via}
	}
	if op.post && header["Content-Type"] == nil {
		header["Content-Type"] = jsonContent
	}
	r := (&http.Request{
		Method: op.Method, URL: u, Host: u.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		ContentLength: int64(len(body)), Body: http.NoBody,
	}).WithContext(ctx)
	if len(body) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(body))
		// For the transport, when an idle connection turns out to be closed.
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	return r, b.auth.authorize(ctx, call.Caller, r, body)
}

const memberPrefix = "X-Amzn-Bedrock-"

// passes tells whether a request header is a member of an operation. All else
// is between two neighbours: signatures, connections, hosts.
func passes(name string) bool {
	return strings.HasPrefix(name, memberPrefix) || name == "Content-Type" || name == "Accept"
}

// body is what a call sends. A call without types has what it came with.
func body(op *operation, call *outcrop.Call) ([]byte, error) {
	if call.Raw != nil {
		return call.Raw, nil
	}
	if op.Name == bedrock.OpConverse || op.Name == bedrock.OpConverseStream {
		body, err := call.Body()
		if err != nil {
			return nil, outcrop.AsError(err)
		}
		return body, nil
	}
	return nil, nil
}
