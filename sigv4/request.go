package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	timeFormat = "20060102T150405Z"
	dateFormat = "20060102"

	unsignedPayload = "UNSIGNED-PAYLOAD"
	streamingPrefix = "STREAMING-"
	serviceS3       = "s3"

	// MaxAuthorization is the longest Authorization header that is read, in
	// bytes, and MaxSignedHeaders how many headers it may list. Clients stay
	// far below both.
	MaxAuthorization = 16 << 10
	MaxSignedHeaders = 100
)

// Scheme is how a request says who sends it.
type Scheme uint8

// The schemes.
const (
	// Header is a signature in the Authorization header.
	Header Scheme = iota
	// Query is a signature in the query of a presigned URL.
	Query
	// Bearer is a token in the Authorization header.
	Bearer
	// LegacyQuery is a signature of version 2 in the query of a presigned URL
	// of S3. Of the scope only the service is set, and Time is when it expires.
	LegacyQuery
)

// Scope is what a signature is good for.
type Scope struct {
	Date    string // YYYYMMDD
	Region  string
	Service string
}

// Request is what a request claims. Nothing in it is to be trusted before
// Verify says so. It refers to the http.Request it was made from, whose
// method, URL, host and headers must stay as they are until then.
type Request struct {
	// Scheme says which of the fields below are set.
	Scheme Scheme
	// AccessKeyID and Scope are the credential's; empty for Bearer.
	AccessKeyID string
	Scope       Scope
	// Time is when the request was signed, and Expires for how long a
	// presigned URL is good.
	Time    time.Time
	Expires time.Duration
	// SignedHeaders are the names of the signed headers as the client listed
	// them: lower case, sorted, with semicolons between.
	SignedHeaders string
	// SecurityToken is the session token of temporary credentials. It is not
	// checked against anything: that would be the key store's.
	SecurityToken string
	// PayloadHash is x-amz-content-sha256: the hash of the body in hex,
	// UNSIGNED-PAYLOAD, a STREAMING-… marker, or empty when it was not sent.
	PayloadHash string

	http      *http.Request
	stamp     string            // Time as it was signed
	signature [sha256.Size]byte // also the seed of a streamed body's chunks
	token     [sha256.Size]byte // SHA-256 of a bearer token
	legacy    string            // the signature of LegacyQuery, as it was sent
}

// Parse reads who a request claims to come from. It checks the form only. Its
// error is always an *Error.
func Parse(r *http.Request) (*Request, error) {
	auth := r.Header.Get("Authorization")
	_, query := target(r)
	switch {
	case auth == "" && isPresigned(query):
		return orError(parseQuery(r, query))
	case auth == "" && isLegacy(query):
		return orError(parseLegacy(r, query))
	case auth == "":
		return nil, fail(MissingToken, "Missing Authentication Token")
	case len(r.Header["Authorization"]) > 1:
		return nil, fail(Incomplete, "There is more than one Authorization header.")
	case len(auth) > MaxAuthorization:
		return nil, fail(Incomplete, "Authorization header is longer than %d bytes.", MaxAuthorization)
	}
	scheme, rest, _ := strings.Cut(auth, " ")
	if strings.EqualFold(scheme, "bearer") {
		token := strings.TrimSpace(rest)
		if token == "" {
			return nil, errBadToken()
		}
		return &Request{Scheme: Bearer, http: r, token: sha256.Sum256([]byte(token))}, nil
	}
	if scheme != algorithm && strings.HasPrefix(scheme, "AWS4-") {
		return nil, fail(Incomplete, "Unsupported AWS 'algorithm': %s.", quote(scheme))
	}
	if scheme != algorithm {
		rest = "" // another scheme's secret: complain of the parts only
	}
	return orError(parseHeader(r, rest))
}

// ClaimedScope is the scope that a request claims, for servers that verify
// nobody and want to know the region only; empty when it claims none. Of the
// rest of the signature it checks nothing, and it does not allocate unless the
// URL is presigned.
func ClaimedScope(r *http.Request) Scope {
	var auth string
	if values := r.Header["Authorization"]; len(values) > 0 {
		auth = values[0]
	}
	if auth == "" || len(auth) > MaxAuthorization {
		if req, err := Parse(r); err == nil {
			return req.Scope
		}
		return Scope{}
	}
	params, ok := strings.CutPrefix(auth, algorithm+" ")
	for part := range strings.SplitSeq(params, ",") {
		credential, found := strings.CutPrefix(strings.TrimSpace(part), "Credential=")
		if !ok || !found {
			continue
		}
		var req Request
		if req.setCredential(credential) != nil {
			return Scope{}
		}
		return req.Scope
	}
	return Scope{}
}

// orError keeps a nil *Error from becoming an error that is not nil.
func orError(req *Request, err *Error) (*Request, error) {
	if err != nil {
		return nil, err
	}
	return req, nil
}

