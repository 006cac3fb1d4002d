package s3server

import (
	"cmp"
	"encoding/xml"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/outcrop-ai/outcrop/objects"
)

// S3's bounds of an upload in parts.
const (
	maxParts = 10_000
	minPart  = 5 << 20 // bytes; the last part may be smaller
)

// createUpload answers CreateMultipartUpload. On the way it removes uploads
// that nobody completed in time.
func (c *call) createUpload() error {
	if err := c.enter(); err != nil {
		return err
	}
	if err := c.noBody(); err != nil {
		return err
	}
	attributes, err := c.attributes()
	if err != nil {
		return err
	}
	u := objects.Upload{Bucket: c.bucket, Key: c.key, Owner: c.account, Initiated: c.s.config.Now().UTC(), Attributes: attributes}
	if u.Algorithm, err = c.wanted(""); err != nil {
		return err
	}
	if u.ChecksumType = strings.ToUpper(c.r.Header.Get("X-Amz-Checksum-Type")); u.ChecksumType == "" && u.Algorithm != "" {
		u.ChecksumType = checksumTypes(u.Algorithm)[0]
	}
	if u.Algorithm != "" && !allows(u.Algorithm, u.ChecksumType) || u.Algorithm == "" && u.ChecksumType != "" {
		return fail("InvalidRequest", http.StatusBadRequest, "The %s checksum type cannot be used with the %s checksum algorithm.", u.ChecksumType, cmp.Or(strings.ToLower(u.Algorithm), "null"))
	}
	if err := c.dir.ExpireUploads(c.ctx, c.s.config.Now().Add(-c.s.config.UploadExpiry)); err != nil {
		return err
	}
	// The writer is not used: what refuses it would refuse the upload at its end.
	w, err := c.writer()
	if err != nil {
		return err
	}
	w.Close()
	if u, err = c.dir.CreateUpload(c.ctx, u); err != nil {
		return err
	}
	if u.Algorithm != "" {
		c.w.Header().Set("X-Amz-Checksum-Algorithm", u.Algorithm)
		c.w.Header().Set("X-Amz-Checksum-Type", u.ChecksumType)
	}
	return c.sendXML(http.StatusOK, &struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		Xmlns    string   `xml:"xmlns,attr"`
		Bucket   string
		Key      string
		UploadID string `xml:"UploadId"`
	}{Xmlns: namespace, Bucket: c.bucket, Key: c.key, UploadID: u.ID})
}

// upload finds the upload that the request names.
func (c *call) upload() (*objects.Upload, error) {
	if err := c.enter(); err != nil {
		return nil, err
	}
	u, err := c.dir.FindUpload(c.ctx, c.query.Get("uploadId"))
	if err != nil {
		return nil, err
	}
	if u.Bucket != c.bucket || u.Key != c.key {
		return nil, objects.ErrNoUpload
	}
	return &u, nil
}

// uploadPart answers UploadPart, and UploadPartCopy when there is a source.
func (c *call) uploadPart() error {
	u, err := c.upload()
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(c.query.Get("partNumber"))
	if err != nil || number < 1 || number > maxParts {
		return invalid("Part number must be an integer between 1 and %d, inclusive", maxParts)
	}
	w, err := c.dir.NewPart(u, number)
	if err != nil {
		return err
	}
	defer w.Close()
	if c.r.Header.Get("X-Amz-Copy-Source") != "" {
		return c.copyPart(u, w)
	}
	body, err := c.receive(w, c.s.config.MaxObject, u.Algorithm)
	if err != nil {
		return err
	}
	if _, err := c.commitPart(w, body); err != nil {
		return err
	}
	c.w.Header().Set("Etag", quoted(body.etag))
	if body.checksum.Algorithm != "" {
		c.w.Header().Set(checksumHeader(body.checksum.Algorithm), body.checksum.Value)
	}
	return c.sendNothing(http.StatusOK)
}

func (c *call) commitPart(w *objects.PartWriter, body received) (objects.Part, error) {
	return w.CommitPart(objects.Part{Size: body.size, ETag: body.etag, Checksum: body.checksum, Modified: c.s.config.Now().UTC()})
}

