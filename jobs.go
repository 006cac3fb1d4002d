package outcrop

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Jobs runs model invocation jobs: many records in the background. Every
// method is safe for concurrent use, and sees only the jobs of its caller's
// account. An identifier is a job's ARN or its twelve-character id; one that
// no job has is a ResourceNotFoundException.
type Jobs interface {
	// Create accepts a job and returns before it runs.
	Create(ctx context.Context, caller Caller, req *bedrock.CreateModelInvocationJobRequest) (*bedrock.CreateModelInvocationJobResponse, error)
	Get(ctx context.Context, caller Caller, identifier string) (*bedrock.GetModelInvocationJobResponse, error)
	List(ctx context.Context, caller Caller, req *bedrock.ListModelInvocationJobsRequest) (*bedrock.ListModelInvocationJobsResponse, error)
	Stop(ctx context.Context, caller Caller, identifier string) error

	// Watch yields the job's state now and at each change, until it is final.
	Watch(ctx context.Context, caller Caller, identifier string) iter.Seq2[*bedrock.GetModelInvocationJobResponse, error]
}

// Tagger is a Jobs that keeps tags of its jobs. Methods are safe for
// concurrent use; an ARN that no job of the caller has is a
// ResourceNotFoundException.
type Tagger interface {
	Tags(ctx context.Context, caller Caller, arn string) ([]bedrock.Tag, error)
	Tag(ctx context.Context, caller Caller, arn string, tags []bedrock.Tag) error
	Untag(ctx context.Context, caller Caller, arn string, keys []string) error
}

// TaggerOf is the Jobs as a Tagger; a ValidationException where it keeps none.
func TaggerOf(jobs Jobs) (Tagger, error) {
	if t, ok := jobs.(Tagger); ok {
		return t, nil
	}
	return nil, Errorf(bedrock.CodeValidation, "Tags are not kept here.")
}

// Objects stores what jobs read and write under s3:// URIs. All methods are
// safe for concurrent use. A missing object is a ResourceNotFoundException.
type Objects interface {
	// Open reads an object from its beginning.
	Open(ctx context.Context, uri string) (io.ReadCloser, error)

	// Create writes an object: it appears whole when Commit succeeds, and not
	// at all otherwise. Close without Commit gives up.
	Create(ctx context.Context, uri string) (ObjectWriter, error)

	// List yields the objects whose URI begins with the prefix, in byte order.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]
}

// ObjectWriter writes one object.
type ObjectWriter interface {
	io.WriteCloser
	Commit() error
}

// Object is a stored object.
type Object struct {
	URI      string    `json:"uri"`
	Size     int64     `json:"size"`              // bytes
	Modified time.Time `json:"modified,omitzero"` // zero where nobody knows
}

// ObjectScope says on whose behalf objects are read and written, and what a
// job asks of their buckets. The zero value asks nothing.
type ObjectScope struct {
	Account         string // only its objects may be touched; "" is anybody's
	BucketOwner     string // the account that has to own the bucket: s3BucketOwner
	EncryptionKeyID string // the key that what is written is encrypted with: s3EncryptionKeyId
}

// ScopedObjects are Objects that can be held to a scope.
type ScopedObjects interface {
	Objects
	Scoped(scope ObjectScope) Objects
}

// ScopeObjects holds objects to a scope, where they can be.
func ScopeObjects(objects Objects, scope ObjectScope) Objects {
	if s, ok := objects.(ScopedObjects); ok {
		return s.Scoped(scope)
	}
	return objects
}
