package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
)

// constructedRow is one line of output.
type constructedRow struct {
	Row    int              `json:"row"` // counted from 1
	Output bedrock.Document `json:"output,omitzero"`
	Text   string           `json:"text,omitzero"` // with --format xml
	Error  *rowError        `json:"error,omitzero"`

	usage bedrock.TokenUsage
}

type rowError struct {
	Code          string                   `json:"code"`
	Message       string                   `json:"message"`
	PartialOutput bedrock.Document         `json:"partialOutput,omitzero"`
	Errors        []bedrock.ConstructError `json:"errors,omitzero"`
}

// constructRows asks for every row and prints the answers in the rows' order.
// At most f.concurrency rows are at the model or waiting to be printed.
func (a *app) constructRows(ctx context.Context, m *local.Local, f *constructFlags, prefix string) error {
	if f.concurrency < 1 {
		return usageError{errors.New("--concurrency must be at least 1")}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	answers := make(chan chan constructedRow, f.concurrency-1)
	var readErr error
	wg.Go(func() {
		defer close(answers)
		n := 0
		for source, err := range promptRows(f.input) {
			if err != nil {
				readErr = usageError{fmt.Errorf("--input %w", err)}
				return
			}
			n++
			req, row, answer := f.req, n, make(chan constructedRow, 1)
			req.Prompt = source.text
			if prefix != "" {
				req.Prompt = prefix + "\n" + source.text
			}
			select {
			case answers <- answer:
			case <-ctx.Done():
				return
			}
			wg.Go(func() { answer <- constructRow(ctx, m, &req, row) })
		}
	})
	printed, err := a.printRows(ctx, answers)
	if err == nil {
		err = readErr
	}
	if err == nil && printed.rows == 0 {
		a.say("%s has no rows", f.input)
	}
	if err == nil && printed.failed > 0 {
		err = outcrop.Errorf(bedrock.CodeModelError, "%d of %d rows failed; their lines say why", printed.failed, printed.rows)
	}
	return err
}

func constructRow(ctx context.Context, m *local.Local, req *bedrock.ConstructRequest, row int) constructedRow {
	out := constructedRow{Row: row}
	response, err := m.Construct(ctx, req)
	if err != nil {
		e := outcrop.AsError(err)
		out.Error = &rowError{Code: e.Code, Message: e.Message, PartialOutput: e.Partial}
		if failure, ok := errors.AsType[*bedrock.SchemaFailure](err); ok {
			out.Error.Errors = failure.Errors
		}
		if e.Usage != nil {
			out.usage = *e.Usage
		}
		return out
	}
	out.Output, out.usage = response.Output, response.Usage
	if req.Format == bedrock.ConstructFormatXML {
		out.Text = response.Text
	}
	return out
}

type printedRows struct{ rows, failed int }

func (a *app) printRows(ctx context.Context, answers <-chan chan constructedRow) (printedRows, error) {
	p := newProgress(a.stderr)
	var done printedRows
	var usage bedrock.TokenUsage
	for answer := range answers {
		row := <-answer
		if ctx.Err() != nil {
			return done, ctx.Err()
		}
		line, err := bedrock.Marshal(row)
		if err != nil {
			return done, err
		}
		if _, err := fmt.Fprintf(a.stdout, "%s\n", line); err != nil {
			return done, err
		}
		done.rows++
		if row.Error != nil {
			done.failed++
		}
		usage.Add(row.usage)
		if p.terminal && !isTerminal(a.stdout) { // the rows themselves show how far it is
			p.show(fmt.Sprintf("rows  %d done, %d failed", done.rows, done.failed))
		}
	}
	p.done()
	if done.rows > 0 {
		a.say("%s, %d failed", counted(done.rows, "row"), done.failed)
		a.sayUsage(usage)
	}
	return done, nil
}
