package clients_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const answered = `document.querySelector("#try-state").textContent === "Done."`

// TestConsole uses the server's page as a person does: calls by each method, what
// the server then tells of them, and no complaint of the browser's.
func TestConsole(t *testing.T) {
	t.Parallel()
	need(t, "chromium")
	s := serve(t)
	b := browse(t)
	b.openTry(s)
	if notice := b.text("#simulated"); !strings.Contains(notice, "simulator") || !strings.Contains(notice, "no model") {
		t.Errorf("who answers: %q", notice)
	}
	b.empties()

	b.fill("#try-filter", "titan text lite")
	b.wait(`document.querySelector("#try-model").value === "amazon.titan-text-lite-v1"`)
	b.fill("#try-prompt", question)
	b.fill("#try-conversation", "from-the-page")
	b.click("#try-send")
	b.wait(answered)
	b.shows("#try-answer", "simulator", "end_turn", "Tokens", "estimated", "Request id", "from-the-page, turn 1")

	b.click("input[value=construct]")
	b.fill("#try-prompt", "Extract: John Doe is 42")
	b.click("#try-send")
	b.wait(`document.querySelector("#try-answer").innerText.includes("Attempts")`)
	b.shows("#try-answer pre", `"age": 42`)

	b.click("input[value=invoke]")
	b.click("#try-send")
	b.wait(`document.querySelector("#try-answer").innerText.includes("outputText")`)
	b.section("calls", "ConverseStream")
	b.shows("#calls-list", "InvokeModel", "end_turn", "Prompts are not kept")
	b.quiet()

	job := startJob(t, s, b)
	b.section("jobs", job)
	b.wait(`document.querySelector("#jobs-list").innerText.includes("Completed")`)
	b.shows("#jobs-list", "120 of 120", bucket+"answers/")
	b.click("#jobs-list a")
	b.wait(`document.querySelector("#jobs-list").innerText.includes("manifest.json.out")`)
	b.shows("#jobs-list", "120 answered, 0 errors", "aws s3 cp --recursive")
	inlineJob(t, s)
	b.section("jobs", "of-one-record")
	b.click("#jobs-list a") // the newest
	b.wait(`document.querySelector("#jobs-list").innerText.includes("the request that made it")`)
	b.shows("#jobs-list", "of-one-record", bucket+"inline/")

	b.section("usage", "amazon.titan-text-lite-v1")
	b.shows("#usage", "Requests", "Cost", "No quotas are set")
	b.section("connect", "AWS_ENDPOINT_URL="+s.url)

	b.section("conversations", "from-the-page")
	b.click("#conversations-list a")
	b.wait(`document.querySelectorAll(".said").length === 2`)
	b.shows("#conversations-list", question, "turn 1")
	b.click("#conversations-list button")
	b.click("#conversations-list button")
	b.wait(`document.querySelector("#conversations-list").innerText.includes("Nothing is remembered yet")`)
	b.quiet()
}

// openTry opens the page, which begins with trying a model, and waits for the list
// of models.
func (b *browser) openTry(s *served) {
	b.t.Helper()
	b.open(s.url + "/")
	b.wait(`document.querySelectorAll("#try-model option").length > 50`)
}

// empties looks at every section of a server that nobody has used: each says what
// to do.
func (b *browser) empties() {
	b.t.Helper()
	for _, tt := range []struct{ section, says string }{
		{"jobs", "There are no jobs."},
		{"conversations", "Nothing is remembered yet."},
		{"usage", "Nothing was used in this time."},
		{"calls", "The simulator was not asked yet."},
		{"connect", "AWS_ENDPOINT_URL"},
		{"try", "Nothing was sent yet."},
	} {
		b.section(tt.section, tt.says)
		b.quiet()
	}
}

// section opens a section and waits until it says something.
func (b *browser) section(name, says string) {
	b.t.Helper()
	b.click(`nav a[href="#/` + name + `"]`)
	b.wait(`!document.getElementById(%[1]q).hidden && document.getElementById(%[1]q).innerText.includes(%[2]s)`, name, jsonText(says))
}

// shows fails the test for each of the texts that an element does not show.
func (b *browser) shows(selector string, texts ...string) {
	b.t.Helper()
	shown := b.text(selector)
	for _, text := range texts {
		if !strings.Contains(shown, text) {
			b.t.Errorf("%s lacks %q; it shows\n%s", selector, text, shown)
		}
	}
}

// startJob has the page start a job over records that are there, and returns its
// name.
func startJob(t *testing.T, s *served, b *browser) string {
	t.Helper()
	const name = "from-the-page"
	var records []any
	for i := range 120 {
		records = append(records, params{
			"recordId":   fmt.Sprint("r", i),
			"modelInput": params{"messages": []any{params{"role": "user", "content": []any{params{"text": question}}}}},
		})
	}
	input := put(t, s.store(t), "page/records.jsonl", records)
	b.section("jobs", "There are no jobs.")
	b.click("#jobs-new summary")
	b.fill("#jobs-name", name)
	b.fill("#jobs-input", input)
	b.fill("#jobs-output", bucket+"answers")
	b.click("#jobs-form button.primary")
	b.wait(`location.hash.startsWith("#/jobs/") && document.querySelector("#jobs-list").innerText.includes("ARN")`)
	return name
}

