package journal

import (
	"context"
	"iter"
)

// Bucket keeps the last value of each key. A key is a subject: tokens with dots
// between them (see [Token]). A value's revision is the sequence of its
// message.
type Bucket struct{ stream *Stream }

// BucketConfig says what a bucket is: a stream that keeps one message a
// subject. Its Last is not asked for.
type BucketConfig StreamConfig

// Bucket opens a bucket, and makes it when there is none.
func (j *Journal) Bucket(ctx context.Context, c BucketConfig) (*Bucket, error) {
	c.Last = 1
	s, err := j.Stream(ctx, StreamConfig(c))
	if err != nil {
		return nil, err
	}
	return &Bucket{s}, nil
}

// Get is the value of a key, or [ErrNotFound].
func (b *Bucket) Get(ctx context.Context, key string) (*Message, error) {
	return b.stream.Last(ctx, key)
}

// Put sets a key, whatever it was, and returns the value's revision.
func (b *Bucket) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	return b.stream.Append(ctx, key, value)
}

// Create sets a key that has no value; otherwise the error is [ErrConflict].
func (b *Bucket) Create(ctx context.Context, key string, value []byte) (uint64, error) {
	return b.stream.Append(ctx, key, value, ExpectLast(0))
}

// Update sets a key whose value has a revision; otherwise the error is
// [ErrConflict].
func (b *Bucket) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	return b.stream.Append(ctx, key, value, ExpectLast(revision))
}

// Delete removes a key, if it is there, whatever its value. Nothing is left of
// it.
func (b *Bucket) Delete(ctx context.Context, key string) error { return b.stream.Purge(ctx, key) }

// DeleteRevision removes a key unless its value is later than a revision.
func (b *Bucket) DeleteRevision(ctx context.Context, key string, revision uint64) error {
	return b.stream.Remove(ctx, key, revision)
}

// All yields the values of the keys that match, with "*" and ">" for tokens, in
// the order in which they were last set. Empty matches all.
func (b *Bucket) All(ctx context.Context, keys string) iter.Seq2[*Message, error] {
	return b.stream.Read(ctx, Query{Subject: keys})
}

// Keys is the keys that match and have a value. Empty matches all.
func (b *Bucket) Keys(ctx context.Context, keys string) (map[string]uint64, error) {
	return b.stream.Subjects(ctx, keys)
}
