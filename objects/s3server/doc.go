// Package s3server answers the S3 API from a local directory of objects, so
// that the AWS CLI and the AWS SDKs put input there and get results.
//
// Make a [Server] with [New]; it is an http.Handler. Put it on a port of its
// own or, chosen by the scope of the signature, on another's.
//
//	*http.Request ── sigv4 (head) ── bucket, key ── operation ── objects.Directory
//	                   └── body: chunks, hash, MD5, checksum ────────┘
//
// Every request has to be signed, in a header or in a presigned URL, also
// where any signature is taken; what is not gets a 403. A bucket belongs to
// the account that made it, and other accounts are refused.
//
// Bodies are streams: a request costs its buffer of 128 KiB, however large the
// object is. An object appears whole, after all that was said of its body has
// been found true, or not at all.
//
// Errors are S3's XML. What S3 has and this has not (versions, access control
// lists, policies, tags, encryption) is refused by name where leaving it out
// would mislead, and otherwise taken and left alone; docs/objects.md lists it.
package s3server