// inlineJob makes a job whose one record lies in the request.
func inlineJob(t *testing.T, s *served) {
	t.Helper()
	body := `{"jobName":"of-one-record","modelId":"amazon.titan-text-lite-v1","inputDataConfig":{"contentType":"application/json","text":"{\"inputText\":\"Hello\"}"},"outputDataConfig":{"s3Uri":"` + bucket + `inline/"}}`
	reply, err := http.Post(s.url+"/model-invocation-job", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	if text, err := io.ReadAll(reply.Body); err != nil || reply.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v: %s", reply.StatusCode, err, text)
	}
}

// TestConsoleKeys: a server with keys asks for one, keeps it out of every address,
// and shows a tenant what a tenant may see.
func TestConsoleKeys(t *testing.T) {
	t.Parallel()
	need(t, "chromium")
	s := serveKeys(t)
	b := browse(t)
	b.open(s.url + "/")
	b.wait(`!document.getElementById("lock").hidden`)
	b.quiet()

	b.fill("#lock-key", "wrong")
	b.click("#lock-form button")
	b.wait(`document.querySelector("#lock-problem").innerText.includes("AccessDeniedException")`)
	b.quiet("403")

	b.fill("#lock-key", bearerToken)
	b.click("#lock-form button")
	b.wait(`document.querySelectorAll("#try-model option").length > 50`)
	b.click("#try-send")
	b.wait(answered)
	b.section("conversations", "Nothing is remembered yet.")
	b.section("connect", "AWS_BEARER_TOKEN_BEDROCK")
	b.quiet()
	b.section("usage", "Operators see the quota books.")
	b.section("calls", "Operators see the calls.")
	b.quiet("403")

	var left struct {
		Address, Cookie, Local string
		Page                   bool
	}
	b.eval(&left, `({ address: location.href, cookie: document.cookie, local: JSON.stringify(localStorage), page: document.documentElement.outerHTML.includes(%q) })`, bearerToken)
	if strings.Contains(left.Address, bearerToken) || left.Cookie != "" || left.Local != "{}" || left.Page {
		t.Errorf("the key is in %+v", left)
	}
	b.click("#leave")
	b.wait(`!document.getElementById("lock").hidden && sessionStorage.length === 0`)
	b.quiet()
}