// parseHeader reads "Credential=…, SignedHeaders=…, Signature=…".
func parseHeader(r *http.Request, params string) (*Request, *Error) {
	var credential, signed, signature string
	for part := range strings.SplitSeq(params, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			if strings.TrimSpace(part) == "" {
				continue
			}
			return nil, fail(Incomplete, "Authorization header has a part that is not a valid key=value pair (missing equal-sign).")
		}
		var field *string
		switch name {
		case "Credential":
			field = &credential
		case "SignedHeaders":
			field = &signed
		case "Signature":
			field = &signature
		default:
			continue
		}
		if *field != "" {
			return nil, fail(Incomplete, "Authorization header has more than one %s parameter.", quote(name))
		}
		*field = value
	}

	stamp := dateOf(r)
	var missing []string
	for _, p := range [...]struct{ name, value string }{
		{"Credential", credential}, {"Signature", signature}, {"SignedHeaders", signed},
	} {
		if p.value == "" {
			missing = append(missing, "Authorization header requires '"+p.name+"' parameter.")
		}
	}
	if stamp == "" {
		missing = append(missing, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if missing != nil {
		return nil, fail(Incomplete, "%s", strings.Join(missing, " "))
	}
	req := &Request{
		Scheme:        Header,
		SecurityToken: r.Header.Get("X-Amz-Security-Token"),
		PayloadHash:   r.Header.Get("X-Amz-Content-Sha256"),
		http:          r,
	}
	return req, req.fill(credential, stamp, signed, signature)
}

// fill reads the parts that both schemes have.
func (req *Request) fill(credential, stamp, signed, signature string) *Error {
	if err := req.setCredential(credential); err != nil {
		return err
	}
	t, ok := parseStamp(stamp)
	if !ok {
		return fail(Incomplete, "Date must be in ISO-8601 'basic format'. Got %s. See http://en.wikipedia.org/wiki/ISO_8601", quote(stamp))
	}
	req.Time, req.stamp = t, stamp
	if err := checkSignedHeaders(signed); err != nil {
		return err
	}
	req.SignedHeaders = signed
	if len(signature) != hex.EncodedLen(len(req.signature)) {
		return errMismatch()
	}
	if _, err := hex.Decode(req.signature[:], []byte(signature)); err != nil {
		return errMismatch()
	}
	return nil
}

// setCredential reads "key/date/region/service/aws4_request".
func (req *Request) setCredential(credential string) *Error {
	var part [5]string
	n := 0
	for p := range strings.SplitSeq(credential, "/") {
		if n == len(part) || p == "" {
			n = 0
			break
		}
		part[n] = p
		n++
	}
	if n != len(part) {
		return fail(Incomplete, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.")
	}
	if part[4] != terminator {
		return fail(BadScope, "Credential should be scoped with a valid terminator: '%s', not %s.", terminator, quote(part[4]))
	}
	req.AccessKeyID = part[0]
	req.Scope = Scope{Date: part[1], Region: part[2], Service: part[3]}
	return nil
}

// checkSignedHeaders wants what the standard wants of a signer: lower case and
// strictly ascending, so that no header counts twice; and the host among them,
// or a signature could be replayed to another server.
func checkSignedHeaders(signed string) *Error {
	host, count, last := false, 0, ""
	for name := range strings.SplitSeq(signed, ";") {
		count++
		if count > MaxSignedHeaders {
			return fail(Incomplete, "'SignedHeaders' lists more than %d headers.", MaxSignedHeaders)
		}
		if name <= last || !isHeaderName(name) {
			return fail(Incomplete, "'SignedHeaders' must be header names in lower case, sorted, separated by semicolons.")
		}
		last = name
		host = host || name == "host" || name == ":authority"
	}
	if !host {
		return fail(UnsignedHeader, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	return nil
}

func isHeaderName(name string) bool {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || c >= 'A' && c <= 'Z' || c == ',' {
			return false
		}
	}
	return true
}

// parseStamp reads a time of timeFormat. Package time would need longer for it
// than all else of a request's claims.
func parseStamp(stamp string) (t time.Time, ok bool) {
	if len(stamp) != len(timeFormat) || stamp[8] != 'T' || stamp[15] != 'Z' {
		return t, false
	}
	number := func(from, to int) int {
		n := 0
		for i := from; i < to; i++ {
			d := stamp[i] - '0'
			if d > 9 {
				return -1
			}
			n = n*10 + int(d)
		}
		return n
	}
	year, month, day := number(0, 4), time.Month(number(4, 6)), number(6, 8)
	hour, minute, second := number(9, 11), number(11, 13), number(13, 15)
	if year < 0 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
		return t, false
	}
	t = time.Date(year, month, day, hour, minute, second, 0, time.UTC)
	return t, t.Day() == day // and not a day of the next month
}

// dateOf is the time of signing as the signature has it, empty when there is
// none.
func dateOf(r *http.Request) string {
	if d := r.Header.Get("X-Amz-Date"); d != "" {
		return d
	}
	d := r.Header.Get("Date")
	if t, err := http.ParseTime(d); err == nil {
		return stamp(t)
	}
	return d
}
