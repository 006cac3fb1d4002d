package clients_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// certificate writes a self-signed certificate for 127.0.0.1 and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "outcrop tests"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	public, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: public}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
}

// TestTLS: the same over TLS, with HTTP/2 and with HTTP/1.1. The Anthropic SDK
// and the Vercel AI SDK use fetch, LangChain the AWS SDK.
func TestTLS(t *testing.T) {
	t.Parallel()
	need(t, "")
	cert, key := certificate(t)
	s := serveKeys(t, "--tls-cert", cert, "--tls-key", key)
	want := expected(t)
	trust := env{"AWS_CA_BUNDLE": cert, "NODE_EXTRA_CA_CERTS": cert}
	clients := map[string]func(*testing.T) *program{}
	for _, c := range sdks {
		clients[c.name] = func(t *testing.T) *program { return c.start(t, trust) }
	}
	for _, f := range frameworks {
		clients[f.name] = func(t *testing.T) *program { return node(t, f.script, trust) }
	}
	for name, start := range clients {
		t.Run(name, func(t *testing.T) {
			p := start(t)
			p.configure(t, signed(s.url))
			for _, ask := range []string{"converse", "converseStream"} {
				r := result[reply](t, p, ask, params{"modelId": profileARN, "words": question})
				if r.Text != textOf(want) {
					t.Errorf("%s: %q; the library says %q", ask, r.Text, textOf(want))
				}
			}
		})
	}
}