// TestConsoleFails: errors are shown by AWS's class and message, and what had
// arrived before one stays.
func TestConsoleFails(t *testing.T) {
	t.Parallel()
	need(t, "chromium")
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(rules, []byte(consoleRules), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--rules", rules, "--set", "simulator.pace=true", "--set", "simulator.firstToken=10ms")
	b := browse(t)
	b.openTry(s)
	for _, tt := range []struct{ prompt, shows, more string }{
		{"refuse me", "ThrottlingException", "slow down, please"},
		{"break off", "ModelStreamErrorException", "The beginning"},
	} {
		b.fill("#try-prompt", tt.prompt)
		b.click("#try-send")
		b.wait(`document.querySelector("#try-state").textContent === "Failed." && document.querySelector("#try-answer").innerText.includes(%q)`, tt.shows)
		b.shows("#try-answer", tt.more, "Request id")
	}
	b.quiet("429")

	b.fill("#try-prompt", "markup")
	b.click("#try-send")
	b.wait(answered)
	b.shows("#try-answer", "<img src=x onerror=alert(1)><b>bold</b>")
	var elements int
	if b.eval(&elements, `document.querySelectorAll("#try-answer img, #try-answer b").length`); elements != 0 {
		t.Errorf("a model's text became %d elements", elements)
	}

	b.fill("#try-prompt", "take your time")
	b.click("#try-send")
	b.wait(`document.querySelector("#try-state").textContent.includes("arriving")`)
	b.click("#try-stop")
	b.wait(`document.querySelector("#try-state").textContent === "Stopped."`)
	b.shows("#try-answer", "stopped here", "Request id")
	b.fill("#try-prompt", question)
	b.click("#try-send")
	b.wait(answered)

	b.section("jobs", startJob(t, s, b))
	b.wait(`document.querySelector("#jobs-list button") !== null`)
	b.click("#jobs-list button")
	b.wait(`/Stopp(ing|ed)/.test(document.querySelector("#jobs-list").innerText)`)
	b.section("try", "Try a model")

	b.click("input[value=construct]")
	b.fill("#try-schema", "{")
	b.click("#try-send")
	b.shows("#try-form-problem", "The schema is no JSON")
	b.quiet()
	b.call("Page.navigate", map[string]any{"url": s.url + "/#/jobs/no-such-job"}, nil)
	b.wait(`document.querySelector("#trouble").innerText.includes("ResourceNotFoundException")`)
	b.quiet("404")

	b.section("usage", "Quota books")
	s.stop(t)
	b.wait(`document.querySelector("#state").textContent === "does not answer"`)
	b.shows("#trouble", "No connection", "outcrop serve")
	b.quiet("ERR_")
}

// consoleRules make the simulator fail, and speak for longer than anybody listens.
var consoleRules = `rules:
  - match: {text: refuse me}
    reply: {error: {code: ThrottlingException, message: "slow down, please"}}
  - match: {text: break off}
    reply: {text: The beginning of an answer that has no end., cut: {after: 3, code: ModelStreamErrorException}}
  - match: {text: markup}
    reply: {text: "<img src=x onerror=alert(1)><b>bold</b>"}
  - match: {text: take your time}
    reply: {text: "` + strings.Repeat("and so on ", 1000) + `"}
`

// TestConsoleFits: no section is wider than a small screen, light or dark, and a
// keyboard reaches what it needs.
func TestConsoleFits(t *testing.T) {
	t.Parallel()
	need(t, "chromium")
	s := serve(t)
	b := browse(t)
	for _, width := range []int{320, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			b.size(width, 800, scheme)
			b.openTry(s)
			b.click("#try-send")
			b.wait(answered)
			for _, section := range [][2]string{
				{"jobs", "no jobs"}, {"conversations", "Nothing is remembered"}, {"usage", "No quotas are set"}, {"calls", "ConverseStream"}, {"connect", "boto3"}, {"try", "end_turn"},
			} {
				b.section(section[0], section[1])
				var wide int
				if b.eval(&wide, "document.documentElement.scrollWidth"); wide > width {
					t.Errorf("%s is %d wide on a screen of %d", section[0], wide, width)
				}
			}
		}
	}
	b.open(s.url + "/#constructor") // which is no section
	b.wait(`!document.getElementById("try").hidden`)
	b.section("jobs", "no jobs")
	b.eval(nil, `document.querySelector(".skip").focus()`)
	b.press("Enter", 13)
	b.wait(`document.activeElement.id === "main" && !document.getElementById("jobs").hidden`)

	b.call("Page.navigate", map[string]any{"url": "about:blank"}, nil)
	b.open(s.url + "/#try")
	b.wait(`document.querySelectorAll("#try-model option").length > 50`)
	reached := map[string]bool{}
	for range 40 {
		b.press("Tab", 9)
		var focus struct{ Name, Outline string }
		b.eval(&focus, `(() => { const e = document.activeElement; return { name: e.id || e.getAttribute("href") || e.value || e.tagName, outline: getComputedStyle(e).outlineStyle } })()`)
		if focus.Outline == "none" && focus.Name != "BODY" {
			t.Errorf("the focus on %s cannot be seen", focus.Name)
		}
		reached[focus.Name] = true
	}
	for _, name := range []string{"#main", "#/jobs", "#/connect", "converse", "try-filter", "try-model", "try-prompt", "try-conversation", "try-send", "aws"} {
		if !reached[name] {
			t.Errorf("the keyboard never reached %s, but %v", name, reached)
		}
	}
	var unnamed []string
	b.eval(&unnamed, `[...document.querySelectorAll("input, select, textarea, button, progress")].filter(e => !(e.labels?.length || e.getAttribute("aria-label") || e.textContent.trim())).map(e => e.id || e.outerHTML)`)
	if len(unnamed) > 0 {
		t.Errorf("controls without a name: %q", unnamed)
	}
	b.quiet()
}

// TestConsoleLines runs the lines that the page gives for a call.
func TestConsoleLines(t *testing.T) {
	t.Parallel()
	need(t, "chromium")
	s := serve(t)
	b := browse(t)
	b.openTry(s)
	b.fill("#try-prompt", `It's "quoted", $HOME and €`)
	for _, tt := range []struct{ method, language, client, wants string }{
		{"converse", "aws", "aws", "end_turn"},
		{"converse", "curl", "", "end_turn"},
		{"converse", "boto3", "python3", "quoted"},
		{"invoke", "aws", "aws", "stopReason"},
		{"invoke", "curl", "", "stopReason"},
		{"invoke", "boto3", "python3", "stopReason"},
		{"construct", "curl", "", `"output"`},
	} {
		t.Run(tt.method+" by "+tt.language, func(t *testing.T) {
			need(t, tt.client)
			whole := b.t
			b.t = t
			defer func() { b.t = whole }()
			b.click(fmt.Sprintf("input[value=%s]", tt.method))
			b.click(fmt.Sprintf("input[value=%s]", tt.language))
			line := b.text("#try-command pre")
			cmd := exec.Command("sh", "-c", line)
			if tt.language == "boto3" {
				cmd = exec.Command("python3", "-c", line)
			}
			cmd.Env = env{"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_REGION": region}.list(t)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), tt.wants) {
				t.Errorf("%v\n%s\nanswered\n%s", err, line, out)
			}
		})
	}
}
