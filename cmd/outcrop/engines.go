package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// engine is a server of models that was found on this machine.
type engine struct {
	name    string // for the configuration
	kind    string // ollama or llama.cpp
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
	var list struct {
		Data []struct {
			ID      string `json:"id"`
			OwnedBy string `json:"owned_by"`
		} `json:"data"`
	}
	if !getJSON(ctx, url+"/v1/models", &list) {
		return engine{}, false
	}
	e := engine{baseURL: url + "/v1"}
	if len(list.Data) > 0 {
		e.model = list.Data[0].ID
	}
	var version struct {
		Version string `json:"version"`
	}
	switch {
	case getJSON(ctx, url+"/api/version", &version) && version.Version != "":
		e.name, e.kind = "ollama", "ollama"
	case len(list.Data) > 0 && list.Data[0].OwnedBy == "llamacpp":
		e.name, e.kind = "llama", "llama.cpp"
	default:
		return engine{}, false
	}
	return e, true
}

// getJSON reads what a URL answers, if it is JSON and comes in time.
func getJSON(ctx context.Context, url string, into any) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	// Neither a proxy nor a redirect leads elsewhere.
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxProbe))
	return err == nil && res.StatusCode == http.StatusOK && json.Unmarshal(text, into) == nil
}
