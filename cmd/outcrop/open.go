package main

import (
	"context"
	"crypto/rand"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/local"
)

// config is what the flags and the environment ask for.
func (a *app) config() (dir string, config local.Config) {
	config = local.Config{
		ModelID: setting(a.model, "OUTCROP_MODEL_ID", defaultModel),
		Profile: setting(a.profile, "AWS_PROFILE", "aws"),
	}
	config.Simulator = a.simulator
	config.Simulator.RulesFile = setting(a.simulator.RulesFile, "OUTCROP_RULES", "")
	if a.pace {
		config.Simulator.Pace = &simulator.Pace{}
	}
	return setting(a.dataDir, "OUTCROP_DATA", defaultDataDir()), config
}

// with runs f with the manager that open makes.
func (a *app) with(c *cobra.Command, f func(ctx context.Context, m *local.Local) error) error {
	m, err := a.open(c)
	if err != nil {
		return err
	}
	return a.use(c, m, f)
}

// use runs f with a manager, and closes the manager.
func (a *app) use(c *cobra.Command, m *local.Local, f func(ctx context.Context, m *local.Local) error) error {
	ctx := outcrop.WithOrigin(c.Context(), outcrop.Origin{RequestID: newID()})
	err := f(ctx, m)
	if closing := m.Close(context.WithoutCancel(ctx)); err == nil {
		err = closing
	}
	return err
}

// newID is the id of a request or of a staging place.
func newID() string { return strings.ToLower(rand.Text()) }
