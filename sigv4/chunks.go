package sigv4

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strconv"
	"strings"
)

const (
	chunkAlgorithm   = algorithm + "-PAYLOAD"
	trailerAlgorithm = algorithm + "-TRAILER"
	chunkSignature   = "chunk-signature"
	trailerSignature = "x-amz-trailer-signature"

	// MaxChunkLine is the longest line between chunks, and the longest trailer,
	// in bytes; MaxTrailers is how many trailers a body may have.
	MaxChunkLine = 4 << 10
	MaxTrailers  = 16
)

// emptyHash is the SHA-256 of nothing, in hex.
var emptyHash = bodyHash(nil)

// chunkReader reads a body of the content encoding aws-chunked:
//
//	hex-size[;chunk-signature=hex] CRLF  data CRLF    any number of times
//	0[;chunk-signature=hex] CRLF
//	trailer:value CRLF                                any number of times
//	[x-amz-trailer-signature:hex CRLF]
//	CRLF
//
// Each signature is over the one before it, the first over that of the head.
// The trailers' lines may end in LF alone, or with an empty line after each,
// as AWS's examples have them.
//
// Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
// and sigv4-streaming-trailers.html.
type chunkReader struct {
	in       *bufio.Reader
	payload  Payload
	previous [sha256.Size]byte // the signature before this one
	sum      hash.Hash         // of the chunk's data; nil where nobody asks
	want     [sha256.Size]byte // the chunk's signature as sent
	left     int64             // bytes of the chunk that were not read yet
	trailer  map[string]string
	err      error // the end, once it was reached
}

func newChunkReader(r io.Reader, p Payload) *chunkReader {
	c := &chunkReader{in: bufio.NewReaderSize(r, MaxChunkLine), payload: p, previous: p.seed}
	if p.keyed && p.declared != streamingUnsignedTrailer {
		c.sum = sha256.New()
	}
	return c
}

func (c *chunkReader) Read(into []byte) (int, error) {
	if c.err == nil && c.left == 0 {
		c.err = c.next()
	}
	if c.err != nil || len(into) == 0 {
		return 0, c.err
	}
	if int64(len(into)) > c.left {
		into = into[:c.left]
	}
	n, err := c.in.Read(into)
	c.left -= int64(n)
	if c.sum != nil {
		c.sum.Write(into[:n])
	}
	if err == nil && c.left == 0 {
		err = c.finish()
	}
	if err != nil {
		c.err = early(err)
	}
	return n, c.err
}

// next reads the line before a chunk; after the last chunk, the rest. It
// returns io.EOF when the body has ended as it should.
func (c *chunkReader) next() error {
	line, err := c.line()
	if err != nil {
		return early(err)
	}
	digits, extension, _ := strings.Cut(line, ";")
	size, err := strconv.ParseUint(digits, 16, 63)
	if err != nil {
		return fail(BadChunk, "The size of a chunk is not a hexadecimal number: %s.", quote(digits))
	}
	if err := c.readSignature(extension); err != nil {
		return err
	}
	c.left = int64(size)
	if size > 0 {
		return nil
	}
	if err := c.check(); err != nil {
		return err
	}
	return c.end()
}

// line reads a line without its ending.
func (c *chunkReader) line() (string, error) {
	line, err := c.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fail(BadChunk, "A line between chunks is longer than %d bytes.", MaxChunkLine)
	case err != nil:
		return "", err
	}
	return strings.TrimSuffix(string(line[:len(line)-1]), "\r"), nil
}

func (c *chunkReader) readSignature(extension string) error {
	if c.sum == nil {
		return nil
	}
	name, value, _ := strings.Cut(extension, "=")
	if name != chunkSignature {
		return fail(BadChunk, "A chunk has no signature.")
	}
	return decodeSignature(&c.want, value)
}

func decodeSignature(into *[sha256.Size]byte, text string) error {
	if len(text) != hex.EncodedLen(len(into)) {
		return errMismatch()
	}
	if _, err := hex.Decode(into[:], []byte(text)); err != nil {
		return errMismatch()
	}
	return nil
}