func (c *call) copyPart(u *objects.Upload, w *objects.PartWriter) error {
	if err := c.noBody(); err != nil {
		return err
	}
	file, from, _, err := c.source()
	if err != nil {
		return err
	}
	defer file.Close()
	first, n := int64(0), from.Size
	if text := c.r.Header.Get("X-Amz-Copy-Source-Range"); text != "" {
		var ok bool
		if first, n, ok = readRange(text, from.Size); !ok || n <= 0 {
			return invalid("The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
		}
	}
	copied, err := copyHashed(c.ctx, w, io.NewSectionReader(file, first, n), u.Algorithm)
	if err != nil {
		return err
	}
	part, err := c.commitPart(w, copied)
	if err != nil {
		return err
	}
	return c.sendXML(http.StatusOK, &copyResult{
		XMLName: xml.Name{Local: "CopyPartResult"}, Xmlns: namespace,
		LastModified: iso(part.Modified), ETag: quoted(part.ETag), checksums: checksumsOf(part.Checksum),
	})
}

func (c *call) abortUpload() error {
	u, err := c.upload()
	if err != nil {
		return err
	}
	if err := c.dir.AbortUpload(u); err != nil {
		return err
	}
	return c.sendNothing(http.StatusNoContent)
}

// listParts answers ListParts.
func (c *call) listParts() error {
	u, err := c.upload()
	if err != nil {
		return err
	}
	most, err := c.count("max-parts", maxKeys)
	if err != nil {
		return err
	}
	marker, err := c.count("part-number-marker", maxParts)
	if err != nil {
		return err
	}
	if c.query.Get("part-number-marker") == "" {
		marker = 0
	}
	parts, err := c.dir.Parts(u)
	if err != nil {
		return err
	}
	type part struct {
		PartNumber   int
		LastModified string
		ETag         string
		Size         int64
		checksums
	}
	reply := struct {
		XMLName              xml.Name `xml:"ListPartsResult"`
		Xmlns                string   `xml:"xmlns,attr"`
		Bucket               string
		Key                  string
		UploadID             string `xml:"UploadId"`
		Initiator            owner
		Owner                owner
		StorageClass         string
		PartNumberMarker     int
		NextPartNumberMarker int `xml:",omitempty"`
		MaxParts             int
		IsTruncated          bool
		Part                 []part
		ChecksumAlgorithm    string `xml:",omitempty"`
		ChecksumType         string `xml:",omitempty"`
	}{
		Xmlns: namespace, Bucket: c.bucket, Key: c.key, UploadID: u.ID, Initiator: owner{ID: u.Owner}, Owner: owner{ID: u.Owner},
		StorageClass: "STANDARD", PartNumberMarker: marker, MaxParts: most, ChecksumAlgorithm: u.Algorithm, ChecksumType: u.ChecksumType,
	}
	for _, p := range parts {
		if p.Number <= marker {
			continue
		}
		if len(reply.Part) == most {
			reply.IsTruncated = most > 0
			break
		}
		reply.Part = append(reply.Part, part{p.Number, iso(p.Modified), quoted(p.ETag), p.Size, checksumsOf(p.Checksum)})
		reply.NextPartNumberMarker = p.Number
	}
	return c.sendXML(http.StatusOK, &reply)
}

// listUploads answers ListMultipartUploads, with prefix and markers and
// without a delimiter.
func (c *call) listUploads() error {
	if err := c.enter(); err != nil {
		return err
	}
	most, err := c.count("max-uploads", maxKeys)
	if err != nil {
		return err
	}
	encode, err := c.encoding()
	if err != nil {
		return err
	}
	if c.query.Get("delimiter") != "" {
		return notImplemented("a delimiter in a list of uploads")
	}
	uploads, err := c.dir.Uploads(c.ctx, c.bucket)
	if err != nil {
		return err
	}
	slices.SortFunc(uploads, func(a, b objects.Upload) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.ID, b.ID)) })
	type upload struct {
		Key          string
		UploadID     string `xml:"UploadId"`
		Initiator    owner
		Owner        owner
		StorageClass string
		Initiated    string
	}
	key, id, prefix := c.query.Get("key-marker"), c.query.Get("upload-id-marker"), c.query.Get("prefix")
	reply := struct {
		XMLName            xml.Name `xml:"ListMultipartUploadsResult"`
		Xmlns              string   `xml:"xmlns,attr"`
		Bucket             string
		KeyMarker          string
		UploadIDMarker     string `xml:"UploadIdMarker"`
		NextKeyMarker      string
		NextUploadIDMarker string `xml:"NextUploadIdMarker"`
		Prefix             string `xml:",omitempty"`
		EncodingType       string `xml:",omitempty"`
		MaxUploads         int
		IsTruncated        bool
		Upload             []upload
	}{
		Xmlns: namespace, Bucket: c.bucket, KeyMarker: encode(key), UploadIDMarker: id, Prefix: encode(prefix),
		EncodingType: c.query.Get("encoding-type"), MaxUploads: most,
	}
	for _, u := range uploads {
		if !strings.HasPrefix(u.Key, prefix) || u.Key < key || u.Key == key && u.ID <= id || u.Key == key && id == "" && key != "" {
			continue
		}
		if len(reply.Upload) == most {
			reply.IsTruncated = most > 0
			break
		}
		reply.Upload = append(reply.Upload, upload{encode(u.Key), u.ID, owner{ID: u.Owner}, owner{ID: u.Owner}, "STANDARD", iso(u.Initiated)})
		reply.NextKeyMarker, reply.NextUploadIDMarker = encode(u.Key), u.ID
	}
	return c.sendXML(http.StatusOK, &reply)
}
