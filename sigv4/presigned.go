package sigv4

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// MinExpires and MaxExpires bound the life of a presigned URL.
const (
	MinExpires = time.Second
	MaxExpires = 7 * 24 * time.Hour
)

const signatureParam = "X-Amz-Signature"

// isPresigned tells whether a query has any part of a signature.
func isPresigned(query string) bool {
	return strings.Contains(query, signatureParam) || strings.Contains(query, "X-Amz-Credential")
}

// presigned are the parameters of a presigned URL, of which the first six are
// required.
var presigned = [...]string{
	"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", signatureParam,
	"X-Amz-Security-Token", "X-Amz-Content-Sha256",
}

func parseQuery(r *http.Request, query string) (*Request, *Error) {
	var values [len(presigned)]string
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		for i, p := range presigned {
			if name != p {
				continue
			}
			v, err := url.QueryUnescape(value)
			if err != nil || values[i] != "" || len(v) > MaxAuthorization {
				return nil, fail(Incomplete, "AWS query-string parameters must include '%s' once. Re-examine the query-string parameters.", p)
			}
			values[i] = v
		}
	}
	for i, v := range values[:6] {
		if v == "" {
			return nil, fail(Incomplete, "AWS query-string parameters must include '%s'. Re-examine the query-string parameters.", presigned[i])
		}
	}
	if values[0] != algorithm {
		return nil, fail(Incomplete, "Unsupported AWS 'algorithm': %s.", quote(values[0]))
	}
	seconds, err := strconv.ParseUint(values[3], 10, 32)
	expires := time.Duration(seconds) * time.Second
	if err != nil || expires < MinExpires || expires > MaxExpires {
		return nil, fail(Incomplete, "X-Amz-Expires must be a number of seconds from %d to %d.", MinExpires/time.Second, MaxExpires/time.Second)
	}
	req := &Request{
		Scheme:        Query,
		Expires:       expires,
		SecurityToken: values[6],
		PayloadHash:   r.Header.Get("X-Amz-Content-Sha256"),
		http:          r,
	}
	if req.PayloadHash == "" {
		req.PayloadHash = values[7]
	}
	if req.PayloadHash == "" && strings.HasSuffix(values[1], "/"+serviceS3+"/"+terminator) {
		// Whoever presigns for S3 does not know the body yet.
		req.PayloadHash = unsignedPayload
	}
	return req, req.fill(values[1], values[2], values[4], values[5])
}
