package main

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/backend/amazon"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/local"
)

func newProfile(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "profile",
		Short: "Show profile, region, back-end and model, and where each comes from",
		Long: `profile shows the settings in force and who set them: a flag, the environment,
a line of the configuration file, or nobody. It calls no back-end. Where a server
answers for this command line, it names the server, whose own settings say who is
asked.`,
		Example: `  outcrop profile
  outcrop profile --profile work --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.load(c)
			if err != nil {
				return err
			}
			return a.showProfile(c, s)
		},
	}
}

// inForce is a setting with its value and where it comes from.
type inForce struct {
	Value string `json:"value"`
	From  string `json:"from"`
}

func (a *app) showProfile(c *cobra.Command, s *config.Config) error {
	a.settings = s
	of := func(path, value, otherwise string) inForce {
		if value == "" {
			value = otherwise
		}
		return inForce{value, s.Origin(path).String()}
	}
	account, err := local.Account(c.Context(), s)
	switch {
	case err != nil: // the profile is not in ~/.aws: it may be Outcrop's alone
		account.Profile = amazon.Setting(of("profile", s.Profile, ""))
		account.Region = amazon.Setting(of("region", s.Region, ""))
	case account.Profile.Value == "":
		account.Profile.Value = "none"
	}
	backend := of("backend", s.Backend, "none; models says who answers")
	model := of("model", s.Model, "")
	if from := local.ModelFrom(s); from != "" {
		model.Value = "the first that " + from + " lists"
	}
	if len(s.Models) > 0 && s.Only {
		backend.From += ", for every model"
	}
	file := s.Path
	if file == "" {
		file = "none"
	}
	server, err := a.serverInForce(s, c.Flags().Changed("data"))
	if err != nil {
		return err
	}
	report := profileReport{
		inForce(account.Profile), inForce(account.Region), backend, model,
		of("data", s.Data, defaultDataDir()), server, file, local.Places(s),
	}
	if a.json {
		return a.printJSON(report)
	}
	return a.printProfile(&report)
}

// profileReport is the settings in force.
type profileReport struct {
	Profile  inForce       `json:"profile"`
	Region   inForce       `json:"region"`
	Backend  inForce       `json:"backend"`
	Model    inForce       `json:"model"`
	Data     inForce       `json:"data"`
	Server   *inForce      `json:"server,omitzero"` // that answers
	File     string        `json:"file"`
	Backends []local.Place `json:"backends"`
}

func (a *app) printProfile(r *profileReport) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	row := func(name string, cells ...string) { fmt.Fprintf(w, "%s\t%s\n", name, strings.Join(cells, "\t")) }
	row("profile", r.Profile.Value, r.Profile.From)
	row("region", r.Region.Value, r.Region.From)
	row("back-end", r.Backend.Value, r.Backend.From)
	row("model", r.Model.Value, r.Model.From)
	row("data", r.Data.Value, r.Data.From)
	if r.Server != nil {
		row("server", r.Server.Value, r.Server.From)
	}
	row("file", r.File, "")
	for _, p := range r.Backends {
		row(p.Name, p.Kind, p.Where)
	}
	return w.Flush()
}

// serverInForce is the server that commands with this command line ask, or nil.
func (a *app) serverInForce(s *config.Config, named bool) (*inForce, error) {
	client, err := a.server(cmp.Or(s.Data, defaultDataDir()), named)
	if client == nil || err != nil {
		return nil, err
	}
	from := "it owns the data directory"
	if !a.asked.shared() {
		from = a.asked.named
	}
	return &inForce{client.URL(), from}, client.Close()
}
