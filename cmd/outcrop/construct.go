package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
)

func newConstruct(a *app) *cobra.Command {
	var f constructFlags
	c := &cobra.Command{
		Use:   "construct --schema FILE [prompt]",
		Short: "Ask for a value that validates against a JSON Schema (Construct)",
		Long: `construct prints a value that validates against the schema, as JSON or as XML.
When no attempt brings one, it prints the value that came closest on standard
output, says on standard error what is wrong with it, and exits with 6.

With --input, every row of a CSV or JSONL file, or every text file of a folder,
is a prompt of its own, after the words of the prompt if there are any. Each row
gives one line of JSON, in order: {"row", "output"}, or {"row", "error"} where it
failed.

With --stream, lines come while the model writes: {"path", "value"} is settled
and stays, {"path", "text", "open"} is what was added to a string that still
grows; the last line is the whole response.`,
		Example: `  outcrop construct --schema person.json "Extract: John Doe is 42"
  outcrop construct --schema '{"type":"object","properties":{"name":{"type":"string"}}}' "I am Ada"
  outcrop construct --schema person.json --format xml @letter.txt
  outcrop construct --schema person.json --input people.csv "Extract:" > people.jsonl
  outcrop construct --schema person.json --lint`,
		RunE: func(c *cobra.Command, args []string) error { return a.runConstruct(c, &f, args) },
	}
	flags := c.Flags()
	flags.StringVar(&f.schema, "schema", "", "the JSON Schema: a file, or the text itself")
	flags.StringVar(&f.system, "system", "", "system prompt")
	flags.StringVar((*string)(&f.req.Format), "format", "json", "json or xml")
	complete(c, "format", oneOf(formats...))
	flags.StringVar(&f.examples, "examples", "", "file of examples: a JSON array of {input, output}")
	flags.StringVar((*string)(&f.req.Strategy), "strategy", "auto", "auto, native, tool or prompt")
	complete(c, "strategy", oneOf(strategies...))
	flags.IntVar(&f.attempts, "max-attempts", outcrop.DefaultMaxAttempts, "how often to ask in all")
	f.settingsOfModel.flags(c, "of an attempt ")
	flags.StringSliceVar(&f.req.FallbackModelIDs, "fallback-model-id", nil, "model to ask when the first one fails; may be repeated")
	complete(c, "fallback-model-id", a.completeModels)
	flags.BoolVar(&f.stream, "stream", false, "print what is settled while the model writes, one JSON line each")
	flags.BoolVar(&f.lint, "lint", false, "look the schema over instead of asking a model")
	flags.StringVar(&f.input, "input", "", "CSV or JSONL file whose rows are the prompts, or a folder of texts")
	flags.IntVar(&f.concurrency, "concurrency", 8, "rows at the model at once, with --input")
	return c
}

// constructFlags is the command line of construct.
type constructFlags struct {
	settingsOfModel
	req                             bedrock.ConstructRequest
	schema, system, examples, input string
	attempts                        int
	concurrency                     int
	stream, lint                    bool
}

func (a *app) runConstruct(c *cobra.Command, f *constructFlags, args []string) error {
	if err := f.read(); err != nil {
		return err
	}
	if f.lint {
		return a.lint(f.req.Schema)
	}
	if f.input != "" {
		prefix := ""
		if len(args) > 0 {
			var err error
			if prefix, err = a.prompt(args); err != nil {
				return err
			}
		}
		return a.with(c, func(ctx context.Context, m *local.Local) error { return a.constructRows(ctx, m, f, prefix) })
	}
	var err error
	if f.req.Prompt, err = a.prompt(args); err != nil {
		return err
	}
	return a.ask(c, func(ctx context.Context, m *local.Local) error {
		if f.stream {
			return a.constructStream(ctx, m, &f.req)
		}
		return a.construct(ctx, m, &f.req)
	})
}

// read turns the flags into the request.
func (f *constructFlags) read() error {
	switch {
	case f.schema == "":
		return usageError{errors.New("construct needs --schema: a file, or the schema itself")}
	case !slices.Contains(formats, f.req.Format):
		return usageError{fmt.Errorf("--format %s: use json or xml", f.req.Format)}
	case !slices.Contains(strategies, f.req.Strategy):
		return usageError{fmt.Errorf("--strategy %s: use auto, native, tool or prompt", f.req.Strategy)}
	case f.attempts < 1 || f.attempts > 10:
		return usageError{fmt.Errorf("--max-attempts %d: from 1 to 10", f.attempts)}
	case f.input != "" && f.stream:
		return usageError{errors.New("--input and --stream do not go together: rows are printed when they are whole")}
	}
	var err error
	if f.req.Schema, err = schemaText(f.schema); err != nil {
		return err
	}
	if f.system != "" {
		f.req.System = []bedrock.SystemContentBlock{{Text: &f.system}}
	}
	f.req.InferenceConfig = f.config()
	f.req.MaxAttempts = &f.attempts
	if f.examples == "" {
		return nil
	}
	text, err := readFile(f.examples)
	if err != nil {
		return err
	}
	if err := bedrock.Unmarshal([]byte(text), &f.req.Examples); err != nil {
		return usageError{fmt.Errorf("--examples %s: %w", f.examples, err)}
	}
	return nil
}

var formats = []bedrock.ConstructFormat{bedrock.ConstructFormatJSON, bedrock.ConstructFormatXML}

var strategies = []bedrock.ConstructStrategy{
	bedrock.ConstructStrategyAuto, bedrock.ConstructStrategyNative, bedrock.ConstructStrategyTool, bedrock.ConstructStrategyPrompt,
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
	if errors.Is(err, fs.ErrNotExist) {
		err = usageError{fmt.Errorf("--schema: there is no file %s; a schema itself begins with {", flag)}
	}
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
	return a.printConstructed(response, req.Format)
}

func (a *app) printConstructed(response *bedrock.ConstructResponse, format bedrock.ConstructFormat) error {
	switch {
	case a.json:
		return a.printJSON(response)
	case format == bedrock.ConstructFormatXML:
		fmt.Fprintln(a.stdout, response.Text)
	default:
		if err := a.printRaw(response.Output); err != nil {
			return err
		}
	}
	a.say("%s, %s", response.Trace.Strategy, counted(len(response.Trace.Attempts), "attempt"))
	a.sayUsage(response.Usage)
	return nil
}

// constructStream prints every event of a ConstructStream as a line.
func (a *app) constructStream(ctx context.Context, m *local.Local, req *bedrock.ConstructRequest) error {
	stream, err := m.ConstructStream(ctx, req)
	if err != nil {
		return err
	}
	defer stream.Close()
	for event, err := range stream.Events() {
		if err != nil {
			return err
		}
		line, err := event.Payload()
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "%s\n", line)
	}
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
		a.say("%s: %s", cmp.Or(e.Path, "(root)"), e.Message)
	}
	return err
}
