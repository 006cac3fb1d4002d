package sigv4

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// appendCanonical appends the canonical request, the text that is hashed and
// signed. host is what stands for the host, since it may be written in more
// than one way.
func (req *Request) appendCanonical(dst []byte, host, payloadHash string) ([]byte, *Error) {
	path, query := target(req.http)
	dst = append(dst, req.http.Method...)
	dst = append(dst, '\n')
	if req.Scope.Service == serviceS3 {
		dst = appendS3Path(dst, path)
	} else {
		dst = appendPath(dst, path)
	}
	dst = append(dst, '\n')
	dst = appendQuery(dst, query, req.Scheme == Query)
	dst = append(dst, '\n')
	for name := range strings.SplitSeq(req.SignedHeaders, ";") {
		dst = append(dst, name...)
		dst = append(dst, ':')
		var ok bool
		if dst, ok = appendHeader(dst, req.http, name, host); !ok {
			return dst, fail(Incomplete, "%s is named as a SignedHeader, but it does not exist in the HTTP request", quote(name))
		}
		dst = append(dst, '\n')
	}
	dst = append(dst, '\n')
	dst = append(dst, req.SignedHeaders...)
	dst = append(dst, '\n')
	return append(dst, payloadHash...), nil
}

// target is the path and the query as they were received. Handlers may rewrite
// r.URL, and its EscapedPath does not tell raw UTF-8 from the encoded; the
// request line is what the client signed.
func target(r *http.Request) (path, query string) {
	if strings.HasPrefix(r.RequestURI, "/") {
		path, query, _ = strings.Cut(r.RequestURI, "?")
		return path, query
	}
	return r.URL.EscapedPath(), r.URL.RawQuery
}

// appendPath appends the path of every service but S3: without empty and dot
// segments, and each segment encoded once more than it was received, so that
// "%3A" becomes "%253A" and ":" becomes "%3A".
func appendPath(dst []byte, path string) []byte {
	start := len(dst)
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			if i := bytes.LastIndexByte(dst[start:], '/'); i >= 0 {
				dst = dst[:start+i]
			}
		default:
			dst = append(dst, '/')
			for i := range len(segment) {
				dst = appendByte(dst, segment[i])
			}
		}
	}
	if len(dst) == start || strings.HasSuffix(path, "/") {
		dst = append(dst, '/')
	}
	return dst
}

// appendS3Path appends the path of S3: a key may hold any segments, and each
// byte is encoded once, however it was received.
func appendS3Path(dst []byte, path string) []byte {
	if path == "" {
		return append(dst, '/')
	}
	for i, segment := 0, ""; i <= len(path); i += len(segment) + 1 {
		segment, _, _ = strings.Cut(path[i:], "/")
		if i > 0 {
			dst = append(dst, '/')
		}
		dst = appendDecoded(dst, segment, false)
	}
	return dst
}

// appendQuery appends the parameters encoded and sorted, without the signature
// of a presigned URL.
func appendQuery(dst []byte, query string, presigned bool) []byte {
	if query == "" {
		return dst
	}
	type param struct{ name, value string }
	var params []param
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if pair == "" || presigned && name == signatureParam {
			continue
		}
		params = append(params, param{
			name:  string(appendDecoded(nil, name, true)),
			value: string(appendDecoded(nil, value, true)),
		})
	}
	slices.SortFunc(params, func(a, b param) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.value, b.value))
	})
	for i, p := range params {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(dst, p.name...)
		dst = append(dst, '=')
		dst = append(dst, p.value...)
	}
	return dst
}

// appendHeader appends the values of a signed header: each trimmed, with runs
// of white space as one space, and commas between. It reports whether the
// request has the header.
func appendHeader(dst []byte, r *http.Request, name, host string) ([]byte, bool) {
	switch name {
	case "host", ":authority": // net/http keeps both out of the headers
		return appendTrimmed(dst, host), true
	}
	var key [64]byte
	values, ok := r.Header[string(appendKey(key[:0], name))]
	if !ok {
		return appendMoved(dst, r, name)
	}
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendTrimmed(dst, v)
	}
	return dst, true
}

// appendMoved appends headers that net/http turns into fields.
func appendMoved(dst []byte, r *http.Request, name string) ([]byte, bool) {
	switch {
	case name == "content-length" && r.ContentLength >= 0:
		return strconv.AppendInt(dst, r.ContentLength, 10), true
	case name == "transfer-encoding" && len(r.TransferEncoding) > 0:
		return append(dst, strings.Join(r.TransferEncoding, ",")...), true
	}
	return dst, false
}

// appendKey appends a lower-case header name as net/http spells it in its map.
func appendKey(dst []byte, name string) []byte {
	upper := true
	for i := range len(name) {
		c := name[i]
		if upper && c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		dst = append(dst, c)
		upper = c == '-'
	}
	return dst
}

func appendTrimmed(dst []byte, v string) []byte {
	start, space := len(dst), false
	for i := range len(v) {
		switch c := v[i]; c {
		case ' ', '\t', '\r', '\n', '\v', '\f':
			space = true
		default:
			if space && len(dst) > start {
				dst = append(dst, ' ')
			}
			space = false
			dst = append(dst, c)
		}
	}
	return dst
}

// appendDecoded appends s encoded once: what is encoded in it is decoded
// first. A percent sign that begins no code stands for itself.
func appendDecoded(dst []byte, s string, plusIsSpace bool) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+' && plusIsSpace:
			c = ' '
		case c == '%' && i+2 < len(s):
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi >= 0 && lo >= 0 {
				c = byte(hi<<4 | lo)
				i += 2
			}
		}
		dst = appendByte(dst, c)
	}
	return dst
}

// appendByte appends a byte as RFC 3986 encodes all but the unreserved.
func appendByte(dst []byte, c byte) []byte {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
		return append(dst, c)
	}
	const digits = "0123456789ABCDEF"
	return append(dst, '%', digits[c>>4], digits[c&15])
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
