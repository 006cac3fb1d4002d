package s3server

import (
	"bytes"
	"crypto/md5" //nolint:gosec // S3's ETag
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"hash"
	"io"
	"net/http"
	"os"
	"strconv"

	"github.com/outcrop-ai/outcrop/objects"
	"github.com/outcrop-ai/outcrop/sigv4"
)

// received is what a body turned out to be.
type received struct {
	size     int64
	etag     string // its MD5 in hex
	checksum objects.Checksum
}

// receive copies the body into a writer and holds it against all that was said
// of it: signature, length, MD5 and checksum. What was written counts only when
// it returns no error. algorithm is a checksum to compute in any case.
func (c *call) receive(into io.Writer, most int64, algorithm string) (received, error) {
	length, err := c.length()
	if err != nil {
		return received{}, err
	}
	if length > most {
		return received{}, tooLarge(most)
	}
	given, value, err := declared(c.r.Header)
	if err != nil {
		return received{}, err
	}
	if algorithm == "" {
		algorithm = given
	}
	if given != "" && given != algorithm {
		return received{}, fail("InvalidRequest", http.StatusBadRequest, "Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s", algorithm, given)
	}
	digest := md5.New() //nolint:gosec // S3's ETag
	writers := []io.Writer{into, digest}
	var sum hash.Hash
	if algorithm != "" {
		sum = algorithms[algorithm]()
		writers = append(writers, sum)
	}
	body := c.payload.Reader(c.r.Body)
	got, err := c.read(io.MultiWriter(writers...), body, length)
	if err != nil {
		return received{}, err
	}
	if got != length {
		return received{}, fail("IncompleteBody", http.StatusBadRequest, "You did not provide the number of bytes specified by the Content-Length HTTP header.")
	}
	r := received{size: got, etag: hex.EncodeToString(digest.Sum(nil))}
	if err := c.checkMD5(digest.Sum(nil)); err != nil {
		return received{}, err
	}
	if sum == nil {
		return r, nil
	}
	r.checksum = objects.Checksum{Algorithm: algorithm, Value: base64.StdEncoding.EncodeToString(sum.Sum(nil))}
	if given == "" {
		return r, nil
	}
	if value == "" {
		if value = body.Trailer()[checksumHeader(algorithm)]; value == "" {
			return received{}, fail("MalformedTrailerError", http.StatusBadRequest, "The request contained trailing data that was not well-formed or did not conform to our published schema.")
		}
	}
	if value != r.checksum.Value {
		return received{}, fail("BadDigest", http.StatusBadRequest, "The %s you specified did not match the calculated checksum.", algorithm)
	}
	return r, nil
}

// read copies a body of a length; a longer one ends the copy.
func (c *call) read(into io.Writer, body io.Reader, length int64) (int64, error) {
	source := &failing{r: body}
	limited := &io.LimitedReader{R: source, N: length + 1}
	got, err := copyStream(into, limited, func() { c.extend(c.control.SetReadDeadline) })
	c.patient()
	switch {
	case source.err == nil:
		return got, err // of the writer
	case errors.Is(source.err, os.ErrDeadlineExceeded):
		return got, fail("RequestTimeout", http.StatusBadRequest, "Your socket connection to the server was not read from or written to within the timeout period.")
	}
	if _, ok := errors.AsType[*sigv4.Error](source.err); ok {
		return got, source.err
	}
	return got, fail("IncompleteBody", http.StatusBadRequest, "The request body could not be read to its end.")
}

// failing keeps the error of the client's side, which is not the disk's.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // readers return io.EOF itself
		f.err = err
	}
	return n, err
}

// length is how many bytes the body will have, without its chunks' frames.
func (c *call) length() (int64, error) {
	if !c.payload.Streamed() {
		if c.r.ContentLength < 0 {
			return 0, fail("MissingContentLength", http.StatusLengthRequired, "You must provide the Content-Length HTTP header.")
		}
		return c.r.ContentLength, nil
	}
	text := c.r.Header.Get("X-Amz-Decoded-Content-Length")
	if text == "" {
		return 0, fail("MissingContentLength", http.StatusLengthRequired, "You must provide the x-amz-decoded-content-length HTTP header.")
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, invalid("x-amz-decoded-content-length is no number of bytes.")
	}
	return n, nil
}

func (c *call) checkMD5(got []byte) error {
	text := c.r.Header.Get("Content-Md5")
	if text == "" {
		return nil
	}
	want, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(want) != md5.Size {
		return fail("InvalidDigest", http.StatusBadRequest, "The Content-MD5 you specified was invalid.")
	}
	if !bytes.Equal(want, got) {
		return fail("BadDigest", http.StatusBadRequest, "The Content-MD5 you specified did not match what we received.")
	}
	return nil
}

func tooLarge(most int64) error {
	return fail("EntityTooLarge", http.StatusBadRequest, "Your proposed upload exceeds the maximum allowed size of %d bytes.", most)
}

// maxXML is the largest body of XML: ten thousand parts, or a thousand keys,
// take less.
const maxXML = 4 << 20

// readXML reads a body of XML.
func (c *call) readXML(into any) error {
	var text bytes.Buffer
	if _, err := c.receive(&text, maxXML, ""); err != nil {
		return err
	}
	if err := xml.Unmarshal(text.Bytes(), into); err != nil {
		return fail("MalformedXML", http.StatusBadRequest, "The XML you provided was not well-formed or did not validate against our published schema")
	}
	return nil
}

// noBody reads a body that means nothing here, so that its signature is checked.
func (c *call) noBody() error {
	if c.r.ContentLength == 0 {
		return nil
	}
	_, err := c.receive(io.Discard, maxXML, "")
	return err
}
