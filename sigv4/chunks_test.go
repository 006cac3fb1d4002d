package sigv4

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"
)

// The examples of AWS's documentation of chunked uploads: 65 KiB of the letter
// a, in chunks of 64 KiB.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
const (
	docID     = "AKIAIOSFODNN7EXAMPLE"
	docSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

type docExample struct {
	name, hash, signed, seed string
	header                   map[string]string
	chunks                   []string // signatures
	trailers                 string
}

var docExamples = []docExample{
	{
		name: "signed", hash: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
		signed: "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
		seed:   "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
		chunks: []string{
			"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
			"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
			"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
		},
	},
	{
		name: "signed with a trailer", hash: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
		signed: "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer",
		seed:   "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
		header: map[string]string{"X-Amz-Trailer": "x-amz-checksum-crc32c"},
		chunks: []string{
			"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
			"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
			"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
		},
		trailers: "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n",
	},
}

func (d *docExample) request() *http.Request {
	r := &http.Request{
		Method: http.MethodPut, Host: "s3.amazonaws.com", RequestURI: "/examplebucket/chunkObject.txt", URL: &url.URL{},
		ContentLength: 66824,
		Header: http.Header{
			"X-Amz-Date": {"20130524T000000Z"}, "X-Amz-Storage-Class": {"REDUCED_REDUNDANCY"}, "Content-Encoding": {"aws-chunked"},
			"X-Amz-Content-Sha256": {d.hash}, "X-Amz-Decoded-Content-Length": {"66560"},
			"Authorization": {"AWS4-HMAC-SHA256 Credential=" + docID + "/20130524/us-east-1/s3/aws4_request,SignedHeaders=" + d.signed + ",Signature=" + d.seed},
		},
	}
	for name, value := range d.header {
		r.Header.Set(name, value)
	}
	return r
}

func (d *docExample) body() string {
	return "10000;chunk-signature=" + d.chunks[0] + "\r\n" + strings.Repeat("a", 65536) + "\r\n" +
		"400;chunk-signature=" + d.chunks[1] + "\r\n" + strings.Repeat("a", 1024) + "\r\n" +
		"0;chunk-signature=" + d.chunks[2] + "\r\n" + d.trailers + "\r\n"
}

func docVerifier(t *testing.T) *Verifier {
	t.Helper()
	ring := new(Keyring)
	tenant, err := ring.AddTenant(Tenant{Name: "docs"})
	if err == nil {
		err = ring.AddKey(tenant, docID, docSecret)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &Verifier{Keys: ring, Now: func() time.Time { return time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC) }}
}

func verified(t *testing.T, d *docExample) Payload {
	t.Helper()
	req, err := Parse(d.request())
	if err != nil {
		t.Fatal(err)
	}
	id, p, err := docVerifier(t).VerifyHead(req)
	if err != nil || id.Tenant.Name != "docs" || !p.Streamed() {
		t.Fatalf("tenant %q, streamed %v, error %v", id.Tenant.Name, p.Streamed(), err)
	}
	return p
}

func reasonOf(err error) (Reason, bool) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return 0, false
	}
	return e.Reason, true
}

func TestChunksOfTheDocumentation(t *testing.T) {
	for _, d := range docExamples {
		t.Run(d.name, func(t *testing.T) {
			p := verified(t, &d)
			for name, in := range map[string]io.Reader{
				"at once": strings.NewReader(d.body()), "byte by byte": iotest.OneByteReader(strings.NewReader(d.body())),
			} {
				b := p.Reader(in)
				got, err := io.ReadAll(b)
				if err != nil || string(got) != strings.Repeat("a", 66560) {
					t.Fatalf("%s: %d bytes, error %v", name, len(got), err)
				}
				if d.trailers != "" && b.Trailer()["x-amz-checksum-crc32c"] != "sOO8/Q==" {
					t.Errorf("trailers %v", b.Trailer())
				}
			}
			// As the documentation prints it: each trailer ends in LF alone.
			if d.trailers != "" {
				odd := strings.Replace(d.body(), "==\r\n", "==\n\r\n", 1)
				if _, err := io.ReadAll(p.Reader(strings.NewReader(odd))); err != nil {
					t.Errorf("a trailer that ends in LF and an empty line: %v", err)
				}
			}
		})
	}
}

