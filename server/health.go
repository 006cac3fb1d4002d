package server

import (
	"net/http"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// healthz says that the process answers.
func (x *exchange) healthz() error {
	return x.send(http.StatusOK, contentJSON, []byte(`{"status":"ok"}`))
}

// readyz says whether the server should get requests.
func (x *exchange) readyz() error {
	if x.server.draining.Load() {
		return x.send(http.StatusServiceUnavailable, contentJSON, []byte(`{"status":"draining"}`))
	}
	if ready := x.server.config.Ready; ready != nil {
		if err := ready(); err != nil {
			return outcrop.Errorf(bedrock.CodeServiceUnavailable, "The server is not ready: %w", err)
		}
	}
	return x.send(http.StatusOK, contentJSON, []byte(`{"status":"ready"}`))
}
