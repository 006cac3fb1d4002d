package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/local"
)

// config is what flags, environment and file ask for.
func (a *app) config(c *cobra.Command) (dir string, config local.Config, err error) {
	s, err := a.load(c)
	if err != nil {
		return "", config, err
	}
	a.settings = s
	if dir = s.Data; dir == "" {
		dir = defaultDataDir()
	}
	config = local.Config{Profile: s.Profile, Settings: s, Simulator: a.simulator, Grants: a.grants}
	config.OnUnlisted = func(backend string, err error) {
		a.say("warning: the list lacks what back-end %s has: %s", backend, outcrop.AsError(err).Message)
	}
	if a.noModel {
		config.ModelID = s.Model
	}
	config.OnModel = a.sayModel
	config.OnUsageError = func(err error) { a.say("warning: the books of usage could not be written: %v", err) }
	return dir, config, nil
}

// sayModel tells which model was taken because nobody named one, unless there
// was no choice.
func (a *app) sayModel(choice local.ModelChoice) {
	switch {
	case choice.Err != nil:
		a.say("warning: no model is named, and back-end %s does not list its own: %s", choice.Backend, outcrop.AsError(choice.Err).Message)
	case choice.Of > 1 && choice.Backend != "":
		a.say("Model %s, the first of %d that back-end %s lists; -m takes another.", choice.ID, choice.Of, choice.Backend)
	}
}

// with runs f with the manager that open makes.
func (a *app) with(c *cobra.Command, f func(ctx context.Context, m *local.Local) error) error {
	m, err := a.open(c)
	if err != nil {
		return err
	}
	return a.use(c, m, f)
}

// ask is with, for commands that print a model's words. It tells a person when
// it is the simulator that will answer: who does not expect its sentences takes
// them for a fault.
func (a *app) ask(c *cobra.Command, f func(ctx context.Context, m *local.Local) error) error {
	return a.with(c, func(ctx context.Context, m *local.Local) error {
		if notice := m.Notice(); notice == simulator.Notice && isTerminal(a.stdout) && isTerminal(a.stderr) {
			a.say("%s", notice)
		}
		return f(ctx, m)
	})
}

// use runs f with a manager, and closes the manager.
func (a *app) use(c *cobra.Command, m *local.Local, f func(ctx context.Context, m *local.Local) error) error {
	origin := outcrop.Origin{RequestID: newID(), Caller: outcrop.Caller{Region: a.settings.ARNRegion()}}
	ctx := outcrop.WithOrigin(c.Context(), origin)
	err := f(ctx, m)
	if closing := m.Close(context.WithoutCancel(ctx)); err == nil {
		err = closing
	}
	return err
}

// lookedIn ends a sentence on a list that is empty with where it comes from:
// whoever expects something there may have meant another directory.
func (a *app) lookedIn(m *local.Local) string {
	if m.Served() {
		return ". " + m.Notice()
	}
	return " in the data directory " + cmp.Or(a.settings.Data, defaultDataDir()) + "; --data names another"
}

// newID is the id of a request or of a staging place.
func newID() string { return strings.ToLower(rand.Text()) }
