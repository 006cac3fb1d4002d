package events

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Signer completes a request to AWS whose body is given: it knows the
// credentials. Package backend/amazon has one.
type Signer func(ctx context.Context, r *http.Request, body []byte, service, region string) error

// SNS says which topic is published to. TopicARN and Sign are required.
type SNS struct {
	TopicARN string
	Sign     Signer
	Endpoint string // URL of the service, where it is not AWS's own

	Transport http.RoundTripper // nil is one of its own
}

// NewSNS makes a target of a topic of Amazon SNS, by the service's query API
// (Publish, version 2010-03-31). On a FIFO topic a job is a message group, and
// the event's id keeps repeats out.
func NewSNS(c SNS) (Target, error) {
	parts := strings.SplitN(c.TopicARN, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "sns" || parts[3] == "" || parts[5] == "" {
		return nil, fmt.Errorf("%q is not the ARN of a topic, such as arn:aws:sns:us-east-1:123456789012:jobs", c.TopicARN)
	}
	if c.Endpoint == "" {
		domain := "amazonaws.com"
		if parts[1] == "aws-cn" {
			domain = "amazonaws.com.cn"
		}
		c.Endpoint = "https://sns." + parts[3] + "." + domain + "/"
	}
	if c.Transport == nil {
		c.Transport = newTransport()
	}
	return &topic{SNS: c, region: parts[3], client: &http.Client{Transport: c.Transport}}, nil
}

type topic struct {
	SNS
	region string
	client *http.Client
}

func (t *topic) Deliver(ctx context.Context, e *Event, body []byte) error {
	form := url.Values{
		"Action": {"Publish"}, "Version": {"2010-03-31"}, "TopicArn": {t.TopicARN},
		"Subject": {e.DetailType}, "Message": {string(body)},
	}
	if strings.HasSuffix(t.TopicARN, ".fifo") {
		form.Set("MessageGroupId", e.Detail.BatchJobARN[strings.LastIndexByte(e.Detail.BatchJobARN, '/')+1:])
		form.Set("MessageDeduplicationId", e.ID)
	}
	text := []byte(form.Encode())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.Endpoint, bytes.NewReader(text))
	if err != nil {
		return errors.New("the endpoint of SNS cannot be used")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if err := t.Sign(ctx, r, text, "sns", t.region); err != nil {
		return err
	}
	answer, err := send(t.client, r)
	if err == nil {
		return nil
	}
	var said struct {
		Code    string `xml:"Error>Code"`
		Message string `xml:"Error>Message"`
	}
	if xml.Unmarshal(answer, &said) == nil && said.Code != "" {
		return fmt.Errorf("%w: %s: %s", err, said.Code, said.Message)
	}
	return err
}

func (t *topic) Close() error {
	t.client.CloseIdleConnections()
	return nil
}