// Whatever is changed in a body signed in chunks, and wherever it is cut off,
// is noticed.
func TestChunksThatWereChanged(t *testing.T) {
	for _, d := range docExamples {
		p, body := verified(t, &d), d.body()
		for i := 0; i < len(body); i++ {
			if i > 200 && i < 65500 || i > 66000 && i < 66600 {
				continue // more of the same letter
			}
			changed := []byte(body)
			changed[i] ^= 1
			_, err := io.ReadAll(p.Reader(bytes.NewReader(changed)))
			if _, refused := reasonOf(err); !refused {
				t.Fatalf("%s: %q at %d instead of %q: error %v", d.name, changed[i], i, body[i], err)
			}
			if i == len(body)-2 {
				break // the last line may be left out, but not changed: checked above
			}
		}
		for _, n := range []int{0, 10, 100, 65000, 65700, 66600, len(body) - 90, len(body) - 20} {
			_, err := io.ReadAll(p.Reader(strings.NewReader(body[:n])))
			if reason, ok := reasonOf(err); !ok || reason != BadChunk && reason != Mismatch {
				t.Errorf("%s: cut off after %d bytes: error %v", d.name, n, err)
			}
		}
		if _, err := io.ReadAll(p.Reader(strings.NewReader(body + "x"))); err == nil {
			t.Errorf("%s: a byte too many is taken", d.name)
		}
	}
}

// A chunk of another place in the body does not fit, though it is signed.
func TestChunksInAnotherOrder(t *testing.T) {
	d := docExamples[0]
	body := d.body()
	second := strings.Index(body, "400;")
	last := strings.Index(body, "0;chunk-signature=b6")
	_, err := io.ReadAll(verified(t, &d).Reader(strings.NewReader(body[second:last] + body[:second] + body[last:])))
	if reason, ok := reasonOf(err); !ok || reason != Mismatch {
		t.Errorf("error %v, want a mismatch", err)
	}
}

func TestVerifyHeadRefuses(t *testing.T) {
	d := docExamples[0]
	for name, tt := range map[string]struct {
		change func(*http.Request)
		reason Reason
	}{
		"no hash":           {func(r *http.Request) { r.Header.Del("X-Amz-Content-Sha256") }, MissingHash},
		"a hash of letters": {func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "zz") }, MissingHash},
		"elliptic curves": {func(r *http.Request) {
			r.Header.Set("X-Amz-Content-Sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")
		}, UnsupportedBody},
		"another kind of body": {func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", unsignedPayload) }, Mismatch},
		"another length":       {func(r *http.Request) { r.Header.Set("X-Amz-Decoded-Content-Length", "1") }, Mismatch},
		"for Bedrock": {func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/s3/", "/bedrock/", 1))
		}, UnsupportedBody},
		"an unsigned header": {func(r *http.Request) { r.Header.Set("X-Amz-Copy-Source", "other/secret") }, UnsignedHeader},
	} {
		r := d.request()
		tt.change(r)
		req, err := Parse(r)
		if err == nil {
			_, _, err = docVerifier(t).VerifyHead(req)
		}
		if reason, ok := reasonOf(err); !ok || reason != tt.reason {
			t.Errorf("%s: error %v, want reason %d", name, err, tt.reason)
		}
	}
}

