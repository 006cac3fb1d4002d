package server

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// guard keeps web pages away from a server on a loopback address. A page that
// a user visits can make the browser send requests to 127.0.0.1, and with DNS
// rebinding under a name of the page's own, so that it may read the replies.
// Such requests carry a foreign Origin or a foreign Host.
//
// On other addresses signatures protect: a browser has no keys.
type guard struct {
	loopback bool // the configured address is one
	open     bool // there are no keys
	allowed  map[string]bool
}

func newGuard(c *Config) guard {
	host, _, _ := net.SplitHostPort(c.Addr)
	g := guard{loopback: isLoopbackHost(host), open: c.Keys == nil, allowed: map[string]bool{}}
	for _, name := range c.AllowedHosts {
		g.allowed[strings.ToLower(name)] = true
	}
	return g
}

func (g *guard) check(r *http.Request) error {
	if !g.loopback {
		return nil
	}
	if g.open && !overLoopback(r) {
		return outcrop.Errorf(bedrock.CodeAccessDenied, "This server has no keys and answers on loopback addresses only.")
	}
	host := hostOf(r.Host)
	named := g.allowed[strings.ToLower(host)]
	if !isLoopbackHost(host) && !named {
		return outcrop.Errorf(bedrock.CodeAccessDenied, "The Host header %s is not a name of this server. A local server is reached as localhost or 127.0.0.1; further names are a setting, AllowedHosts.", quote(r.Host))
	}
	if origin, sent := r.Header["Origin"]; sent && !sameOrigin(origin, r, named) {
		return outcrop.Errorf(bedrock.CodeAccessDenied, "The Origin header %s is foreign. Web pages of other origins may not use this server.", quote(strings.Join(origin, ", ")))
	}
	return nil
}

// sameOrigin tells whether the page that asks came from this server. Under a name
// that was given to it, a proxy may speak TLS in front of it.
func sameOrigin(origin []string, r *http.Request, proxied bool) bool {
	if len(origin) != 1 {
		return false
	}
	if proxied && strings.EqualFold(origin[0], "https://"+r.Host) {
		return true
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return strings.EqualFold(origin[0], scheme+r.Host)
}

// overLoopback tells whether a request came over a loopback address, or over
// no network at all. Where the server does not say, as in a test, it did.
func overLoopback(r *http.Request) bool {
	addr, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return addr == nil || isLoopback(addr)
}

func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}

// isLoopbackHost tells whether a host, without a port, is a loopback address
// or a name that always means one (RFC 6761, section 6.3).
func isLoopbackHost(host string) bool {
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return addr.Unmap().IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// hostOf is a Host header without its port.
func hostOf(host string) string {
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		return host[:i]
	}
	return host
}

// quote shortens and cleans what came from the client and is shown again.
func quote(s string) string {
	const longest = 100
	if len(s) > longest {
		s = s[:longest] + "…"
	}
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return "'" + clean + "'"
}
