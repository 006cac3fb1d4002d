package main

import (
	"context"
	"crypto/rand"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/local"
)

// open makes the manager that the settings ask for. The caller closes it.
func (a *app) open(c *cobra.Command) (*local.Local, error) {
	s, err := a.load(c)
	if err != nil {
		return nil, err
	}
	a.settings = s
	dir := s.Data
	if dir == "" {
		dir = defaultDataDir()
	}
	config := local.Config{Settings: s, Simulator: a.simulator}
	config.OnUnlisted = func(backend string, err error) {
		a.say("warning: the models of back-end %s are missing: %s", backend, outcrop.AsError(err).Message)
	}
	return local.Open(dir, config)
}

// with runs f with a manager, and closes the manager.
func (a *app) with(c *cobra.Command, f func(ctx context.Context, m *local.Local) error) error {
	m, err := a.open(c)
	if err != nil {
		return err
	}
	origin := outcrop.Origin{RequestID: newID(), Caller: outcrop.Caller{Region: a.settings.Region}}
	ctx := outcrop.WithOrigin(c.Context(), origin)
	err = f(ctx, m)
	if closing := m.Close(context.WithoutCancel(ctx)); err == nil {
		err = closing
	}
	return err
}

// newID is the id of a request or of a staging place.
func newID() string { return strings.ToLower(rand.Text()) }
