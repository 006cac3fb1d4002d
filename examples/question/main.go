// Question asks once and prints the whole answer: the method sync.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/local"
)

func main() {
	ctx := context.Background()
	m, err := local.Open("", local.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close(ctx)
	result, err := m.Infer(ctx, outcrop.InferRequest{Prompt: "What is quantum computing?"})
	if err != nil {
		log.Fatal(err)
	}
	answer, err := result.Text()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer)
}
