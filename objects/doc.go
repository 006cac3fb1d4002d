// Package objects stores what lies under s3:// URIs. [NewDirectory] makes a
// local directory stand for buckets:
//
//	d, err := objects.NewDirectory("/var/lib/outcrop/s3")
//	w, err := d.Create(ctx, "s3://reports/2026/a.jsonl") // w.Write, w.Commit, w.Close
//	path, err := d.Path("s3://reports/2026/a.jsonl")     // …/s3/reports/2026/a.jsonl
//
// A bucket is a directory below the root and an object is a file below its
// bucket, under its own name wherever that is possible, so that people can put
// input there and read output with ordinary tools (see encodeKey for the rest).
//
//	URI ── ParseURI ── bucket, key ── encodeKey ── path inside os.Root ── file
//
// What a file cannot hold (content type, ETag, the owner of a bucket, uploads
// in parts) lies beside the buckets, see [Attributes]. Package s3server answers
// S3's API from a Directory; package s3client is S3 itself, in its place.
//
// Nothing outside the root is ever reached, whatever a key or a symbolic link
// says. An object appears whole or not at all.
package objects
