package amazon

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/upstream"
)

const (
	headerRequestID   = "X-Amzn-Requestid"
	headerInput       = memberPrefix + "Input-Token-Count"
	headerOutput      = memberPrefix + "Output-Token-Count"
	headerLatency     = memberPrefix + "Invocation-Latency"
	headerContentType = memberPrefix + "Content-Type"
)

// metaOf reads what a reply's header tells. The usage of a Converse reply is
// in its body, and of a stream in its last event: neither is read here.
func metaOf(call *outcrop.Call, resp *http.Response) outcrop.Meta {
	meta := outcrop.Meta{Backend: Name, ModelID: call.ModelID, RequestID: first(resp.Header, headerRequestID)}
	for name, values := range resp.Header {
		if strings.HasPrefix(name, memberPrefix) && name != headerContentType {
			if meta.Header == nil {
				meta.Header = make(map[string]string, 4)
			}
			meta.Header[name] = values[0]
		}
	}
	if !call.Native() {
		return meta
	}
	meta.ContentType = first(resp.Header, headerContentType) // of the chunks of a stream
	if meta.ContentType == "" && !call.Streams() {
		meta.ContentType = first(resp.Header, "Content-Type")
	}
	input, err := strconv.Atoi(meta.Header[headerInput])
	if err == nil {
		output, _ := strconv.Atoi(meta.Header[headerOutput]) // embeddings have none
		meta.Usage = &bedrock.TokenUsage{InputTokens: input, OutputTokens: output, TotalTokens: input + output}
	}
	if ms, err := strconv.Atoi(meta.Header[headerLatency]); err == nil {
		meta.Latency = time.Duration(ms) * time.Millisecond
	}
	return meta
}

// first is a header by its canonical name, without looking for that.
func first(header http.Header, name string) string {
	if values := header[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// whole reads a reply that is no stream. All but InvokeModel's, which may be
// of any kind, are checked for being JSON: whoever stands in the middle may
// answer a page of HTML with status 200.
func (b *Backend) whole(w *upstream.Watch, op *operation, resp *http.Response) ([]byte, error) {
	id := first(resp.Header, headerRequestID)
	text, err := readBody(resp, b.limits.MaxReply)
	if err != nil {
		return nil, b.failure(w, op, err, id)
	}
	if op.Name != bedrock.OpInvokeModel && !bedrock.Document(text).IsValid() {
		e := outcrop.Errorf(bedrock.CodeModelError, "the reply to %s, %d bytes of %s, is not valid JSON", op.Name, len(text), mediaType(resp))
		e.RequestID = id
		return nil, e
	}
	return text, nil
}

// errTooLarge is the error of a reply beyond the limit.
var errTooLarge = errors.New("the reply is larger than the limit")

func readBody(resp *http.Response, limit int) ([]byte, error) {
	if size := resp.ContentLength; size >= 0 && size <= int64(limit) {
		text := make([]byte, size)
		_, err := io.ReadFull(resp.Body, text)
		return text, err
	} else if size > int64(limit) {
		return nil, fmt.Errorf("%w: %d bytes, Limits.MaxReply is %d", errTooLarge, size, limit)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, int64(limit)+1))
	if err == nil && len(text) > limit {
		return nil, fmt.Errorf("%w: Limits.MaxReply is %d bytes", errTooLarge, limit)
	}
	return text, err
}

// mediaType is what a reply says it is, fit to be printed.
func mediaType(resp *http.Response) string {
	media, _, err := mime.ParseMediaType(first(resp.Header, "Content-Type"))
	if err != nil {
		return "an unknown type"
	}
	return fmt.Sprintf("%.64q", media)
}
