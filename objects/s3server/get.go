package s3server

import (
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop/objects"
)

// kept are the headers that an object keeps, and the parameters by which a
// request for it may replace them.
var kept = map[string]string{
	"Content-Type": "response-content-type", "Content-Encoding": "response-content-encoding", "Content-Language": "response-content-language",
	"Content-Disposition": "response-content-disposition", "Cache-Control": "response-cache-control", "Expires": "response-expires",
}

const (
	defaultType    = "binary/octet-stream"
	metadataPrefix = "X-Amz-Meta-"
)

// getObject answers GetObject and HeadObject.
func (c *call) getObject() error {
	if err := c.enter(); err != nil {
		return err
	}
	file, info, err := c.dir.OpenFile(c.ctx, c.uri())
	if err != nil {
		return err
	}
	defer file.Close()
	if err := c.conditions(&info, ""); err != nil {
		return err
	}
	first, n, status, err := c.span(&info)
	if err != nil {
		return err
	}
	c.describe(&info)
	header := c.w.Header()
	header.Set("Content-Length", strconv.FormatInt(n, 10))
	if status == http.StatusPartialContent {
		header.Set("Content-Range", contentRange(first, n, info.Size))
	} else if strings.EqualFold(c.r.Header.Get("X-Amz-Checksum-Mode"), "enabled") {
		showChecksum(header, info.Checksum)
	}
	c.begin(status)
	if c.r.Method == http.MethodHead {
		return nil
	}
	got, err := copyStream(c.w, io.NewSectionReader(file, first, n), func() { c.extend(c.control.SetWriteDeadline) })
	if err == nil && got != n {
		err = io.ErrUnexpectedEOF // somebody cut the file
	}
	return c.gone(err)
}

// describe sets the headers of an object.
func (c *call) describe(info *objects.Info) {
	header := c.w.Header()
	header.Set("Content-Type", defaultType)
	for name, value := range info.Header {
		header.Set(name, value)
	}
	for name, param := range kept {
		if value := c.query.Get(param); value != "" {
			header.Set(name, value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(info.Metadata)) {
		header[strings.ToLower(metadataPrefix)+name] = []string{info.Metadata[name]} // in lower case, which some clients keep
	}
	header.Set("Etag", quoted(info.ETag))
	header.Set("Last-Modified", info.Modified.UTC().Format(http.TimeFormat))
	header.Set("Accept-Ranges", "bytes")
}

// conditions holds an object against the request's If- headers, whose names
// begin with prefix, in the order of RFC 9110, section 13.2.2.
func (c *call) conditions(info *objects.Info, prefix string) error {
	header := c.r.Header
	modified := info.Modified.UTC().Truncate(time.Second)
	failed := fail("PreconditionFailed", http.StatusPreconditionFailed, "At least one of the pre-conditions you specified did not hold")
	if match := header.Get(prefix + "If-Match"); match != "" {
		if !matches(match, info.ETag) {
			return failed
		}
	} else if t, err := http.ParseTime(header.Get(prefix + "If-Unmodified-Since")); err == nil && modified.After(t) {
		return failed
	}
	unchanged := error(errNotModified)
	if prefix != "" {
		unchanged = failed
	}
	if match := header.Get(prefix + "If-None-Match"); match != "" {
		if matches(match, info.ETag) {
			c.w.Header().Set("Etag", quoted(info.ETag))
			return unchanged
		}
	} else if t, err := http.ParseTime(header.Get(prefix + "If-Modified-Since")); err == nil && !modified.After(t) {
		return unchanged
	}
	return nil
}

// matches tells whether a list of ETags has one.
func matches(list, etag string) bool {
	for item := range strings.SplitSeq(list, ",") {
		item = strings.Trim(strings.TrimPrefix(strings.TrimSpace(item), "W/"), `"`)
		if item == "*" || item == etag {
			return true
		}
	}
	return false
}

// span is the part of an object that the request asks for.
func (c *call) span(info *objects.Info) (first, n int64, status int, err error) {
	if part := c.query.Get("partNumber"); part != "" {
		// An object is one part here, however it came.
		if number, err := strconv.Atoi(part); err != nil || number < 1 {
			return 0, 0, 0, invalid("Part number must be an integer between 1 and %d, inclusive", maxParts)
		} else if number > 1 {
			return 0, 0, 0, fail("InvalidPartNumber", http.StatusRequestedRangeNotSatisfiable, "The requested partnumber is not satisfiable")
		}
		if info.Size == 0 {
			return 0, 0, http.StatusOK, nil
		}
		return 0, info.Size, http.StatusPartialContent, nil
	}
	text := c.r.Header.Get("Range")
	if condition := c.r.Header.Get("If-Range"); condition != "" && !matches(condition, info.ETag) {
		text = ""
	}
	first, n, ok := readRange(text, info.Size)
	switch {
	case !ok:
		return 0, info.Size, http.StatusOK, nil
	case n <= 0:
		c.w.Header().Set("Content-Range", "bytes */"+strconv.FormatInt(info.Size, 10))
		return 0, 0, 0, fail("InvalidRange", http.StatusRequestedRangeNotSatisfiable, "The requested range is not satisfiable")
	}
	return first, n, http.StatusPartialContent, nil
}

// readRange reads a Range header of one range. ok is false for any other,
// which is then passed over, as in S3; n is not positive for one that no byte
// is in.
func readRange(text string, size int64) (first, n int64, ok bool) {
	text, ok = strings.CutPrefix(text, "bytes=")
	from, to, dash := strings.Cut(strings.TrimSpace(text), "-")
	if !ok || !dash {
		return 0, 0, false
	}
	if from == "" {
		last, err := strconv.ParseInt(to, 10, 64)
		if err != nil || last < 0 {
			return 0, 0, false
		}
		n = min(last, size)
		return size - n, n, true
	}
	first, err := strconv.ParseInt(from, 10, 64)
	if err != nil || first < 0 {
		return 0, 0, false
	}
	end := size - 1
	if to != "" {
		last, err := strconv.ParseInt(to, 10, 64)
		if err != nil || last < first {
			return 0, 0, false
		}
		end = min(end, last)
	}
	return first, end - first + 1, true
}

func contentRange(first, n, size int64) string {
	return "bytes " + strconv.FormatInt(first, 10) + "-" + strconv.FormatInt(first+n-1, 10) + "/" + strconv.FormatInt(size, 10)
}

// noTags answers GetObjectTagging, which the AWS CLI asks before it copies.
func (c *call) noTags() error {
	if err := c.enter(); err != nil {
		return err
	}
	file, _, err := c.dir.OpenFile(c.ctx, c.uri())
	if err != nil {
		return err
	}
	file.Close()
	return c.sendXML(http.StatusOK, &emptyTagging{Xmlns: namespace})
}

type emptyTagging struct {
	XMLName xml.Name `xml:"Tagging"`
	Xmlns   string   `xml:"xmlns,attr"`
	TagSet  struct{}
}
