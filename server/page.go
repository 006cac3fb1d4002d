package server

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop/sigv4"
)

// page is the mount of the page that a browser asks for, or nil. What it takes no
// client of an API sends: no SDK asks for HTML, and S3's signed requests have
// found their mount before.
func (x *exchange) page() *route {
	mount := x.server.table.pages[x.r.URL.Path]
	if mount == nil || !slices.Contains(reads, x.r.Method) || x.r.URL.RawQuery != "" || !x.unsigned() {
		return nil
	}
	for _, accepted := range x.r.Header["Accept"] {
		if strings.Contains(accepted, "text/html") {
			return mount
		}
	}
	return nil
}

// unsigned tells whether the request says nothing of its sender.
func (x *exchange) unsigned() bool {
	refused, ok := errors.AsType[*sigv4.Error](x.unclaimed)
	return ok && refused.Reason == sigv4.MissingToken
}

// reads are the methods that change nothing.
var reads = []string{http.MethodGet, http.MethodHead}
