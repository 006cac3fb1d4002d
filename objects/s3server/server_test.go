package s3server

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"github.com/outcrop-ai/outcrop/objects"
	"github.com/outcrop-ai/outcrop/sigv4"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a server with two tenants and a directory of its own.
type fixture struct {
	dir *objects.Directory
	url string
}

// tenants are the access keys: their secrets are the keys backwards.
var tenants = map[string]string{"AKIDALICE": "111111111111", "AKIDBOB": "222222222222"}

func secret(id string) string {
	b := []byte(id)
	slices.Reverse(b)
	return string(b)
}

func start(t testing.TB, change func(*Config)) *fixture {
	t.Helper()
	dir, err := objects.NewDirectory(filepath.Join(t.TempDir(), "objects"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	ring := new(sigv4.Keyring)
	for id, account := range tenants {
		tenant, err := ring.AddTenant(sigv4.Tenant{Name: id, Account: account})
		if err == nil {
			err = ring.AddKey(tenant, id, secret(id))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	config := Config{Directory: dir, Keys: ring}
	if change != nil {
		change(&config)
	}
	server, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewServer(server)
	t.Cleanup(ts.Close)
	return &fixture{dir: dir, url: ts.URL}
}

// client is the AWS SDK as a tenant uses it. It tries once.
func (f *fixture) client(t testing.TB, id string, more ...func(*s3.Options)) *s3.Client {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return s3.New(s3.Options{
		BaseEndpoint: &f.url, Region: "us-east-1", UsePathStyle: true, RetryMaxAttempts: 1,
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported, ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
		HTTPClient:  &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider(id, secret(id), ""),
	}, more...)
}

func (f *fixture) bucket(t testing.TB, c *s3.Client, name string) *string {
	t.Helper()
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	return &name
}

func put(t testing.TB, c *s3.Client, bucket *string, key, text string) *s3.PutObjectOutput {
	t.Helper()
	out, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader(text)})
	if err != nil {
		t.Fatalf("putting %.60q: %v", key, err)
	}
	return out
}

func get(t testing.TB, c *s3.Client, bucket *string, key string) string {
	t.Helper()
	out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: &key})
	if err != nil {
		t.Fatalf("getting %.60q: %v", key, err)
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// codeOf is what S3's clients make of an error.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return err.Error()
}

func wantCode(t *testing.T, what string, err error, want string) {
	t.Helper()
	if got := codeOf(err); got != want {
		t.Errorf("%s: %q, want %q (%v)", what, got, want, err)
	}
}

func TestObjects(t *testing.T) {
	f := start(t, nil)
	c := f.client(t, "AKIDALICE")
	b := f.bucket(t, c, "my-bucket")
	ctx := t.Context()

	out, err := c.PutObject(ctx, &s3.PutObjectInput{
		Bucket: b, Key: aws.String("dir/a.txt"), Body: strings.NewReader("hello, objects"), ContentType: aws.String("text/plain"),
		CacheControl: aws.String("no-cache"), ContentEncoding: aws.String("identity"), Metadata: map[string]string{"colour": "red"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%q", fmt.Sprintf("%x", md5.Sum([]byte("hello, objects")))); *out.ETag != want || out.ChecksumCRC32 == nil {
		t.Errorf("ETag %s, want %s; checksum %v", *out.ETag, want, out.ChecksumCRC32)
	}
	head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b, Key: aws.String("dir/a.txt"), ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		t.Fatal(err)
	}
	if *head.ContentLength != 14 || *head.ContentType != "text/plain" || *head.CacheControl != "no-cache" || head.Metadata["colour"] != "red" ||
		*head.ETag != *out.ETag || *head.ChecksumCRC32 != *out.ChecksumCRC32 || *head.ContentEncoding != "identity" {
		t.Errorf("%+v", head)
	}
	if got := get(t, c, b, "dir/a.txt"); got != "hello, objects" {
		t.Errorf("read %q", got)
	}

	for text, want := range map[string]string{"bytes=0-4": "hello", "bytes=7-": "objects", "bytes=-3": "cts", "bytes=7-100": "objects", "bytes=a-b": "hello, objects", "bytes=0-1,3-4": "hello, objects"} {
		part, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: aws.String("dir/a.txt"), Range: &text})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, _ := io.ReadAll(part.Body)
		part.Body.Close()
		if string(got) != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: aws.String("dir/a.txt"), Range: aws.String("bytes=14-")})
	wantCode(t, "a range behind the end", err, "InvalidRange")

	// Conditions.
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: aws.String("dir/a.txt"), IfNoneMatch: out.ETag})
	wantCode(t, "If-None-Match", err, "NotModified")
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: aws.String("dir/a.txt"), IfMatch: aws.String("other")})
	wantCode(t, "If-Match", err, "PreconditionFailed")
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: aws.String("dir/a.txt"), Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")})
	wantCode(t, "writing what is there with If-None-Match", err, "PreconditionFailed")
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: aws.String("dir/a.txt"), Body: strings.NewReader("x"), IfMatch: aws.String("other")})
	wantCode(t, "writing with another If-Match", err, "PreconditionFailed")
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: aws.String("dir/a.txt"), Body: strings.NewReader("new"), IfMatch: out.ETag})
	wantCode(t, "writing with If-Match", err, "")
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: aws.String("fresh"), Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")})
	wantCode(t, "writing what is not there with If-None-Match", err, "")
	if got := get(t, c, b, "dir/a.txt"); got != "new" {
		t.Errorf("read %q", got)
	}

	// Copy keeps what there is to say, or takes something else.
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: b, Key: aws.String("copy ü"), CopySource: aws.String("my-bucket/dir/a.txt")})
	wantCode(t, "copy", err, "")
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: b, Key: aws.String("copy2"), CopySource: aws.String("my-bucket/copy%20%C3%BC"),
		MetadataDirective: types.MetadataDirectiveReplace, Metadata: map[string]string{"colour": "blue"},
	})
	wantCode(t, "copy of a copy", err, "")
	if head, err = c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b, Key: aws.String("copy2")}); err != nil || head.Metadata["colour"] != "blue" || *head.ContentLength != 3 {
		t.Errorf("%+v, error %v", head, err)
	}
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: b, Key: aws.String("copy2"), CopySource: aws.String("my-bucket/copy2")})
	wantCode(t, "copy to itself", err, "InvalidRequest")
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: b, Key: aws.String("copy2"), CopySource: aws.String("my-bucket/none")})
	wantCode(t, "copy of nothing", err, "NoSuchKey")

	// Delete.
	deleted, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: b, Delete: &types.Delete{Objects: []types.ObjectIdentifier{
		{Key: aws.String("copy ü")}, {Key: aws.String("copy2")}, {Key: aws.String("never there")},
	}}})
	if err != nil || len(deleted.Deleted) != 3 || len(deleted.Errors) != 0 {
		t.Errorf("%+v, error %v", deleted, err)
	}
	_, err = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: b})
	wantCode(t, "deleting a bucket with objects", err, "BucketNotEmpty")
	for _, key := range []string{"dir/a.txt", "fresh", "fresh"} {
		_, err = c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b, Key: &key})
		wantCode(t, "deleting "+key, err, "")
	}
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: aws.String("dir/a.txt")})
	wantCode(t, "reading what was deleted", err, "NoSuchKey")
	_, err = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: b})
	wantCode(t, "deleting a bucket", err, "")
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: aws.String("a"), Body: strings.NewReader("x")})
	wantCode(t, "writing into no bucket", err, "NoSuchBucket")
}

