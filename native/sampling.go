package native

import (
	"fmt"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Sampling is how the words of a reply are chosen, and what ends it. What is
// unset is the model's habit.
type Sampling struct {
	Temperature, TopP *float64
	StopSequences     []string
}

// sampling is where a format has these settings; "" where it has no place for
// one.
type sampling struct{ temperature, topP, stop string }

var (
	anthropicSampling = sampling{"temperature", "top_p", "stop_sequences"}
	chatSampling      = sampling{"temperature", "top_p", "stop"} // and the formats of prompts
	llamaSampling     = sampling{"temperature", "top_p", ""}
	cohereSampling    = sampling{"temperature", "p", "stop_sequences"}
	novaSampling      = sampling{"inferenceConfig.temperature", "inferenceConfig.topP", "inferenceConfig.stopSequences"}
	titanSampling     = sampling{"textGenerationConfig.temperature", "textGenerationConfig.topP", "textGenerationConfig.stopSequences"}
)

// write adds the settings to a body that has none. Where the format has no place
// for one, it says so instead of leaving it out.
func (s sampling) write(format string, body []byte, given *Sampling) ([]byte, error) {
	for _, setting := range []struct {
		name, place string
		set         bool
		value       any
	}{
		{"temperature", s.temperature, given.Temperature != nil, given.Temperature},
		{"top_p", s.topP, given.TopP != nil, given.TopP},
		{"stop sequences", s.stop, len(given.StopSequences) > 0, given.StopSequences},
	} {
		if !setting.set {
			continue
		}
		if setting.place == "" {
			return nil, &RequestError{Reason: fmt.Sprintf("the format %s has no place for %s", format, setting.name)}
		}
		text, err := bedrock.Marshal(setting.value)
		if err != nil {
			return nil, err
		}
		if body, err = insert(body, strings.Split(setting.place, "."), string(text)); err != nil {
			return nil, err
		}
	}
	return body, nil
}
