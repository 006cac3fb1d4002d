package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
)

// batchPack is what batch pack is asked for.
type batchPack struct {
	out, template, system, column, id string
	maxTokens, perRequest             int
	converse                          bool
}

func newBatchPack(a *app) *cobra.Command {
	var o batchPack
	c := &cobra.Command{
		Use:   "pack SOURCE...",
		Short: "Make a job's records of prompts in CSV, JSONL or a folder",
		Long: `pack groups prompts into the input of one job. A source is a CSV file with a
header, a JSONL file of texts or objects, or a folder, each of whose text files
is a prompt. --template makes the prompt of a row: {name} stands for its column
or member, {text} for the whole.

With --per-request N, up to N prompts go into one record, which costs one request
of the quota; outcrop batch unpack takes the answers apart again.`,
		Example: `  outcrop batch pack questions.csv --column question -o records.jsonl
  outcrop batch pack articles/ --template "Summarise: {text}" --max-tokens 200 -o records.jsonl
  outcrop batch pack reviews.jsonl --per-request 10 -o records.jsonl`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("batch pack takes one source or more (see: %s --help)", c.CommandPath())}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.load(c)
			if err != nil {
				return err
			}
			return a.batchPack(s.Model, &o, args)
		},
	}
	f := c.Flags()
	f.StringVarP(&o.out, "output", "o", "-", "file of the records; - is standard output")
	f.StringVar(&o.template, "template", "", "text of a prompt, with {text} or {column} for what the row holds")
	f.StringVar(&o.column, "column", "", "column or member that is the prompt (default: the whole row)")
	f.StringVar(&o.id, "id-column", "", "column or member that is the recordId (default: id where there is one, else the row's number)")
	f.StringVar(&o.system, "system", "", "system prompt of every record")
	f.IntVar(&o.maxTokens, "max-tokens", 0, "output tokens of a prompt at most")
	f.IntVar(&o.perRequest, "per-request", 1, "prompts in one record; more than one makes Converse records")
	f.BoolVar(&o.converse, "converse", false, "make Converse records, not model-native bodies")
	return c
}

// packRecord is a line of a job's input.
type packRecord struct {
	RecordID   string `json:"recordId"`
	ModelInput any    `json:"modelInput"`
}

func (a *app) batchPack(model string, o *batchPack, sources []string) error {
	if o.perRequest < 1 {
		return usageError{fmt.Errorf("--per-request %d: expected 1 or more", o.perRequest)}
	}
	if o.maxTokens < 0 {
		return usageError{fmt.Errorf("--max-tokens %d: expected 1 or more", o.maxTokens)}
	}
	out, err := a.output(o.out)
	if err != nil {
		return err
	}
	defer out.Close()
	w := bufio.NewWriter(out)
	p := packer{options: o, model: model, out: w, ids: map[string]bool{}}
	for _, source := range sources {
		for item, err := range prompts(source, o) {
			if err != nil {
				return err
			}
			if err := p.add(item); err != nil {
				return err
			}
		}
	}
	if err := errors.Join(p.flush(), w.Flush()); err != nil {
		return err
	}
	if p.items == 0 {
		return usageError{fmt.Errorf("%s: no prompts were found", strings.Join(sources, ", "))}
	}
	if err := out.Commit(); err != nil {
		return err
	}
	a.say("%s prompts in %s records", grouped(p.items), grouped(p.records))
	return nil
}

// packItem is one prompt with its id.
type packItem struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// packer writes records.
type packer struct {
	options        *batchPack
	model          string
	out            io.Writer
	ids            map[string]bool
	waiting        []packItem // for one record
	items, records int
}

func (p *packer) add(item packItem) error {
	if p.ids[item.ID] {
		return usageError{fmt.Errorf("two prompts have the id %q; results are told apart by it (see --id-column)", item.ID)}
	}
	p.ids[item.ID] = true
	p.items++
	if p.waiting = append(p.waiting, item); len(p.waiting) < p.options.perRequest {
		return nil
	}
	return p.flush()
}

// flush writes the prompts that wait as one record.
func (p *packer) flush() error {
	if len(p.waiting) == 0 {
		return nil
	}
	p.records++
	record := packRecord{RecordID: p.waiting[0].ID}
	var err error
	switch {
	case p.options.perRequest > 1:
		record.RecordID = fmt.Sprintf("pack-%06d", p.records)
		record.ModelInput, err = p.together()
	case p.options.converse:
		record.ModelInput = p.converse(p.waiting[0].Text, p.options.maxTokens)
	default:
		record.ModelInput, err = p.native(p.waiting[0].Text)
	}
	p.waiting = p.waiting[:0]
	if err != nil {
		return err
	}
	line, err := json.Marshal(record)
	if err != nil {
		return err
	}
	_, err = p.out.Write(append(line, '\n'))
	return err
}

func (p *packer) native(prompt string) (json.RawMessage, error) {
	family := native.ByModel(p.model)
	if family == nil {
		family = native.Default()
	}
	return family.Body(native.Question{Prompt: prompt, System: p.options.system, MaxTokens: p.options.maxTokens})
}

func (p *packer) converse(prompt string, limit int) *bedrock.ConverseRequest {
	req := &bedrock.ConverseRequest{Messages: []bedrock.Message{bedrock.UserText(prompt)}}
	if p.options.system != "" {
		req.System = []bedrock.SystemContentBlock{{Text: &p.options.system}}
	}
	if limit > 0 {
		req.InferenceConfig = &bedrock.InferenceConfiguration{MaxTokens: &limit}
	}
	return req
}

const (
	packInstruction = "The message holds a JSON list of items. Do for each item what its text asks, apart from the others, and answer every one under its id."
	packSchema      = `{"type":"object","properties":{"answers":{"type":"array","items":{"type":"object","properties":{"id":{"type":"string"},"answer":{"type":"string"}},"required":["id","answer"],"additionalProperties":false}}},"required":["answers"],"additionalProperties":false}`
)

// together is one request for all prompts that wait.
func (p *packer) together() (*bedrock.ConverseRequest, error) {
	items, err := json.Marshal(p.waiting)
	if err != nil {
		return nil, err
	}
	req := p.converse(string(items), p.options.maxTokens*len(p.waiting))
	instruction := packInstruction
	req.System = append(req.System, bedrock.SystemContentBlock{Text: &instruction})
	req.OutputConfig = &bedrock.OutputConfig{TextFormat: &bedrock.OutputFormat{
		Type:      bedrock.OutputFormatTypeJSONSchema,
		Structure: bedrock.OutputFormatStructure{JSONSchema: &bedrock.JSONSchemaDefinition{Schema: packSchema, Name: "answers"}},
	}}
	return req, nil
}
