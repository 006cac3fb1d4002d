// Extraction reads facts out of letters into a Go type: the method construct.
// What comes back always validates; what never did is an error.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
)

// Person is what a letter is about.
type Person struct {
	Name string `json:"name" jsonschema:"first and last name"`
	Age  int    `json:"age" jsonschema:"age in years"`
}

func main() {
	ctx := context.Background()
	m, err := local.Open("", local.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close(ctx)
	for _, letter := range []string{"John Doe is 42", "Ada Lovelace is 36 years old"} {
		person, response, err := outcrop.ConstructInto[Person](ctx, m.Manager, &bedrock.ConstructRequest{Prompt: "Extract: " + letter})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s, %d (%d tokens)\n", person.Name, person.Age, response.Usage.TotalTokens)
	}
}
