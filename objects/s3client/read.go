package s3client

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/objects"
)

// maxResumes is how often in a row a read is taken up again without a byte.
const maxResumes = 5

// Open reads an object from its beginning. The read goes on after a cut, and
// fails with a ConflictException when the object has meanwhile been replaced.
func (s *Store) Open(ctx context.Context, uri string) (io.ReadCloser, error) {
	bucket, key, err := objects.ParseURI(uri)
	if err != nil {
		return nil, err
	}
	r := &reader{s: s, ctx: ctx, uri: uri, bucket: bucket, key: key}
	if err := r.open(); err != nil {
		return nil, err
	}
	return r, nil
}

// reader is an object that is being read. It is used by one goroutine.
type reader struct {
	s                *Store
	ctx              context.Context
	uri, bucket, key string

	body   io.ReadCloser // nil when it has to be asked for again
	cancel context.CancelFunc
	etag   *string
	size   int64 // -1 when the service does not say
	at     int64 // bytes that were read
	failed int   // resumes in a row without a byte
	err    error
}

// open asks for the rest of the object.
func (r *reader) open() error {
	ctx, cancel := context.WithCancel(r.ctx)
	in := &s3.GetObjectInput{Bucket: &r.bucket, Key: &r.key, ExpectedBucketOwner: r.s.owner()}
	if r.at > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", r.at))
		in.IfMatch = r.etag
	} else if r.etag != nil {
		in.IfMatch = r.etag
	}
	out, err := r.s.client.GetObject(ctx, in)
	if err != nil {
		cancel()
		return r.s.failure("read", r.uri, err)
	}
	if rest := fmt.Sprintf("bytes %d-", r.at); r.at > 0 && !strings.HasPrefix(aws.ToString(out.ContentRange), rest) {
		_ = out.Body.Close()
		cancel()
		return outcrop.Errorf(bedrock.CodeServiceUnavailable, "%s cannot be read: it was cut off, and %s does not send the rest from byte %d on", objects.Shown(r.uri), r.s.where(), r.at)
	}
	if r.at == 0 {
		r.etag, r.size = out.ETag, -1
		if out.ContentLength != nil {
			r.size = *out.ContentLength
		}
	}
	r.body, r.cancel = out.Body, cancel
	return nil
}

func (r *reader) Read(p []byte) (int, error) {
	for r.err == nil {
		if r.body == nil {
			if r.err = r.resume(); r.err != nil {
				break
			}
		}
		timer := time.AfterFunc(r.s.idle, r.cancel)
		n, err := r.body.Read(p)
		timer.Stop()
		r.at += int64(n)
		if n > 0 {
			r.failed = 0
		}
		switch {
		case err == nil:
			if n == 0 && len(p) > 0 {
				continue
			}
			return n, nil
		case err == io.EOF && (r.size < 0 || r.at == r.size): //nolint:errorlint // readers return io.EOF itself
			r.err = io.EOF
		case r.size >= 0 && r.at >= r.size: // its checksum is not the one that S3 has
			r.err = r.s.failure("read", r.uri, err)
		default:
			r.drop()
			if r.err = r.ended(); r.err == nil {
				r.failed++
			}
			if r.failed > maxResumes {
				r.err = r.s.failure("read", r.uri, err)
			}
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, r.err
}

// Seek has the read go on from a byte of the object, counted from its beginning:
// what lies before it is not sent again to a job that begins in the middle.
func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch {
	case r.err != nil && r.err != io.EOF: //nolint:errorlint // as above
		return r.at, r.err
	case whence != io.SeekStart || offset < 0:
		return r.at, outcrop.Errorf(bedrock.CodeInternalServer, "%s cannot be read from %d (%d)", objects.Shown(r.uri), offset, whence)
	case offset == r.at:
		return offset, nil
	}
	r.drop()
	r.at, r.failed, r.err = offset, 0, nil
	if r.size >= 0 && offset >= r.size {
		r.err = io.EOF
	}
	return offset, nil
}

// resume takes the read up again where it was.
func (r *reader) resume() error {
	for {
		err := r.open()
		if err == nil || r.ended() != nil {
			return err
		}
		if e := outcrop.AsError(err); !e.Retryable || r.failed >= maxResumes {
			return err
		}
		r.failed++
	}
}

// ended is the error of a read whose context is over.
func (r *reader) ended() error {
	if err := r.ctx.Err(); err != nil {
		return outcrop.AsError(err)
	}
	return nil
}

func (r *reader) drop() {
	if r.body != nil {
		_ = r.body.Close()
		r.cancel()
		r.body = nil
	}
}

func (r *reader) Close() error {
	r.drop()
	if r.err == nil || r.err == io.EOF { //nolint:errorlint // as above
		r.err = outcrop.Errorf(bedrock.CodeInternalServer, "%s was closed", r.uri)
	}
	return nil
}
