package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"strings"
)

// The ways in which S3 clients send a body that they do not hash beforehand.
const (
	streamingSigned          = streamingPrefix + "AWS4-HMAC-SHA256-PAYLOAD"
	streamingSignedTrailer   = streamingPrefix + "AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	streamingUnsignedTrailer = streamingPrefix + "UNSIGNED-PAYLOAD-TRAILER"
)

// Payload is what the head of a request says of its body. [Payload.Reader]
// holds the body against it.
type Payload struct {
	declared string // a hash in hex, UNSIGNED-PAYLOAD or STREAMING-…
	keyed    bool   // signing is set: chunks have their signatures checked
	signing  [sha256.Size]byte
	seed     [sha256.Size]byte
	stamp    string
	scope    Scope
}

// VerifyHead checks everything of a request but its body, for handlers that
// read bodies as streams: who asks is known before the first byte is read.
// The body has then to be read through the Payload's Reader, and what came of
// it to be thrown away unless it was read to io.EOF.
//
// It wants x-amz-content-sha256, as S3 does. Bodies that are unsigned, or
// signed in chunks, are for the service s3 only. Bearer tokens are accepted as
// in Verify; their bodies are not checked. Its error is always an *Error.
func (v *Verifier) VerifyHead(req *Request) (Identity, Payload, error) {
	if req.Scheme == Bearer {
		id, err := v.verifyToken(req)
		if err != nil {
			return Identity{}, Payload{}, err
		}
		return id, Payload{declared: unsignedPayload}, nil
	}
	if req.Scheme == LegacyQuery {
		id, err := v.verifyLegacy(req)
		if err != nil {
			return Identity{}, Payload{}, err
		}
		return id, Payload{declared: unsignedPayload}, nil
	}
	p, err := req.payload()
	if err != nil {
		return Identity{}, Payload{}, err
	}
	id, signing, err := v.verifyHead(req, p.declared)
	if err != nil {
		return Identity{}, Payload{}, err
	}
	p.keyed, p.signing = true, signing
	return id, p, nil
}

// UnverifiedPayload is the payload of a request whose signature nobody can
// check, since the server has no keys. Hashes of bodies are checked all the
// same; the signatures of chunks are read and not checked. Its error is always
// an *Error.
func (req *Request) UnverifiedPayload() (Payload, error) {
	if req.Scheme == Bearer || req.Scheme == LegacyQuery {
		return Payload{declared: unsignedPayload}, nil
	}
	p, err := req.payload()
	if err != nil {
		return Payload{}, err
	}
	return p, nil
}

// payload reads x-amz-content-sha256.
func (req *Request) payload() (Payload, *Error) {
	p := Payload{declared: req.PayloadHash, seed: req.signature, stamp: req.stamp, scope: req.Scope}
	switch {
	case p.declared == "":
		return p, fail(MissingHash, "Missing required header for this request: x-amz-content-sha256")
	case p.declared == unsignedPayload || p.Streamed():
		if req.Scope.Service == serviceS3 {
			return p, nil
		}
	case !strings.HasPrefix(p.declared, streamingPrefix):
		if sum, err := hex.DecodeString(p.declared); err == nil && len(sum) == sha256.Size {
			return p, nil
		}
		return p, fail(MissingHash, "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING- value, or a valid sha256 value.")
	}
	return p, fail(UnsupportedBody, "A body of this kind is not supported: x-amz-content-sha256 is %s.", quote(p.declared))
}

// Streamed tells whether the body comes in chunks of the content encoding
// aws-chunked.
func (p *Payload) Streamed() bool {
	return p.declared == streamingSigned || p.declared == streamingSignedTrailer || p.declared == streamingUnsignedTrailer
}

// Reader reads a body and checks it on the way: its hash at its end, or the
// signature of each chunk at the chunk's. So what was read is not to be
// believed before io.EOF. Read's error is an *Error when the body is at fault,
// and that of r otherwise. It holds 4 KiB of a chunked body.
func (p Payload) Reader(r io.Reader) *BodyReader {
	b := &BodyReader{r: r}
	switch {
	case p.Streamed():
		b.r = newChunkReader(r, p)
	case p.declared != unsignedPayload:
		b.sum, b.want = sha256.New(), p.declared
	}
	return b
}

// BodyReader reads a body as the client meant it. It is used by one goroutine.
type BodyReader struct {
	r    io.Reader
	sum  hash.Hash // nil where no hash was declared
	want string
}

// Read reads on. See [Payload.Reader].
func (b *BodyReader) Read(into []byte) (int, error) {
	n, err := b.r.Read(into)
	if b.sum == nil {
		return n, err
	}
	b.sum.Write(into[:n])
	if err == io.EOF && hex.EncodeToString(b.sum.Sum(nil)) != strings.ToLower(b.want) { //nolint:errorlint // readers return io.EOF itself
		return n, fail(BodyMismatch, "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	return n, err
}

// Trailer yields the trailers of a chunked body, by lower-case name, once Read
// has returned io.EOF. There are at most MaxTrailers.
func (b *BodyReader) Trailer() map[string]string {
	if c, ok := b.r.(*chunkReader); ok {
		return c.trailer
	}
	return nil
}
