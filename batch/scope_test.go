package batch

import (
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/objects"
)

// recording notes the scopes that jobs ask for.
type recording struct {
	*objects.Directory
	scopes chan outcrop.ObjectScope
}

func (r *recording) Scoped(s outcrop.ObjectScope) outcrop.Objects {
	r.scopes <- s
	return r.Directory.Scoped(s)
}

// A job may not read or write what belongs to another account, and says so.
func TestJobsStayWithinTheirAccount(t *testing.T) {
	f := newFixture(t, Config{})
	if err := f.dir.MakeBucket(t.Context(), objects.Bucket{Name: "others", Owner: "999999999999"}); err != nil {
		t.Fatal(err)
	}
	if err := f.dir.MakeBucket(t.Context(), objects.Bucket{Name: "hers", Owner: alice.Account}); err != nil {
		t.Fatal(err)
	}
	const line = `{"recordId":"a1","modelInput":{"n":1}}`
	f.put("s3://others/a.jsonl", line)
	f.put("s3://hers/a.jsonl", line)
	for _, tt := range []struct{ in, out, status string }{
		{"s3://hers/a.jsonl", "s3://hers/out", "Completed"},
		{"s3://others/a.jsonl", "s3://output", "Failed"},
		{"s3://hers/a.jsonl", "s3://others/out", "Failed"},
	} {
		job := f.wait(f.create(request(tt.in, tt.out)))
		if string(job.Status) != tt.status || tt.status == "Failed" && !strings.Contains(job.Message, "s3://others belongs to another account") {
			t.Errorf("%s to %s ended as %s: %s; want %s", tt.in, tt.out, job.Status, job.Message, tt.status)
		}
	}
}

// What the request says of the buckets' owners and of the key gets to the store.
func TestOwnerAndKeyAreHandedOver(t *testing.T) {
	dir, err := objects.NewDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	dir.CreateBuckets = true
	r := &recording{dir, make(chan outcrop.ObjectScope, 10)}
	f := newFixture(t, Config{Objects: r})
	f.dir = dir
	f.put("s3://input/a.jsonl", `{"recordId":"a1","modelInput":{"n":1}}`)
	req := request("s3://input/a.jsonl", "s3://output")
	req.InputDataConfig.S3InputDataConfig.S3BucketOwner = "111111111111"
	req.OutputDataConfig.S3OutputDataConfig = &bedrock.ModelInvocationJobS3OutputDataConfig{S3URI: "s3://output/x", S3BucketOwner: "222222222222", S3EncryptionKeyID: "alias/k"}
	f.wait(f.create(req))
	seen := map[outcrop.ObjectScope]bool{}
	for len(r.scopes) > 0 {
		seen[<-r.scopes] = true
	}
	reads := outcrop.ObjectScope{Account: alice.Account, BucketOwner: "111111111111"}
	writes := outcrop.ObjectScope{Account: alice.Account, BucketOwner: "222222222222", EncryptionKeyID: "alias/k"}
	if len(seen) != 2 || !seen[reads] || !seen[writes] {
		t.Errorf("scopes %v", seen)
	}
}
