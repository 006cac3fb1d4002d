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

// open makes the manager that the flags ask for. The caller closes it.
func (a *app) open() (*local.Local, error) {
	config := local.Config{
		ModelID: setting(a.model, "OUTCROP_MODEL_ID", defaultModel),
		Profile: setting(a.profile, "AWS_PROFILE", "aws"),
	}
	config.Simulator = a.simulator
	config.Simulator.RulesFile = setting(a.simulator.RulesFile, "OUTCROP_RULES", "")
	if a.pace {
		config.Simulator.Pace = &simulator.Pace{}
	}
	return local.Open(setting(a.dataDir, "OUTCROP_DATA", defaultDataDir()), config)
}

// with runs f with a manager, and closes the manager.
func (a *app) with(c *cobra.Command, f func(ctx context.Context, m *local.Local) error) error {
	m, err := a.open()
	if err != nil {
		return err
	}
	ctx := outcrop.WithOrigin(c.Context(), outcrop.Origin{RequestID: newID()})
	err = f(ctx, m)
	if closing := m.Close(context.WithoutCancel(ctx)); err == nil {
		err = closing
	}
	return err
}

// newID is the id of a request or of a staging place.
func newID() string { return strings.ToLower(rand.Text()) }
