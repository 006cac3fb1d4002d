package sigv4

import "strings"

// bucketHosts is what follows a bucket's name in a host's:
// my-bucket.localhost:8777, as some SDKs write it.
const bucketHosts = ".localhost"

// HostBucket is the bucket of S3 that a Host header names, in lower case, or
// "" where the bucket is the beginning of the path. Whoever serves objects has
// to ask here, as the check of a signature does.
func HostBucket(host string) string {
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		host = host[:i]
	}
	name, ok := strings.CutSuffix(strings.ToLower(host), bucketHosts)
	if !ok || len(name) < 3 { // s3.localhost is no bucket
		return ""
	}
	return name
}