// Whatever a key is made of, it comes back as it was; or it is refused.
func TestOddKeys(t *testing.T) {
	f := start(t, nil)
	c := f.client(t, "AKIDALICE")
	b := f.bucket(t, c, "odd-keys")
	keys := []string{
		"with space", "plus+sign", "ünï/çødé/日本", "folder/", "a//b", "trailing/slash/", "p/..", "../up", "../../etc/passwd", "./dot", "x/../y",
		"percent%41", "question?mark", "hash#tag", "amp&ersand=1", "quote'\"", "back\\slash", "colon:star*", "%~x", "%-", "tab\tkey",
		strings.Repeat("long", 256), strings.Repeat("é", 300), "semi;colon,comma", "~tilde", "CON", "e/" + strings.Repeat("x", 255),
	}
	for _, key := range keys {
		put(t, c, b, key, "of "+key)
	}
	for _, key := range keys {
		if got := get(t, c, b, key); got != "of "+key {
			t.Errorf("%.40q holds %.40q", key, got)
		}
	}
	var listed []string
	pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: b, MaxKeys: aws.Int32(4), EncodingType: types.EncodingTypeUrl})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			listed = append(listed, *o.Key)
		}
	}
	want := slices.Clone(keys)
	slices.Sort(want)
	var encoded []string
	for _, key := range want {
		encoded = append(encoded, encodeURL(key))
	}
	if !slices.Equal(listed, encoded) {
		t.Errorf("listed\n%q\nwant\n%q", listed, encoded)
	}
	for key, code := range map[string]string{
		strings.Repeat("k", 1025): "KeyTooLongError", "a": "KeyConflict", "with space/below": "KeyConflict", "bad\xffutf8": "InvalidArgument",
	} {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: b, Key: &key, Body: strings.NewReader("x")})
		wantCode(t, fmt.Sprintf("%.20q", key), err, code)
	}
}

