// Longform prints a long text while the model writes it: the method stream. If
// the stream breaks off, it goes on from what had come.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
)

func main() {
	ctx := context.Background()
	m, err := local.Open("", local.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close(ctx)
	messages := []bedrock.Message{bedrock.UserText("Write a long story about robots.")}
	for range 3 { // the first time, and again where it breaks off
		text, err := write(ctx, m, messages)
		if err == nil {
			fmt.Println()
			return
		}
		log.Printf("broke off after %d bytes: %v", len(text), err)
		if text != "" {
			came := bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &text}}}
			messages = append(messages, came, bedrock.UserText("Go on where you stopped, without repeating anything."))
		}
	}
	log.Fatal("given up")
}

// write prints a reply as it comes and returns what has come.
func write(ctx context.Context, m *local.Local, messages []bedrock.Message) (text string, err error) {
	stream, err := m.ConverseStream(ctx, &bedrock.ConverseRequest{Messages: messages})
	if err != nil {
		return "", err
	}
	defer stream.Close()
	for event, err := range stream.Events() {
		if err != nil {
			return text, err
		}
		out, err := event.Output()
		if err != nil {
			return text, err
		}
		if d := out.ContentBlockDelta; d != nil && d.Delta.Text != nil {
			text += *d.Delta.Text
			fmt.Print(*d.Delta.Text)
		}
	}
	return text, nil
}
