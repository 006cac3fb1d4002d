package s3client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"go.uber.org/goleak"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/objects"
	"github.com/outcrop-ai/outcrop/objects/s3server"
	"github.com/outcrop-ai/outcrop/sigv4"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is a local S3 in front of which a test puts what goes wrong.
type service struct {
	dir   *objects.Directory
	url   string
	wrong atomic.Pointer[func(w http.ResponseWriter, r *http.Request, next http.Handler)]
	calls atomic.Int64
}

func serve(t *testing.T) *service {
	t.Helper()
	dir, err := objects.NewDirectory(filepath.Join(t.TempDir(), "objects"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	handler, err := s3server.New(s3server.Config{Directory: dir})
	if err != nil {
		t.Fatal(err)
	}
	s := &service{dir: dir}
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls.Add(1)
		if wrong := s.wrong.Load(); wrong != nil {
			(*wrong)(w, r, handler)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(ts.Close)
	s.url = ts.URL
	if err := dir.CreateBucket(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *service) fault(f func(w http.ResponseWriter, r *http.Request, next http.Handler)) {
	s.wrong.Store(&f)
}

// store is the client of a service; it tries once unless told otherwise.
func (s *service) store(t *testing.T, change func(*Config)) *Store {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c := Config{Endpoint: s.url, PartSize: 5 << 20, AWS: aws.Config{
		Region: "us-east-1", HTTPClient: &http.Client{Transport: transport},
		Credentials:                credentials.NewStaticCredentialsProvider("id", "secret", ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported, ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}}
	if change != nil {
		change(&c)
	}
	return New(c)
}

func put(o outcrop.Objects, uri string, data []byte) error {
	w, err := o.Create(context.Background(), uri)
	if err != nil {
		return err
	}
	defer w.Close()
	for part := range slices.Chunk(data, 1<<20) {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return w.Commit()
}

func get(o outcrop.Objects, uri string) ([]byte, error) {
	r, err := o.Open(context.Background(), uri)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*31 + i>>7)
	}
	return b
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return outcrop.AsError(err).Code
}

func (s *service) uploads(t *testing.T) int {
	t.Helper()
	list, err := s.dir.Uploads(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestRoundTrip(t *testing.T) {
	s := serve(t)
	o := s.store(t, nil)
	for _, size := range []int{0, 1, 5<<20 - 1, 5 << 20, 5<<20 + 1, 16 << 20} {
		uri := fmt.Sprintf("s3://bucket/dir/%d ü.bin", size)
		data := pattern(size)
		if err := put(o, uri, data); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if got, err := get(o, uri); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes come back as %d, error %v", size, len(got), err)
		}
		if got, err := get(s.dir, uri); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes lie there as %d, error %v", size, len(got), err)
		}
	}
	if n := s.uploads(t); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
}

func TestList(t *testing.T) {
	s := serve(t)
	o := s.store(t, nil)
	var want []string
	for i := range 1100 { // more than a page
		uri := fmt.Sprintf("s3://bucket/many/%04d", i)
		file, err := s.dir.Path(uri)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(file), 0o700)
		}
		if err == nil {
			err = os.WriteFile(file, []byte("x"), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, uri)
	}
	if err := put(s.dir, "s3://bucket/other", nil); err != nil {
		t.Fatal(err)
	}
	var got []string
	for object, err := range o.List(t.Context(), "s3://bucket/many/") {
		if err != nil {
			t.Fatal(err)
		}
		if object.Size != 1 {
			t.Fatalf("%+v", object)
		}
		got = append(got, object.URI)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d objects, want %d", len(got), len(want))
	}
	for _, err := range o.List(t.Context(), "s3://no-bucket/") {
		if code(err) != bedrock.CodeResourceNotFound || !strings.Contains(err.Error(), "s3://no-bucket/") {
			t.Errorf("error %v", err)
		}
	}
}

// Until Commit there is nothing; Close leaves nothing; a failed part neither.
func TestWholeOrNotAtAll(t *testing.T) {
	s := serve(t)
	o := s.store(t, nil)
	const uri = "s3://bucket/a"
	w, err := o.Create(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(pattern(6 << 20)); err != nil {
		t.Fatal(err)
	}
	if _, err := get(o, uri); code(err) != bedrock.CodeResourceNotFound {
		t.Errorf("before Commit: error %v", err)
	}
	if n := s.uploads(t); n != 1 {
		t.Errorf("%d uploads under way", n)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	if err := w.Commit(); err == nil {
		t.Error("Commit after Close succeeded")
	}
	if n := s.uploads(t); n != 0 {
		t.Errorf("%d uploads are left after Close", n)
	}

	s.fault(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPut && r.URL.Query().Get("partNumber") == "2" {
			io.Copy(io.Discard, r.Body) // or the client would see a broken connection
			w.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(w, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")
			return
		}
		next.ServeHTTP(w, r)
	})
	err = put(o, uri, pattern(12<<20))
	if code(err) != bedrock.CodeThrottling || !strings.Contains(err.Error(), uri) || !strings.Contains(err.Error(), "reduce your request rate") {
		t.Errorf("error %v", err)
	}
	if n := s.uploads(t); n != 0 {
		t.Errorf("%d uploads are left after a failed part", n)
	}
	// A context that has ended does not keep the parts from being removed.
	ctx, cancel := context.WithCancel(t.Context())
	if w, err = o.Create(ctx, uri); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := w.Commit(); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
	if n := s.uploads(t); n != 0 {
		t.Errorf("%d uploads are left after the context has ended", n)
	}
}

// The answer to the completion gets lost, and the SDK asks again.
func TestLostCompletion(t *testing.T) {
	s := serve(t)
	o := s.store(t, func(c *Config) { c.AWS.Retryer = nil; c.AWS.RetryMaxAttempts = 3 })
	var lost atomic.Bool
	s.fault(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPost && r.URL.Query().Has("uploadId") && lost.CompareAndSwap(false, true) {
			next.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
	if err := put(o, "s3://bucket/a", []byte("text")); err != nil || !lost.Load() {
		t.Fatalf("error %v, lost %v", err, lost.Load())
	}
	if got, err := get(s.dir, "s3://bucket/a"); err != nil || string(got) != "text" {
		t.Errorf("%q, error %v", got, err)
	}
}

// cutter lets n bytes of each body through.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	n := min(len(p), c.left)
	c.left -= n
	_, err := c.ResponseWriter.Write(p[:n])
	if err == nil && n < len(p) {
		http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// A read that is cut off goes on where it was, however often.
func TestReadResumes(t *testing.T) {
	s := serve(t)
	o := s.store(t, nil)
	data := pattern(1_000_000)
	if err := put(s.dir, "s3://bucket/a", data); err != nil {
		t.Fatal(err)
	}
	s.fault(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&cutter{w, 70_000}, r)
	})
	before := s.calls.Load()
	got, err := get(o, "s3://bucket/a")
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes of %d, error %v", len(got), len(data), err)
	}
	if n := s.calls.Load() - before; n != 15 {
		t.Errorf("%d requests, want 15", n)
	}

	// Nothing comes any more: it gives up.
	s.fault(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		left := 70_000
		if r.Header.Get("Range") != "" {
			left = 0
		}
		next.ServeHTTP(&cutter{w, left}, r)
	})
	before = s.calls.Load()
	if got, err := get(o, "s3://bucket/a"); code(err) != bedrock.CodeServiceUnavailable || len(got) == 0 || len(got) > 70_000 {
		t.Errorf("%d bytes, error %v", len(got), err)
	}
	if n := s.calls.Load() - before; n > maxResumes+2 {
		t.Errorf("%d requests", n)
	}

	// What comes is not the rest: it must not be taken for it.
	s.fault(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		r.Header.Del("Range") // as a proxy might
		next.ServeHTTP(&cutter{w, 70_000}, r)
	})
	if got, err := get(o, "s3://bucket/a"); code(err) != bedrock.CodeServiceUnavailable || !strings.Contains(err.Error(), "from byte 70000") || len(got) > 70_000 {
		t.Errorf("%d bytes, error %v", len(got), err)
	}

	// The object is another one in the meantime.
	s.fault(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Header.Get("Range") != "" {
			if err := put(s.dir, "s3://bucket/a", []byte("another")); err != nil {
				t.Error(err)
			}
		}
		next.ServeHTTP(&cutter{w, 70_000}, r)
	})
	if _, err := get(o, "s3://bucket/a"); code(err) != bedrock.CodeConflict || !strings.Contains(err.Error(), "s3://bucket/a was replaced") {
		t.Errorf("error %v", err)
	}
}

// A read that begins in the middle asks for the rest alone; what lies behind the
// end is the end.
func TestReadFromTheMiddle(t *testing.T) {
	s := serve(t)
	data := pattern(1_000_000)
	if err := put(s.dir, "s3://bucket/a", data); err != nil {
		t.Fatal(err)
	}
	var ranges []string
	s.fault(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		ranges = append(ranges, r.Header.Get("Range"))
		next.ServeHTTP(w, r)
	})
	o := s.store(t, nil)
	for _, at := range []int64{0, 1, 999_999, 1_000_000, 1_000_001} {
		ranges = nil
		r, err := o.Open(t.Context(), "s3://bucket/a")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.(io.Seeker).Seek(at, io.SeekStart); got != at || err != nil {
			t.Fatalf("at %d, error %v, want %d", got, err, at)
		}
		got, err := io.ReadAll(r)
		if want := data[min(at, 1_000_000):]; err != nil || !bytes.Equal(got, want) {
			t.Errorf("from %d: %d bytes, error %v; want %d", at, len(got), err, len(want))
		}
		want := []string{""}
		if at > 0 && at < 1_000_000 {
			want = append(want, fmt.Sprintf("bytes=%d-", at))
		}
		if !slices.Equal(ranges, want) {
			t.Errorf("from %d: the requests' ranges are %q, want %q", at, ranges, want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if _, err := r.(io.Seeker).Seek(0, io.SeekStart); err == nil {
			t.Error("a read that was closed goes on")
		}
	}
}

// A service that takes a request and does not answer is asked again, and not
// waited for without end.
func TestServiceThatDoesNotAnswer(t *testing.T) {
	s := serve(t)
	data := pattern(1000)
	if err := put(s.dir, "s3://bucket/a", data); err != nil {
		t.Fatal(err)
	}
	silent := atomic.Int64{} // so many requests are not answered
	s.fault(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if silent.Add(-1) >= 0 {
			<-r.Context().Done()
			return
		}
		next.ServeHTTP(w, r)
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	open := func(o outcrop.Objects) error {
		r, err := o.Open(ctx, "s3://bucket/a")
		if err != nil {
			return err
		}
		defer r.Close()
		got, err := io.ReadAll(r)
		if err == nil && !bytes.Equal(got, data) {
			t.Errorf("read %d bytes", len(got))
		}
		return err
	}
	list := func(o outcrop.Objects) error {
		for _, err := range o.List(ctx, "s3://bucket/") {
			if err != nil {
				return err
			}
		}
		return nil
	}
	once := s.store(t, func(c *Config) { c.IdleTimeout = 100 * time.Millisecond })
	again := s.store(t, func(c *Config) {
		c.IdleTimeout = 100 * time.Millisecond
		c.AWS.Retryer = func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = time.Millisecond })
		}
	})
	for name, ask := range map[string]func(outcrop.Objects) error{"read": open, "listed": list} {
		silent.Store(1)
		if err := ask(once); code(err) != bedrock.CodeServiceUnavailable || !strings.Contains(err.Error(), "cannot be "+name) || !strings.Contains(err.Error(), "did not begin to answer within 100ms") {
			t.Errorf("%s: error %v", name, err)
		}
		silent.Store(2)
		if err := ask(again); err != nil {
			t.Errorf("%s, asked again: error %v", name, err)
		}
	}
}

func TestErrorsNameTheURI(t *testing.T) {
	s := serve(t)
	refusing, err := s3server.New(s3server.Config{Directory: s.dir, Keys: noKeys{}})
	if err != nil {
		t.Fatal(err)
	}
	answer := func(status int, body string, header ...string) func(http.ResponseWriter, *http.Request, http.Handler) {
		return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	for name, tt := range map[string]struct {
		uri    string
		fault  func(http.ResponseWriter, *http.Request, http.Handler)
		change func(*Config)
		code   string
		says   string
	}{
		"no bucket": {"s3://no-bucket/a", nil, nil, bedrock.CodeResourceNotFound, "the bucket of s3://no-bucket/a does not exist"},
		"no object": {"s3://bucket/none", nil, nil, bedrock.CodeResourceNotFound, "the object s3://bucket/none does not exist"},
		"no s3 URI": {"/etc/passwd", nil, nil, bedrock.CodeValidation, "/etc/passwd is not an s3:// URI"},
		"bad keys": {
			"s3://bucket/a", func(w http.ResponseWriter, r *http.Request, _ http.Handler) { refusing.ServeHTTP(w, r) },
			nil, bedrock.CodeAccessDenied, "s3://bucket/a cannot be read: " + s.url + " says InvalidAccessKeyId",
		},
		"another Region": {
			"s3://bucket/a", answer(301, "<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>", "X-Amz-Bucket-Region", "eu-west-1"),
			nil, bedrock.CodeValidation, "its bucket is in another Region (eu-west-1) than us-east-1",
		},
		"overloaded": {
			"s3://bucket/a", answer(503, "<Error><Code>SlowDown</Code><Message>slower</Message></Error>"), nil, bedrock.CodeThrottling, "s3://bucket/a cannot be read now",
		},
		"broken": {
			"s3://bucket/a", answer(500, "<Error><Code>InternalError</Code><Message>oh</Message></Error>"), nil, bedrock.CodeServiceUnavailable, "InternalError: oh",
		},
		"no credentials": {
			"s3://bucket/a", nil, func(c *Config) {
				c.AWS.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
					return aws.Credentials{}, errors.New("none")
				})
			}, bedrock.CodeAccessDenied, "no AWS credentials were found",
		},
		"nobody there": {"s3://bucket/a", nil, func(c *Config) { c.Endpoint = deadURL(t) }, bedrock.CodeServiceUnavailable, "cannot be reached"},
	} {
		s.wrong.Store(nil)
		if tt.fault != nil {
			s.fault(tt.fault)
		}
		_, err := get(s.store(t, tt.change), tt.uri)
		if code(err) != tt.code || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), tt.uri) {
			t.Errorf("%s: %v; want %s, %q", name, err, tt.code, tt.says)
		}
	}
	s.wrong.Store(nil)
	for uri, want := range map[string]string{"s3://no-bucket/a": bedrock.CodeResourceNotFound, "s3://bucket/": bedrock.CodeValidation} {
		if _, err := s.store(t, nil).Create(t.Context(), uri); code(err) != want {
			t.Errorf("creating %s: error %v, want %s", uri, err, want)
		}
	}
}