func TestLists(t *testing.T) {
	f := start(t, nil)
	c := f.client(t, "AKIDALICE")
	b := f.bucket(t, c, "lists")
	keys := []string{"a", "b/1", "b/2", "b/c/3", "b-x", "c/1", "d|1", "d|2", "e"}
	for _, key := range keys {
		put(t, c, b, key, key)
	}
	ctx := t.Context()
	slices.Sort(keys)
	for _, tt := range []struct{ prefix, delimiter, want string }{
		{"", "", strings.Join(keys, " ")},
		{"", "/", "a b-x b/+ c/+ d|1 d|2 e"},
		{"b/", "/", "b/1 b/2 b/c/+"},
		{"b", "/", "b-x b/+"},
		{"", "|", "a b-x b/1 b/2 b/c/3 c/1 d|+ e"},
		{"none", "/", ""},
		{"d|", "|", "d|1 d|2"},
		{"b/c/3", "", "b/c/3"},
	} {
		for _, most := range []int32{1, 2, 3, 1000} {
			var two, one []string
			pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: b, Prefix: &tt.prefix, Delimiter: &tt.delimiter, MaxKeys: &most})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if n := len(page.Contents) + len(page.CommonPrefixes); int(*page.KeyCount) != n || n > int(most) {
					t.Fatalf("a page of %d, which says %d, of at most %d", n, *page.KeyCount, most)
				}
				two = append(two, merged(page.Contents, page.CommonPrefixes)...)
			}
			in := &s3.ListObjectsInput{Bucket: b, Prefix: &tt.prefix, Delimiter: &tt.delimiter, MaxKeys: &most}
			for {
				page, err := c.ListObjects(ctx, in)
				if err != nil {
					t.Fatal(err)
				}
				one = append(one, merged(page.Contents, page.CommonPrefixes)...)
				if !*page.IsTruncated {
					break
				}
				in.Marker = page.NextMarker
			}
			if strings.Join(two, " ") != tt.want || strings.Join(one, " ") != tt.want {
				t.Errorf("prefix %q, delimiter %q, %d at a time: %q and %q, want %q", tt.prefix, tt.delimiter, most, two, one, tt.want)
			}
		}
	}
	after, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: b, StartAfter: aws.String("b/2")})
	if err != nil || strings.Join(merged(after.Contents, nil), " ") != "b/c/3 c/1 d|1 d|2 e" {
		t.Errorf("%v, error %v", merged(after.Contents, nil), err)
	}
	none, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: b, MaxKeys: aws.Int32(0)})
	if err != nil || len(none.Contents) != 0 || *none.IsTruncated {
		t.Errorf("%+v, error %v", none, err)
	}
	_, err = c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: b, ContinuationToken: aws.String("made by hand")})
	wantCode(t, "a token made by hand", err, "InvalidArgument")
	_, err = c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: b, MaxKeys: aws.Int32(-1)})
	wantCode(t, "a negative number", err, "InvalidArgument")
}

// merged is a page in order, with a plus behind common prefixes.
func merged(contents []types.Object, prefixes []types.CommonPrefix) []string {
	var list []string
	for _, o := range contents {
		list = append(list, *o.Key)
	}
	for _, p := range prefixes {
		list = append(list, *p.Prefix+"+")
	}
	slices.Sort(list)
	return list
}

// pattern is n bytes that differ from place to place.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8*13)
	}
	return b
}

