package main

import (
	"net/http"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator/strict"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/server"
	"github.com/outcrop-ai/outcrop/servicequotas"
	"github.com/outcrop-ai/outcrop/sigv4"
)

// quotaStatus serves how the quota books stand.
func quotaStatus(m *local.Local) server.Mount {
	return page(m, "quota", "/quota", func(r *http.Request) (any, error) { return m.QuotaStatus(r.Context()) })
}

// grantCounts serves what became of the calls to a strict simulator.
func grantCounts(m *local.Local) server.Mount {
	return page(m, "grants", "/outcrop/grants", func(*http.Request) (any, error) {
		counts := []strict.PoolCount{}
		if s := m.Strict(); s != nil {
			counts = s.Counts()
		}
		return map[string]any{"pools": counts}, nil
	})
}

// page is a mount that serves a value as JSON. It is about what all tenants do.
func page(m *local.Local, name, path string, value func(*http.Request) (any, error)) server.Mount {
	return server.Mount{
		Name: name, Path: path, Methods: []string{http.MethodGet}, Verify: true,
		Handler: onlyAllSeeing(m, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			v, err := value(r)
			if err != nil {
				refuse(w, outcrop.AsError(err))
				return
			}
			text, err := bedrock.Marshal(v)
			if err != nil {
				refuse(w, outcrop.AsError(err))
				return
			}
			replyText(w, http.StatusOK, text)
		})),
	}
}

// serviceQuotas answers as AWS's Service Quotas does. It is chosen by the
// service in a signature's scope, and verifies for itself.
func serviceQuotas(m *local.Local, c *server.Config) server.Mount {
	h := &servicequotas.Handler{Quotas: m.NamedQuotas, Region: c.Region, Account: c.Account}
	if c.Keys != nil {
		h.Verifier = &sigv4.Verifier{Keys: c.Keys, Now: c.Now, MaxSkew: c.MaxSkew, Services: []string{servicequotas.Service}}
	}
	return server.Mount{Name: "service-quotas", Service: servicequotas.Service, Handler: h}
}
