package objects

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

var _ outcrop.ScopedObjects = (*Directory)(nil)

// Scoped is the directory as an account may use it: buckets of other accounts
// are refused, and those that Create makes belong to it. A bucket that nobody
// made through a door is everybody's. Files on disk are not encrypted, so a
// key's id changes nothing.
func (d *Directory) Scoped(s outcrop.ObjectScope) outcrop.Objects { return &scoped{d, s} }

type scoped struct {
	d     *Directory
	scope outcrop.ObjectScope
}

// admit checks that the bucket of a URI may be used.
func (s *scoped) admit(ctx context.Context, uri string) (bucket string, err error) {
	bucket, _, err = ParsePrefix(uri)
	if err != nil {
		return "", err
	}
	b, err := s.d.FindBucket(ctx, bucket)
	if err != nil {
		return bucket, err
	}
	return bucket, b.Admit(s.scope.Account, s.scope.BucketOwner)
}

// Admit refuses an account that may not use the bucket, and one that expects
// another owner. "" is an account that may use all, or expects nothing.
func (b *Bucket) Admit(account, expected string) error {
	switch {
	case b.Owner == "":
		return nil
	case account != "" && account != b.Owner:
		return outcrop.Errorf(bedrock.CodeAccessDenied, "the bucket of %s%s belongs to another account", scheme, b.Name)
	case expected != "" && expected != b.Owner:
		return outcrop.Errorf(bedrock.CodeAccessDenied, "the bucket of %s%s does not belong to the expected account %s", scheme, b.Name, Shown(expected))
	}
	return nil
}

func (s *scoped) Open(ctx context.Context, uri string) (io.ReadCloser, error) {
	if _, err := s.admit(ctx, uri); err != nil {
		return nil, err
	}
	return s.d.Open(ctx, uri)
}

func (s *scoped) Create(ctx context.Context, uri string) (outcrop.ObjectWriter, error) {
	bucket, err := s.admit(ctx, uri)
	if err != nil && s.d.CreateBuckets && outcrop.AsError(err).Code == codeNotFound {
		err = s.d.MakeBucket(ctx, Bucket{Name: bucket, Owner: s.scope.Account, Created: time.Now()})
		if errors.Is(err, ErrBucketExists) { // somebody made it meanwhile
			_, err = s.admit(ctx, uri)
		}
	}
	if err != nil {
		return nil, err
	}
	return s.d.Create(ctx, uri)
}

// Delete removes an object. One that is not there is no error.
func (s *scoped) Delete(ctx context.Context, uri string) error {
	if _, err := s.admit(ctx, uri); err != nil {
		return err
	}
	return s.d.Delete(ctx, uri)
}

func (s *scoped) List(ctx context.Context, prefix string) iter.Seq2[outcrop.Object, error] {
	if _, err := s.admit(ctx, prefix); err != nil {
		return func(yield func(outcrop.Object, error) bool) { yield(outcrop.Object{}, err) }
	}
	return s.d.List(ctx, prefix)
}
