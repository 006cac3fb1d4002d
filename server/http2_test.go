package server_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
	"github.com/outcrop-ai/outcrop/server"
)

const converseBody = `{"messages":[{"role":"user","content":[{"text":"to be or not"}]}]}`

var jsonHeader = map[string]string{"Content-Type": "application/json"}

// TestProtocols: HTTP/1.1, HTTP/2 without TLS and with prior knowledge, and
// both over TLS, are answered alike; the first two on the same port.
func TestProtocols(t *testing.T) {
	certificate, pool := selfSigned(t)
	plain := start(t, server.Config{})
	secure := start(t, server.Config{TLS: &tls.Config{Certificates: []tls.Certificate{certificate}}})
	for _, tt := range []struct {
		name  string
		on    *running
		major int
		set   func(*http.Protocols)
	}{
		{"h1", plain, 1, func(p *http.Protocols) { p.SetHTTP1(true) }},
		{"h2c", plain, 2, func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }},
		{"h1 over TLS", secure, 1, func(p *http.Protocols) { p.SetHTTP1(true) }},
		{"h2 over TLS", secure, 2, func(p *http.Protocols) { p.SetHTTP2(true) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var protocols http.Protocols
			tt.set(&protocols)
			c := client(t, &http.Transport{Protocols: &protocols, TLSClientConfig: &tls.Config{RootCAs: pool}})
			for _, path := range []string{"/model/amazon.nova-lite-v1:0/converse", "/model/amazon.nova-lite-v1%3A0/converse"} {
				a := send(t, c, http.MethodPost, tt.on.url+path, converseBody, jsonHeader)
				if a.status != 200 || !strings.Contains(a.body, `"text":"to be or not"`) {
					t.Errorf("%s: %d %s", path, a.status, a.body)
				}
			}
			resp, err := c.Post(tt.on.url+"/model/m/converse-stream", "application/json", strings.NewReader(converseBody))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.ProtoMajor != tt.major || resp.Header.Get("Content-Type") != eventstream.ContentType {
				t.Errorf("%s, %s", resp.Proto, resp.Header.Get("Content-Type"))
			}
			if got := eventTypes(t, resp.Body); got != "messageStart contentBlockDelta contentBlockDelta contentBlockDelta contentBlockDelta contentBlockStop messageStop metadata" {
				t.Errorf("events %s", got)
			}
		})
	}
}

// eventTypes reads a stream to its end and names its events, and exceptions
// with an exclamation mark.
func eventTypes(t testing.TB, r io.Reader) string {
	t.Helper()
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	d := eventstream.NewDecoder(bytes.NewReader(raw))
	for {
		m, err := d.Next()
		if err == io.EOF {
			return strings.Join(names, " ")
		}
		if err != nil {
			t.Fatal(err)
		}
		if name := m.ExceptionType(); name != nil {
			names = append(names, "!"+string(name))
			continue
		}
		names = append(names, string(m.EventType()))
	}
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "outcrop test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

// TestLongBodyRefused: over HTTP/2 an error comes when the client has sent its
// body, however little of it counts. Node's client misses one that comes before.
func TestLongBodyRefused(t *testing.T) {
	config := server.Config{}
	config.MaxBody = 2 << 20
	open := start(t, config)
	config.Keys = keyring(t)
	keyed := start(t, config)
	var h2c http.Protocols
	h2c.SetUnencryptedHTTP2(true)
	c := client(t, &http.Transport{Protocols: &h2c})
	for _, tt := range []struct {
		name   string
		url    string
		status int
		code   string
	}{
		{"too large", open.url + "/model/m/converse", 413, "RequestEntityTooLargeException"},
		{"no such operation", open.url + "/model/m/guess", 404, "UnknownOperationException"},
		{"of nobody", keyed.url + "/model/m/converse", 403, "MissingAuthenticationTokenException"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := strings.NewReader(strings.Repeat(" ", 6<<20))
			req, err := http.NewRequest(http.MethodPost, tt.url, io.NopCloser(body))
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = body.Size()
			req.Header.Set("Content-Type", "application/json")
			resp, err := c.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != tt.status || resp.Header.Get("X-Amzn-Errortype") != tt.code {
				t.Errorf("%d %s, want %d %s", resp.StatusCode, resp.Header.Get("X-Amzn-Errortype"), tt.status, tt.code)
			}
			if body.Len() > 0 {
				t.Errorf("the reply came with %d bytes to send", body.Len())
			}
		})
	}
}
