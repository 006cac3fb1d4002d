package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Serve answers requests on a listener, over HTTP/1.1 and over HTTP/2 without
// TLS on the same port; with Config.TLS over both by ALPN. It owns the
// listener, and closes it.
//
// When ctx ends, Serve stops: /readyz answers 503, after LameDuck the listener
// is closed, and requests under way may go on for DrainTimeout. Those that are left then get
// a ServiceUnavailableException, in band where a stream has begun, and
// CloseTimeout to take it, before their connections are closed.
//
// It returns nil after an orderly stop, an error that says how many requests
// were cut off otherwise, or why it could not serve. It runs once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if err := s.checkListener(l); err != nil {
		_ = l.Close()
		return err
	}
	requests, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	defer giveUp(nil)
	srv := s.httpServer(requests)
	if s.config.WriteStall >= 0 {
		l = &watchedListener{l, s.config.WriteStall}
		s.watched.Store(true)
	}
	ended := make(chan error, 1)
	go func() {
		if s.config.TLS != nil {
			ended <- srv.ServeTLS(l, "", "")
			return
		}
		ended <- srv.Serve(l)
	}()
	select {
	case err := <-ended:
		_ = srv.Close()
		return fmt.Errorf("server: %w", err)
	case <-ctx.Done():
	}
	err := s.drain(srv, giveUp)
	<-ended
	return err
}

// checkListener refuses a listener that Config.Addr was not about, since keys
// and the guard against web pages depend on it.
func (s *Server) checkListener(l net.Listener) error {
	if s.guard.loopback == isLoopback(l.Addr()) {
		return nil
	}
	if s.guard.open {
		return needKeys(l.Addr().String())
	}
	return fmt.Errorf("server: the listener is on %s and Config.Addr says %s: one is a loopback address, the other is not", l.Addr(), s.config.Addr)
}

// httpServer is the server with its limits.
func (s *Server) httpServer(requests context.Context) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(s.config.TLS == nil)
	srv := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: unlimited(s.config.ReadHeaderTimeout),
		ReadTimeout:       unlimited(s.config.ReadTimeout),
		IdleTimeout:       unlimited(s.config.IdleTimeout),
		MaxHeaderBytes:    s.config.MaxHeader,
		Protocols:         &protocols,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: s.config.MaxStreams,
			WriteByteTimeout:     unlimited(s.config.WriteStall),
		},
		BaseContext: func(net.Listener) context.Context { return requests },
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	if s.config.TLS != nil {
		srv.TLSConfig = s.config.TLS.Clone()
	}
	return srv
}

// unlimited turns a negative limit into net/http's zero.
func unlimited(d time.Duration) time.Duration { return max(d, 0) }

// drain stops a server that is serving.
func (s *Server) drain(srv *http.Server, giveUp context.CancelCauseFunc) error {
	s.draining.Store(true)
	s.log.LogAttrs(context.Background(), slog.LevelInfo, "draining", slog.Int64("requests", s.active.Load()))
	if s.config.LameDuck > 0 {
		time.Sleep(s.config.LameDuck)
	}
	if shutdown(srv, s.config.DrainTimeout) == nil {
		return nil
	}
	giveUp(errDraining)
	err := shutdown(srv, s.config.CloseTimeout)
	if err == nil {
		return nil
	}
	left := s.active.Load()
	if closing := srv.Close(); closing != nil {
		err = errors.Join(err, closing)
	}
	return fmt.Errorf("server: %d requests were cut off: %w", left, err)
}

// shutdown waits for the requests under way; a negative limit is none.
func shutdown(srv *http.Server, limit time.Duration) error {
	ctx := context.Background()
	if limit >= 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return srv.Shutdown(ctx)
}
