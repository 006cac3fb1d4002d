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
// server does: it would not hear of it. The environment, and files that nobody
// named, are passed over, since they are for all commands; and so is the very
// file that the server has read.
func (a *app) checkAsking(c *cobra.Command, client *remote.Client) error {
	refuse := func(what, instead string) error {
		return usageError{fmt.Errorf("%s is for calls that this process answers, and the server at %s answers: give it to outcrop serve%s, or name another data directory, where no server is: --data DIR", what, client.URL(), instead)}
	}
	for _, f := range a.assigned {
		switch {
		case countsAsking(f.Path):
		case f.Flag == "--pace":
			// compare sets it by itself; and without it, all is well but the pace.
			a.say("The server at %s has a pace of its own: outcrop serve --pace is for that.", client.URL())
		case f.Flag == "--set":
			return refuse("--set "+f.Path, "")
		default:
			return refuse(f.Flag, "")
		}
	}
	if a.file == "" || a.file == config.NoFile {
		return nil
	}
	if path, err := filepath.Abs(a.file); err == nil && path == a.servedFile {
		return nil
	}
	for _, top := range a.settings.InFile() {
		if !countsAsking(top) {
			return refuse(fmt.Sprintf("%s in --config %s", top, a.file), ", or leave it out")
		}
	}
	return nil
}
