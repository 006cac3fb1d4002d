package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/estimate"
)

func newBatchUnpack(a *app) *cobra.Command {
	var out, missing string
	c := &cobra.Command{
		Use:   "unpack RESULTS.jsonl.out",
		Short: "Take packed answers apart, one line for each prompt",
		Long: `unpack reads the results of a job whose records batch pack --per-request made,
and prints {"id", "answer"} for every prompt. A prompt without an answer goes to
the file that --missing names, as a source for another batch pack, alone.`,
		Example: `  outcrop batch unpack results/records.jsonl.out -o answers.jsonl --missing again.jsonl
  outcrop batch pack again.jsonl --column text --converse -o records.jsonl`,
		Args: exactly(1, "one file of results"),
		RunE: func(_ *cobra.Command, args []string) error { return a.batchUnpack(args[0], out, missing) },
	}
	c.Flags().StringVarP(&out, "output", "o", "-", "file of the answers; - is standard output")
	c.Flags().StringVar(&missing, "missing", "", "file of the prompts that have no answer")
	return c
}

// packAnswer is one line of what unpack prints.
type packAnswer struct {
	ID     string `json:"id"`
	Answer string `json:"answer"`
}

// packedResult is a line of a job's results, as far as unpack reads it.
type packedResult struct {
	ModelInput  bedrock.ConverseRequest  `json:"modelInput"`
	ModelOutput bedrock.ConverseResponse `json:"modelOutput"`
}

// apart is the prompts of a record, and the answers that belong to them.
func (r *packedResult) apart() (items []packItem, answers map[string]string, err error) {
	if len(r.ModelInput.Messages) == 0 {
		return nil, nil, errors.New("the record holds no packed prompts")
	}
	text := r.ModelInput.Messages[0].Text()
	if err := json.Unmarshal([]byte(text), &items); err != nil {
		return nil, nil, fmt.Errorf("the record holds no packed prompts: %w", err)
	}
	answers = map[string]string{}
	var reply struct {
		Answers []packAnswer `json:"answers"`
	}
	if m := r.ModelOutput.Output.Message; m == nil || json.Unmarshal([]byte(m.Text()), &reply) != nil {
		return items, answers, nil //nolint:nilerr // every prompt is asked again
	}
	for _, a := range reply.Answers {
		answers[a.ID] = a.Answer
	}
	return items, answers, nil
}

func (a *app) batchUnpack(path, outPath, missingPath string) error {
	in, err := os.Open(path)
	if err != nil {
		return usageError{err}
	}
	defer in.Close()
	if info, err := in.Stat(); err == nil && info.IsDir() {
		return usageError{fmt.Errorf("%s is a folder: name the file of results in it, which ends in .jsonl.out", path)}
	}
	out, err := a.output(outPath)
	if err != nil {
		return err
	}
	defer out.Close()
	again := through(io.Discard)
	if missingPath != "" {
		if again, err = a.output(missingPath); err != nil {
			return err
		}
	}
	defer again.Close()
	answered, missing, err := unpack(in, out, again)
	if err != nil {
		return usageError{fmt.Errorf("%s: %w", path, err)}
	}
	if err := errors.Join(out.Commit(), again.Commit()); err != nil {
		return err
	}
	a.say("%s answers", grouped(answered))
	if missing > 0 {
		a.say("%s prompts have no answer; --missing names a file for them", grouped(missing))
	}
	return nil
}

func unpack(in io.Reader, out, again io.Writer) (answered, missing int, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), 2*estimate.MaxLine)
	answer, ask := json.NewEncoder(out), json.NewEncoder(again)
	for n := 1; lines.Scan(); n++ {
		var result packedResult
		if err := bedrock.Unmarshal(lines.Bytes(), &result); err != nil {
			return answered, missing, fmt.Errorf("line %d: %w", n, err)
		}
		items, answers, err := result.apart()
		if err != nil {
			return answered, missing, fmt.Errorf("line %d: %w", n, err)
		}
		for _, item := range items {
			text, there := answers[item.ID]
			if there {
				answered++
				err = answer.Encode(packAnswer{item.ID, text})
			} else {
				missing++
				err = ask.Encode(item)
			}
			if err != nil {
				return answered, missing, err
			}
		}
	}
	return answered, missing, lines.Err()
}
