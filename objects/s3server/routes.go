package s3server

import (
	"net/http"
)

// handler answers a request. An error that it returns is written to the client.
type handler func(*call) error

// level is what a request is about.
type level int

const (
	service level = iota
	bucket
	object
)

// operation is what a request asks for: a method, and the first of the
// query's parameters that makes it another operation.
type operation struct {
	level  level
	method string
	about  string
}

var operations = map[operation]handler{
	{service, http.MethodGet, ""}: (*call).listBuckets,

	{bucket, http.MethodPut, ""}:           (*call).createBucket,
	{bucket, http.MethodHead, ""}:          (*call).headBucket,
	{bucket, http.MethodDelete, ""}:        (*call).deleteBucket,
	{bucket, http.MethodGet, ""}:           (*call).listObjects,
	{bucket, http.MethodGet, "location"}:   (*call).location,
	{bucket, http.MethodGet, "versioning"}: (*call).versioning,
	{bucket, http.MethodGet, "uploads"}:    (*call).listUploads,
	{bucket, http.MethodPost, "delete"}:    (*call).deleteObjects,

	{object, http.MethodGet, ""}:            (*call).getObject,
	{object, http.MethodHead, ""}:           (*call).getObject,
	{object, http.MethodPut, ""}:            (*call).putObject,
	{object, http.MethodDelete, ""}:         (*call).deleteObject,
	{object, http.MethodGet, "tagging"}:     (*call).noTags,
	{object, http.MethodPost, "uploads"}:    (*call).createUpload,
	{object, http.MethodPut, "uploadId"}:    (*call).uploadPart,
	{object, http.MethodGet, "uploadId"}:    (*call).listParts,
	{object, http.MethodPost, "uploadId"}:   (*call).completeUpload,
	{object, http.MethodDelete, "uploadId"}: (*call).abortUpload,
}

// abouts are the parameters that make another operation of a request, those
// that are not served included.
var abouts = []string{
	"accelerate", "acl", "analytics", "attributes", "cors", "delete", "encryption", "intelligent-tiering", "inventory",
	"legal-hold", "lifecycle", "location", "logging", "metadataConfiguration", "metadataTable", "metrics", "notification",
	"object-lock", "ownershipControls", "policy", "policyStatus", "publicAccessBlock", "renameObject", "replication",
	"requestPayment", "restore", "retention", "select", "session", "tagging", "torrent", "uploadId", "uploads",
	"versioning", "versions", "website",
}

// refused are headers whose meaning an object would lack without a word.
var refused = []string{
	"X-Amz-Server-Side-Encryption-Customer-Algorithm", "X-Amz-Object-Lock-Mode", "X-Amz-Object-Lock-Retain-Until-Date",
	"X-Amz-Object-Lock-Legal-Hold", "X-Amz-Write-Offset-Bytes",
}

// operation finds what answers a request.
func (c *call) operation() (handler, error) {
	op := operation{method: c.r.Method}
	switch {
	case c.bucket == "":
		op.level = service
	case c.key == "":
		op.level = bucket
	default:
		op.level = object
	}
	for _, name := range abouts {
		if _, given := c.query[name]; given {
			op.about = name
			break
		}
	}
	handle := operations[op]
	if handle == nil && op.about != "" {
		return nil, notImplemented("the operation %s ?%s", c.r.Method, op.about)
	}
	if handle == nil {
		return nil, fail("MethodNotAllowed", http.StatusMethodNotAllowed, "The specified method is not allowed against this resource.")
	}
	for _, name := range refused {
		if c.r.Header.Get(name) != "" {
			return nil, notImplemented("the header %s", name)
		}
	}
	if v := c.query.Get("versionId"); v != "" && v != "null" {
		return nil, fail("NoSuchVersion", http.StatusNotFound, "Objects have no versions here.")
	}
	return handle, nil
}

func notImplemented(format string, args ...any) error {
	return fail("NotImplemented", http.StatusNotImplemented, "Outcrop does not serve "+format+".", args...)
}
