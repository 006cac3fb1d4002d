package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/metrics"
	"github.com/outcrop-ai/outcrop/server"
	"github.com/outcrop-ai/outcrop/usage"
)

// usageDoor serves the books: all of them to whoever sees all, its own to a
// tenant.
//
// A report of long books takes time and memory, and tenants that may ask for one
// might ask for many, so each is made in its turn.
func usageDoor(m *local.Local) server.Mount {
	reports := newTurns()
	return server.Mount{
		Name: "usage", Path: usagePath, Methods: []string{http.MethodGet}, Verify: true,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			query, err := parameters(r)
			var q usageQuery
			if err == nil {
				q, err = readUsageQuery(query, time.Now())
			}
			if err != nil {
				refuse(w, outcrop.Errorf(bedrock.CodeValidation, "%w", err))
				return
			}
			list, caller := m.Desk().Tenants(), outcrop.OriginOf(r.Context()).Caller
			if !seesAll(m, caller) {
				if q.tenant != "" && q.tenant != caller.Tenant {
					refuse(w, outcrop.Errorf(bedrock.CodeAccessDenied, "Tenant %s sees its own usage only.", caller.Tenant))
					return
				}
				q.tenant = caller.Tenant
			}
			done, err := reports.take(r.Context(), caller.Tenant)
			if err != nil {
				w.Header().Set("Retry-After", "1")
				refuse(w, outcrop.AsError(err))
				return
			}
			defer done()
			report, err := newUsageReport(func(since, until time.Time) ([]usage.Row, error) {
				return m.Ledger().RowsOf(q.tenant, since, until)
			}, list, q, time.Now())
			if err != nil {
				refuse(w, outcrop.AsError(err))
				return
			}
			reply(w, http.StatusOK, report)
		}),
	}
}

// metricsDoor serves the counters of all tenants.
func metricsDoor(m *local.Local, counters *metrics.Metrics) server.Mount {
	return server.Mount{
		Name: "metrics", Path: "/metrics", Methods: []string{http.MethodGet}, Verify: true,
		Handler: onlyAllSeeing(m, counters.Handler()),
	}
}

// reloadDoor has the server look at its files at once, for the commands that
// have changed them.
func reloadDoor(m *local.Local, k *doorkeeper) server.Mount {
	return server.Mount{
		Name: "reload", Path: reloadPath, Methods: []string{http.MethodPost}, Verify: true,
		Handler: onlyAllSeeing(m, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if err := k.refresh(); err != nil {
				refuse(w, outcrop.Errorf(bedrock.CodeConflict, "%w", err))
				return
			}
			reply(w, http.StatusOK, struct{}{})
		})),
	}
}

const (
	usagePath  = "/usage"
	reloadPath = "/outcrop/reload"
)

func onlyAllSeeing(m *local.Local, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if caller := outcrop.OriginOf(r.Context()).Caller; !seesAll(m, caller) {
			refuse(w, outcrop.Errorf(bedrock.CodeAccessDenied, "Tenant %s may not see this: it is about all tenants. An operator may (tenants.%s.operator).", caller.Tenant, caller.Tenant))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// seesAll tells whether a caller may see what all tenants do: this user's own
// commands, operators, and everybody where there are no keys.
func seesAll(m *local.Local, caller outcrop.Caller) bool {
	if caller.Tenant == "" || caller.Tenant == config.OwnerTenant {
		return true
	}
	t, ok := m.Desk().Tenant(caller.Tenant)
	return ok && t.Operator
}

// parameters are those of a query, each of which may be given once.
func parameters(r *http.Request) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, errors.New("the query string cannot be read: it has an invalid escape or separator")
	}
	for name, values := range query {
		if len(values) > 1 {
			return nil, fmt.Errorf("%s: it is given %d times", name, len(values))
		}
	}
	return query, nil
}

func reply(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"message":"internal error"}`)
	}
	replyText(w, status, text)
}

func replyText(w http.ResponseWriter, status int, text []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(text) //nolint:errcheck // the client has gone
}

// refuse writes an error as the operations do.
func refuse(w http.ResponseWriter, e *outcrop.Error) {
	w.Header().Set("X-Amzn-Errortype", e.Code)
	reply(w, bedrock.Code(e.Code).Status, map[string]string{"message": e.Message})
}
