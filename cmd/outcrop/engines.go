package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop/backend/openai"
)

// engine is a server of models that was found on this machine.
type engine struct {
	name    string // for the configuration
	kind    string // as the configuration's engine names it
	baseURL string
	model   string // the first that it lists
}

func (e engine) String() string { return fmt.Sprintf("%s at %s", e.name, e.baseURL) }

// probeTimeout is how long an engine may take to say what it is.
const probeTimeout = 500 * time.Millisecond

// maxProbe is how much of its answer is read, in bytes.
const maxProbe = 1 << 20

// findEngines asks addresses what listens there. Those that are not loopback
// are passed over: nobody else's machine is looked at.
func findEngines(ctx context.Context, addresses []string) []engine {
	var found []engine
	for _, address := range addresses {
		host, _, err := net.SplitHostPort(address)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			continue
		}
		if e, ok := findEngine(ctx, "http://"+address); ok {
			found = append(found, e)
		}
	}
	return found
}

func findEngine(ctx context.Context, url string) (engine, bool) {
	e := engine{baseURL: url + "/v1"}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	server, err := openai.New(openai.Config{
		BaseURL: e.baseURL, MaxReply: maxProbe,
		Transport: &http.Transport{DisableKeepAlives: true}, // no proxy leads elsewhere
	})
	if err != nil {
		return engine{}, false
	}
	defer server.Close() //nolint:errcheck // idle connections only
	models, err := server.Models(ctx)
	if err != nil {
		return engine{}, false
	}
	e.kind = server.Engine(ctx)
	e.name = strings.TrimSuffix(e.kind, ".cpp")
	if len(models) > 0 {
		e.model = models[0].ID
	}
	return e, e.kind != "other"
}
