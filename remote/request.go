package remote

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

// message is what goes out: an operation with its members.
type message struct {
	op     *bedrock.Operation
	labels map[string]string // of the path
	query  url.Values
	header map[string]string // members that travel in headers
	body   []byte
}

// operations are those that an Outcrop server answers.
var operations = func() map[string]*bedrock.Operation {
	table := map[string]*bedrock.Operation{}
	for i := range bedrock.Operations {
		if op := &bedrock.Operations[i]; op.Served {
			table[op.Name] = op
		}
	}
	return table
}()

func findOperation(name string) (*bedrock.Operation, error) {
	if op, ok := operations[name]; ok {
		return op, nil
	}
	return nil, outcrop.Errorf(bedrock.CodeUnknownOperation, "%.64q is no operation of an Outcrop server", name)
}

// target is the URL of a message.
func (m *message) target(base *url.URL) (*url.URL, error) {
	u := *base
	var path, raw strings.Builder
	path.WriteString(u.Path)
	raw.WriteString(u.EscapedPath())
	pieces := strings.FieldsFunc(m.op.Path, func(r rune) bool { return r == '{' || r == '}' })
	for i, piece := range pieces { // literal, label, literal, …
		if i%2 == 0 {
			path.WriteString(piece)
			raw.WriteString(piece)
			continue
		}
		value := m.labels[piece]
		if value == "" || value == "." || value == ".." { // the latter mean other paths
			return nil, outcrop.Invalid(piece, "%s needs it, and it is %q", m.op.Name, value)
		}
		path.WriteString(value)
		upstream.WriteLabel(&raw, value)
	}
	u.Path, u.RawPath, u.RawQuery = path.String(), raw.String(), m.query.Encode()
	return &u, nil
}

const (
	memberPrefix      = "X-Amzn-Bedrock-"
	headerRequestID   = "X-Amzn-Requestid"
	headerInput       = memberPrefix + "Input-Token-Count"
	headerOutput      = memberPrefix + "Output-Token-Count"
	headerLatency     = memberPrefix + "Invocation-Latency"
	headerContentType = memberPrefix + "Content-Type"
	headerUsage       = "X-Outcrop-Usage"
	contentJSON       = "application/json"
)

var jsonContent = []string{contentJSON}

// newRequest makes the HTTP request of a message.
func (c *Client) newRequest(ctx context.Context, m *message) (*http.Request, error) {
	u, err := m.target(c.base)
	if err != nil {
		return nil, err
	}
	header := http.Header{"User-Agent": {"outcrop"}}
	for name, value := range m.header {
		// All else is between two neighbours: signatures, connections, hosts.
		name = http.CanonicalHeaderKey(name)
		if strings.HasPrefix(name, memberPrefix) || name == "Content-Type" || name == "Accept" {
			header[name] = []string{value}
		}
	}
	if m.op.Method == http.MethodPost && header["Content-Type"] == nil {
		header["Content-Type"] = jsonContent
	}
	if c.token != nil {
		header["Authorization"] = c.token
	}
	r := (&http.Request{
		Method: m.op.Method, URL: u, Host: u.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		ContentLength: int64(len(m.body)), Body: http.NoBody,
	}).WithContext(ctx)
	if len(m.body) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(m.body))
		// For the transport, when an idle connection turns out to be closed.
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(m.body)), nil }
	}
	return r, nil
}
