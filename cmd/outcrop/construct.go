package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
)

func newConstruct(a *app) *cobra.Command {
	var (
		req    bedrock.ConstructRequest
		schema string
		system string
		max    int
	)
	c := &cobra.Command{
		Use:   "construct --schema FILE [prompt]",
		Short: "Ask for a value that validates against a JSON Schema (Construct)",
		Long: `construct prints a JSON value that validates against the schema. When no attempt
brings one, it prints the value that came closest on standard output, says on
standard error what is wrong with it, and exits with 6.`,
		Example: `  outcrop construct --schema person.json "Extract: John Doe is 42"
  outcrop construct --schema '{"type":"object","properties":{"name":{"type":"string"}}}' "I am Ada"
  outcrop construct --schema person.json --json @letter.txt`,
		RunE: func(c *cobra.Command, args []string) error {
			if schema == "" {
				return usageError{errors.New("construct needs --schema: a file, or the schema itself")}
			}
			text, err := schemaText(schema)
			if err != nil {
				return err
			}
			if req.Prompt, err = a.prompt(args); err != nil {
				return err
			}
			req.Schema = text
			if system != "" {
				req.System = []bedrock.SystemContentBlock{{Text: &system}}
			}
			if c.Flags().Changed("max-attempts") {
				req.MaxAttempts = &max
			}
			return a.with(c, func(ctx context.Context, m *local.Local) error { return a.construct(ctx, m, &req) })
		},
	}
	c.Flags().StringVar(&schema, "schema", "", "the JSON Schema: a file, or the text itself")
	c.Flags().StringVar(&system, "system", "", "system prompt")
	c.Flags().StringVar((*string)(&req.Strategy), "strategy", "", "auto, native, tool or prompt (default auto)")
	c.Flags().IntVar(&max, "max-attempts", outcrop.DefaultMaxAttempts, "how often to ask in all")
	c.Flags().StringSliceVar(&req.FallbackModelIDs, "fallback-model-id", nil, "model to ask when the first one fails; may be repeated")
	return c
}

// schemaText is the flag's value when it is JSON, else the file it names.
func schemaText(flag string) ([]byte, error) {
	if flag[0] == '{' {
		return []byte(flag), nil
	}
	if flag[0] == '@' {
		flag = flag[1:]
	}
	text, err := readFile(flag)
	return []byte(text), err
}

func (a *app) construct(ctx context.Context, m *local.Local, req *bedrock.ConstructRequest) error {
	response, err := m.Construct(ctx, req)
	if failure, ok := errors.AsType[*bedrock.SchemaFailure](err); ok {
		return a.failedConstruct(failure, err)
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(response)
	}
	if err := a.printRaw(response.Output); err != nil {
		return err
	}
	a.say("%s, %s", response.Trace.Strategy, attempts(len(response.Trace.Attempts)))
	a.sayUsage(response.Usage)
	return nil
}

func (a *app) failedConstruct(f *bedrock.SchemaFailure, err error) error {
	if a.json {
		text, marshalErr := json.Marshal(f)
		if marshalErr != nil {
			return marshalErr
		}
		return errors.Join(a.printRaw(text), err)
	}
	if len(f.PartialOutput) > 0 {
		if err := a.printRaw(f.PartialOutput); err != nil {
			return err
		}
	}
	for _, e := range f.Errors {
		a.say("%s: %s", e.Path, e.Message)
	}
	return err
}

func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}
