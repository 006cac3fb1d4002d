package batch

import (
	"bufio"
	"context"
	"encoding/json"

	"github.com/outcrop-ai/outcrop"
)

// output is the objects that a job writes: one for each input file, one after
// the other, then the manifest. It is used by one goroutine.
type output struct {
	ctx     context.Context
	objects outcrop.Objects
	folder  string // with a slash at the end
	files   []inputFile

	file   int // of those, the one being written
	object outcrop.ObjectWriter
	lines  *bufio.Writer
}

// outputFolder is where a job's results go.
func outputFolder(t *task, jobID string) string { return t.output + "/" + jobID + "/" }

// probe finds out, before anything is sent, whether results can be written.
func (o *output) probe() error {
	object, err := o.objects.Create(o.ctx, o.folder+manifestName)
	if err != nil {
		return err
	}
	return object.Close()
}

// write adds the line of a record to the result of its input file.
func (o *output) write(file int, line []byte) error {
	if o.object != nil && o.file != file {
		if err := o.commit(); err != nil {
			return err
		}
	}
	if o.object == nil {
		object, err := o.objects.Create(o.ctx, o.folder+o.files[file].name+resultSuffix)
		if err != nil {
			return err
		}
		o.file, o.object = file, object
		o.lines = bufio.NewWriterSize(object, 64<<10)
	}
	_, err := o.lines.Write(line)
	return err
}

func (o *output) commit() error {
	if o.object == nil {
		return nil
	}
	err := o.lines.Flush()
	if err == nil {
		err = o.object.Commit()
	}
	if err == nil {
		o.object = nil
	}
	return err
}

// Counts is how far a job has come. The last object of a job, its manifest, has
// them.
type Counts struct {
	TotalRecordCount     int   `json:"totalRecordCount"`
	ProcessedRecordCount int   `json:"processedRecordCount"`
	SuccessRecordCount   int   `json:"successRecordCount"`
	ErrorRecordCount     int   `json:"errorRecordCount"`
	InputTokenCount      int64 `json:"inputTokenCount"`
	OutputTokenCount     int64 `json:"outputTokenCount"`
}

// finish commits what was written, and the manifest after it.
func (o *output) finish(m Counts) error {
	if err := o.commit(); err != nil {
		return err
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	object, err := o.objects.Create(o.ctx, o.folder+manifestName)
	if err != nil {
		return err
	}
	defer object.Close()
	if _, err := object.Write(append(text, '\n')); err != nil {
		return err
	}
	return object.Commit()
}

// abandon gives up what was not committed.
func (o *output) abandon() {
	if o.object != nil {
		_ = o.object.Close()
		o.object = nil
	}
}
