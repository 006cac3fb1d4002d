package server

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// A back-end may lead to its own server, straight or through others: by an AWS
// profile that points here, for one. Such a request would come back for ever.
// So each server names itself in Via (RFC 9110), which that back-end sends on,
// and refuses what it has sent. The back-end may add its name, as a comment.

// newVia is a server's own entry in Via.
func newVia() string { return "1.1 outcrop-" + newUUID()[:8] }

// refuseLoop refuses a request that has passed through this server.
func (s *Server) refuseLoop(r *http.Request) error {
	for _, passed := range r.Header["Via"] {
		if _, after, ok := strings.Cut(passed, s.via); ok {
			return outcrop.Errorf(bedrock.CodeValidation, "This request has come back to the server that sent it on: %s leads to itself. Look at that back-end's endpoint and AWS profile.", sentOn(after))
		}
	}
	return nil
}

// sentOn is the back-end that is named after an entry in Via.
func sentOn(after string) string {
	if comment, ok := strings.CutPrefix(after, " ("); ok {
		comment, _, _ = strings.Cut(comment, ")")
		if name, err := url.PathUnescape(comment); err == nil {
			return "its back-end " + quote(name)
		}
	}
	return "one of its back-ends"
}

// passed is Via for the requests that are made on behalf of this one.
func (x *exchange) passed() string {
	before := x.r.Header["Via"]
	if len(before) == 0 {
		return x.server.via
	}
	return strings.Join(before, ", ") + ", " + x.server.via
}