func TestUploadInParts(t *testing.T) {
	for _, tt := range []struct {
		algorithm types.ChecksumAlgorithm
		kind      types.ChecksumType
	}{{"", ""}, {types.ChecksumAlgorithmCrc32, types.ChecksumTypeComposite}, {types.ChecksumAlgorithmCrc64nvme, types.ChecksumTypeFullObject}, {types.ChecksumAlgorithmCrc32c, types.ChecksumTypeFullObject}, {types.ChecksumAlgorithmSha256, ""}} {
		t.Run(string(tt.algorithm)+string(tt.kind), func(t *testing.T) {
			f := start(t, nil)
			c := f.client(t, "AKIDALICE", func(o *s3.Options) {
				if tt.algorithm == "" {
					o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
				}
			})
			b, key, ctx := f.bucket(t, c, "parts"), aws.String("big/object"), t.Context()
			up, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
				Bucket: b, Key: key, ContentType: aws.String("text/x"), ChecksumAlgorithm: tt.algorithm, ChecksumType: tt.kind,
			})
			if err != nil {
				t.Fatal(err)
			}
			data := pattern(minPart + minPart + 1000)
			var parts []types.CompletedPart
			for i, n := range []int32{2, 1, 5} { // not in order, and with a gap
				piece := map[int32][]byte{1: data[:minPart], 2: data[minPart : 2*minPart], 5: data[2*minPart:]}[n]
				if i == 0 { // replaced afterwards
					if _, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: b, Key: key, UploadId: up.UploadId, PartNumber: &n, Body: strings.NewReader("wrong"), ChecksumAlgorithm: tt.algorithm}); err != nil {
						t.Fatal(err)
					}
				}
				out, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: b, Key: key, UploadId: up.UploadId, PartNumber: &n, Body: bytes.NewReader(piece), ChecksumAlgorithm: tt.algorithm})
				if err != nil {
					t.Fatal(err)
				}
				parts = append(parts, types.CompletedPart{PartNumber: &n, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C, ChecksumCRC64NVME: out.ChecksumCRC64NVME, ChecksumSHA256: out.ChecksumSHA256})
			}
			listed, err := c.ListParts(ctx, &s3.ListPartsInput{Bucket: b, Key: key, UploadId: up.UploadId})
			if err != nil || len(listed.Parts) != 3 || *listed.Parts[1].Size != minPart || *listed.Parts[2].PartNumber != 5 {
				t.Fatalf("%+v, error %v", listed, err)
			}
			uploads, err := c.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: b})
			if err != nil || len(uploads.Uploads) != 1 || *uploads.Uploads[0].UploadId != *up.UploadId {
				t.Fatalf("%+v, error %v", uploads, err)
			}
			complete := func(parts []types.CompletedPart) (*s3.CompleteMultipartUploadOutput, error) {
				return c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: b, Key: key, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
			}
			_, err = complete(parts)
			wantCode(t, "parts that are not in order", err, "InvalidPartOrder")
			slices.SortFunc(parts, func(a, b types.CompletedPart) int { return int(*a.PartNumber - *b.PartNumber) })
			bad := slices.Clone(parts)
			bad[1].ETag = aws.String("0")
			_, err = complete(bad)
			wantCode(t, "a part with another ETag", err, "InvalidPart")
			bad = []types.CompletedPart{parts[2], parts[2]}
			bad[1].PartNumber = aws.Int32(6)
			_, err = complete(bad)
			wantCode(t, "a part that is not there, behind one that is too small", err, "EntityTooSmall")
			_, err = c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b, Key: key})
			wantCode(t, "the object before it is complete", err, "NotFound")
			done, err := complete(parts)
			if err != nil || !strings.HasSuffix(*done.ETag, `-3"`) {
				t.Fatalf("%+v, error %v", done, err)
			}
			if got := get(t, c, b, *key); got != string(data) {
				t.Errorf("%d bytes that are others", len(got))
			}
			head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b, Key: key, ChecksumMode: types.ChecksumModeEnabled})
			if err != nil || *head.ContentType != "text/x" || *head.ETag != *done.ETag {
				t.Errorf("%+v, error %v", head, err)
			}
			switch tt.kind {
			case types.ChecksumTypeFullObject: // the SDK has checked it, reading
				if head.ChecksumType != types.ChecksumTypeFullObject {
					t.Errorf("checksum type %s", head.ChecksumType)
				}
			case types.ChecksumTypeComposite:
				if head.ChecksumCRC32 == nil || !strings.HasSuffix(*head.ChecksumCRC32, "-3") {
					t.Errorf("checksum %v", head.ChecksumCRC32)
				}
			}
			_, err = complete(parts)
			wantCode(t, "completing again", err, "NoSuchUpload")
		})
	}
}

