package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/servicequotas"
)

func newQuotaPull(a *app) *cobra.Command {
	var output, backend string
	c := &cobra.Command{
		Use:   "pull",
		Short: "Fetch an account's quotas from AWS, or from another Outcrop",
		Long: `pull lists what Amazon Bedrock grants the account, from AWS's Service Quotas, and
writes it as the section quotas of a configuration. Quotas are found by their
names, as "Cross-region model inference tokens per minute for …"; what cannot be
told from its name is said on standard error. It needs the permission
servicequotas:ListServiceQuotas.

With --endpoint it asks an Outcrop server instead: what its strict simulator
grants (outcrop serve --quotas), or else the quotas that it is configured with.

Models that have no quota of tokens or requests are left to be learned, by a
last entry with learn: true, where the back-end is known that they belong to.`,
		Example: `  outcrop quota pull
  outcrop quota pull --region us-east-1 -o quotas.yaml
  outcrop quota pull --endpoint http://127.0.0.1:8777`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.pullQuotas(c, backend, output) },
	}
	c.Flags().StringVarP(&output, "output", "o", "", "file to write; it must not be there (default standard output)")
	c.Flags().StringVar(&backend, "for", "", "back-end that the quotas are about (default the only one of kind amazon)")
	return c
}

func (a *app) pullQuotas(c *cobra.Command, backend, output string) error {
	s, err := a.load(c)
	if err != nil {
		return err
	}
	if backend == "" {
		backend = onlyAmazon(s)
	} else if s.Backends[backend].Kind != config.KindAmazon {
		return usageError{fmt.Errorf("--for: there is no back-end %s of kind amazon", backend)}
	}
	list, err := local.PullQuotas(c.Context(), s, backend, a.endpoint)
	if err != nil {
		return err
	}
	models, unknown := servicequotas.Read(catalog.Default(), list)
	for _, q := range unknown {
		a.say("not understood: %q is %v", q.Name, q.Value)
	}
	if len(models) == 0 {
		a.say("no quota of inference was found among %d", len(list))
	}
	if a.json {
		if models == nil {
			models = []servicequotas.Model{}
		}
		return a.printJSON(models)
	}
	text := quotasFile(models, backend)
	if output == "" {
		_, err = a.stdout.Write(text)
		return err
	}
	file, err := os.OpenFile(output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // it holds no secret
	if err != nil {
		return err
	}
	if _, err := file.Write(text); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}

// onlyAmazon is the only back-end of kind amazon, or "".
func onlyAmazon(s *config.Config) string {
	found := ""
	for name, b := range s.Backends {
		if b.Kind == config.KindAmazon {
			if found != "" {
				return ""
			}
			found = name
		}
	}
	return found
}

// quotasFile is the section quotas of a configuration.
func quotasFile(models []servicequotas.Model, backend string) []byte {
	var b bytes.Buffer
	b.WriteString("# Written by outcrop quota pull. It belongs into outcrop.yaml.\nquotas:\n  models:\n")
	for _, m := range models {
		fmt.Fprintf(&b, "    - match: %q\n      scope: %s\n", m.ID, m.Scope)
		if backend != "" {
			fmt.Fprintf(&b, "      backend: %s\n", backend)
		}
		for _, l := range []struct {
			key   string
			value int64
		}{{"tpm", m.TokensPerMinute}, {"rpm", m.RequestsPerMinute}, {"tokensPerDay", m.TokensPerDay}, {"concurrentJobs", int64(m.ConcurrentJobs)}} {
			if l.value > 0 {
				fmt.Fprintf(&b, "      %s: %d\n", l.key, l.value)
			}
		}
		if m.TokensPerMinute == 0 && m.RequestsPerMinute == 0 {
			b.WriteString("      learn: true\n")
		}
	}
	if backend != "" {
		fmt.Fprintf(&b, "    - match: \"*\" # what was not listed\n      backend: %s\n      learn: true\n", backend)
	} else {
		b.WriteString("    # What was not listed, where an Amazon back-end named bedrock answers:\n" +
			"    # - {match: \"*\", backend: bedrock, learn: true}\n")
	}
	return b.Bytes()
}
