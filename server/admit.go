package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/sigv4"
)

// claim reads what the request says of its sender. Where nobody verifies it,
// and no mount goes by its service, the scope is enough.
func (x *exchange) claim() {
	s := x.server
	if s.verifier == nil {
		x.scope = sigv4.ClaimedScope(x.r)
		if x.scope.Service != "" && s.table.services[x.scope.Service] == nil {
			return
		}
		x.scope = sigv4.Scope{}
	}
	if x.claims, x.unclaimed = sigv4.Parse(x.r); x.unclaimed == nil {
		x.scope = x.claims.Scope
	}
}

// admit reads the body and finds out who asks. Who can be turned away without
// the body is, so that strangers cannot make the server read it.
func (x *exchange) admit() error {
	v := x.server.verifier
	if v == nil {
		x.caller = outcrop.Caller{Account: x.server.config.Account, Region: x.region()}
		return x.readBody()
	}
	if x.unclaimed != nil {
		return x.unclaimed
	}
	if x.claims.Scheme == sigv4.Bearer || !x.known() {
		if err := x.verify(nil); err != nil || x.claims.Scheme != sigv4.Bearer {
			return err
		}
		return x.readBody()
	}
	if err := x.readBody(); err != nil {
		return err
	}
	return x.verify(x.body)
}

// known tells whether somebody has the access key.
func (x *exchange) known() bool {
	_, ok := x.server.verifier.Keys.Key(x.claims.AccessKeyID)
	return ok
}

func (x *exchange) verify(body []byte) error {
	id, err := x.server.verifier.Verify(x.claims, body)
	if err != nil {
		return err
	}
	x.caller = outcrop.Caller{Tenant: id.Tenant.Name, Account: id.Tenant.Account, Region: x.region()}
	return nil
}

// region is the one that the request was signed for.
func (x *exchange) region() string {
	if x.scope.Region != "" && !strings.ContainsFunc(x.scope.Region, notInRegion) {
		return x.scope.Region
	}
	return x.server.config.Region
}

// notInRegion keeps an unverified region, which gets into ARNs, to what a
// region can be.
func notInRegion(r rune) bool {
	return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
}

// trusted is the length, in bytes, that a client may announce and have memory
// set aside for; what is longer gets memory as it arrives.
const trusted = 256 << 10

// readBody reads the whole body. It is never nil afterwards.
func (x *exchange) readBody() error {
	limit := x.server.config.MaxBody
	if encoding := first(x.r.Header, "Content-Encoding"); encoding != "" && encoding != "identity" {
		return outcrop.Invalid("Content-Encoding", "%s is not supported; send the body as it is", quote(encoding))
	}
	size := x.r.ContentLength
	if size > limit {
		return tooLarge(limit)
	}
	if size >= 0 && size <= trusted {
		x.body = make([]byte, size)
		if _, err := io.ReadFull(x.r.Body, x.body); err != nil {
			return unread(err)
		}
		return nil
	}
	return x.readLong(size, limit)
}

// readLong reads a body that is long, or does not say how long it is. It gets
// room once more than trusted of it has come: who announces much and sends
// nothing keeps nobody else out.
func (x *exchange) readLong(size, limit int64) error {
	source := http.MaxBytesReader(x.w, x.r.Body, limit)
	body := bytes.NewBuffer(make([]byte, 0, bytes.MinRead))
	n, err := body.ReadFrom(io.LimitReader(source, trusted+1))
	if err == nil && n > trusted {
		if err := x.hold(size); err != nil {
			return err
		}
		_, err = body.ReadFrom(source)
		x.keep(int64(body.Cap()))
	}
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return tooLarge(limit)
		}
		return unread(err)
	}
	x.body = body.Bytes()
	return nil
}

// hold waits until there is room for a long body, or for the longest when it
// does not say how long it is.
func (x *exchange) hold(size int64) error {
	ctx := x.r.Context()
	if wait := x.server.config.ReadTimeout; wait >= 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	if size < 0 {
		size = x.server.config.MaxBody
	}
	var err error
	if x.held, err = x.server.bodies.take(ctx, x.sender(), size); err != nil {
		busy := outcrop.Errorf(bedrock.CodeServiceUnavailable, "The server has no room for another long request body now. Try again.")
		busy.Retryable, busy.RetryAfter = true, time.Second
		return busy
	}
	if wait := x.server.config.ReadTimeout; wait >= 0 { // the rest has all of it: the wait was the server's
		_ = http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(wait))
	}
	return nil
}

// sender is the tenant whose body it is: the one whose access key the request
// claims to be signed with, where that cannot be verified without the body.
func (x *exchange) sender() string {
	if x.caller.Tenant != "" || x.server.verifier == nil {
		return x.caller.Tenant
	}
	key, _ := x.server.verifier.Keys.Key(x.claims.AccessKeyID)
	return key.Tenant.Name
}

// keep gives back the room that a body did not need; the rest finish gives back.
func (x *exchange) keep(size int64) {
	if x.held != nil {
		x.server.bodies.shrink(x.held, size)
	}
}

// takeRest reads what is left of a long body, and throws it away, before an
// error goes out over HTTP/2. Clients there may take no reply before they are
// done: Node's lets one pass unseen while more than 10 MB are left to send, and
// then waits for ever.
func (x *exchange) takeRest() {
	const long, most = 4 << 20, 4
	if x.r.ProtoMajor == 2 && x.r.ContentLength > long {
		_, _ = io.CopyN(io.Discard, x.r.Body, most*x.server.config.MaxBody) // the reply tells of what matters
	}
}

// first is header.Get for a name that is in its canonical form.
func first(header http.Header, name string) string {
	if values := header[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

func tooLarge(limit int64) error {
	return outcrop.Errorf(bedrock.CodeRequestTooLarge, "The request body is larger than %d bytes.", limit)
}

func unread(err error) error {
	return outcrop.Errorf(bedrock.CodeValidation, "The request body could not be read to its end: %w", err)
}

// wantJSON refuses a body that is not declared to be JSON. Besides being what
// AWS does, it keeps a web page from sending one without asking first.
func (x *exchange) wantJSON() error {
	declared := first(x.r.Header, "Content-Type")
	if n := len(x.r.Header["Content-Type"]); n > 1 {
		return outcrop.Invalid("Content-Type", "the header is given %d times", n)
	}
	if declared == contentJSON {
		return nil
	}
	media, _, err := mime.ParseMediaType(declared)
	switch {
	case declared == "":
		return outcrop.Invalid("Content-Type", "the header is missing; the body has to be application/json")
	case err != nil || !isJSON(media):
		return outcrop.Invalid("Content-Type", "%s is not application/json", quote(declared))
	}
	return nil
}

func isJSON(media string) bool {
	return media == contentJSON || strings.HasPrefix(media, "application/x-amz-json-") || strings.HasSuffix(media, "+json")
}

// decode reads a JSON body, and the members that travel in the path, the query
// and the headers, into a request of package bedrock, and checks the API's
// constraints.
func (x *exchange) decode(req bedrock.Validatable) error {
	if x.r.Method == http.MethodPost {
		if err := x.wantJSON(); err != nil {
			return err
		}
		if err := bedrock.Unmarshal(x.body, req); err != nil {
			return err
		}
	}
	if err := x.bind(req); err != nil {
		return err
	}
	return bedrock.Validate(req)
}
