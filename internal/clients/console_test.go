package clients_test

import (
	"strings"
	"testing"
)

// TestConsole uses the server's page as a person does: a streamed Converse and a
// Construct, their figures, and no complaint of the browser's.
func TestConsole(t *testing.T) {
	t.Parallel()
	need(t, "chromium")
	s := serve(t)
	b := browse(t)
	b.open(s.url + "/")
	b.wait(`document.querySelectorAll("#try-model option").length > 50`)
	if notice := b.text("#simulated"); !strings.Contains(notice, "simulator") || !strings.Contains(notice, "no model") {
		t.Errorf("who answers: %q", notice)
	}

	b.fill("#try-filter", "titan text lite")
	b.wait(`document.querySelector("#try-model").value === "amazon.titan-text-lite-v1"`)
	b.fill("#try-prompt", question)
	b.fill("#try-conversation", "from-the-page")
	b.click("#try-send")
	b.wait(`document.querySelector("#try-state").textContent === "Done."`)
	answer := b.text("#try-answer")
	for _, want := range []string{"simulator", "end_turn", "Tokens", "estimated", "Request id", "from-the-page, turn 1"} {
		if !strings.Contains(answer, want) {
			t.Errorf("the answer lacks %q: %s", want, answer)
		}
	}
	if line := b.text("#try-command"); !strings.Contains(line, "aws bedrock-runtime converse") || !strings.Contains(line, s.url) {
		t.Errorf("the line for the AWS CLI: %s", line)
	}

	b.click("input[value=construct]")
	b.fill("#try-prompt", "Extract: John Doe is 42")
	b.click("#try-send")
	b.wait(`document.querySelector("#try-answer").innerText.includes("Attempts")`)
	if answer := b.text("#try-answer pre"); !strings.Contains(answer, `"age": 42`) {
		t.Errorf("the value: %s", answer)
	}

	b.click("input[value=invoke]")
	b.click("#try-send")
	b.wait(`document.querySelector("#try-answer").innerText.includes("outputText")`)
	b.quiet()
}
