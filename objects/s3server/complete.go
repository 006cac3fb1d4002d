package s3server

import (
	"crypto/md5" //nolint:gosec // S3's ETag
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop/objects"
)

// namedPart is a part as CompleteMultipartUpload names it.
type namedPart struct {
	PartNumber int
	ETag       string
	checksums
}

// completeUpload answers CompleteMultipartUpload.
func (c *call) completeUpload() error {
	u, err := c.upload()
	if err != nil {
		return err
	}
	condition, err := c.condition()
	if err != nil {
		return err
	}
	want, given, err := c.wholeChecksum(u)
	if err != nil {
		return err
	}
	var request struct {
		XMLName xml.Name    `xml:"CompleteMultipartUpload"`
		Part    []namedPart `xml:"Part"`
	}
	if err := c.readPlainXML(&request); err != nil {
		return err
	}
	parts, err := c.choose(u, request.Part)
	if err != nil {
		return err
	}
	var sum hash.Hash
	var tee io.Writer // stays nil, for the system to copy the files, where nothing is to be computed
	if u.ChecksumType == fullObject {
		sum = algorithms[u.Algorithm]()
		tee = sum
	}
	describe := func() (objects.Attributes, error) {
		a := u.Attributes
		a.ETag, a.Checksum = ofParts(u, parts, sum)
		if given && a.Checksum.Value != want {
			return a, fail("BadDigest", http.StatusBadRequest, "The %s you specified did not match the calculated checksum.", u.Algorithm)
		}
		return a, nil
	}
	slow := &patience{c: c, last: time.Now()}
	info, err := c.dir.Assemble(c.ctx, u, parts, tee, describe, condition, slow.sign)
	return slow.finish(info, err)
}

// wholeChecksum reads the checksum of the whole object, which is no checksum of
// this request's body.
func (c *call) wholeChecksum(u *objects.Upload) (value string, given bool, err error) {
	for name, values := range c.r.Header {
		algorithm := algorithmOf(name)
		if algorithm == "" {
			continue
		}
		if algorithm != u.Algorithm || len(values) != 1 {
			return "", false, fail("BadDigest", http.StatusBadRequest, "The upload was created using the checksum algorithm %q, and the complete request names %s.", u.Algorithm, algorithm)
		}
		value, given = values[0], true
	}
	return value, given, nil
}

// readPlainXML is readXML for a body whose checksum headers mean another thing.
func (c *call) readPlainXML(into any) error {
	for name := range c.r.Header {
		if algorithmOf(name) != "" {
			c.r.Header.Del(name)
		}
	}
	return c.readXML(into)
}

// choose finds the parts that the client names, and refuses what does not fit.
func (c *call) choose(u *objects.Upload, named []namedPart) ([]objects.Part, error) {
	stored, err := c.dir.Parts(u)
	if err != nil {
		return nil, err
	}
	byNumber := map[int]objects.Part{}
	for _, p := range stored {
		byNumber[p.Number] = p
	}
	if len(named) == 0 || len(named) > maxParts {
		return nil, fail("MalformedXML", http.StatusBadRequest, "The XML you provided was not well-formed or did not validate against our published schema")
	}
	var parts []objects.Part
	var total int64
	for i, n := range named {
		if i > 0 && n.PartNumber <= named[i-1].PartNumber {
			return nil, fail("InvalidPartOrder", http.StatusBadRequest, "The list of parts was not in ascending order. Parts must be ordered by part number.")
		}
		p, ok := byNumber[n.PartNumber]
		if !ok || strings.Trim(n.ETag, `"`) != p.ETag || !n.agree(p.Checksum) {
			return nil, fail("InvalidPart", http.StatusBadRequest, "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.")
		}
		if p.Size < minPart && i < len(named)-1 {
			return nil, fail("EntityTooSmall", http.StatusBadRequest, "Your proposed upload is smaller than the minimum allowed size: part %d has %d bytes, less than %d", p.Number, p.Size, minPart)
		}
		total += p.Size
		parts = append(parts, p)
	}
	if total > c.s.config.MaxObject {
		return nil, tooLarge(c.s.config.MaxObject)
	}
	return parts, nil
}

// ofParts is the ETag and the checksum of an object made of parts.
func ofParts(u *objects.Upload, parts []objects.Part, whole hash.Hash) (string, objects.Checksum) {
	suffix := "-" + strconv.Itoa(len(parts))
	digest := md5.New() //nolint:gosec // S3's ETag
	for _, p := range parts {
		sum, _ := hex.DecodeString(p.ETag) // written by this package
		digest.Write(sum)
	}
	etag := hex.EncodeToString(digest.Sum(nil)) + suffix
	switch {
	case u.Algorithm == "":
		return etag, objects.Checksum{}
	case whole != nil:
		return etag, objects.Checksum{Algorithm: u.Algorithm, Value: base64.StdEncoding.EncodeToString(whole.Sum(nil))}
	}
	sums := algorithms[u.Algorithm]()
	for _, p := range parts {
		sum, _ := base64.StdEncoding.DecodeString(p.Checksum.Value) // as above
		sums.Write(sum)
	}
	return etag, objects.Checksum{Algorithm: u.Algorithm, Value: base64.StdEncoding.EncodeToString(sums.Sum(nil)) + suffix}
}

// patience keeps a client waiting while a large object is put together: after
// a while the reply begins, with white space before its XML. An error then
// comes with status 200, for which S3's clients look.
type patience struct {
	c    *call
	last time.Time // of the last sign
}

// signEvery is how often a waiting client gets a sign.
const signEvery = 10 * time.Second

func (p *patience) sign() {
	if time.Since(p.last) < signEvery {
		return
	}
	p.last = time.Now()
	if !p.c.begun {
		p.c.w.Header().Set("Content-Type", "application/xml")
		p.c.begin(http.StatusOK)
		_, _ = io.WriteString(p.c.w, xml.Header)
	}
	p.c.extend(p.c.control.SetWriteDeadline)
	_, _ = io.WriteString(p.c.w, " ") // a client that went away is found out at the end
	_ = p.c.control.Flush()
}

func (p *patience) finish(info objects.Info, err error) error {
	c := p.c
	if err != nil && !c.begun {
		return err
	}
	var reply any
	if err != nil {
		reply = c.xmlError(judge(err))
	} else {
		reply = &struct {
			XMLName  xml.Name `xml:"CompleteMultipartUploadResult"`
			Xmlns    string   `xml:"xmlns,attr"`
			Location string
			Bucket   string
			Key      string
			ETag     string
			checksums
			ChecksumType string `xml:",omitempty"`
		}{
			Xmlns: namespace, Location: "http://" + c.r.Host + "/" + c.bucket + "/" + encodeURL(c.key), Bucket: c.bucket, Key: c.key,
			ETag: quoted(info.ETag), checksums: checksumsOf(info.Checksum), ChecksumType: typeOf(info.Checksum),
		}
	}
	if !c.begun {
		return c.sendXML(http.StatusOK, reply)
	}
	body, err := xml.Marshal(reply)
	if err != nil {
		return err
	}
	_, err = c.w.Write(body)
	return c.gone(err)
}

func typeOf(sum objects.Checksum) string {
	if sum.Algorithm == "" {
		return ""
	}
	return checksumType(sum)
}
