package server_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	bedrockapi "github.com/aws/aws-sdk-go-v2/service/bedrock"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"go.uber.org/goleak"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/server"
	"github.com/outcrop-ai/outcrop/sigv4"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	modelID  = "amazon.nova-lite-v1:0"
	testKey  = "AKIDEXAMPLE"
	testPass = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	tenant   = "team-a"
	account  = "123456789012"
	region   = "eu-central-1"
)

// running is a server on a loopback port.
type running struct {
	url  string
	stop func() error // ends Serve and returns what it returned
}

// start serves a configuration until the test ends. A zero Manager becomes one
// over an echo.
func start(t testing.TB, config server.Config) *running {
	t.Helper()
	if config.Manager == nil {
		config.Manager = manager(t, &echo{})
	}
	s, err := server.New(config)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	stopped := false
	r := &running{url: "http://" + l.Addr().String()}
	if config.TLS != nil {
		r.url = "https://" + l.Addr().String()
	}
	r.stop = func() error {
		stopped = true
		cancel()
		return <-served
	}
	t.Cleanup(func() {
		if !stopped {
			if err := r.stop(); err != nil {
				t.Errorf("Serve: %v", err)
			}
		}
	})
	return r
}

func manager(t testing.TB, b outcrop.Backend) *outcrop.Manager {
	t.Helper()
	m, err := outcrop.New(outcrop.Config{Backend: b})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// backend is a configuration whose back-end does as the function says, and
// echoes when it returns neither reply nor error.
func backend(t testing.TB, do func(context.Context, *outcrop.Call) (*outcrop.Reply, error)) server.Config {
	return server.Config{Manager: manager(t, &echo{do: do})}
}

// keyring knows one tenant with a key and a token.
func keyring(t testing.TB) *sigv4.Keyring {
	t.Helper()
	k := new(sigv4.Keyring)
	team, err := k.AddTenant(sigv4.Tenant{Name: tenant, Account: account})
	if err == nil {
		err = k.AddKey(team, testKey, testPass)
	}
	if err == nil {
		err = k.AddToken(team, "the-token-of-team-a")
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func credentials(key, secret string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: key, SecretAccessKey: secret}, nil
	})
}

// client is an HTTP client of its own, so that its connections end with the
// test.
func client(t testing.TB, transport *http.Transport) *http.Client {
	t.Helper()
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// runtimeClient is the AWS SDK's own, as anybody would make it.
func runtimeClient(t testing.TB, r *running, change ...func(*bedrockruntime.Options)) *bedrockruntime.Client {
	t.Helper()
	return bedrockruntime.New(bedrockruntime.Options{
		Region: region, BaseEndpoint: aws.String(r.url), RetryMaxAttempts: 1,
		Credentials: credentials(testKey, testPass), HTTPClient: client(t, &http.Transport{}),
	}, change...)
}

func controlClient(t testing.TB, r *running) *bedrockapi.Client {
	t.Helper()
	return bedrockapi.New(bedrockapi.Options{
		Region: region, BaseEndpoint: aws.String(r.url), RetryMaxAttempts: 1,
		Credentials: credentials(testKey, testPass), HTTPClient: client(t, &http.Transport{}),
	})
}

// answer is a reply that was read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// send sends a request without the SDK.
func send(t testing.TB, c *http.Client, method, url, body string, header map[string]string) answer {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}
