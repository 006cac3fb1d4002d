package upstream

import (
	"net/netip"
	"strings"
)

// Loopback tells whether a host, without a port, is a loopback address, or a
// name that always means one (RFC 6761, section 6.3).
func Loopback(host string) bool {
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return addr.Unmap().IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

const hexDigits = "0123456789ABCDEF"

// WriteLabel writes a label as one segment of a path, escaped as AWS's clients
// do: everything but the unreserved characters of RFC 3986.
func WriteLabel(b *strings.Builder, label string) {
	for i := range len(label) {
		c := label[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~' {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&15]})
		}
	}
}
