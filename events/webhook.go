package events

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// SignatureHeader holds the signature of a webhook's body: t=SECONDS,v1=HEX,
// where SECONDS is the Unix time of the delivery and HEX the HMAC-SHA256, by the
// shared secret, of SECONDS, a dot and the body.
const SignatureHeader = "Outcrop-Signature"

// Webhook says where events are posted. URL is required.
type Webhook struct {
	URL    string
	Bearer string // sent as a bearer token
	Secret string // signs the body

	Transport http.RoundTripper // nil is one of its own
	Now       func() time.Time  // nil is time.Now
}

// NewWebhook makes a target of an HTTP server. Only a status of 2xx says that an
// event was taken; redirects are not followed.
func NewWebhook(c Webhook) Target {
	if c.Transport == nil {
		c.Transport = newTransport()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &webhook{c, &http.Client{Transport: c.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func newTransport() *http.Transport {
	return &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute}
}

type webhook struct {
	Webhook
	client *http.Client
}

func (w *webhook) Deliver(ctx context.Context, _ *Event, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("the webhook's URL cannot be used")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "outcrop")
	if w.Bearer != "" {
		r.Header.Set("Authorization", "Bearer "+w.Bearer)
	}
	if w.Secret != "" {
		r.Header.Set(SignatureHeader, Sign(w.Secret, w.Now(), body))
	}
	_, err = send(w.client, r)
	return err
}

func (w *webhook) Close() error {
	w.client.CloseIdleConnections()
	return nil
}

// Sign is the value of SignatureHeader.
func Sign(secret string, at time.Time, body []byte) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 64 << 10

// send sends a request, and returns the answer's beginning. URLs may hold
// secrets, so errors tell none.
func send(client *http.Client, r *http.Request) ([]byte, error) {
	response, err := client.Do(r)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if response.StatusCode/100 != 2 {
		return answer, fmt.Errorf("%s answered %s", r.URL.Host, response.Status)
	}
	return answer, err
}
