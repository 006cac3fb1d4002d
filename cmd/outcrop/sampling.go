package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// settingsOfModel are the flags of all commands that take a prompt: how long a
// reply may be, how its words are chosen, and what ends it.
type settingsOfModel struct {
	maxTokens         int
	temperature, topP *float64
	stop              []string
}

func (s *settingsOfModel) flags(c *cobra.Command, of string) {
	f := c.Flags()
	f.Var((*count)(&s.maxTokens), "max-tokens", "output tokens "+of+"at most (default: the model's)")
	f.Var(fraction{&s.temperature}, "temperature", "how freely words are chosen, from 0 to 1 (default: the model's)")
	f.Var(fraction{&s.topP}, "top-p", "how much of the likely words is considered, from 0 to 1 (default: the model's)")
	f.StringArrayVar(&s.stop, "stop", nil, "text that ends the reply; may be repeated")
}

// given tells whether any of it was.
func (s *settingsOfModel) given() bool {
	return s.maxTokens != 0 || s.temperature != nil || s.topP != nil || len(s.stop) > 0
}

// into puts the settings into a request.
func (s *settingsOfModel) into(req *outcrop.InferRequest) {
	req.MaxTokens, req.Temperature, req.TopP, req.Stop = s.maxTokens, s.temperature, s.topP, s.stop
}

// config is the settings as Converse and Construct take them, or nil.
func (s *settingsOfModel) config() *bedrock.InferenceConfiguration {
	if !s.given() {
		return nil
	}
	c := &bedrock.InferenceConfiguration{Temperature: s.temperature, TopP: s.topP, StopSequences: s.stop}
	if s.maxTokens > 0 {
		c.MaxTokens = &s.maxTokens
	}
	return c
}

// count is a flag's number of at least 1; 0, which nobody can set, is none.
type count int

func (n *count) String() string { return strconv.Itoa(int(*n)) }
func (n *count) Type() string   { return "int" }

func (n *count) Set(text string) error {
	v, err := strconv.Atoi(text)
	if err != nil || v < 1 {
		return fmt.Errorf("expected a number, 1 or more")
	}
	*n = count(v)
	return nil
}

// fraction is a flag's number from 0 to 1, which may not be there.
type fraction struct{ at **float64 }

func (f fraction) Type() string { return "float" }

func (f fraction) String() string {
	if f.at == nil || *f.at == nil {
		return ""
	}
	return strconv.FormatFloat(**f.at, 'g', -1, 64)
}

func (f fraction) Set(text string) error {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= 1) {
		return fmt.Errorf("expected a number from 0 to 1")
	}
	*f.at = &v
	return nil
}
