// Package s3client reads and writes s3:// objects on Amazon S3, or on any
// service that speaks its API, as an outcrop.Objects.
//
//	store := s3client.New(s3client.Config{AWS: awsConfig})
//	r, err := store.Open(ctx, "s3://reports/2026/a.jsonl")
//
// A read that is cut off goes on where it was, as long as the object is the
// same. An object is written in parts, which nobody sees before Commit; Close
// without Commit removes them. A process that is killed in between leaves them
// behind, invisible, for a lifecycle rule of the bucket
// (AbortIncompleteMultipartUpload) to remove.
//
//	outcrop.Objects ── Store ── s3.Client ── HTTPS
//	                     └── reader (resumes) · writer (parts) · errors
//
// Errors name the URI, and say what S3 said.
package s3client
