package amazon

import (
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// newTransport makes the connections' pool. It begins with the SDK's, because
// that has the certificates of AWS_CA_BUNDLE and of the profile's ca_bundle.
//
// The time to an answer and between frames is not limited here: it differs by
// operation, and HTTP/2 knows no limit between frames. See watch.
func newTransport(loaded aws.Config, limits Limits) *http.Transport {
	t := awshttp.NewBuildableClient().GetTransport()
	if client, ok := loaded.HTTPClient.(*awshttp.BuildableClient); ok {
		t = client.GetTransport()
	}
	dialer := &net.Dialer{Timeout: max(limits.Dial, 0), KeepAlive: 15 * time.Second}
	t.DialContext = dialer.DialContext
	t.TLSHandshakeTimeout = max(limits.TLS, 0)
	t.ForceAttemptHTTP2 = true
	// Go asks for gzip on its own account otherwise, and unpacks what comes.
	t.DisableCompression = true
	// There is one host. Go's default of two idle connections would close the
	// others after every burst.
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 512, 512
	t.IdleConnTimeout = 90 * time.Second
	// A connection whose other end is gone is noticed while nobody writes.
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second}
	t.WriteBufferSize, t.ReadBufferSize = 8<<10, 8<<10
	return t
}
