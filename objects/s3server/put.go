package s3server

import (
	"maps"
	"net/http"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/objects"
)

// maxMetadata is how many bytes the names and values of a user's metadata may
// have, as in S3.
const maxMetadata = 2 << 10

// putObject answers PutObject, and CopyObject when there is a source.
func (c *call) putObject() error {
	if c.r.Header.Get("X-Amz-Copy-Source") != "" {
		return c.copyObject()
	}
	if err := c.enter(); err != nil {
		return err
	}
	attributes, err := c.attributes()
	if err != nil {
		return err
	}
	condition, err := c.condition()
	if err != nil {
		return err
	}
	if err := c.early(condition); err != nil {
		return err
	}
	w, err := c.writer()
	if err != nil {
		return err
	}
	defer w.Close()
	body, err := c.receive(w, c.s.config.MaxObject, "")
	if err != nil {
		return err
	}
	attributes.ETag, attributes.Checksum = body.etag, body.checksum
	info, err := w.CommitAs(attributes, condition)
	if err != nil {
		return err
	}
	header := c.w.Header()
	header.Set("Etag", quoted(info.ETag))
	showChecksum(header, info.Checksum)
	return c.sendNothing(http.StatusOK)
}

// writer begins the request's object.
func (c *call) writer() (*objects.Writer, error) {
	if len(c.key) > objects.MaxKeyBytes {
		return nil, fail("KeyTooLongError", http.StatusBadRequest, "Your key is too long: it has %d bytes, more than %d", len(c.key), objects.MaxKeyBytes)
	}
	return c.dir.NewWriter(c.ctx, c.uri())
}

// early refuses, before the body is sent, what would be refused after it.
func (c *call) early(condition objects.Condition) error {
	if condition == (objects.Condition{}) {
		return nil
	}
	file, info, err := c.dir.OpenFile(c.ctx, c.uri())
	if err != nil {
		if condition.Absent && outcrop.AsError(err).Code == bedrock.CodeResourceNotFound {
			return nil
		}
		return err
	}
	file.Close()
	if condition.Absent || condition.ETag != info.ETag {
		return objects.ErrPrecondition
	}
	return nil
}

// condition reads If-None-Match and If-Match of a request that writes.
func (c *call) condition() (objects.Condition, error) {
	absent, etag := c.r.Header.Get("If-None-Match"), c.r.Header.Get("If-Match")
	switch {
	case absent == "" && etag == "":
		return objects.Condition{}, nil
	case absent == "*" && etag == "":
		return objects.Condition{Absent: true}, nil
	case absent == "" && etag != "*" && !strings.Contains(etag, ","):
		return objects.Condition{ETag: strings.Trim(etag, `"`)}, nil
	}
	return objects.Condition{}, notImplemented("this If-Match or If-None-Match: writing takes If-None-Match: * or the If-Match of one ETag")
}

// attributes reads the headers that an object keeps.
func (c *call) attributes() (objects.Attributes, error) {
	a := objects.Attributes{Header: map[string]string{}, Metadata: map[string]string{}}
	for name := range kept {
		value := c.r.Header.Get(name)
		if name == "Content-Encoding" {
			value = withoutChunks(value)
		}
		if value != "" {
			a.Header[name] = value
		}
	}
	size := 0
	for name, values := range c.r.Header {
		user, ok := strings.CutPrefix(name, metadataPrefix)
		if !ok {
			continue
		}
		value := strings.Join(values, ",")
		a.Metadata[strings.ToLower(user)] = value
		size += len(user) + len(value)
	}
	if size > maxMetadata {
		return a, fail("MetadataTooLarge", http.StatusBadRequest, "Your metadata headers exceed the maximum allowed metadata size of %d bytes", maxMetadata)
	}
	return a, nil
}

// withoutChunks leaves out of a Content-Encoding what was about the transfer.
func withoutChunks(encoding string) string {
	var rest []string
	for part := range strings.SplitSeq(encoding, ",") {
		if part = strings.TrimSpace(part); part != "" && part != "aws-chunked" {
			rest = append(rest, part)
		}
	}
	return strings.Join(rest, ",")
}

// inherit is the attributes of a copy: the source's, or the request's own when
// it says REPLACE.
func (c *call) inherit(source *objects.Info) (objects.Attributes, error) {
	switch directive := c.r.Header.Get("X-Amz-Metadata-Directive"); directive {
	case "", "COPY":
		return objects.Attributes{Header: maps.Clone(source.Header), Metadata: maps.Clone(source.Metadata)}, nil
	case "REPLACE":
		return c.attributes()
	default:
		return objects.Attributes{}, invalid("Unknown metadata directive.")
	}
}
