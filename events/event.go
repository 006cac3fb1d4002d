package events

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// Event is a change of a job's state as EventBridge delivers it:
// https://docs.aws.amazon.com/bedrock/latest/userguide/monitoring-eventbridge.html
type Event struct {
	Version    string   `json:"version"` // "0"
	ID         string   `json:"id"`      // the same whenever the event is delivered
	DetailType string   `json:"detail-type"`
	Source     string   `json:"source"` // aws.bedrock
	Account    string   `json:"account"`
	Time       string   `json:"time"` // RFC 3339, UTC, whole seconds
	Region     string   `json:"region"`
	Resources  []string `json:"resources"` // the job's ARN
	Detail     Detail   `json:"detail"`
}

// Detail is what the event is about.
type Detail struct {
	Version        string                           `json:"version"` // "0.0"
	AccountID      string                           `json:"accountId"`
	BatchJobName   string                           `json:"batchJobName"`
	BatchJobARN    string                           `json:"batchJobArn"`
	BatchModelID   string                           `json:"batchModelId"`
	Status         bedrock.ModelInvocationJobStatus `json:"status"`
	FailureMessage string                           `json:"failureMessage"`
	CreationTime   string                           `json:"creationTime"` // as "Aug 28, 2024, 10:47:53 PM", UTC

	// Counts is how far the job had come then, which Amazon does not tell; nil,
	// and not there, before its input was counted.
	*batch.Counts
}

// DetailType is that of a job's changes.
const DetailType = "Batch Inference Job State Change"

const creationForm = "Jan 2, 2006, 3:04:05 PM"

// newEvent is the event of the n-th change of a job.
func newEvent(h *batch.History, n int) *Event {
	c := h.Changes[n]
	return &Event{
		Version: "0", ID: eventID(h.ARN, n, c), DetailType: DetailType, Source: "aws.bedrock",
		Account: h.Account, Time: c.Time.UTC().Format("2006-01-02T15:04:05Z"), Region: h.Region, Resources: []string{h.ARN},
		Detail: Detail{
			Version: "0.0", AccountID: h.Account, BatchJobName: h.Name, BatchJobARN: h.ARN, BatchModelID: h.ModelID,
			Status: c.Status, FailureMessage: c.Message, CreationTime: h.Submitted.UTC().Format(creationForm), Counts: c.Counts,
		},
	}
}

// eventID follows from the change, in the form of a UUID of version 8 (RFC
// 9562), whose bits are the maker's own.
func eventID(arn string, n int, c batch.Change) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "outcrop event\n%s\n%d\n%s\n%d", arn, n, c.Status, c.Time.UnixNano()))
	id := sum[:16]
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	text := hex.EncodeToString(id)
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
