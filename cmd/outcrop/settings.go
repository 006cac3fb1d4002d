package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outcrop-ai/outcrop/config"
)

// settingFlags are the flags that make a setting of the configuration. Every
// other setting is made with --set.
var settingFlags = map[string]string{
	"data":          "data",
	"model-id":      "model",
	"profile":       "profile",
	"region":        "region",
	"backend":       "backend",
	"objects":       "objects.store",
	"rules":         "simulator.rules",
	"pace":          "simulator.pace",
	"listen":        "server.listen",
	"keys":          "server.keys",
	"tls-cert":      "server.tlsCert",
	"tls-key":       "server.tlsKey",
	"allowed-host":  "server.allowedHosts",
	"max-skew":      "server.maxSkew",
	"max-body":      "server.limits.maxBody",
	"idle-timeout":  "server.limits.idleTimeout",
	"write-stall":   "server.limits.writeStall",
	"drain-timeout": "server.limits.drainTimeout",
	"record":        "cassette.record",
	"replay":        "cassette.replay",
	"paced":         "cassette.paced",
	"max-cost":      "maxCost",
	"nats":          "nats",
}

// addSettingFlags declares the flags that all commands have.
func (a *app) addSettingFlags(flags *pflag.FlagSet) {
	flags.StringVar(&a.file, "config", "", `configuration file, or "none" (default $OUTCROP_CONFIG, else ./outcrop.yaml, else the user's)`)
	flags.StringArrayVar(&a.sets, "set", nil, "any setting of the configuration, as path=value; may be repeated")
	flags.String("data", "", "directory of jobs and objects (default $OUTCROP_DATA, else "+defaultDataDir()+")")
	flags.String("nats", "", "NATS cluster that keeps jobs, nats://HOST:PORT (default $OUTCROP_NATS, else the data directory)")
	flags.StringP("model-id", "m", "", "model to ask (default $OUTCROP_MODEL_ID, else the first that an openai back-end lists, else "+config.Default().Model+")")
	flags.String("profile", "", "profile of ~/.aws/config and of the configuration (default $AWS_PROFILE, else aws where there is one)")
	flags.String("region", "", "AWS Region (default $AWS_REGION, else the profile's, else us-west-2)")
	flags.String("backend", "", "who answers: the name of a back-end, simulator, openai=URL, amazon or amazon=REGION (default $OUTCROP_BACKEND)")
	flags.String("objects", "", "where s3:// URIs lead: directory (below --data) or s3 (default $OUTCROP_OBJECTS_STORE, else directory)")
	flags.String("rules", "", "file of rules for the simulator's replies (default $OUTCROP_RULES)")
	flags.String("record", "", "write every exchange with a back-end into this directory (default $OUTCROP_CASSETTE_RECORD)")
	flags.String("replay", "", "answer from the exchanges in this directory, without a back-end (default $OUTCROP_CASSETTE_REPLAY)")
	flags.BoolVar(&a.pace, "pace", false, "let the simulator answer at the pace of a real model")
}

// load reads the settings in force for a command.
func (a *app) load(c *cobra.Command) (*config.Config, error) {
	sources := config.Sources{File: a.file}
	for _, set := range a.sets {
		path, value, ok := strings.Cut(set, "=")
		if !ok {
			return nil, usageError{fmt.Errorf("--set %s: expected path=value, as in --set server.listen=127.0.0.1:9000", set)}
		}
		sources.Flags = append(sources.Flags, config.Assignment{Path: path, Value: value, Flag: "--set"})
	}
	sources.Flags = append(sources.Flags, a.implied...)
	if a.pace && !c.Flags().Changed("pace") { // compare sets it by itself
		sources.Flags = append(sources.Flags, config.Assignment{Path: "simulator.pace", Value: "true", Flag: "--pace"})
	}
	// Not Visit, which passes over flags that were set for a command that reads
	// its line itself.
	c.Flags().VisitAll(func(f *pflag.Flag) {
		path, ok := settingFlags[f.Name]
		if !ok || !f.Changed {
			return
		}
		value := f.Value.String()
		if list, ok := f.Value.(pflag.SliceValue); ok {
			value = strings.Join(list.GetSlice(), ",")
		}
		sources.Flags = append(sources.Flags, config.Assignment{Path: path, Value: value, Flag: "--" + f.Name})
	})
	a.assigned, a.given = sources.Flags, givenFlags(c.InheritedFlags())
	s, err := config.Load(sources)
	if err != nil {
		return nil, usageError{err}
	}
	return s, nil
}

// defaultDataDir is where state lies when nobody says: the user's own data
// directory, as the XDG specification places it.
func defaultDataDir() string {
	if base := os.Getenv("XDG_DATA_HOME"); base != "" {
		return filepath.Join(base, "outcrop")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "outcrop-data"
	}
	return filepath.Join(home, ".local", "share", "outcrop")
}
