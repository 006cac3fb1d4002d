package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/estimate"
	"github.com/outcrop-ai/outcrop/structured"
)

func newTokens(a *app) *cobra.Command {
	var schema string
	c := &cobra.Command{
		Use:   "tokens [FILE | prompt]",
		Short: "Tell where the input tokens of a request go, and what to cut",
		Long: `tokens takes a request apart and tells what each part takes: system prompt,
tools, each message, pictures, documents and the schema. Then it says what could
go: what stands there twice, white space, long tool results and histories, parts
of a schema that nothing needs, an output limit that is missing.

FILE holds a prompt, or a request as JSON: Converse's, Construct's, or the
model's own (as InvokeModel takes it). Nobody is asked; the counts are estimates,
since most models have no public tokenizer. outcrop bedrock-runtime count-tokens
asks the back-end.`,
		Example: `  outcrop tokens "What is quantum computing?"
  outcrop tokens request.json
  outcrop tokens --schema person.json "Extract: John Doe is 42"
  outcrop tokens request.json --json -m amazon.nova-pro-v1:0`,
		RunE: func(c *cobra.Command, args []string) error {
			settings, err := a.load(c)
			if err != nil {
				return err
			}
			text, err := a.weighed(args)
			if err != nil {
				return err
			}
			b, schema, err := breakdown(settings.Model, text, schema)
			if err != nil {
				return err
			}
			return a.printTokens(b, schema)
		},
	}
	c.Flags().StringVar(&schema, "schema", "", "the JSON Schema of a Construct request: a file, or the text itself")
	return c
}

// weighed is the text to look at: of a file that an only argument names, with or
// without @, or the prompt.
func (a *app) weighed(args []string) (string, error) {
	if len(args) == 1 {
		info, err := os.Stat(args[0])
		named := strings.HasSuffix(args[0], ".json") && !strings.ContainsAny(args[0], "@ {")
		if err == nil && info.Mode().IsRegular() || named { // reading says that it is missing
			return readFile(args[0])
		}
	}
	return a.prompt(args)
}

// breakdown takes a prompt or a request apart. The schema is the one to lint, or
// nil.
func breakdown(modelID, text, flag string) (estimate.Breakdown, []byte, error) {
	req := &bedrock.ConstructRequest{Prompt: text}
	trimmed := strings.TrimSpace(text)
	if strings.HasPrefix(trimmed, "{") {
		var keys map[string]bedrock.Document
		if err := bedrock.Unmarshal([]byte(trimmed), &keys); err != nil {
			return estimate.Breakdown{}, nil, usageError{fmt.Errorf("the request is no JSON: %w", err)}
		}
		if _, construct := keys["schema"]; !construct {
			if flag != "" {
				return estimate.Breakdown{}, nil, usageError{errors.New("--schema goes with a prompt, or stands in the request")}
			}
			b, err := requestParts(modelID, []byte(trimmed))
			return b, nil, err
		}
		req.Prompt = ""
		if err := bedrock.Unmarshal([]byte(trimmed), req); err != nil {
			return estimate.Breakdown{}, nil, usageError{err}
		}
	}
	if flag != "" {
		schema, err := schemaText(flag)
		if err != nil {
			return estimate.Breakdown{}, nil, err
		}
		req.Schema = schema
	}
	if len(req.Schema) == 0 {
		return estimate.Parts(modelID, &bedrock.ConverseRequest{Messages: []bedrock.Message{bedrock.UserText(text)}}), nil, nil
	}
	return estimate.ConstructParts(modelID, req), req.Schema, nil
}

// requestParts takes Converse's form or the model's own.
func requestParts(modelID string, body []byte) (estimate.Breakdown, error) {
	var req bedrock.ConverseRequest
	if err := bedrock.Unmarshal(body, &req); err == nil && len(req.Messages) > 0 && len(req.Unknown) == 0 && told(&req) {
		return estimate.Parts(modelID, &req), nil
	}
	b, err := estimate.NativeParts(modelID, body)
	if err != nil {
		return b, usageError{fmt.Errorf("the request is neither Converse's, nor Construct's, nor %s's own: %w", modelID, err)}
	}
	return b, nil
}

// told tells whether the blocks of the messages are Converse's: others leave
// members behind that it does not know.
func told(req *bedrock.ConverseRequest) bool {
	for i := range req.Messages {
		for j := range req.Messages[i].Content {
			if len(req.Messages[i].Content[j].Unknown) > 0 {
				return false
			}
		}
	}
	return true
}

// weight is what tokens --json prints.
type weight struct {
	estimate.Breakdown
	Estimated bool               `json:"estimated"`
	Schema    *structured.Report `json:"schema,omitempty"`
}

func (a *app) printTokens(b estimate.Breakdown, schema []byte) error {
	out := weight{Breakdown: b, Estimated: true}
	if schema != nil {
		compiled, err := structured.Compile(schema)
		if err != nil {
			return usageError{err}
		}
		report := compiled.Lint()
		out.Schema = &report
	}
	if a.json {
		return a.printJSON(out)
	}
	fmt.Fprintln(a.stdout, "  TOKENS  SHARE  PART")
	for _, p := range b.Parts {
		fmt.Fprintf(a.stdout, "%8d  %3d %%  %s\n", p.Tokens, 100*p.Tokens/max(b.Tokens, 1), partName(p))
	}
	fmt.Fprintf(a.stdout, "in all about %d input tokens for %s", b.Tokens, b.ModelID)
	if b.Context > 0 {
		fmt.Fprintf(a.stdout, ", %.1f %% of its context window", 100*float64(b.Tokens)/float64(b.Context))
	}
	fmt.Fprintln(a.stdout, " (estimated)")
	a.printCuts(&out)
	return nil
}

func partName(p estimate.Part) string {
	name := p.Kind
	if p.Role != "" {
		name = p.Role + " " + name
	}
	if p.Where == "" {
		return name + " (of the request, its messages and tools)"
	}
	return name + " (" + p.Where + ")"
}

func (a *app) printCuts(out *weight) {
	for _, c := range out.Cuts {
		saves := ""
		if c.Tokens > 0 {
			saves = fmt.Sprintf(", about %d tokens", c.Tokens)
		}
		fmt.Fprintf(a.stdout, "cut %s: %s (%s%s)\n", c.Where, c.Message, c.Kind, saves)
	}
	if out.Schema == nil {
		return
	}
	for _, advice := range out.Schema.Advice {
		fmt.Fprintf(a.stdout, "schema %s: %s (%s)\n", advice.Path, advice.Message, advice.Kind)
	}
	fmt.Fprintf(a.stdout, "the reply takes about %d output tokens\n", out.Schema.ExpectedTokens)
}
