package s3client

import (
	"context"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/objects"
)

// The defaults of Config.
const (
	DefaultPartSize    = 8 << 20
	DefaultIdleTimeout = time.Minute
)

// The ways to write a bucket into a URL.
const (
	Auto    = "auto"    // Path where an endpoint is set, Virtual otherwise
	Path    = "path"    // https://endpoint/bucket/key
	Virtual = "virtual" // https://bucket.endpoint/key
)

// Config says which S3, and how. The zero value of everything but AWS is
// useful.
type Config struct {
	// AWS is the AWS configuration: credentials, Region, retries, and the
	// endpoint where Endpoint is empty.
	AWS aws.Config

	// Endpoint is the URL of a service that is not Amazon's.
	Endpoint string

	// Addressing is Auto, Path or Virtual; "" is Auto.
	Addressing string

	// PartSize is how many bytes are sent at a time, at least 5 MiB. A writer
	// holds one part. Parts double in size after every thousand, so that the
	// largest object that S3 takes fits into its ten thousand parts. 0 means
	// DefaultPartSize.
	PartSize int

	// IdleTimeout is how long a read, or a list, waits for an answer or for the
	// next byte before it asks again; 0 means DefaultIdleTimeout.
	IdleTimeout time.Duration
}

// Store is S3 as outcrop.Objects. It is safe for concurrent use and holds
// nothing that must be closed.
type Store struct {
	client   *s3.Client
	endpoint string // for messages; "" is Amazon's
	region   string
	partSize int
	idle     time.Duration
	scope    outcrop.ObjectScope
}

var _ outcrop.ScopedObjects = (*Store)(nil)

// New makes a Store. It calls nobody.
func New(c Config) *Store {
	store := &Store{region: c.AWS.Region, partSize: c.PartSize, idle: c.IdleTimeout}
	if store.partSize == 0 {
		store.partSize = DefaultPartSize
	}
	if store.idle == 0 {
		store.idle = DefaultIdleTimeout
	}
	store.client = s3.NewFromConfig(c.AWS, func(o *s3.Options) {
		o.HTTPClient = answering{o.HTTPClient, store.idle}
		if c.Endpoint != "" {
			o.BaseEndpoint = &c.Endpoint
		}
		if o.BaseEndpoint != nil {
			store.endpoint = *o.BaseEndpoint
		}
		o.UsePathStyle = c.Addressing == Path || c.Addressing != Virtual && o.BaseEndpoint != nil
		// Objects that were sent in parts have no checksum that a reader could
		// hold them against, which is worth no line in a log.
		o.DisableLogOutputChecksumValidationSkipped = true
	})
	return store
}

// Endpoint is the URL of the service, "" for Amazon's own.
func (s *Store) Endpoint() string { return s.endpoint }

// Scoped is the store as a job uses it: S3 is told the account that has to own
// the bucket, and the key to encrypt with. Who may touch which bucket is S3's
// to decide.
func (s *Store) Scoped(scope outcrop.ObjectScope) outcrop.Objects {
	scoped := *s
	scoped.scope = scope
	return &scoped
}

// owner is the account that has to own the bucket, nil where nobody asks.
func (s *Store) owner() *string { return optional(s.scope.BucketOwner) }

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// Delete removes an object. One that is not there is no error.
func (s *Store) Delete(ctx context.Context, uri string) error {
	bucket, key, err := objects.ParseURI(uri)
	if err != nil {
		return err
	}
	_, err = s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key, ExpectedBucketOwner: s.owner()})
	if err != nil {
		return s.failure("deleted", uri, err)
	}
	return nil
}

// List yields the objects whose URI begins with the prefix, in the order in
// which S3 has them: byte order, but for directory buckets.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[outcrop.Object, error] {
	return func(yield func(outcrop.Object, error) bool) {
		bucket, key, err := objects.ParsePrefix(prefix)
		if err != nil {
			yield(outcrop.Object{}, err)
			return
		}
		pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: optional(key), ExpectedBucketOwner: s.owner()})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(outcrop.Object{}, s.failure("listed", prefix, err))
				return
			}
			for _, o := range page.Contents {
				if !yield(outcrop.Object{URI: "s3://" + bucket + "/" + aws.ToString(o.Key), Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified)}, nil) {
					return
				}
			}
		}
	}
}
