package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/remote"
)

// askingSettings count for a command whose calls a server answers. All others
// are about who answers, and the server has its own.
var askingSettings = []string{"data", "model", "profile", "profiles", "region", "objects"}

func countsAsking(path string) bool {
	top, _, _ := strings.Cut(path, ".")
	return slices.Contains(askingSettings, top)
}

// checkAsking refuses what the command line says about who answers, where a
// server does: it would not hear of it. What only colours the answer is passed
// over with a warning. The environment, and files that nobody named, are passed
// over, since they are for all commands; and so is the very file that the server
// has read.
func (a *app) checkAsking(c *cobra.Command, client *remote.Client) error {
	otherwise := a.asked.without()
	refuse := func(what, or string) error {
		return usageError{fmt.Errorf("%s is for calls that this process answers, and the server at %s answers: give it to outcrop serve; or %s%s", what, client.URL(), otherwise, or)}
	}
	for _, f := range a.assigned {
		switch {
		case f.Flag == "--pace":
			if c.Flags().Changed("pace") { // compare sets it by itself
				a.say("warning: --pace has no effect: the server at %s answers, and a simulator there keeps the pace of a real model with outcrop serve --pace; or %s", client.URL(), otherwise)
			}
		case f.Path == "region" && a.settings.Objects.Store != config.StoreS3:
			a.say("warning: the region has no effect: the server at %s answers, and calls models where its own settings say; or %s", client.URL(), otherwise)
		case countsAsking(f.Path):
		case f.Flag == "--set":
			return refuse("--set "+f.Path, "")
		default:
			return refuse(f.Flag, "")
		}
	}
	if a.file == "" || a.file == config.NoFile {
		return nil
	}
	if path, err := filepath.Abs(a.file); err == nil && path == a.asked.owner.Config {
		return nil
	}
	for _, top := range a.settings.InFile() {
		if !countsAsking(top) {
			return refuse(fmt.Sprintf("%s in --config %s", top, a.file), "; or leave the file out")
		}
	}
	return nil
}
