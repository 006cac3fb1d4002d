package s3server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// streamed is a PUT whose body comes in chunks, signed by the SDK's signer as
// far as that goes and by this test for the chunks.
type streamed struct {
	kind    string // x-amz-content-sha256
	data    []byte
	trailer string // value of x-amz-checksum-crc32
	size    int    // of a chunk
	spoil   func(body []byte) []byte
}

func crcOf(data []byte) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(data)))
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func hexHash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (s *streamed) send(t *testing.T, url, id string) (status int, reply string) {
	t.Helper()
	now := time.Now().UTC()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Content-Sha256", s.kind)
	r.Header.Set("X-Amz-Decoded-Content-Length", strconv.Itoa(len(s.data)))
	r.Header.Set("Content-Encoding", "aws-chunked")
	if s.trailer != "" {
		r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
	}
	creds := aws.Credentials{AccessKeyID: id, SecretAccessKey: secret(id)}
	if err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).SignHTTP(t.Context(), creds, r, s.kind, "s3", "us-east-1", now); err != nil {
		t.Fatal(err)
	}
	_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	body := s.chunks(id, now, signature)
	if s.spoil != nil {
		body = s.spoil(body)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text)
}

func (s *streamed) chunks(id string, at time.Time, previous string) []byte {
	date, stamp := at.Format("20060102"), at.Format("20060102T150405Z")
	key := mac(mac(mac(mac([]byte("AWS4"+secret(id)), date), "us-east-1"), "s3"), "aws4_request")
	scope := stamp + "\n" + date + "/us-east-1/s3/aws4_request\n"
	signs := !strings.Contains(s.kind, "UNSIGNED")
	var out bytes.Buffer
	chunk := func(data []byte) {
		fmt.Fprintf(&out, "%x", len(data))
		if signs {
			previous = hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256-PAYLOAD\n"+scope+previous+"\n"+hexHash(nil)+"\n"+hexHash(data)))
			out.WriteString(";chunk-signature=" + previous)
		}
		out.WriteString("\r\n")
		out.Write(data)
		if len(data) > 0 {
			out.WriteString("\r\n")
		}
	}
	for rest := s.data; len(rest) > 0; {
		n := min(s.size, len(rest))
		chunk(rest[:n])
		rest = rest[n:]
	}
	chunk(nil)
	if s.trailer != "" {
		out.WriteString("x-amz-checksum-crc32:" + s.trailer + "\r\n")
		if signs {
			sum := mac(key, "AWS4-HMAC-SHA256-TRAILER\n"+scope+previous+"\n"+hexHash([]byte("x-amz-checksum-crc32:"+s.trailer+"\n")))
			out.WriteString("x-amz-trailer-signature:" + hex.EncodeToString(sum) + "\r\n")
		}
	}
	out.WriteString("\r\n")
	return out.Bytes()
}

