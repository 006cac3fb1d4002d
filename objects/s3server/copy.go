package s3server

import (
	"context"
	"crypto/md5" //nolint:gosec // S3's ETag
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/outcrop-ai/outcrop/objects"
)

type copyResult struct {
	XMLName      xml.Name
	Xmlns        string `xml:"xmlns,attr"`
	LastModified string
	ETag         string
	checksums
}

// source opens the object that X-Amz-Copy-Source names.
func (c *call) source() (*os.File, objects.Info, string, error) {
	text, version, _ := strings.Cut(c.r.Header.Get("X-Amz-Copy-Source"), "?versionId=")
	path, err := url.PathUnescape(text)
	bucket, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if err != nil || !ok || key == "" || version != "" && version != "null" {
		return nil, objects.Info{}, "", invalid("Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
	}
	if _, err := c.admit(bucket, c.r.Header.Get("X-Amz-Source-Expected-Bucket-Owner")); err != nil {
		return nil, objects.Info{}, "", err
	}
	uri := "s3://" + bucket + "/" + key
	file, info, err := c.dir.OpenFile(c.ctx, uri)
	if err != nil {
		return nil, objects.Info{}, "", err
	}
	if err := c.conditions(&info, "X-Amz-Copy-Source-"); err != nil {
		file.Close()
		return nil, objects.Info{}, "", err
	}
	return file, info, uri, nil
}

// copyObject answers CopyObject.
func (c *call) copyObject() error {
	if err := c.enter(); err != nil {
		return err
	}
	if err := c.noBody(); err != nil {
		return err
	}
	file, from, uri, err := c.source()
	if err != nil {
		return err
	}
	defer file.Close()
	if uri == c.uri() && c.r.Header.Get("X-Amz-Metadata-Directive") != "REPLACE" {
		return fail("InvalidRequest", http.StatusBadRequest, "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	if from.Size > c.s.config.MaxObject {
		return tooLarge(c.s.config.MaxObject)
	}
	condition, err := c.condition()
	if err != nil {
		return err
	}
	attributes, err := c.inherit(&from)
	if err != nil {
		return err
	}
	algorithm, err := c.wanted(from.Checksum.Algorithm)
	if err != nil {
		return err
	}
	w, err := c.writer()
	if err != nil {
		return err
	}
	defer w.Close()
	copied, err := copyHashed(c.ctx, w, file, algorithm)
	if err != nil {
		return err
	}
	attributes.ETag, attributes.Checksum = copied.etag, copied.checksum
	info, err := w.CommitAs(attributes, condition)
	if err != nil {
		return err
	}
	return c.sendXML(http.StatusOK, &copyResult{
		XMLName: xml.Name{Local: "CopyObjectResult"}, Xmlns: namespace,
		LastModified: iso(info.Modified), ETag: quoted(info.ETag), checksums: checksumsOf(info.Checksum),
	})
}

// wanted is the checksum that the request asks for, or another.
func (c *call) wanted(otherwise string) (string, error) {
	name := strings.ToUpper(c.r.Header.Get("X-Amz-Checksum-Algorithm"))
	switch {
	case name == "":
		return otherwise, nil
	case algorithms[name] == nil:
		return "", fail("InvalidRequest", http.StatusBadRequest, "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
	}
	return name, nil
}

// copyHashed copies and says what it was. It ends with the request: a client that
// has gone asks again, and each time a large object would be copied in vain.
func copyHashed(ctx context.Context, into io.Writer, from io.Reader, algorithm string) (received, error) {
	digest := md5.New() //nolint:gosec // S3's ETag
	writers := []io.Writer{into, digest}
	var sum hash.Hash
	if algorithm != "" {
		sum = algorithms[algorithm]()
		writers = append(writers, sum)
	}
	n, err := copyStream(io.MultiWriter(writers...), during{ctx, from}, func() {})
	if err != nil {
		return received{}, err
	}
	r := received{size: n, etag: hex.EncodeToString(digest.Sum(nil))}
	if sum != nil {
		r.checksum = objects.Checksum{Algorithm: algorithm, Value: base64.StdEncoding.EncodeToString(sum.Sum(nil))}
	}
	return r, nil
}

// during reads as long as a context lasts.
type during struct {
	ctx context.Context
	r   io.Reader
}

func (d during) Read(p []byte) (int, error) {
	if err := d.ctx.Err(); err != nil {
		return 0, err
	}
	return d.r.Read(p)
}
