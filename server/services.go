package server

import (
	"errors"
	"net/http"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// service is the mount that a request's signature chooses, or nil. A signature
// that cannot be read chooses too, as far as it names the service, so that its
// client gets an error in the form that it knows.
func (x *exchange) service() *route {
	services := x.server.table.services
	if x.unclaimed == nil {
		return services[x.scope.Service]
	}
	if len(services) == 0 {
		return nil
	}
	text := x.r.Header.Get("Authorization")
	if text == "" {
		text = strings.ReplaceAll(x.r.URL.RawQuery, "%2F", "/")
	}
	for name, mount := range services {
		if strings.Contains(text, "/"+name+"/aws4_request") {
			return mount
		}
	}
	return nil
}

// stray is the mount that refuses a request that nobody signed and that no
// path takes, or nil. Such a request may be meant for it, if it has a path
// within another or a query, or would change something; one with a body of
// JSON is not.
func (x *exchange) stray(err error) *route {
	if !x.unsigned() || isJSON(x.r.Header.Get("Content-Type")) {
		return nil
	}
	reads := x.r.Method == http.MethodGet || x.r.Method == http.MethodPost
	if reads && x.r.URL.RawQuery == "" && strings.Count(x.r.URL.Path, "/") < 2 {
		return nil
	}
	if _, otherMethod := errors.AsType[*statusError](err); otherMethod || outcrop.AsError(err).Code != bedrock.CodeUnknownOperation {
		return nil
	}
	for _, mount := range x.server.table.services {
		if mount.stray {
			return mount
		}
	}
	return nil
}