type noKeys struct{}

func (noKeys) Key(string) (k sigv4.Key, ok bool) { return k, false }

// deadURL is where nobody listens.
func deadURL(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// What a job says of owner and key is sent with every request that it is for.
func TestScope(t *testing.T) {
	s := serve(t)
	var missing []string
	s.fault(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Header.Get("X-Amz-Expected-Bucket-Owner") != "123456789012" {
			missing = append(missing, r.Method+" "+r.URL.RawQuery)
		}
		if r.URL.Query().Has("uploads") && (r.Header.Get("X-Amz-Server-Side-Encryption") != "aws:kms" || r.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") != "alias/jobs") {
			missing = append(missing, "the key")
		}
		next.ServeHTTP(w, r)
	})
	o := outcrop.ScopeObjects(s.store(t, nil), outcrop.ObjectScope{BucketOwner: "123456789012", EncryptionKeyID: "alias/jobs"})
	if err := put(o, "s3://bucket/a", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := get(o, "s3://bucket/a"); err != nil {
		t.Fatal(err)
	}
	for _, err := range o.List(t.Context(), "s3://bucket/") {
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(missing) > 0 {
		t.Errorf("without owner or key: %q", missing)
	}
}

func TestAddressing(t *testing.T) {
	for _, tt := range []struct {
		c    Config
		path bool
	}{
		{Config{}, false},
		{Config{Endpoint: "http://127.0.0.1:9000"}, true},
		{Config{Endpoint: "http://s3.example.com", Addressing: Virtual}, false},
		{Config{Addressing: Path}, true},
		{Config{AWS: aws.Config{BaseEndpoint: aws.String("http://127.0.0.1:9000")}}, true},
	} {
		if got := New(tt.c).client.Options().UsePathStyle; got != tt.path {
			t.Errorf("%q, %q: path style %v", tt.c.Endpoint, tt.c.Addressing, got)
		}
	}
	t.Setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9001")
	loaded, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("us-east-1"))
	if err != nil {
		t.Fatal(err)
	}
	if got := New(Config{AWS: loaded}); got.Endpoint() != "http://127.0.0.1:9001" || !got.client.Options().UsePathStyle {
		t.Errorf("endpoint %q", got.Endpoint())
	}
}
