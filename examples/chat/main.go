// Chat is a conversation on the terminal: converse, as a stream. Each line of
// standard input is a message; the model is sent all that was said before.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"strings"

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
	var history []bedrock.Message
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue // the models take no blank message
		}
		history = append(history, bedrock.UserText(lines.Text()))
		reply, err := answer(ctx, m, history)
		if err != nil {
			log.Fatal(err)
		}
		history = append(history, reply)
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}

// answer prints a reply while it is written, and returns it whole.
func answer(ctx context.Context, m *local.Local, history []bedrock.Message) (bedrock.Message, error) {
	reply := bedrock.Message{Role: bedrock.ConversationRoleAssistant}
	stream, err := m.ConverseStream(ctx, &bedrock.ConverseRequest{Messages: history})
	if err != nil {
		return reply, err
	}
	defer stream.Close()
	text := ""
	for event, err := range stream.Events() {
		if err != nil {
			return reply, err
		}
		out, err := event.Output()
		if err != nil {
			return reply, err
		}
		if d := out.ContentBlockDelta; d != nil && d.Delta.Text != nil {
			text += *d.Delta.Text
			fmt.Print(*d.Delta.Text)
		}
	}
	fmt.Println()
	reply.Content = []bedrock.ContentBlock{{Text: &text}}
	return reply, nil
}