func TestStreamedBodies(t *testing.T) {
	f := start(t, nil)
	c := f.client(t, "AKIDALICE")
	b := f.bucket(t, c, "streamed")
	data := pattern(200_000)
	flip := func(at int) func([]byte) []byte {
		return func(body []byte) []byte { body[at] ^= 1; return body }
	}
	const signed, signedTrailer, unsigned = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	for name, tt := range map[string]struct {
		body   streamed
		status int
		code   string
	}{
		"signed":                        {streamed{kind: signed}, 200, ""},
		"signed, with a trailer":        {streamed{kind: signedTrailer, trailer: crcOf(data)}, 200, ""},
		"unsigned, with a trailer":      {streamed{kind: unsigned, trailer: crcOf(data)}, 200, ""},
		"signed, and changed":           {streamed{kind: signed, spoil: flip(100_000)}, 403, "SignatureDoesNotMatch"},
		"a trailer of other bytes":      {streamed{kind: signedTrailer, trailer: crcOf(nil)}, 400, "BadDigest"},
		"the same, unsigned":            {streamed{kind: unsigned, trailer: crcOf(nil)}, 400, "BadDigest"},
		"unsigned, and changed":         {streamed{kind: unsigned, trailer: crcOf(data), spoil: flip(100_000)}, 400, "BadDigest"},
		"a trailer that was changed":    {streamed{kind: signedTrailer, trailer: crcOf(data), spoil: func(b []byte) []byte { return bytes.Replace(b, []byte(crcOf(data)), []byte(crcOf(nil)), 1) }}, 403, "SignatureDoesNotMatch"},
		"no trailer, though announced":  {streamed{kind: unsigned, trailer: crcOf(data), spoil: func(b []byte) []byte { return append(b[:bytes.Index(b, []byte("x-amz-"))], '\r', '\n') }}, 400, "MalformedTrailerError"},
		"cut off behind a whole chunk":  {streamed{kind: signed, spoil: func(b []byte) []byte { return b[:bytes.Index(b[100_000:], []byte("10000;"))+100_000] }}, 400, "IncompleteBody"},
		"longer than it says":           {streamed{kind: unsigned, trailer: crcOf(data), spoil: func(b []byte) []byte { return append([]byte("5\r\nhello\r\n"), b...) }}, 400, "IncompleteBody"},
		"a chunk of a size of no digit": {streamed{kind: unsigned, trailer: crcOf(data), spoil: func(b []byte) []byte { b[0] = 'z'; return b }}, 400, "IncompleteBody"},
	} {
		key := strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), ",", "")
		tt.body.data, tt.body.size = data, 64<<10
		status, reply := tt.body.send(t, f.url+"/streamed/"+key, "AKIDALICE")
		if status != tt.status || tt.code != "" && !strings.Contains(reply, "<Code>"+tt.code+"</Code>") {
			t.Errorf("%s: %d, %s; want %d, %s", name, status, reply, tt.status, tt.code)
		}
		if tt.status == 200 {
			if got := get(t, c, b, key); got != string(data) {
				t.Errorf("%s: %d bytes that are others", name, len(got))
			}
			head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: b, Key: &key})
			if err != nil || head.ContentEncoding != nil {
				t.Errorf("%s: content encoding %v, error %v", name, head.ContentEncoding, err)
			}
			continue
		}
		_, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: b, Key: &key})
		wantCode(t, name, err, "NotFound")
	}
	leftovers(t, f)
}

// leftovers finds temporary files.
func leftovers(t *testing.T, f *fixture) {
	t.Helper()
	root, err := f.dir.Path("s3://any-bucket")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Dir(root), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasPrefix(d.Name(), "%~") {
			t.Errorf("left behind: %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// endless gives n bytes and then fails, or ends.
type endless struct {
	left int
	err  error
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, e.err
	}
	n := min(len(p), e.left)
	e.left -= n
	return n, nil
}

// A client that goes away in the middle leaves nothing.
func TestBodyThatBreaksOff(t *testing.T) {
	f := start(t, nil)
	c := f.client(t, "AKIDALICE")
	b := f.bucket(t, c, "broken")
	put(t, c, b, "k", "old")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, f.url+"/broken/k", &endless{left: 1 << 20, err: io.ErrUnexpectedEOF})
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 10 << 20
	r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	creds := aws.Credentials{AccessKeyID: "AKIDALICE", SecretAccessKey: secret("AKIDALICE")}
	if err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).SignHTTP(t.Context(), creds, r, "UNSIGNED-PAYLOAD", "s3", "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if reply, err := client.Do(r); err == nil {
		reply.Body.Close()
		t.Errorf("answered with %s", reply.Status)
	}
	if got := get(t, c, b, "k"); got != "old" {
		t.Errorf("it holds %q", got)
	}
}

// What a large object costs does not depend on its size.
func TestLargeObjectsAreStreamed(t *testing.T) {
	const size = 128 << 20
	f := start(t, nil)
	c := f.client(t, "AKIDALICE")
	b := f.bucket(t, c, "large")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, f.url+"/large/k", &endless{left: size, err: io.EOF})
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = size
	r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	creds := aws.Credentials{AccessKeyID: "AKIDALICE", SecretAccessKey: secret("AKIDALICE")}
	if err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).SignHTTP(t.Context(), creds, r, "UNSIGNED-PAYLOAD", "s3", "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	reply, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	reply.Body.Close()
	out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: b, Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, out.Body)
	out.Body.Close()
	runtime.ReadMemStats(&after)
	if reply.StatusCode != 200 || n != size || err != nil {
		t.Fatalf("%s, %d bytes, error %v", reply.Status, n, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > size/16 {
		t.Errorf("%d bytes of memory for an object of %d", used, size)
	}
}

// Who is refused and does not send the body that was announced is answered
// after a Stall, and does not hold the connection for ever.
func TestRefusedWithoutItsBody(t *testing.T) {
	f := start(t, func(c *Config) { c.Stall = 500 * time.Millisecond })
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "PUT /bucket/k HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n")
	text, err := io.ReadAll(conn) // to the end of the connection
	if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 403 ") {
		t.Errorf("%q, %v", text, err)
	}
}

