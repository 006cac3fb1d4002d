package estimate

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// MaxLine is the longest line that Records reads, in bytes: as much as
// InvokeModel takes.
const MaxLine = 25_000_000

// Records is the work of a job over JSONL. converse says that the records are
// Converse requests. A record that cannot be read is counted in Unread only:
// that is the job's to report, line by line. It reads line by line, so memory
// does not grow with the input. An error is one of reading.
func Records(r io.Reader, modelID string, converse bool) (Work, error) {
	var work Work
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), MaxLine+2)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(bytes.TrimPrefix(lines.Bytes(), []byte("\xef\xbb\xbf")))
		if len(line) > 0 {
			work.Add(record(line, modelID, converse))
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return work, fmt.Errorf("a line has more than %d bytes", MaxLine)
	} else if err != nil {
		return work, err
	}
	return work, nil
}

func record(line []byte, modelID string, converse bool) Work {
	var wire struct {
		ModelInput bedrock.Document `json:"modelInput"`
	}
	if bedrock.Unmarshal(line, &wire) != nil || wire.ModelInput.Kind() != '{' {
		return Work{Calls: 1, Unread: 1}
	}
	if !converse {
		return Native(modelID, wire.ModelInput)
	}
	var req bedrock.ConverseRequest
	if bedrock.Unmarshal(wire.ModelInput, &req) != nil {
		return Work{Calls: 1, Unread: 1}
	}
	return Converse(modelID, &req)
}
