package main

import (
	"net/http"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/server"
)

// requestLog serves what the simulator was asked, so that a test in any
// language can look at what its program sent. It does not tell tenants apart,
// and may hold their prompts, so only operators see it where there are any.
func requestLog(m *local.Local) server.Mount {
	return server.Mount{
		Name: "requests", Path: "/outcrop/requests", Methods: []string{http.MethodGet, http.MethodDelete}, Verify: true,
		Handler: onlyAllSeeing(m, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if m.Simulator() == nil {
				refuse(w, outcrop.Errorf(bedrock.CodeResourceNotFound, "No model is answered by the simulator, which alone keeps requests."))
				return
			}
			if r.Method == http.MethodDelete {
				m.Simulator().ForgetRequests()
				w.WriteHeader(http.StatusNoContent)
				return
			}
			reply(w, http.StatusOK, map[string]any{"requests": m.Simulator().Requests()})
		})),
	}
}
