package s3server

import (
	"encoding/xml"
	"net/http"
)

func (c *call) deleteObject() error {
	if err := c.enter(); err != nil {
		return err
	}
	if err := c.dir.Delete(c.ctx, c.uri()); err != nil {
		return err
	}
	return c.sendNothing(http.StatusNoContent)
}

// maxDeletes is how many objects one request may delete.
const maxDeletes = 1000

// deleteObjects answers DeleteObjects.
func (c *call) deleteObjects() error {
	if err := c.enter(); err != nil {
		return err
	}
	var request struct {
		XMLName xml.Name `xml:"Delete"`
		Quiet   bool
		Object  []struct{ Key string }
	}
	if err := c.readXML(&request); err != nil {
		return err
	}
	if n := len(request.Object); n == 0 || n > maxDeletes {
		return fail("MalformedXML", http.StatusBadRequest, "The XML you provided was not well-formed or did not validate against our published schema")
	}
	type deleted struct{ Key string }
	type failed struct{ Key, Code, Message string }
	reply := struct {
		XMLName xml.Name `xml:"DeleteResult"`
		Xmlns   string   `xml:"xmlns,attr"`
		Deleted []deleted
		Error   []failed
	}{Xmlns: namespace}
	for _, o := range request.Object {
		err := c.dir.Delete(c.ctx, "s3://"+c.bucket+"/"+o.Key)
		switch {
		case err != nil:
			e := judge(err)
			reply.Error = append(reply.Error, failed{o.Key, e.code, e.message})
		case !request.Quiet:
			reply.Deleted = append(reply.Deleted, deleted{o.Key})
		}
	}
	return c.sendXML(http.StatusOK, &reply)
}