// Without keys the chunks are read all the same, and hashes are held to.
func TestUnverifiedPayload(t *testing.T) {
	d := docExamples[1]
	r := d.request()
	r.Header.Set("Authorization", strings.ReplaceAll(r.Header.Get("Authorization"), docID, "anything"))
	req, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	p, err := req.UnverifiedPayload()
	if err != nil {
		t.Fatal(err)
	}
	body := strings.Replace(d.body(), d.chunks[1], strings.Repeat("0", 64), 1)
	b := p.Reader(strings.NewReader(body))
	if got, err := io.ReadAll(b); err != nil || len(got) != 66560 || b.Trailer()["x-amz-checksum-crc32c"] == "" {
		t.Errorf("%d bytes, trailers %v, error %v", len(got), b.Trailer(), err)
	}

	sum := sha256.Sum256([]byte("right"))
	r.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	if req, err = Parse(r); err != nil {
		t.Fatal(err)
	}
	if p, err = req.UnverifiedPayload(); err != nil || p.Streamed() {
		t.Fatal(err)
	}
	for text, good := range map[string]bool{"right": true, "wrong": false, "": false} {
		_, err := io.ReadAll(p.Reader(strings.NewReader(text)))
		if reason, refused := reasonOf(err); refused == good || refused && reason != BodyMismatch {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

// chunked writes a body as a client would, in pieces of the sizes given.
func chunked(p *Payload, data []byte, sizes []int, trailers [][2]string) []byte {
	var out bytes.Buffer
	previous := p.seed
	signs := p.declared != streamingUnsignedTrailer
	chunk := func(piece []byte) {
		fmt.Fprintf(&out, "%x", len(piece))
		if signs {
			previous = p.sign(chunkAlgorithm, previous, emptyHash+"\n"+bodyHash(piece))
			fmt.Fprintf(&out, ";chunk-signature=%x", previous)
		}
		out.WriteString("\r\n")
		if len(piece) > 0 {
			out.Write(piece)
			out.WriteString("\r\n")
		}
	}
	for _, size := range sizes {
		if size = min(size, len(data)); size > 0 {
			chunk(data[:size])
			data = data[size:]
		}
	}
	if len(data) > 0 {
		chunk(data)
	}
	chunk(nil)
	if p.declared != streamingSigned {
		var text strings.Builder
		for _, tr := range trailers {
			fmt.Fprintf(&out, "%s:%s\r\n", tr[0], tr[1])
			text.WriteString(tr[0] + ":" + tr[1] + "\n")
		}
		if signs {
			fmt.Fprintf(&out, "x-amz-trailer-signature:%x\r\n", p.sign(trailerAlgorithm, previous, bodyHash([]byte(text.String()))))
		}
	}
	out.WriteString("\r\n")
	return out.Bytes()
}

func keyedPayload(kind string) Payload {
	return Payload{
		declared: kind, keyed: true, stamp: "20130524T000000Z",
		scope: Scope{"20130524", "us-east-1", "s3"}, signing: sha256.Sum256([]byte("key")), seed: sha256.Sum256([]byte("seed")),
	}
}

var streamKinds = []string{streamingSigned, streamingSignedTrailer, streamingUnsignedTrailer}

func TestChunksRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := keyedPayload(rapid.SampledFrom(streamKinds).Draw(t, "kind"))
		data := rapid.SliceOfN(rapid.Byte(), 0, 20_000).Draw(t, "data")
		sizes := rapid.SliceOfN(rapid.IntRange(1, 9000), 0, 5).Draw(t, "sizes")
		trailers := [][2]string{{"x-amz-checksum-crc32", "AAAAAA=="}}
		body := chunked(&p, data, sizes, trailers)
		b := p.Reader(iotest.HalfReader(bytes.NewReader(body)))
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes instead of %d, error %v", len(got), len(data), err)
		}
		if p.declared != streamingSigned && b.Trailer()["x-amz-checksum-crc32"] != "AAAAAA==" {
			t.Fatalf("trailers %v", b.Trailer())
		}
	})
}

// FuzzChunks reads anything as a chunked body: it neither panics nor makes
// more of it than there is, its errors are the package's own, and nothing that
// is signed is taken but what was signed.
func FuzzChunks(f *testing.F) {
	for i := range streamKinds {
		p := keyedPayload(streamKinds[i])
		f.Add(i, chunked(&p, []byte("hello, chunks"), []int{5, 3}, [][2]string{{"x-amz-checksum-crc32", "AAAAAA=="}}))
	}
	f.Add(2, []byte("5\r\nhello\r\n0\r\n"))
	f.Add(2, []byte("ffffffffffffffff\r\n"))
	f.Fuzz(func(t *testing.T, kind int, body []byte) {
		p := keyedPayload(streamKinds[(kind%3+3)%3])
		b := p.Reader(bytes.NewReader(body))
		got, err := io.ReadAll(b)
		if len(got) > len(body) {
			t.Fatalf("%d bytes of %d", len(got), len(body))
		}
		if _, own := reasonOf(err); err != nil && !own {
			t.Fatalf("an odd error: %v", err)
		}
		if err == nil && p.declared != streamingUnsignedTrailer && !bytes.Equal(got, []byte("hello, chunks")) && len(got) > 0 {
			t.Fatalf("taken without a signature: %q", got)
		}
		if err == nil && len(b.Trailer()) > MaxTrailers {
			t.Fatalf("%d trailers", len(b.Trailer()))
		}
		again, errAgain := io.ReadAll(p.Reader(iotest.OneByteReader(bytes.NewReader(body))))
		if (err == nil) != (errAgain == nil) || err == nil && !bytes.Equal(got, again) {
			t.Fatalf("read in one piece %v, byte by byte %v", err, errAgain)
		}
	})
}

func BenchmarkChunks(b *testing.B) {
	data := bytes.Repeat([]byte("outcrop "), 1<<17) // 1 MiB
	for _, kind := range streamKinds {
		p := keyedPayload(kind)
		body := chunked(&p, data, slices.Repeat([]int{64 << 10}, 16), nil)
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			buf := make([]byte, 32<<10)
			for b.Loop() {
				if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, p.Reader(bytes.NewReader(body)), buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