func TestUploadsEnd(t *testing.T) {
	now := time.Now()
	f := start(t, func(c *Config) { c.Now = func() time.Time { return now }; c.MaxSkew = 400 * time.Hour })
	c := f.client(t, "AKIDALICE")
	b, ctx := f.bucket(t, c, "uploads"), t.Context()
	begin := func(key string) *string {
		up, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: b, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		return up.UploadId
	}
	count := func() int {
		out, err := c.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: b})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.Uploads)
	}
	one := begin("one")
	_, err := c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: b, Key: aws.String("other"), UploadId: one})
	wantCode(t, "aborting with another key", err, "NoSuchUpload")
	_, err = c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: b, Key: aws.String("one"), UploadId: one})
	wantCode(t, "aborting", err, "")
	_, err = c.UploadPart(ctx, &s3.UploadPartInput{Bucket: b, Key: aws.String("one"), UploadId: one, PartNumber: aws.Int32(1), Body: strings.NewReader("x")})
	wantCode(t, "a part of an aborted upload", err, "NoSuchUpload")
	_, err = c.UploadPart(ctx, &s3.UploadPartInput{Bucket: b, Key: aws.String("one"), UploadId: aws.String("../../x"), PartNumber: aws.Int32(1), Body: strings.NewReader("x")})
	wantCode(t, "an id that climbs", err, "NoSuchUpload")
	begin("two")
	begin("three")
	if n := count(); n != 2 {
		t.Errorf("%d uploads, want 2", n)
	}
	now = now.Add(DefaultUploadExpiry + time.Hour)
	begin("four")
	if n := count(); n != 1 {
		t.Errorf("%d uploads after the others have expired, want 1", n)
	}
}

func TestCopyInParts(t *testing.T) {
	f := start(t, nil)
	c := f.client(t, "AKIDALICE")
	b, ctx := f.bucket(t, c, "copies"), t.Context()
	data := pattern(minPart + 500)
	put(t, c, b, "from", string(data))
	up, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: b, Key: aws.String("to")})
	if err != nil {
		t.Fatal(err)
	}
	var parts []types.CompletedPart
	for i, r := range []string{fmt.Sprintf("bytes=0-%d", minPart-1), fmt.Sprintf("bytes=%d-%d", minPart, minPart+499)} {
		n := int32(i + 1)
		out, err := c.UploadPartCopy(ctx, &s3.UploadPartCopyInput{Bucket: b, Key: aws.String("to"), UploadId: up.UploadId, PartNumber: &n, CopySource: aws.String("copies/from"), CopySourceRange: &r})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, types.CompletedPart{PartNumber: &n, ETag: out.CopyPartResult.ETag})
	}
	if _, err := c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: b, Key: aws.String("to"), UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}}); err != nil {
		t.Fatal(err)
	}
	if get(t, c, b, "to") != string(data) {
		t.Error("the copy is another")
	}
}

