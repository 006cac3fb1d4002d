package server_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/server"
)

// TestNewRefuses: what a configuration lacks is refused by name.
func TestNewRefuses(t *testing.T) {
	m := manager(t, &echo{})
	for _, tt := range []struct {
		name   string
		config server.Config
		want   string
	}{
		{"no manager", server.Config{}, "Config.Manager"},
		{"every address", server.Config{Manager: m, Addr: ":8777"}, "Config.Keys"},
		{"all of IPv4", server.Config{Manager: m, Addr: "0.0.0.0:8777"}, "Config.Keys"},
		{"all of IPv6", server.Config{Manager: m, Addr: "[::]:8777"}, "Config.Keys"},
		{"a network's address", server.Config{Manager: m, Addr: "192.168.1.7:80"}, "Config.Keys"},
		{"a name", server.Config{Manager: m, Addr: "outcrop.example:80"}, "Config.Keys"},
		{"a name that begins so", server.Config{Manager: m, Addr: "localhost.example:80"}, "Config.Keys"},
		{"no port", server.Config{Manager: m, Addr: "127.0.0.1"}, "Config.Addr"},
		{"no certificate", server.Config{Manager: m, TLS: &tls.Config{}}, "Config.TLS"},
		{"a negative body", server.Config{Manager: m, Limits: server.Limits{MaxBody: -1}}, "Config.MaxBody"},
		{"a negative header", server.Config{Manager: m, Limits: server.Limits{MaxHeader: -1}}, "Config.MaxHeader"},
		{"negative streams", server.Config{Manager: m, Limits: server.Limits{MaxStreams: -1}}, "Config.MaxStreams"},
		{"a mount without a handler", server.Config{Manager: m, Mounts: []server.Mount{{Name: "ui", Path: "/"}}}, `Mount "ui"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := server.New(tt.config); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
	for _, addr := range []string{"", "127.0.0.1:0", "localhost:80", "[::1]:80", "127.8.8.8:1"} {
		if _, err := server.New(server.Config{Manager: m, Addr: addr}); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if _, err := server.New(server.Config{Manager: m, Addr: ":80", Keys: keyring(t)}); err != nil {
		t.Errorf("every address, with keys: %v", err)
	}
}

// listener says that it is on another address than it is.
type listener struct {
	net.Listener
	addr net.Addr
}

func (l listener) Addr() net.Addr { return l.addr }

// TestServeRefuses: a listener on another kind of address than Config.Addr is
// refused, and closed.
func TestServeRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config server.Config
		addr   net.IP
		want   string
	}{
		{"open to the network", server.Config{}, net.IPv4(10, 0, 0, 1), "Config.Keys"},
		{"keys, yet guarded as local", server.Config{Keys: keyring(t)}, net.IPv4zero, "Config.Addr"},
		{"keys, not guarded as local", server.Config{Keys: keyring(t), Addr: ":80"}, net.IPv4(127, 0, 0, 1), "Config.Addr"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.config.Manager = manager(t, &echo{})
			s, err := server.New(tt.config)
			if err != nil {
				t.Fatal(err)
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Serve(t.Context(), listener{l, &net.TCPAddr{IP: tt.addr}}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %s", err, tt.want)
			}
			if err := l.Close(); err == nil {
				t.Error("the listener was left open")
			}
		})
	}
}

// TestGuardAllows: the names under which a local server is reached pass, and
// so does its own page; on a network address with keys every name passes.
func TestGuardAllows(t *testing.T) {
	local := server.Config{Manager: manager(t, &echo{}), AllowedHosts: []string{"outcrop.internal"}}
	network := server.Config{Manager: local.Manager, Addr: "0.0.0.0:443", Keys: keyring(t)}
	for _, tt := range []struct {
		config       server.Config
		host, origin string
	}{
		{local, "127.0.0.1:8777", ""},
		{local, "localhost:8777", "http://localhost:8777"},
		{local, "LocalHost", "http://localhost"},
		{local, "localhost.:1", ""},
		{local, "[::1]:8777", "http://[::1]:8777"},
		{local, "bucket.s3.localhost:8777", ""},
		{local, "Outcrop.internal:1", ""},
		{local, "outcrop.internal", "http://outcrop.internal"},
		{local, "outcrop.internal", "https://outcrop.internal"}, // a proxy speaks TLS
		{network, "bedrock.example", ""},
	} {
		s, err := server.New(tt.config)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/healthz", nil)
		r.Host = tt.host
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Errorf("%s from %q: %d %s", tt.host, tt.origin, w.Code, w.Body)
		}
	}
}

// TestHandlerElsewhere: an open handler that somebody serves on a network's
// address refuses.
func TestHandlerElsewhere(t *testing.T) {
	s, err := server.New(server.Config{Manager: manager(t, &echo{})})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewUnstartedServer(s.Handler())
	ts.Listener.Close()
	ts.Listener = elsewhere{l}
	ts.Start()
	defer ts.Close()
	c := client(t, &http.Transport{})
	checkRefused(t, send(t, c, http.MethodGet, "http://"+l.Addr().String()+"/healthz", "", nil), 403, "AccessDeniedException", "no keys")
}

// elsewhere is a listener whose connections seem to have come over a network.
type elsewhere struct{ net.Listener }

func (l elsewhere) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return conn{c}, err
}

type conn struct{ net.Conn }

func (conn) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 168, 0, 2), Port: 8777} }
