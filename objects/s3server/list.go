package s3server

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/outcrop-ai/outcrop/objects"
)

// maxKeys is the most that one page of a list holds.
const maxKeys = 1000

type listedObject struct {
	Key          string
	LastModified string
	ETag         string
	Size         int64
	StorageClass string
	Owner        *owner `xml:",omitempty"`
}

type prefix struct{ Prefix string }

type listing struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	Xmlns                 string   `xml:"xmlns,attr"`
	Name                  string
	Prefix                string
	Marker                *string `xml:",omitempty"`
	NextMarker            string  `xml:",omitempty"`
	ContinuationToken     string  `xml:",omitempty"`
	NextContinuationToken string  `xml:",omitempty"`
	StartAfter            string  `xml:",omitempty"`
	KeyCount              *int    `xml:",omitempty"`
	MaxKeys               int
	Delimiter             string `xml:",omitempty"`
	EncodingType          string `xml:",omitempty"`
	IsTruncated           bool
	Contents              []listedObject
	CommonPrefixes        []prefix
}

// listObjects answers ListObjects and ListObjectsV2.
func (c *call) listObjects() error {
	if err := c.enter(); err != nil {
		return err
	}
	most, err := c.count("max-keys", maxKeys)
	if err != nil {
		return err
	}
	encode, err := c.encoding()
	if err != nil {
		return err
	}
	q := objects.Query{Bucket: c.bucket, Prefix: c.query.Get("prefix"), Delimiter: c.query.Get("delimiter")}
	reply := &listing{
		Xmlns: namespace, Name: c.bucket, Prefix: encode(q.Prefix), Delimiter: encode(q.Delimiter), MaxKeys: most,
		EncodingType: c.query.Get("encoding-type"),
	}
	second := false
	switch c.query.Get("list-type") {
	case "":
		q.After = c.query.Get("marker")
		marker := encode(q.After)
		reply.Marker = &marker
	case "2":
		second = true
		q.After = c.query.Get("start-after")
		reply.StartAfter = encode(q.After)
		if token := c.query.Get("continuation-token"); token != "" {
			reply.ContinuationToken = token
			if q.After, err = readToken(token); err != nil {
				return err
			}
		}
	default:
		return invalid("list-type must be 2.")
	}
	owned := !second || c.query.Get("fetch-owner") == "true"
	last, err := c.page(reply, q, most, owned, encode)
	if err != nil {
		return err
	}
	if second {
		n := len(reply.Contents) + len(reply.CommonPrefixes)
		reply.KeyCount = &n
	}
	if reply.IsTruncated && second {
		reply.NextContinuationToken = newToken(last)
	} else if reply.IsTruncated {
		reply.NextMarker = encode(last)
	}
	return c.sendXML(http.StatusOK, reply)
}

// page fills a page, and returns what stands last on it.
func (c *call) page(reply *listing, q objects.Query, most int, owned bool, encode func(string) string) (last string, err error) {
	if most == 0 {
		return "", nil
	}
	n := 0
	for e, err := range c.dir.Entries(c.ctx, q) {
		if err != nil {
			return "", err
		}
		if n == most {
			reply.IsTruncated = true
			break
		}
		n++
		last = e.Key
		if e.Prefix {
			reply.CommonPrefixes = append(reply.CommonPrefixes, prefix{encode(e.Key)})
			continue
		}
		o := listedObject{
			Key: encode(e.Key), LastModified: iso(e.Modified), ETag: quoted(c.dir.ETag(c.bucket, &e)),
			Size: e.Size, StorageClass: "STANDARD",
		}
		if owned {
			o.Owner = &owner{ID: c.account}
		}
		reply.Contents = append(reply.Contents, o)
	}
	return last, nil
}

// A token is the last key of the page before, in a form that nobody is tempted
// to make by hand.
func newToken(last string) string { return "1" + base64.RawURLEncoding.EncodeToString([]byte(last)) }

func readToken(token string) (after string, err error) {
	text, ok := strings.CutPrefix(token, "1")
	key, err := base64.RawURLEncoding.DecodeString(text)
	if !ok || err != nil || len(key) == 0 {
		return "", invalid("The continuation token provided is incorrect")
	}
	return string(key), nil
}

// count reads a number of the query, which bounds what is listed.
func (c *call) count(name string, most int) (int, error) {
	text := c.query.Get(name)
	if text == "" {
		return most, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, invalid("Provided %s not an integer or within integer range", name)
	}
	return min(n, most), nil
}

// encoding is how names are written into the XML. Names may hold characters
// that XML cannot, and clients that know it ask for URL encoding.
func (c *call) encoding() (func(string) string, error) {
	switch c.query.Get("encoding-type") {
	case "":
		return func(s string) string { return s }, nil
	case "url":
		return encodeURL, nil
	}
	return nil, invalid("Invalid Encoding Method specified in Request")
}

// encodeURL escapes a key for every kind of decoder: of spaces and of plus
// signs some make another thing than others.
func encodeURL(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(key), "+", "%20"), "%2F", "/")
}
