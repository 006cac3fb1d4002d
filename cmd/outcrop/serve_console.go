package main

import (
	"net/http"

	settings "github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/console"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/server"
)

// addConsole has the server show its page to browsers, unless a setting says not
// to. Page and scripts are for everybody; what they ask for is not.
func (a *app) addConsole(config *server.Config) error {
	if !a.settings.Server.Console {
		return nil
	}
	var simulators []string
	for _, place := range local.Places(a.settings) {
		if place.Kind == settings.KindSimulator {
			simulators = append(simulators, place.Name)
		}
	}
	handler, err := console.New(console.Config{Simulators: simulators, Keys: config.Keys != nil})
	if err != nil {
		return err
	}
	config.Mounts = append(
		config.Mounts,
		server.Mount{Name: "console", Path: console.Page, Page: true, Handler: handler},
		server.Mount{Name: "console", Path: console.Assets + "*", Methods: []string{http.MethodGet, http.MethodHead}, Quiet: true, Handler: handler},
	)
	return nil
}
