package s3server

import (
	"encoding/xml"
	"errors"
	"net/http"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/objects"
)

// defaultRegion is where S3 says nothing of a bucket's place, and where making
// a bucket of one's own again is no error.
const defaultRegion = "us-east-1"

// admit finds a bucket and refuses who may not use it.
func (c *call) admit(name, expectedOwner string) (objects.Bucket, error) {
	b, err := c.dir.FindBucket(c.ctx, name)
	if err != nil {
		switch outcrop.AsError(err).Code {
		case bedrock.CodeResourceNotFound, bedrock.CodeValidation: // no bucket has such a name
			return b, fail("NoSuchBucket", http.StatusNotFound, "The specified bucket does not exist")
		}
		return b, err
	}
	if b.Admit(c.account, expectedOwner) != nil {
		return b, fail("AccessDenied", http.StatusForbidden, "Access Denied")
	}
	return b, nil
}

// enter is admit for the request's own bucket.
func (c *call) enter() error {
	_, err := c.admit(c.bucket, c.r.Header.Get("X-Amz-Expected-Bucket-Owner"))
	return err
}

type owner struct {
	ID          string
	DisplayName string `xml:",omitempty"`
}

func (c *call) listBuckets() error {
	type entry struct {
		Name         string
		CreationDate string
	}
	reply := struct {
		XMLName xml.Name `xml:"ListAllMyBucketsResult"`
		Xmlns   string   `xml:"xmlns,attr"`
		Owner   owner
		Buckets struct {
			Bucket []entry
		}
	}{Xmlns: namespace, Owner: owner{ID: c.account}}
	buckets, err := c.dir.Buckets(c.ctx)
	if err != nil {
		return err
	}
	for _, b := range buckets {
		if b.Admit(c.account, "") == nil {
			reply.Buckets.Bucket = append(reply.Buckets.Bucket, entry{b.Name, iso(b.Created)})
		}
	}
	return c.sendXML(http.StatusOK, &reply)
}

func (c *call) createBucket() error {
	if c.r.ContentLength != 0 {
		var settings struct {
			XMLName xml.Name `xml:"CreateBucketConfiguration"`
		}
		if err := c.readXML(&settings); err != nil {
			return err
		}
	}
	err := c.dir.MakeBucket(c.ctx, objects.Bucket{Name: c.bucket, Owner: c.account, Created: c.s.config.Now().UTC()})
	switch {
	case errors.Is(err, objects.ErrBucketExists):
		b, finding := c.dir.FindBucket(c.ctx, c.bucket)
		if finding == nil && b.Admit(c.account, "") != nil {
			return fail("BucketAlreadyExists", http.StatusConflict, "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Select a different name and try again.")
		}
		if c.signedFor != defaultRegion {
			return fail("BucketAlreadyOwnedByYou", http.StatusConflict, "Your previous request to create the named bucket succeeded and you already own it.")
		}
	case err != nil && outcrop.AsError(err).Code == bedrock.CodeValidation:
		return fail("InvalidBucketName", http.StatusBadRequest, "The specified bucket is not valid: %s", outcrop.AsError(err).Message)
	case err != nil:
		return err
	}
	c.w.Header().Set("Location", "/"+c.bucket)
	return c.sendNothing(http.StatusOK)
}

func (c *call) headBucket() error {
	if err := c.enter(); err != nil {
		return err
	}
	c.w.Header().Set("X-Amz-Bucket-Region", c.signedFor)
	return c.sendNothing(http.StatusOK)
}

func (c *call) deleteBucket() error {
	if err := c.enter(); err != nil {
		return err
	}
	if err := c.dir.RemoveBucket(c.ctx, c.bucket); err != nil {
		return err
	}
	uploads, err := c.dir.Uploads(c.ctx, c.bucket)
	for i := range uploads {
		if err == nil {
			err = c.dir.AbortUpload(&uploads[i])
		}
	}
	if err != nil {
		return err
	}
	return c.sendNothing(http.StatusNoContent)
}

// location answers with the Region that the client signed for: buckets here
// are in every Region.
func (c *call) location() error {
	if err := c.enter(); err != nil {
		return err
	}
	reply := struct {
		XMLName xml.Name `xml:"LocationConstraint"`
		Xmlns   string   `xml:"xmlns,attr"`
		Region  string   `xml:",chardata"`
	}{Xmlns: namespace}
	if c.signedFor != defaultRegion {
		reply.Region = c.signedFor
	}
	return c.sendXML(http.StatusOK, &reply)
}

func (c *call) versioning() error {
	if err := c.enter(); err != nil {
		return err
	}
	return c.sendXML(http.StatusOK, &struct {
		XMLName xml.Name `xml:"VersioningConfiguration"`
		Xmlns   string   `xml:"xmlns,attr"`
	}{Xmlns: namespace})
}