// botocore waits for a 100 Continue also where no body follows.
func TestExpectWithoutBody(t *testing.T) {
	f := start(t, func(c *Config) { c.Keys = nil })
	f.bucket(t, f.client(t, "x"), "expects")
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT /expects/k HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: 0\r\nX-Amz-Date: 20260101T000000Z\r\n"+
		"X-Amz-Content-Sha256: %s\r\nAuthorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=%s\r\n\r\n",
		hexHash(nil), strings.Repeat("0", 64))
	in := bufio.NewReader(conn)
	for _, want := range []string{"100", "200"} {
		for line := want; line != "\r\n"; {
			if line, err = in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(line, "HTTP/") && !strings.HasPrefix(line, "HTTP/1.1 "+want) {
				t.Errorf("%q, want %s", line, want)
			}
		}
	}
}

// Without keys any signature is taken; none is refused all the same.
func TestOpenServer(t *testing.T) {
	f := start(t, func(c *Config) { c.Keys = nil })
	c := f.client(t, "AKIDANYBODY")
	b := f.bucket(t, c, "open-bucket")
	put(t, c, b, "k", "text")
	if got := get(t, c, b, "k"); got != "text" {
		t.Errorf("read %q", got)
	}
	body := streamed{kind: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", data: []byte("chunks"), size: 4}
	if status, reply := body.send(t, f.url+"/open-bucket/chunks", "AKIDOTHER"); status != 200 {
		t.Errorf("%d, %s", status, reply)
	}
	if got := get(t, c, b, "chunks"); got != "chunks" {
		t.Errorf("read %q", got)
	}
	anonymous := f.client(t, "x", func(o *s3.Options) { o.Credentials = aws.AnonymousCredentials{} })
	_, err := anonymous.GetObject(context.Background(), &s3.GetObjectInput{Bucket: b, Key: aws.String("k")})
	wantCode(t, "no signature", err, "AccessDenied")
}

// What people lay into the directory by hand is there for S3's clients, and
// what they replace by hand loses what was said of it.
func TestFilesLaidByHand(t *testing.T) {
	f := start(t, nil)
	c := f.client(t, "AKIDALICE")
	b := f.bucket(t, c, "by-hand")
	put(t, c, b, "mine", "through the door")
	file, err := f.dir.Path("s3://by-hand/mine")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{file: "by hand instead!", filepath.Join(filepath.Dir(file), "laid.txt"): "by hand"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	for key, want := range map[string]string{"mine": "by hand instead!", "laid.txt": "by hand"} {
		if got := get(t, c, b, key); got != want {
			t.Errorf("%s holds %q", key, got)
		}
		head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: b, Key: &key})
		if err != nil || !strings.HasSuffix(*head.ETag, `-1"`) {
			t.Errorf("%s: %+v, error %v", key, head, err)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	f := start(b, nil)
	c := f.client(b, "AKIDALICE")
	bucket := f.bucket(b, c, "bench")
	for _, size := range []int{1 << 10, 8 << 20} {
		data := pattern(size)
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				if _, err := c.PutObject(b.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String("k"), Body: bytes.NewReader(data)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func FuzzRange(f *testing.F) {
	for _, text := range []string{"bytes=0-4", "bytes=-3", "bytes=7-", "bytes=5-2", "bytes=99999999999999999999-", "bytes=0-9223372036854775807", "bytes=-9223372036854775807"} {
		f.Add(text, int64(10))
	}
	f.Fuzz(func(t *testing.T, text string, size int64) {
		if size < 0 {
			return
		}
		first, n, ok := readRange(text, size)
		if ok && n > 0 && (first < 0 || first+n > size) {
			t.Errorf("%q of %d bytes is %d from %d", text, size, n, first)
		}
	})
}

// leaving is a source whose client goes after the first piece.
type leaving struct {
	leave context.CancelFunc
	reads int
}

func (l *leaving) Read(p []byte) (int, error) {
	l.leave()
	if l.reads++; l.reads > 100 {
		return 0, io.EOF
	}
	return len(p), nil
}

// A copy inside the server ends with the client that wanted it.
func TestCopyEndsWithItsClient(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	source := &leaving{leave: leave}
	if _, err := copyHashed(ctx, io.Discard, source, "CRC32"); !errors.Is(err, context.Canceled) || source.reads != 1 {
		t.Errorf("after %d pieces: error %v", source.reads, err)
	}
}