// finish reads the line ending behind a chunk's data and checks the chunk.
func (c *chunkReader) finish() error {
	line, err := c.line()
	if err != nil {
		return err
	}
	if line != "" {
		return fail(BadChunk, "A chunk is longer than its size says.")
	}
	return c.check()
}

// check compares the signature of a chunk.
func (c *chunkReader) check() error {
	if c.sum == nil {
		return nil
	}
	data := hex.EncodeToString(c.sum.Sum(nil))
	c.sum.Reset()
	got := c.payload.sign(chunkAlgorithm, c.previous, emptyHash+"\n"+data)
	if !hmac.Equal(got[:], c.want[:]) {
		return errMismatch()
	}
	c.previous = got
	return nil
}

// sign is the signature of a chunk or of the trailers, over the previous one.
func (p *Payload) sign(algorithm string, previous [sha256.Size]byte, hashes string) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, p.signing[:])
	for _, line := range [...]string{
		algorithm, "\n", p.stamp, "\n", p.scope.Date, "/", p.scope.Region, "/", p.scope.Service, "/" + terminator + "\n",
		hex.EncodeToString(previous[:]), "\n", hashes,
	} {
		_, _ = io.WriteString(mac, line)
	}
	mac.Sum(sum[:0])
	return sum
}

// end reads what follows the last chunk.
func (c *chunkReader) end() error {
	var err error
	if c.payload.declared == streamingSigned {
		err = c.ending()
	} else {
		err = c.readTrailers()
	}
	if err != nil {
		return early(err)
	}
	if _, err := c.in.ReadByte(); err != io.EOF { //nolint:errorlint // bufio returns io.EOF itself
		if err != nil {
			return err
		}
		return fail(BadChunk, "There is more after the last chunk.")
	}
	return io.EOF
}

// ending reads the empty line of a body without trailers.
func (c *chunkReader) ending() error {
	line, err := c.line()
	if err == nil && line != "" {
		err = fail(BadChunk, "There is more after the last chunk.")
	}
	return err
}

// readTrailers reads the trailers, and checks their signature where chunks
// have one.
func (c *chunkReader) readTrailers() error {
	signed := c.payload.declared == streamingSignedTrailer
	c.trailer = map[string]string{}
	var text strings.Builder // as it is signed
	for lines := 0; ; lines++ {
		line, err := c.line()
		switch {
		case err == io.EOF && !signed && c.in.Buffered() == 0: //nolint:errorlint // as above
			return nil // some clients leave the last line out
		case err != nil:
			return err
		case line == "" && !signed:
			return nil
		case line == "":
			if lines > 2*MaxTrailers {
				return fail(BadChunk, "The trailers have no signature.")
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.Trim(name, " \t")), strings.Trim(value, " \t")
		switch {
		case !ok || name == "":
			return fail(BadChunk, "A trailer is not of the form name:value.")
		case signed && name == trailerSignature:
			if err := c.checkTrailers(text.String(), value); err != nil {
				return err
			}
			return c.optionalLine()
		case len(c.trailer) == MaxTrailers:
			return fail(BadChunk, "The body has more than %d trailers.", MaxTrailers)
		}
		if _, twice := c.trailer[name]; twice {
			return fail(BadChunk, "The trailer %s is given twice.", quote(name))
		}
		c.trailer[name] = value
		text.WriteString(name + ":" + value + "\n")
	}
}

func (c *chunkReader) checkTrailers(text, signature string) error {
	var want [sha256.Size]byte
	if err := decodeSignature(&want, signature); err != nil {
		return err
	}
	if c.sum == nil {
		return nil
	}
	got := c.payload.sign(trailerAlgorithm, c.previous, bodyHash([]byte(text)))
	if !hmac.Equal(got[:], want[:]) {
		return errMismatch()
	}
	return nil
}

// optionalLine reads the last empty line, which some clients leave out.
func (c *chunkReader) optionalLine() error {
	line, err := c.line()
	if err == io.EOF { //nolint:errorlint // as above
		return nil
	}
	if err == nil && line != "" {
		err = fail(BadChunk, "There is more after the trailers.")
	}
	return err
}

// early turns the end of the input, where there should be more, into an error
// about the body.
func early(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) { //nolint:errorlint // as above
		return fail(BadChunk, "The request body ended before its last chunk.")
	}
	return err
}
