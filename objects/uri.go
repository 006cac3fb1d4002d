package objects

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/outcrop-ai/outcrop"
)

// MaxKeyBytes is how long an object's key may be, as in S3.
const MaxKeyBytes = 1024

const scheme = "s3://"

// ParseURI splits s3://bucket/key and checks both as S3 does. The key is
// taken literally, without percent-decoding, and must not be empty. Errors are
// ValidationExceptions that name the URI.
func ParseURI(uri string) (bucket, key string, err error) {
	bucket, key, err = ParsePrefix(uri)
	if err == nil && key == "" {
		err = outcrop.Errorf(codeInvalid, "%s names a bucket, but no object in it", Shown(uri))
	}
	return bucket, key, err
}

// ParsePrefix is [ParseURI] for the beginning of objects' URIs: the key may be
// empty.
func ParsePrefix(uri string) (bucket, key string, err error) {
	rest, ok := strings.CutPrefix(uri, scheme)
	if !ok {
		return "", "", outcrop.Errorf(codeInvalid, "%s is not an s3:// URI", Shown(uri))
	}
	bucket, key, _ = strings.Cut(rest, "/")
	if reason := badBucket(bucket); reason != "" {
		return "", "", outcrop.Errorf(codeInvalid, "%s: the bucket name %s", Shown(uri), reason)
	}
	if len(key) > MaxKeyBytes {
		return "", "", outcrop.Errorf(codeInvalid, "%s: the key has %d bytes, more than %d", Shown(uri), len(key), MaxKeyBytes)
	}
	if !utf8.ValidString(key) {
		return "", "", outcrop.Errorf(codeInvalid, "%s: the key is not valid UTF-8", Shown(uri))
	}
	return bucket, key, nil
}

// badBucket says what is wrong with a bucket's name, by S3's rules for
// general purpose buckets; "" when nothing is. The prefix amzn-s3-demo-, which
// S3 keeps for its documentation, is taken: copied commands should work here.
func badBucket(name string) string {
	if len(name) < 3 || len(name) > 63 {
		return "must have 3 to 63 characters"
	}
	for _, c := range []byte(name) {
		if !alphanumeric(c) && c != '-' && c != '.' {
			return "may only hold lower-case letters, digits, dots and hyphens"
		}
	}
	if !alphanumeric(name[0]) || !alphanumeric(name[len(name)-1]) {
		return "must begin and end with a letter or a digit"
	}
	if strings.Contains(name, "..") {
		return "must not hold two dots in a row"
	}
	if addr, err := netip.ParseAddr(name); err == nil && addr.Is4() {
		return "must not look like an IP address"
	}
	for _, prefix := range []string{"xn--", "sthree-"} {
		if strings.HasPrefix(name, prefix) {
			return "must not begin with " + prefix
		}
	}
	for _, suffix := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		if strings.HasSuffix(name, suffix) {
			return "must not end with " + suffix
		}
	}
	return ""
}

func alphanumeric(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

// Shown is a text from elsewhere, such as a URI, as a message may hold it: of
// 200 bytes at most, on one line, and without characters that would break a
// terminal.
func Shown(text string) string {
	const most = 200
	if len(text) > most {
		text = text[:most] + "…"
	}
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, text)
	return strings.ToValidUTF8(clean, "?")
}