// An account does not reach into another's buckets, by any way.
func TestAccountsAreApart(t *testing.T) {
	f := start(t, nil)
	alice, bob := f.client(t, "AKIDALICE"), f.client(t, "AKIDBOB")
	b, ctx := f.bucket(t, alice, "alices"), t.Context()
	put(t, alice, b, "secret", "hers")
	up, err := alice.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: b, Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	f.bucket(t, bob, "bobs")
	key := aws.String("secret")
	for what, try := range map[string]func() error{
		"get":  func() error { _, err := bob.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: key}); return err },
		"list": func() error { _, err := bob.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: b}); return err },
		"put": func() error {
			_, err := bob.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: key, Body: strings.NewReader("x")})
			return err
		},
		"delete": func() error { _, err := bob.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b, Key: key}); return err },
		"delete many": func() error {
			_, err := bob.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: b, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: key}}}})
			return err
		},
		"delete the bucket": func() error { _, err := bob.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: b}); return err },
		"copy from": func() error {
			_, err := bob.CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String("bobs"), Key: key, CopySource: aws.String("alices/secret")})
			return err
		},
		"send a part": func() error {
			_, err := bob.UploadPart(ctx, &s3.UploadPartInput{Bucket: b, Key: aws.String("k"), UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("x")})
			return err
		},
	} {
		wantCode(t, what, try(), "AccessDenied")
	}
	_, err = bob.UploadPart(ctx, &s3.UploadPartInput{Bucket: aws.String("bobs"), Key: aws.String("k"), UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("x")})
	wantCode(t, "another's upload through one's own bucket", err, "NoSuchUpload")
	_, err = bob.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: b})
	wantCode(t, "making another's bucket", err, "BucketAlreadyExists")
	_, err = alice.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: b})
	wantCode(t, "making one's own again", err, "")
	_, err = alice.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: key, ExpectedBucketOwner: aws.String("333333333333")})
	wantCode(t, "another expected owner", err, "AccessDenied")
	_, err = alice.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: key, ExpectedBucketOwner: aws.String(tenants["AKIDALICE"])})
	wantCode(t, "the expected owner", err, "")
	buckets, err := bob.ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil || len(buckets.Buckets) != 1 || *buckets.Buckets[0].Name != "bobs" {
		t.Errorf("bob sees %+v, error %v", buckets, err)
	}
	if got := get(t, alice, b, "secret"); got != "hers" {
		t.Errorf("it now holds %q", got)
	}
}

func TestWhoIsRefused(t *testing.T) {
	f := start(t, nil)
	c := f.client(t, "AKIDALICE")
	b := f.bucket(t, c, "refusals")
	ctx := t.Context()
	wrong := f.client(t, "AKIDALICE", func(o *s3.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider("AKIDALICE", "wrong", "")
	})
	_, err := wrong.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: b})
	wantCode(t, "a wrong secret", err, "SignatureDoesNotMatch")
	_, err = f.client(t, "AKIDNOBODY").ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: b})
	wantCode(t, "an unknown key", err, "InvalidAccessKeyId")
	anonymous := f.client(t, "AKIDALICE", func(o *s3.Options) { o.Credentials = aws.AnonymousCredentials{} })
	_, err = anonymous.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: aws.String("a")})
	wantCode(t, "no signature", err, "AccessDenied")
	_, err = c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: b})
	wantCode(t, "an operation that is not served", err, "NotImplemented")
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: aws.String("a"), Body: strings.NewReader("x"), ObjectLockLegalHoldStatus: types.ObjectLockLegalHoldStatusOn})
	wantCode(t, "a lock on an object", err, "NotImplemented")
	_, err = c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("Bad_Name")})
	wantCode(t, "a bad name of a bucket", err, "InvalidBucketName")
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: aws.String("a"), Body: strings.NewReader("x"), Metadata: map[string]string{"big": strings.Repeat("x", 3000)}})
	wantCode(t, "too much metadata", err, "MetadataTooLarge")

	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+"/refusals/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer reply.Body.Close()
	body, _ := io.ReadAll(reply.Body)
	if reply.StatusCode != 403 || reply.Header.Get("Content-Type") != "application/xml" || !strings.Contains(string(body), "<Code>AccessDenied</Code>") || !strings.Contains(string(body), "<RequestId>") {
		t.Errorf("unsigned: %d, %s", reply.StatusCode, body)
	}
}

