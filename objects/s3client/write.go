package s3client

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/objects"
)

const (
	maxParts = 10_000 // S3's
	stepUp   = 1000   // parts after which they double in size

	// abortTimeout is how long the parts of an object that is given up may
	// take to be removed, also after the context has ended.
	abortTimeout = 30 * time.Second

	// mark is metadata by which an object is known again as a writer's own,
	// when the answer to its completion got lost.
	mark = "outcrop-write"
)

// Create begins an upload in parts, so whether the bucket is there and may be
// written shows now. The parts are sent one after the other as they fill up;
// Write may therefore wait for S3, and for as long as ctx lasts.
func (s *Store) Create(ctx context.Context, uri string) (outcrop.ObjectWriter, error) {
	bucket, key, err := objects.ParseURI(uri)
	if err != nil {
		return nil, err
	}
	w := &writer{s: s, ctx: ctx, uri: uri, bucket: bucket, key: key, mark: rand.Text()}
	in := &s3.CreateMultipartUploadInput{
		Bucket: &bucket, Key: &key, ExpectedBucketOwner: s.owner(), Metadata: map[string]string{mark: w.mark},
	}
	if s.scope.EncryptionKeyID != "" {
		in.ServerSideEncryption, in.SSEKMSKeyId = types.ServerSideEncryptionAwsKms, &s.scope.EncryptionKeyID
	}
	out, err := s.client.CreateMultipartUpload(ctx, in)
	if err != nil {
		return nil, s.failure("written", uri, err)
	}
	w.id = out.UploadId
	return w, nil
}

// writer is an object that is being written. It is used by one goroutine.
type writer struct {
	s                *Store
	ctx              context.Context
	uri, bucket, key string
	id               *string
	mark             string

	part   bytes.Buffer // what was not sent yet
	parts  []types.CompletedPart
	failed error // the first error; whatever comes after it repeats it
	done   bool
}

// size is how large the next part is.
func (w *writer) size() int { return w.s.partSize << (len(w.parts) / stepUp) }

func (w *writer) Write(p []byte) (int, error) {
	total := 0
	for {
		if err := w.usable(); err != nil {
			return total, err
		}
		n := min(len(p), w.size()-w.part.Len())
		w.part.Write(p[:n])
		total, p = total+n, p[n:]
		if len(p) == 0 {
			return total, nil
		}
		w.failed = w.send()
	}
}

// send uploads the part that is held.
func (w *writer) send() error {
	number := int32(len(w.parts) + 1)
	if number > maxParts {
		return outcrop.Errorf(bedrock.CodeValidation, "%s is larger than S3 takes", w.uri)
	}
	out, err := w.s.client.UploadPart(w.ctx, &s3.UploadPartInput{
		Bucket: &w.bucket, Key: &w.key, UploadId: w.id, PartNumber: &number, ExpectedBucketOwner: w.s.owner(),
		Body: bytes.NewReader(w.part.Bytes()),
	})
	if err != nil {
		return w.s.failure("written", w.uri, err)
	}
	w.parts = append(w.parts, types.CompletedPart{
		PartNumber: &number, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C,
		ChecksumCRC64NVME: out.ChecksumCRC64NVME, ChecksumSHA1: out.ChecksumSHA1, ChecksumSHA256: out.ChecksumSHA256,
	})
	w.part.Reset()
	return nil
}

// Commit makes the object appear. After an error it has not, as far as S3
// could be asked, and its parts are removed.
func (w *writer) Commit() error {
	if err := w.usable(); err != nil {
		return err
	}
	w.done = true
	if w.part.Len() > 0 || len(w.parts) == 0 { // an empty object is one empty part
		w.failed = w.send()
	}
	if w.failed == nil {
		w.failed = w.complete()
	}
	if w.failed != nil {
		_ = w.abort()
	}
	w.part = bytes.Buffer{}
	return w.failed
}

func (w *writer) complete() error {
	_, err := w.s.client.CompleteMultipartUpload(w.ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &w.bucket, Key: &w.key, UploadId: w.id, ExpectedBucketOwner: w.s.owner(),
		MultipartUpload: &types.CompletedMultipartUpload{Parts: w.parts},
	})
	if err == nil {
		return nil
	}
	// A first attempt may have done it, and its answer got lost.
	if e, ok := errors.AsType[smithy.APIError](err); ok && e.ErrorCode() == "NoSuchUpload" && w.isThere() {
		return nil
	}
	return w.s.failure("written", w.uri, err)
}

// isThere tells whether the object is the one that this writer made.
func (w *writer) isThere() bool {
	out, err := w.s.client.HeadObject(w.ctx, &s3.HeadObjectInput{Bucket: &w.bucket, Key: &w.key, ExpectedBucketOwner: w.s.owner()})
	return err == nil && out.Metadata[mark] == w.mark
}

// abort removes the parts.
func (w *writer) abort() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), abortTimeout)
	defer cancel()
	_, err := w.s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: &w.bucket, Key: &w.key, UploadId: w.id, ExpectedBucketOwner: w.s.owner(),
	})
	if e, ok := errors.AsType[smithy.APIError](err); ok && e.ErrorCode() == "NoSuchUpload" {
		return nil
	}
	if err != nil {
		return w.s.failure("given up", w.uri, err)
	}
	return nil
}

// Close gives up what was not committed. More calls do nothing.
func (w *writer) Close() error {
	if w.done {
		return nil
	}
	w.done = true
	w.part = bytes.Buffer{}
	return w.abort()
}

func (w *writer) usable() error {
	if w.failed != nil {
		return w.failed
	}
	if w.done {
		return outcrop.Errorf(bedrock.CodeInternalServer, "%s was already committed or closed", w.uri)
	}
	return nil
}
