package upstream_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/upstream"
)

func TestCleanCode(t *testing.T) {
	for code, want := range map[string]string{
		"ThrottlingException":                                                "ThrottlingException",
		"com.amazon.coral.validate#ValidationException":                      "ValidationException",
		"AccessDeniedException:http://internal.amazon.com/coral/com.amazon/": "AccessDeniedException",
		" ModelErrorException ":                                              "ModelErrorException",
		"two words":                                                          "", "": "", "line\nbreak": "",
	} {
		if got := upstream.CleanCode(code); got != want {
			t.Errorf("%q: %q, want %q", code, got, want)
		}
	}
}

func FuzzCleanCode(f *testing.F) {
	f.Add("a#b:c")
	f.Fuzz(func(t *testing.T, code string) {
		clean := upstream.CleanCode(code)
		if len(clean) > 128 || upstream.CleanCode(clean) != clean {
			t.Errorf("%q became %q", code, clean)
		}
	})
}

func TestCodeOfStatus(t *testing.T) {
	for status, want := range map[int]string{
		301: bedrock.CodeServiceUnavailable, 400: bedrock.CodeValidation, 403: bedrock.CodeAccessDenied, 407: bedrock.CodeAccessDenied,
		409: bedrock.CodeConflict, 418: bedrock.CodeValidation, 424: bedrock.CodeModelError, 429: bedrock.CodeThrottling,
		500: bedrock.CodeInternalServer, 502: bedrock.CodeServiceUnavailable, 599: bedrock.CodeInternalServer,
	} {
		if got := upstream.CodeOfStatus(status); got != want {
			t.Errorf("%d: %s, want %s", status, got, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "99999999999": time.Hour, "Wed, 21 Oct 2015 07:28:00 GMT": 0,
	} {
		if got := upstream.RetryAfter(value); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestTrouble(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: errors.New("refused")}
	for want, err := range map[string]error{
		"cannot be reached":           fmt.Errorf("x: %w", dial),
		"cannot be found":             &net.DNSError{Err: "no such host"},
		"cut the connection":          io.ErrUnexpectedEOF,
		"did not answer as it should": errors.New("nonsense"),
	} {
		if got := upstream.Trouble(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
	if e := upstream.Untrusted("host", dial); e != nil {
		t.Errorf("no certificate: %v", e)
	}
}