func TestPresigned(t *testing.T) {
	f := start(t, nil)
	c := f.client(t, "AKIDALICE")
	b := f.bucket(t, c, "presigned")
	put(t, c, b, "a b", "hello")
	presign := s3.NewPresignClient(c)
	do := func(method, url, body string, header http.Header) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range header {
			if name != "Host" && name != "Content-Length" {
				r.Header[name] = values
			}
		}
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		reply, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer reply.Body.Close()
		text, _ := io.ReadAll(reply.Body)
		return reply.StatusCode, string(text)
	}
	got, err := presign.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: b, Key: aws.String("a b")})
	if err != nil {
		t.Fatal(err)
	}
	if status, text := do("GET", got.URL, "", nil); status != 200 || text != "hello" {
		t.Errorf("%d, %s", status, text)
	}
	if status, text := do("GET", strings.Replace(got.URL, "a%20b", "other", 1), "", nil); status != 403 || !strings.Contains(text, "SignatureDoesNotMatch") {
		t.Errorf("another key: %d, %s", status, text)
	}
	if status, text := do("PUT", got.URL, "evil", nil); status != 403 {
		t.Errorf("another method: %d, %s", status, text)
	}
	if status, text := do("GET", got.URL, "", http.Header{"X-Amz-Copy-Source": {"presigned/x"}}); status != 403 {
		t.Errorf("another header: %d, %s", status, text)
	}
	into, err := presign.PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: b, Key: aws.String("new")})
	if err != nil {
		t.Fatal(err)
	}
	if status, text := do("PUT", into.URL, "from a browser", into.SignedHeader); status != 200 {
		t.Errorf("put: %d, %s", status, text)
	}
	if got := get(t, c, b, "new"); got != "from a browser" {
		t.Errorf("it holds %q", got)
	}
	old, err := presign.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: b, Key: aws.String("a b")}, s3.WithPresignExpires(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	late := start(t, func(c *Config) {
		c.Directory = f.dir
		c.Now = func() time.Time { return time.Now().Add(time.Hour) }
	})
	url := strings.Replace(old.URL, strings.TrimPrefix(f.url, "http://"), strings.TrimPrefix(late.url, "http://"), 1)
	if status, text := do("GET", url, "", nil); status != 403 || !strings.Contains(text, "expired") {
		t.Errorf("expired: %d, %s", status, text)
	}
}

// A bucket may stand in the host's name, where that ends in localhost.
func TestBucketInTheHost(t *testing.T) {
	f := start(t, nil)
	address := strings.TrimPrefix(f.url, "http://")
	_, port, _ := strings.Cut(address, ":")
	c := f.client(t, "AKIDALICE", func(o *s3.Options) {
		o.UsePathStyle, o.BaseEndpoint = false, aws.String("http://localhost:"+port)
		transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		}}
		t.Cleanup(transport.CloseIdleConnections)
		o.HTTPClient = &http.Client{Transport: transport}
	})
	b := f.bucket(t, c, "in-the-host")
	put(t, c, b, "bucket/key", "text")
	if got := get(t, f.client(t, "AKIDALICE"), b, "bucket/key"); got != "text" {
		t.Errorf("read %q", got)
	}
}

// Every way to send a body arrives, and a wrong checksum does not.
func TestBodies(t *testing.T) {
	f := start(t, nil)
	ctx := context.Background()
	for _, algorithm := range []types.ChecksumAlgorithm{types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256} {
		c := f.client(t, "AKIDALICE")
		b := f.bucket(t, c, "bodies")
		data := string(pattern(100_000))
		if _, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: aws.String("k"), Body: strings.NewReader(data), ChecksumAlgorithm: algorithm}); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
		if got := get(t, c, b, "k"); got != data {
			t.Errorf("%s: %d bytes that are others", algorithm, len(got))
		}
	}
	c := f.client(t, "AKIDALICE")
	b := aws.String("bodies")
	_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: aws.String("bad"), Body: strings.NewReader("data"), ChecksumCRC32: aws.String("AAAAAA==")})
	wantCode(t, "a wrong CRC32", err, "BadDigest")
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: aws.String("bad"), Body: strings.NewReader("data"), ChecksumCRC32: aws.String("short")})
	wantCode(t, "a malformed CRC32", err, "InvalidRequest")
	sum := md5.Sum([]byte("other"))
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: aws.String("bad"), Body: strings.NewReader("data"), ContentMD5: aws.String(base64.StdEncoding.EncodeToString(sum[:]))})
	wantCode(t, "a wrong MD5", err, "BadDigest")
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: aws.String("bad"), Body: strings.NewReader("data"), ContentMD5: aws.String("zz")})
	wantCode(t, "a malformed MD5", err, "InvalidDigest")
	_, err = c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b, Key: aws.String("bad")})
	wantCode(t, "what was refused", err, "NotFound")

	small := start(t, func(c *Config) { c.MaxObject = 10 })
	sc := small.client(t, "AKIDALICE")
	sb := small.bucket(t, sc, "small")
	put(t, sc, sb, "ten", "0123456789")
	_, err = sc.PutObject(ctx, &s3.PutObjectInput{Bucket: sb, Key: aws.String("eleven"), Body: strings.NewReader("0123456789x")})
	wantCode(t, "a byte too many", err, "EntityTooLarge")
}
